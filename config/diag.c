/* SPDX-License-Identifier: MIT */
/* The list of diagnostics. */
#include "config/diag.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/**
 * config_diags_file() - make a file known to the list
 * @path: as the messages shall name it; copied
 * @out: the index that positions in it carry
 *
 * Return: 0 or -ENOMEM.
 */
int config_diags_file(struct config_diags *d, const char *path, unsigned *out)
{
	char **files = realloc(d->files, (d->file_n + 1) * sizeof(*files));

	if (!files)
		return -ENOMEM;
	d->files = files;
	files[d->file_n] = strdup(path);
	if (!files[d->file_n])
		return -ENOMEM;
	*out = (unsigned)d->file_n++;
	return 0;
}

static int compare(struct config_pos a, struct config_pos b)
{
	if (a.file != b.file)
		return a.file < b.file ? -1 : 1;
	if (a.line != b.line)
		return a.line < b.line ? -1 : 1;
	return a.column < b.column ? -1 : a.column > b.column;
}

/**
 * config_diags_add() - note an error of a file
 *
 * Counts it even when it cannot be kept (list full, no memory), so that an
 * error never goes unseen.
 */
void config_diags_add(struct config_diags *d, struct config_pos pos, const char *fmt, ...)
{
	char *message = NULL;
	va_list ap;
	size_t i;
	int n;

	d->total++;
	if (d->n == CONFIG_DIAGS_MAX)
		return;
	va_start(ap, fmt);
	n = vasprintf(&message, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	for (i = d->n; i > 0 && compare(d->list[i - 1].pos, pos) > 0; i--)
		d->list[i] = d->list[i - 1];
	d->list[i] = (struct config_diag){ pos, message };
	d->n++;
}

/**
 * config_diags_line() - the list as lines of text
 * @i: which line, from 0
 * @buf: receives "file:line:column: message", or after the last one that was
 *       kept "and N more"; no line feed
 *
 * Return: @buf, or NULL when there is no such line.
 */
const char *config_diags_line(const struct config_diags *d, size_t i, char *buf, size_t size)
{
	if (i < d->n) {
		const struct config_diag *diag = &d->list[i];

		snprintf(buf, size, "%s:%u:%u: %s", d->files[diag->pos.file], diag->pos.line,
			 diag->pos.column, diag->message);
	} else if (i == d->n && d->total > d->n) {
		snprintf(buf, size, "and %zu more", d->total - d->n);
	} else {
		return NULL;
	}
	return buf;
}

/**
 * config_diags_done() - free what the list holds; it is empty and usable again
 */
void config_diags_done(struct config_diags *d)
{
	for (size_t i = 0; i < d->n; i++)
		free(d->list[i].message);
	for (size_t i = 0; i < d->file_n; i++)
		free(d->files[i]);
	free(d->files);
	*d = (struct config_diags){ 0 };
}
