/* SPDX-License-Identifier: MIT */
/* One pod file as the generator sees it: its spec, and its lines for systemd. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "config/load.h"

enum source_section { SOURCE_UNIT, SOURCE_INSTALL };

struct source_line {
	enum source_section section;
	char *key, *value; /* of a line that goes on, in one */
};

/* Starts as { 0 }. */
struct source {
	struct pod_spec *spec; /* NULL: the file is wrong, the lines are there all the same */
	struct source_line *lines; /* of the file and its drop-ins, in that order */
	size_t line_n;
	struct config_diags diags;
	char problem[sizeof(((struct err *)0)->msg)]; /* of a file that cannot be read, or "" */
};

int source_load(struct source *out, const char *path, struct err *err);
const struct source_line *source_next(const struct source *s, const struct source_line *line,
				      enum source_section section, const char *key);
void source_report(const struct source *s);
void source_done(struct source *s);
