/* SPDX-License-Identifier: MIT */
/* Names of units, as pod files write them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "generator/unit.h"

static bool ends_with(const char *s, size_t n, const char *suffix)
{
	size_t tail = strlen(suffix);

	return n > tail && memcmp(s + n - tail, suffix, tail) == 0;
}

/**
 * unit_name_valid() - is this the name of a unit, see systemd.unit(5)
 * @n: bytes of @name
 *
 * One with specifiers is not.
 */
bool unit_name_valid(const char *name, size_t n)
{
	static const char *const types[] = { ".service", ".socket", ".target", ".mount",
					     ".automount", ".swap", ".path", ".timer", ".slice",
					     ".scope", ".device" };
	static const char set[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "0123456789:-_.\\@";

	if (n > UNIT_NAME_MAX || strspn(name, set) < n)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (ends_with(name, n, types[i]))
			return true;
	return false;
}

/**
 * unit_name_of() - what a word of a pod file stands for among units
 * @word: @n bytes; "web.pod" is the unit of that pod, all else is itself
 *
 * Return: 0, or -EINVAL when that would be too long.
 */
int unit_name_of(char out[UNIT_NAME_MAX + 1], const char *word, size_t n)
{
	const char *more = ends_with(word, n, ".pod") ? ".service" : "";

	if (n + strlen(more) > UNIT_NAME_MAX)
		return -EINVAL;
	snprintf(out, UNIT_NAME_MAX + 1, "%.*s%s", (int)n, word, more);
	return 0;
}
