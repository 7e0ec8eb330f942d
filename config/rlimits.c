/* SPDX-License-Identifier: MIT */
/* LimitNOFILE= and the like: "BOTH" or "SOFT:HARD", as systemd.exec(5) has them. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "config/value.h"
#include "container/spec.h"

/* One of the two, of @n bytes at @at. */
static int read_half(const struct config_value *v, const char *at, size_t n, uint64_t *out)
{
	const struct config_type *type = v->key->type;
	char text[64];
	const char *bad;
	int r = -EINVAL;

	if (n >= sizeof(text))
		return config_value_bad(v, at, "'%.*s' is no %s", (int)n, at, type->what);
	memcpy(text, at, n);
	text[n] = '\0';
	if (strcmp(text, "infinity") == 0) {
		*out = CONTAINER_RLIMIT_INFINITY;
		return 0;
	}
	r = type->number(text, &bad, out);
	if (r == -ERANGE)
		return config_value_bad(v, at, "'%s' is more than can be counted", text);
	return r < 0 ? config_value_bad(v, at, "'%s' is no %s", text, type->what) : 0;
}

static int parse_rlimit(const struct config_value *v, void *member)
{
	struct container_rlimit new = { .said = true };
	size_t n = strcspn(v->s, ":");
	int r = read_half(v, v->s, n, &new.soft);

	new.hard = new.soft;
	if (r == 0 && v->s[n])
		r = read_half(v, v->s + n + 1, strlen(v->s + n + 1), &new.hard);
	if (r == 0 && new.soft > new.hard)
		r = config_value_bad(v, v->s, "the soft limit is above the hard one");
	if (r == 0)
		memcpy(member, &new, sizeof(new));
	return r;
}

static void clear_rlimit(void *member)
{
	memset(member, 0, sizeof(struct container_rlimit));
}

static uint64_t digest_rlimit(const void *member, uint64_t h)
{
	const struct container_rlimit *l = member;

	h = config_digest_bytes(h, &l->said, sizeof(l->said));
	h = config_digest_bytes(h, &l->soft, sizeof(l->soft));
	return config_digest_bytes(h, &l->hard, sizeof(l->hard));
}

/* RLIMIT_CPU counts whole seconds: what is less than one more is one more. */
static int parse_seconds(const char *s, const char **bad, uint64_t *out)
{
	uint64_t ns;
	int r = config_type_duration.number(s, bad, &ns);

	if (r == 0)
		*out = ns / NSEC_PER_SEC + (ns % NSEC_PER_SEC != 0);
	return r;
}

static int parse_whole(const char *s, const char **bad, uint64_t *out)
{
	return config_type_count.number(s, bad, out);
}

const struct config_type config_type_rlimit_size = {
	.parse = parse_rlimit,
	.clear = clear_rlimit,
	.digest = digest_rlimit,
	.number = config_size_parse,
	.what = "size, such as 512M",
};
const struct config_type config_type_rlimit_time = {
	.parse = parse_rlimit,
	.clear = clear_rlimit,
	.digest = digest_rlimit,
	.number = parse_seconds,
	.what = "duration, such as 10s",
};
const struct config_type config_type_rlimit_count = {
	.parse = parse_rlimit,
	.clear = clear_rlimit,
	.digest = digest_rlimit,
	.number = parse_whole,
	.what = "whole number",
};
