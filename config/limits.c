/* SPDX-License-Identifier: MIT */
/* Values of limits that are no number: sets of CPUs and memory nodes, huge pages. */
#include <errno.h>
#include <string.h>

#include "base/fd.h"
#include "cgroup/limits.h"
#include "config/value.h"

static int parse_set(const struct config_value *v, void *member)
{
	const char *bad = v->s;
	int r = idset_parse(v->s, &bad, member);

	if (r == -EINVAL)
		return config_value_bad(v, bad, "'%s' is no list of numbers, such as 0-3,8", bad);
	if (r == -ERANGE)
		return config_value_bad(v, bad, "'%s' goes down, or beyond %d", bad, IDSET_MAX - 1);
	return r;
}

static void clear_set(void *member)
{
	memset(member, 0, sizeof(struct idset));
}

static uint64_t digest_set(const void *member, uint64_t h)
{
	return config_digest_bytes(h, member, sizeof(struct idset));
}

/* "SIZE" between two places, of a page or of all. */
static int read_size(const struct config_value *v, const char *at, size_t n, uint64_t *out)
{
	char text[32];
	const char *bad;
	int r;

	if (n >= sizeof(text))
		return config_value_bad(v, at, "'%.*s' is too long for a size", (int)n, at);
	memcpy(text, at, n);
	text[n] = '\0';
	r = config_size_parse(text, &bad, out);
	return r < 0 ? config_value_bad(v, at, "'%s' is no size, such as 2M", text) : 0;
}

/* One "PAGE:MAX" of @n bytes. */
static int read_huge(const struct config_value *v, const char *at, size_t n,
		     struct cgroup_huge *out)
{
	const char *colon = memchr(at, ':', n), *max = colon ? colon + 1 : NULL;
	int r;

	if (!colon)
		return config_value_bad(v, at, "'%.*s' is no PAGE:MAX, such as 2M:64M", (int)n, at);
	r = read_size(v, at, (size_t)(colon - at), &out->page_bytes);
	if (r < 0)
		return r;
	if (out->page_bytes < 4096 || out->page_bytes & (out->page_bytes - 1))
		return config_value_bad(v, at,
					"'%.*s' is no size of a page: no power of two, or less "
					"than 4K", (int)(colon - at), at);
	n -= (size_t)(max - at);
	out->max_bytes = LIMIT_MAX;
	if (n == strlen("infinity") && strncmp(max, "infinity", n) == 0)
		return 0;
	r = read_size(v, max, n, &out->max_bytes);
	if (r == 0 && out->max_bytes % out->page_bytes)
		return config_value_bad(v, max, "'%.*s' is no whole number of such pages",
					(int)n, max);
	return r;
}

/* A later one of the same size replaces the earlier one. */
static int add_huge(const struct config_value *v, const char *at, struct cgroup_huge *list,
		    const struct cgroup_huge *add)
{
	for (size_t i = 0; i < CGROUP_HUGE_MAX; i++) {
		if (list[i].page_bytes && list[i].page_bytes != add->page_bytes)
			continue;
		list[i] = *add;
		return 0;
	}
	return config_value_bad(v, at, "more than %d sizes of pages", CGROUP_HUGE_MAX);
}

static int parse_huge(const struct config_value *v, void *member)
{
	struct cgroup_huge list[CGROUP_HUGE_MAX], one;
	int r = 0;

	memcpy(list, member, sizeof(list));
	for (const char *s = v->s; r == 0 && *s; s += strspn(s, " \t")) {
		size_t n = strcspn(s, " \t");

		r = read_huge(v, s, n, &one);
		if (r == 0)
			r = add_huge(v, s, list, &one);
		s += n;
	}
	if (r == 0)
		memcpy(member, list, sizeof(list));
	return r;
}

static void clear_huge(void *member)
{
	memset(member, 0, CGROUP_HUGE_MAX * sizeof(struct cgroup_huge));
}

static uint64_t digest_huge(const void *member, uint64_t h)
{
	return config_digest_bytes(h, member, CGROUP_HUGE_MAX * sizeof(struct cgroup_huge));
}

const struct config_type config_type_idset = {
	.parse = parse_set,
	.clear = clear_set,
	.digest = digest_set,
};
const struct config_type config_type_huge = {
	.parse = parse_huge,
	.clear = clear_huge,
	.digest = digest_huge,
};
