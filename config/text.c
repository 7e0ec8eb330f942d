/* SPDX-License-Identifier: MIT */
/* Text with positions: joined from continued lines, grown by specifiers. */
#include "config/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int grow(void **p, size_t *size, size_t wanted, size_t item)
{
	size_t n = *size ? *size : 64;
	void *q;

	while (n < wanted)
		n *= 2;
	if (n == *size)
		return 0;
	q = realloc(*p, n * item);
	if (!q)
		return -ENOMEM;
	*p = q;
	*size = n;
	return 0;
}

/**
 * config_text_append() - add bytes that have one origin
 * @from: where @s came from; its offset is set here
 *
 * Return: 0 or -ENOMEM.
 */
int config_text_append(struct config_text *t, const char *s, size_t n, struct config_mark from)
{
	int r = grow((void **)&t->s, &t->size, t->n + n + 1, 1);

	if (r == 0)
		r = grow((void **)&t->marks, &t->mark_size, t->mark_n + 1, sizeof(*t->marks));
	if (r < 0)
		return r;
	from.offset = t->n;
	t->marks[t->mark_n++] = from;
	if (n)
		memcpy(t->s + t->n, s, n);
	t->n += n;
	t->s[t->n] = '\0';
	return 0;
}

/* The last mark at or before @offset; there is at least one. */
static size_t find_mark(const struct config_text *t, size_t offset)
{
	size_t low = 0, high = t->mark_n;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (t->marks[middle].offset <= offset)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/**
 * config_text_pos() - where in the file a byte came from
 * @t: something was appended to it
 * @offset: of the byte; the end counts as the byte after the last
 */
struct config_pos config_text_pos(const struct config_text *t, size_t offset)
{
	const struct config_mark *m = &t->marks[find_mark(t, offset)];
	struct config_pos pos = m->pos;

	if (!m->fixed)
		pos.column += (unsigned)(offset - m->offset);
	return pos;
}

/**
 * config_text_run() - how many bytes from @offset on have one origin
 */
size_t config_text_run(const struct config_text *t, size_t offset)
{
	size_t i = find_mark(t, offset);

	return (i + 1 < t->mark_n ? t->marks[i + 1].offset : t->n) - offset;
}

/**
 * config_text_reset() - empty the text, keep its memory for the next one
 */
void config_text_reset(struct config_text *t)
{
	t->n = 0;
	t->mark_n = 0;
}

/**
 * config_text_done() - free the text
 */
void config_text_done(struct config_text *t)
{
	free(t->s);
	free(t->marks);
	*t = (struct config_text){ 0 };
}
