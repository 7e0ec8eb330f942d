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

static bool is_before(const struct config_diag *a, const struct config_diag *b)
{
	return a->warning != b->warning ? b->warning : compare(a->pos, b->pos) <= 0;
}

/* Without memory it is not kept. */
static void keep(struct config_diags *d, const struct config_diag *what, const char *fmt,
		 va_list ap)
{
	struct config_diag diag = *what;
	size_t i;

	if (vasprintf(&diag.message, fmt, ap) < 0)
		return;
	for (i = d->n; i > 0 && !is_before(&d->list[i - 1], &diag); i--)
		d->list[i] = d->list[i - 1];
	d->list[i] = diag;
	d->n++;
	d->warning_n += diag.warning;
}

/**
 * config_diags_add() - note an error of a file
 *
 * Counts it even when it cannot be kept (list full, no memory), so that an
 * error never goes unseen.
 */
void config_diags_add(struct config_diags *d, struct config_pos pos, const char *fmt, ...)
{
	va_list ap;

	d->total++;
	if (d->n == CONFIG_DIAGS_MAX)
		return;
	va_start(ap, fmt);
	keep(d, &(struct config_diag){ .pos = pos }, fmt, ap);
	va_end(ap);
}

/**
 * config_diags_warn() - note what is probably not meant, and no error
 */
void config_diags_warn(struct config_diags *d, struct config_pos pos, const char *fmt, ...)
{
	va_list ap;

	if (d->n == CONFIG_DIAGS_MAX || d->warning_n == CONFIG_WARNINGS_MAX)
		return;
	va_start(ap, fmt);
	keep(d, &(struct config_diag){ .pos = pos, .warning = true }, fmt, ap);
	va_end(ap);
}

/**
 * config_diags_line() - the list as lines of text
 * @i: which line, from 0
 * @buf: receives "file:line:column: message", of a warning with
 *       "warning: " before the message, or after the last one that was
 *       kept "and N more"; no line feed
 *
 * Return: @buf, or NULL when there is no such line.
 */
const char *config_diags_line(const struct config_diags *d, size_t i, char *buf, size_t size)
{
	if (i < d->n) {
		const struct config_diag *diag = &d->list[i];

		snprintf(buf, size, "%s:%u:%u: %s%s", d->files[diag->pos.file], diag->pos.line,
			 diag->pos.column, diag->warning ? "warning: " : "", diag->message);
	} else if (i == d->n && d->total > d->n - d->warning_n) {
		snprintf(buf, size, "and %zu more", d->total - (d->n - d->warning_n));
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
