/* SPDX-License-Identifier: MIT */
/* What [Install] may say: checked here, so that podd and podctl verify tell it as well. */
#include "config/install.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/nearest.h"
#include "config/names.h"

#define BLANKS " \t"

/* Whether a word is good for the key; NULL: any value is. */
typedef bool word_fn(const char *word, size_t n);

static bool ends_with(const char *s, size_t n, const char *suffix)
{
	size_t tail = strlen(suffix);

	return n > tail && memcmp(s + n - tail, suffix, tail) == 0;
}

/* See systemd.unit(5). */
static bool is_unit(const char *word, size_t n)
{
	static const char *const types[] = { ".service", ".socket", ".target", ".mount",
					     ".automount", ".swap", ".path", ".timer", ".slice",
					     ".scope", ".device" };
	static const char set[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "0123456789:-_.\\@";
	char name[CONFIG_UNIT_NAME_MAX + 1];

	if (!config_unit_of(name, word, n) || strspn(name, set) < strlen(name))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (ends_with(name, strlen(name), types[i]))
			return true;
	return false;
}

/* The name of a pod's unit is no other one's. */
static bool is_alias(const char *word, size_t n)
{
	return is_unit(word, n) && ends_with(word, n, ".service") &&
	       !ends_with(word, n, ".pod.service");
}

static bool is_instance(const char *word, size_t n)
{
	char name[CONFIG_NAME_MAX + 1];

	return n < sizeof(name) - 2 && snprintf(name, sizeof(name), "x@%.*s", (int)n, word) > 0 &&
	       config_pod_name_valid(name);
}

static const struct install_key {
	const char *name;
	word_fn *good;
	const char *what;
} keys[] = {
	{ "Alias", is_alias, "other name of a pod's service" },
	{ "DefaultInstance", is_instance, "instance" },
	{ "RequiredBy", is_unit, "name of a unit" },
	{ "UpheldBy", is_unit, "name of a unit" },
	{ "WantedBy", is_unit, "name of a unit" },
};

static const struct install_key *find(const char *name, const char **nearest)
{
	struct nearest near = { .word = name };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
		nearest_try(&near, keys[i].name);
	}
	*nearest = near.found;
	return NULL;
}

/**
 * config_install_check() - check an assignment in [Install]
 * @pos: of the key
 * @value: specifiers put in
 * @diags: gets what is wrong with it
 *
 * Return: 0 or -EINVAL.
 */
int config_install_check(const char *key, struct config_pos pos, const struct config_text *value,
			 struct config_diags *diags)
{
	const char *nearest = NULL;
	const struct install_key *k = find(key, &nearest);
	int r = 0;

	if (!k) {
		config_diags_add(diags, pos, "unknown key '%s' in [Install]%s%s%s", key,
				 nearest ? "; did you mean '" : "", nearest ? nearest : "",
				 nearest ? "'?" : "");
		return -EINVAL;
	}
	for (const char *w = value->s + strspn(value->s, BLANKS); *w; w += strspn(w, BLANKS)) {
		size_t n = strcspn(w, BLANKS);

		if (!k->good(w, n)) {
			config_diags_add(diags, config_text_pos(value, (size_t)(w - value->s)),
					 "%s=: '%.*s' is no %s", key, (int)n, w, k->what);
			r = -EINVAL;
		}
		w += n;
	}
	return r;
}

/**
 * config_unit_of() - the unit that a word of a pod file names
 * @word: @n bytes; "web.pod" is that pod's unit, all else is itself
 *
 * Return: @out, or NULL when it would be too long.
 */
const char *config_unit_of(char out[CONFIG_UNIT_NAME_MAX + 1], const char *word, size_t n)
{
	const char *more = ends_with(word, n, ".pod") ? ".service" : "";

	if (n + strlen(more) > CONFIG_UNIT_NAME_MAX)
		return NULL;
	snprintf(out, CONFIG_UNIT_NAME_MAX + 1, "%.*s%s", (int)n, word, more);
	return out;
}
