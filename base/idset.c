/* SPDX-License-Identifier: MIT */
/* Sets of small numbers, as the kernel lists CPUs and memory nodes: "0-3,8". */
#include "base/idset.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int read_id(const char **p, unsigned *out)
{
	const char *s = *p;
	unsigned n = 0;

	if (!isdigit((unsigned char)*s))
		return -EINVAL;
	for (; isdigit((unsigned char)*s); s++)
		n = n < IDSET_MAX ? n * 10 + (unsigned)(*s - '0') : n;
	if (n >= IDSET_MAX)
		return -ERANGE;
	*p = s;
	*out = n;
	return 0;
}

static bool has(const struct idset *set, unsigned id)
{
	return set->bits[id / 64] >> (id % 64) & 1;
}

/**
 * idset_parse() - add the numbers and ranges of a list to a set
 * @s: as systemd and the kernel's bitmap_parselist() have it, parted by commas or blanks
 * @bad: on failure, the part of @s that is none or out of range
 * @set: changed only on success
 *
 * Return: 0, -EINVAL, or -ERANGE: a number is IDSET_MAX or more, or a range goes down.
 */
int idset_parse(const char *s, const char **bad, struct idset *set)
{
	struct idset sum = *set;
	unsigned low, high;
	int r;

	for (s += strspn(s, " \t"); *s;) {
		*bad = s;
		r = read_id(&s, &low);
		high = low;
		if (r == 0 && *s == '-') {
			s++;
			r = read_id(&s, &high);
		}
		if (r == 0 && *s && !strchr(", \t\n", *s))
			r = -EINVAL;
		if (r == 0 && high < low)
			r = -ERANGE;
		if (r < 0)
			return r;
		for (unsigned id = low; id <= high; id++)
			sum.bits[id / 64] |= UINT64_C(1) << (id % 64);
		s += strspn(s, ", \t\n");
	}
	sum.said = 1;
	*set = sum;
	return 0;
}

/**
 * idset_format() - the list that idset_parse() reads; cut when it does not fit
 */
void idset_format(const struct idset *set, char *buf, size_t size)
{
	size_t n = 0;

	buf[0] = '\0';
	for (unsigned id = 0; id < IDSET_MAX && n < size; id++) {
		unsigned first = id;

		if (!has(set, id))
			continue;
		while (id + 1 < IDSET_MAX && has(set, id + 1))
			id++;
		n += (size_t)snprintf(buf + n, size - n, "%s%u", n ? "," : "", first);
		if (id > first && n < size)
			n += (size_t)snprintf(buf + n, size - n, "-%u", id);
	}
}

bool idset_is_empty(const struct idset *set)
{
	for (size_t i = 0; i < sizeof(set->bits) / sizeof(set->bits[0]); i++)
		if (set->bits[i])
			return false;
	return true;
}

/**
 * idset_within() - whether all numbers of a set are in another one
 * @outside: NULL, or receives the first that is not
 */
bool idset_within(const struct idset *set, const struct idset *all, unsigned *outside)
{
	for (unsigned id = 0; id < IDSET_MAX; id++) {
		if (!has(set, id) || has(all, id))
			continue;
		if (outside)
			*outside = id;
		return false;
	}
	return true;
}
