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

/* Of "ESC [ NUMBERS m", which colours what follows (ECMA-48, SGR); 0: it is none. */
static size_t colour_length(const char *s, size_t n)
{
	size_t i = 2;

	if (n < 3 || s[0] != '\033' || s[1] != '[')
		return 0;
	while (i < n && (s[i] == ';' || s[i] == ':' || (s[i] >= '0' && s[i] <= '9')))
		i++;
	return i < n && s[i] == 'm' ? i + 1 : 0;
}

/* Of a character of UTF-8 that is no control character; 0: it is none. */
static size_t plain_length(const unsigned char *s, size_t n)
{
	size_t want = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 :
		      s[0] < 0xf5 ? 4 : 0;

	if (want == 1)
		return s[0] == '\t' || (s[0] >= 0x20 && s[0] != 0x7f);
	if (want > n || (want == 2 && s[0] == 0xc2 && s[1] < 0xa0))
		return 0;
	for (size_t i = 1; i < want; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	/* RFC 3629, 4: none that has a shorter form, no surrogate, none above U+10FFFF. */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return want;
}

/**
 * text_put_foreign() - a line of somebody else's on a terminal
 * @text: @n bytes without a newline
 *
 * Colours are kept, and end with the line; each other byte that a terminal would act on,
 * or that is no UTF-8, is a '?'. Without a carriage return at the end.
 */
void text_put_foreign(FILE *out, const char *text, size_t n)
{
	bool painted = false;

	n -= n > 0 && text[n - 1] == '\r';
	for (size_t i = 0; i < n;) {
		size_t colour = colour_length(text + i, n - i);
		size_t take = colour ? colour :
			      plain_length((const unsigned char *)text + i, n - i);

		painted |= colour > 0;
		if (take == 0)
			fputc('?', out);
		else
			fwrite(text + i, 1, take, out);
		i += take ? take : 1;
	}
	if (painted)
		fputs(TEXT_COLOUR_END, out);
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
