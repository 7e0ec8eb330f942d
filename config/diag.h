/* SPDX-License-Identifier: MIT */
/* What is wrong with a pod file: a list, so that one run tells it all. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define CONFIG_DIAGS_MAX 100
#define CONFIG_WARNINGS_MAX 20 /* of these */

/* A place in one of the files; line and column count from 1, columns in bytes. */
struct config_pos {
	unsigned file; /* index into the files of struct config_diags */
	unsigned line; /* 0: nowhere */
	unsigned column;
};

struct config_diag {
	struct config_pos pos;
	char *message;
	bool warning; /* the file is right all the same */
};

/*
 * Starts as { 0 }. The list has the errors and then the warnings, each in the order of
 * file, line and column: what a file lacks as a whole is only found when all of it was read.
 */
struct config_diags {
	char **files;
	size_t file_n;
	struct config_diag list[CONFIG_DIAGS_MAX];
	size_t n;
	size_t warning_n; /* of these; more are not kept */
	size_t total; /* errors: those past the room of @list are only counted */
};

int config_diags_file(struct config_diags *d, const char *path, unsigned *out);
void config_diags_add(struct config_diags *d, struct config_pos pos, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void config_diags_warn(struct config_diags *d, struct config_pos pos, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
const char *config_diags_line(const struct config_diags *d, size_t i, char *buf, size_t size);
void config_diags_done(struct config_diags *d);
