/* SPDX-License-Identifier: MIT */
/* What a seccomp profile of the pod file's lets through beyond podd's own. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Theory of operation
 *
 * podd's own profile is the measure: whatever a rule of the file allows, and no rule of
 * podd's does, is beyond it. A rule with args counts as allowed by podd's when that has
 * the same ones; whether others let less through is not worked out. A rule that an earlier
 * one of the file overrules counts all the same.
 */
#define SECURITY_CALLS_SIZE 160

struct security_profile {
	bool refuses;	 /* what it does not name; false as well when it cannot be read */
	unsigned beyond; /* calls and ABIs that podd's own refuses */
	unsigned told;	 /* so many of them are named */
	char calls[SECURITY_CALLS_SIZE]; /* "bpf io_uring_setup and 3 more" */
};

void security_profile_look(struct security_profile *out, const char *path, uint64_t capabilities);
