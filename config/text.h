/* SPDX-License-Identifier: MIT */
/* A string that remembers where in the file each of its bytes came from. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "config/diag.h"

/* From @offset on the bytes come from @pos on; all from @pos itself when @fixed. */
struct config_mark {
	size_t offset;
	struct config_pos pos;
	bool fixed;
};

/* Starts as { 0 }. */
struct config_text {
	char *s; /* ends in a NUL once something was appended */
	size_t n;
	size_t size;
	struct config_mark *marks;
	size_t mark_n;
	size_t mark_size;
};

int config_text_append(struct config_text *t, const char *s, size_t n, struct config_mark from);
struct config_pos config_text_pos(const struct config_text *t, size_t offset);
size_t config_text_run(const struct config_text *t, size_t offset);
void config_text_reset(struct config_text *t);
void config_text_done(struct config_text *t);
