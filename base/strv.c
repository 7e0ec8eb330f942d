/* SPDX-License-Identifier: MIT */
/* Arrays of strings. */
#include "base/strv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/**
 * strv_push() - append a string
 * @list: NULL is the empty array; always NULL-terminated
 * @n: strings in @list, counted here
 * @take: heap memory, owned by the array from here on, freed on failure
 *
 * Return: 0 or -ENOMEM with @list as it was.
 */
int strv_push(char ***list, size_t *n, char *take)
{
	/* Room is always a power of two: full when n + 1 reaches the next one. */
	if (((*n + 1) & *n) == 0) {
		char **grown = realloc(*list, (*n + 1) * 2 * sizeof(*grown));

		if (!grown) {
			free(take);
			return -ENOMEM;
		}
		*list = grown;
	}
	(*list)[(*n)++] = take;
	(*list)[*n] = NULL;
	return 0;
}

/**
 * strv_push_copy() - strv_push() of a copy
 */
int strv_push_copy(char ***list, size_t *n, const char *s)
{
	char *copy = strdup(s);

	return copy ? strv_push(list, n, copy) : -ENOMEM;
}

/**
 * strv_free() - free an array and its strings; NULL is fine
 */
void strv_free(char **list)
{
	for (char **s = list; s && *s; s++)
		free(*s);
	free(list);
}
