/* SPDX-License-Identifier: MIT */
/* Sysctl=: parameters of the pod's own namespaces. */
#include <errno.h>
#include <string.h>

#include "base/fd.h"
#include "base/strv.h"
#include "config/value.h"

#define NAME_CHARS  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."
#define VALUE_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.,: \t"

#define SYSCTL_NAME_MAX  128
#define SYSCTL_VALUE_MAX 255

/* What the kernel keeps for each network or IPC namespace; one that ends in '.' is all that
 * begin so. As Kubernetes has it. */
static const char *const allowed[] = {
	"net.", "fs.mqueue.", "kernel.shmmax", "kernel.shmall", "kernel.shmmni",
	"kernel.shm_rmid_forced", "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem",
};

/* Names with a key of their own, or that people look for. */
static const struct {
	const char *name, *hint;
} others[] = {
	{ "kernel.hostname", "Hostname= sets it" },
	{ "kernel.domainname", "no NIS domain; Hostname= takes a name with dots" },
};

static bool is_allowed(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(allowed); i++) {
		size_t n = strlen(allowed[i]);
		bool family = allowed[i][n - 1] == '.';

		if (strncmp(name, allowed[i], n) == 0 && (family ? len > n : len == n))
			return true;
	}
	return false;
}

static int check_name(const struct config_value *v, const char *at, const char *word)
{
	int n = (int)strcspn(word, "=");

	if (!word[n] || n == 0)
		return config_value_bad(v, at, "'%s' is no NAME=VALUE", word);
	if (strspn(word, NAME_CHARS) != (size_t)n || word[0] == '.' || word[n - 1] == '.' ||
	    memmem(word, (size_t)n, "..", 2))
		return config_value_bad(v, at, "'%.*s' is no name of a parameter, such as "
					"net.core.somaxconn", n, word);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (strncmp(others[i].name, word, (size_t)n) == 0 && !others[i].name[n])
			return config_value_bad(v, at, "'%s' cannot be set: %s", others[i].name,
						others[i].hint);
	if (n > SYSCTL_NAME_MAX)
		return config_value_bad(v, at, "the name is longer than %d bytes", SYSCTL_NAME_MAX);
	if (!is_allowed(word, (size_t)n))
		return config_value_bad(v, at, "'%.*s' is not the pod's own: net.*, fs.mqueue.*, "
					"kernel.shm*, kernel.msg* and kernel.sem are", n, word);
	return 0;
}

static int read_sysctl(const struct config_value *v, const char *at, const char *word)
{
	const char *value = strchr(word, '=');
	int r = check_name(v, at, word);

	if (r < 0)
		return r;
	value++;
	if (!*value || strlen(value) > SYSCTL_VALUE_MAX)
		return config_value_bad(v, at, "a value has 1 to %d bytes", SYSCTL_VALUE_MAX);
	if (strspn(value, VALUE_CHARS) != strlen(value))
		return config_value_bad(v, at,
					"the value of '%.*s' has other characters than letters, "
					"digits, blanks and _-.,:", (int)strcspn(word, "="), word);
	return 0;
}

/* A later one of the same name replaces the earlier one. */
static int add_sysctl(char ***list, const char *word)
{
	size_t n = 0, name = strcspn(word, "=") + 1;

	for (; *list && (*list)[n]; n++)
		if (strncmp((*list)[n], word, name) == 0)
			return config_value_string(&(*list)[n], word, strlen(word));
	return strv_push_copy(list, &n, word);
}

static int take_sysctl(const struct config_value *v, const char *at, const char *word, void *list)
{
	int r = read_sysctl(v, at, word);

	return r < 0 ? r : add_sysctl(list, word);
}

static int parse_sysctl(const struct config_value *v, void *member)
{
	return config_each_word(v, take_sysctl, member);
}

const struct config_type config_type_sysctl = {
	.parse = parse_sysctl,
	.clear = config_clear_strv,
	.digest = config_digest_strv,
};
