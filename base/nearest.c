/* SPDX-License-Identifier: MIT */
/* Edit distance between short names. */
#include "base/nearest.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define WORD_MAX 64

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

static bool same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Insertions, deletions, changes and swaps of two neighbours (the "optimal
 * string alignment" distance); both at most WORD_MAX long. */
static unsigned distance(const char *a, size_t an, const char *b, size_t bn)
{
	unsigned row[3][WORD_MAX + 1];

	for (size_t j = 0; j <= bn; j++)
		row[0][j] = (unsigned)j;
	for (size_t i = 1; i <= an; i++) {
		unsigned *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];

		now[0] = (unsigned)i;
		for (size_t j = 1; j <= bn; j++) {
			now[j] = min3(last[j] + 1, now[j - 1] + 1,
				      last[j - 1] + !same(a[i - 1], b[j - 1]));
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) &&
			    same(a[i - 2], b[j - 1]) && before[j - 2] + 1 < now[j])
				now[j] = before[j - 2] + 1;
		}
	}
	return row[an % 3][bn];
}

/**
 * nearest_try() - compare with one known word
 * @n: keeps the best so far; of two as near, the first
 * @known: borrowed for as long as @n->found is read
 *
 * Near is what differs in at most a third of the longer word, at least one
 * letter, whatever their case: "wbe" is near "web", "db" is not near "web".
 */
void nearest_try(struct nearest *n, const char *known)
{
	size_t an = strlen(n->word), bn = strlen(known), longer = an > bn ? an : bn;
	unsigned limit = longer < 3 ? 1 : (unsigned)longer / 3, d;

	if (an == 0 || longer > WORD_MAX)
		return;
	d = distance(n->word, an, known, bn);
	if (d > limit || d >= longer || (n->found && d >= n->distance))
		return;
	n->found = known;
	n->distance = d;
}
