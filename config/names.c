/* SPDX-License-Identifier: MIT */
/* Values that are names: of hosts, users, or free text. */
#include "config/names.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/capability.h"
#include "base/fd.h"
#include "config/value.h"

#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* @n bytes of @s, all in @set, the first a letter or a digit. */
static bool is_made_of(const char *s, size_t n, const char *set)
{
	return n > 0 && isalnum((unsigned char)s[0]) && strspn(s, set) >= n;
}

/**
 * config_pod_name_valid() - is this the name of a pod
 *
 * Letters, digits, '_', '.', '-', the first a letter or digit; an instance has
 * '@' and another such name after it; 63 bytes in all. So it can be part of a
 * path, of a unit's name and of a control group's name as it is.
 */
bool config_pod_name_valid(const char *name)
{
	static const char set[] = LOWER UPPER DIGITS "_.-";
	size_t n = strcspn(name, "@");

	return strlen(name) <= CONFIG_NAME_MAX && is_made_of(name, n, set) &&
	       (!name[n] || is_made_of(name + n + 1, strlen(name + n + 1), set));
}

/**
 * config_container_name_valid() - is this the name of a container
 *
 * An RFC 1123 label in lower case, as Kubernetes has it, but not "pause".
 */
bool config_container_name_valid(const char *name)
{
	size_t n = strlen(name);

	return n <= CONFIG_NAME_MAX && is_made_of(name, n, LOWER DIGITS "-") &&
	       name[n - 1] != '-' && strcmp(name, "pause") != 0;
}

/**
 * config_hostname_valid() - is this a hostname: RFC 1123, labels with dots between them
 */
bool config_hostname_valid(const char *s)
{
	if (strlen(s) > CONFIG_NAME_MAX)
		return false;
	for (;;) {
		size_t n = strcspn(s, ".");

		if (!is_made_of(s, n, LOWER UPPER DIGITS "-") || s[n - 1] == '-')
			return false;
		if (!s[n])
			return true;
		s += n + 1;
	}
}

/**
 * config_hostname_from() - a hostname from the name of a pod
 * @name: valid, see config_pod_name_valid()
 * @out: receives it; what a label cannot have is '-' in it
 */
void config_hostname_from(const char *name, char out[CONFIG_NAME_MAX + 1])
{
	size_t n = strlen(name);

	for (size_t i = 0; i <= n; i++)
		out[i] = name[i] && !isalnum((unsigned char)name[i]) ? '-' : name[i];
	while (out[n - 1] == '-')
		out[--n] = '\0';
}

static int parse_hostname(const struct config_value *v, void *member)
{
	if (!config_hostname_valid(v->s))
		return config_value_bad(v, v->s, "'%s' is no hostname", v->s);
	return config_value_string(member, v->s, strlen(v->s));
}

static int parse_string(const struct config_value *v, void *member)
{
	return config_value_string(member, v->s, strlen(v->s));
}

/* An id (not (uid_t)-1, which means "none" to the kernel) or the name of a user or group. */
static bool is_owner(const char *s, size_t n)
{
	uint64_t id = 0;

	if (n == 0 || n > CONFIG_NAME_MAX)
		return false;
	if (strspn(s, DIGITS) < n)
		return (isalpha((unsigned char)s[0]) || s[0] == '_') &&
		       strspn(s, LOWER UPPER DIGITS "_.-") >= n;
	for (size_t i = 0; i < n && id < UINT32_MAX; i++)
		id = id * 10 + (unsigned)(s[i] - '0');
	return id < UINT32_MAX;
}

static int parse_user(const struct config_value *v, void *member)
{
	size_t n = strcspn(v->s, ":");
	const char *group = v->s + n + 1;

	if (!is_owner(v->s, n))
		return config_value_bad(v, v->s, "'%.*s' is no user name or id", (int)n, v->s);
	if (v->s[n] && !is_owner(group, strlen(group)))
		return config_value_bad(v, group, "'%s' is no group name or id", group);
	return config_value_string(member, v->s, strlen(v->s));
}

static int read_capability(const struct config_value *v, const char *at, const char *word,
			   void *ctx)
{
	uint64_t *mask = ctx;
	const char *nearest;
	int n;

	if (strcasecmp(word, "all") == 0) {
		*mask = CAPABILITY_ALL;
		return 0;
	}
	n = capability_parse(word);
	if (n >= 0) {
		*mask |= UINT64_C(1) << n;
		return 0;
	}
	nearest = capability_nearest(word);
	return config_value_bad(v, at, "'%s' is no capability%s%s%s", word,
				nearest ? "; did you mean '" : ", such as NET_RAW, and not 'all'",
				nearest ? nearest : "", nearest ? "'?" : "");
}

static int parse_capabilities(const struct config_value *v, void *member)
{
	uint64_t *mask = member, more = 0;
	int r = config_each_word(v, read_capability, &more);

	if (r == 0)
		*mask |= more;
	return r;
}

static void clear_capabilities(void *member)
{
	*(uint64_t *)member = 0;
}

const struct config_type config_type_capabilities = {
	.parse = parse_capabilities,
	.clear = clear_capabilities,
};
const struct config_type config_type_string = {
	.parse = parse_string,
	.clear = config_clear_string,
	.digest = config_digest_string,
};
const struct config_type config_type_hostname = {
	.parse = parse_hostname,
	.clear = config_clear_string,
	.digest = config_digest_string,
};
const struct config_type config_type_user = {
	.parse = parse_user,
	.clear = config_clear_string,
	.digest = config_digest_string,
};
