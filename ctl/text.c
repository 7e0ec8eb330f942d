/* SPDX-License-Identifier: MIT */
/* Columns and colours. */
#include "ctl/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/printable.h"

/**
 * text_clean() - a string without what a terminal would act on
 * @buf: receives it, cut at @size - 1 bytes
 *
 * As printable() has it.
 *
 * Return: @buf.
 */
const char *text_clean(char *buf, size_t size, const char *s)
{
	snprintf(buf, size, "%s", s);
	printable(buf);
	return buf;
}

/**
 * text_state_colour() - the escape sequence for a state, or ""
 */
const char *text_state_colour(const char *state)
{
	static const struct {
		const char *state, *colour;
	} colours[] = {
		{ "running", "\033[32m" },  { "ready", "\033[32m" },	 { "starting", "\033[33m" },
		{ "stopping", "\033[33m" }, { "backoff", "\033[33m" },	 { "failed", "\033[31m" },
		{ "dead", "\033[31m" },	    { "no-answer", "\033[31m" }, { "completed", "\033[2m" },
		{ "stopped", "\033[2m" },   { "paused", "\033[33m" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(colours); i++)
		if (strcmp(colours[i].state, state) == 0)
			return colours[i].colour;
	return "";
}

/**
 * table_add() - one more cell, left to right, row by row
 *
 * An empty cell shows as "-", so that each row has as many words. A cell that
 * there is no memory for is one too.
 */
void table_add(struct table *t, const char *fmt, ...)
{
	char **cells = realloc(t->cells, (t->n + 1) * sizeof(*cells));
	char raw[1024], clean[1024];
	va_list ap;

	if (!cells)
		return;
	va_start(ap, fmt);
	vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	text_clean(clean, sizeof(clean), raw);
	cells[t->n++] = strdup(clean[0] ? clean : "-");
	t->cells = cells;
}

static const char *cell(const struct table *t, size_t i)
{
	return t->cells[i] ? t->cells[i] : "-";
}

/**
 * table_print() - all rows, aligned; the last column is not padded
 */
void table_print(const struct table *t, FILE *out, bool colour)
{
	size_t width[TABLE_COLUMNS_MAX] = { 0 };

	for (size_t i = 0; i < t->n; i++) {
		size_t n = strlen(cell(t, i));

		if (n > width[i % t->columns])
			width[i % t->columns] = n;
	}
	for (size_t i = 0; i < t->n; i++) {
		size_t column = i % t->columns;
		bool last = column == t->columns - 1;
		bool painted = colour && i >= t->columns && (int)column == t->state_column;

		fprintf(out, "%s%s%s", painted ? text_state_colour(cell(t, i)) : "", cell(t, i),
			painted ? TEXT_COLOUR_END : "");
		if (last)
			fputc('\n', out);
		else
			fprintf(out, "%*s", (int)(width[column] - strlen(cell(t, i)) + 2), "");
	}
}

/**
 * table_done() - free the cells
 */
void table_done(struct table *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->cells[i]);
	free(t->cells);
	t->cells = NULL;
	t->n = 0;
}
