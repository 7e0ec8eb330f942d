/* SPDX-License-Identifier: MIT */
/* Sets of small numbers, as the kernel lists CPUs and memory nodes: "0-3,8". */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IDSET_MAX	1024 /* numbers are less: as many as glibc's cpu_set_t has */
#define IDSET_TEXT_SIZE 256

struct idset {
	uint64_t said; /* 0: nobody has said anything; else 1, and it may be empty */
	uint64_t bits[IDSET_MAX / 64];
};

int idset_parse(const char *s, const char **bad, struct idset *set);
void idset_format(const struct idset *set, char *buf, size_t size);
bool idset_is_empty(const struct idset *set);
bool idset_within(const struct idset *set, const struct idset *all, unsigned *outside);
