/* SPDX-License-Identifier: MIT */
/* From the bytes of one file to its sections and assignments. */
#pragma once

#include <stddef.h>

#include "config/text.h"

/*
 * Theory of operation
 *
 * The form is that of systemd.syntax(7): [SECTION] lines, KEY=VALUE lines,
 * comments as whole lines that start with # or ;, lines continued by a
 * backslash at their end (which becomes a space; comment lines in between are
 * passed over).
 *
 * inih drives: it asks for line after line and calls back for each assignment.
 * As Debian builds inih 55, it cuts a line at 199 bytes and a name at 49, ends
 * a value at " ;", joins an indented line to the value before it, takes "KEY:"
 * for "KEY=", and tells its handler no line number. So the reader gathers each
 * line itself, shows inih its shape only ("[s]", "k=v" or an empty line), and
 * the callbacks get the text that the reader kept, with its positions.
 */
#define CONFIG_LINE_MAX ((size_t)64 * 1024) /* bytes, also of a line that was continued */
#define CONFIG_FILE_MAX ((size_t)1024 * 1024)

/* What a callback gets belongs to the reader and lasts as long as the call. */
struct config_sink {
	int (*section)(void *arg, const char *name, struct config_pos pos);
	/* The value is @line from @offset to its end. */
	int (*assign)(void *arg, const char *key, struct config_pos pos,
		      const struct config_text *line, size_t offset);
	void *arg;
};

int config_read(const char *bytes, size_t n, unsigned file, const struct config_sink *sink,
		struct config_diags *diags);
