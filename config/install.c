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
#include "config/unit_words.h"

#define BLANKS " \t"

/* Whether a word is good for the key; NULL: any value is. */
typedef bool word_fn(const char *word);

static bool ends_in(const char *word, const char *end)
{
	size_t n = strlen(word), m = strlen(end);

	return n >= m && strcmp(word + n - m, end) == 0;
}

/*
 * The name of a pod's unit is no other one's, nor is that of the unit which stops it. With
 * an @, as podd's own templates have it, systemd takes none for a unit that has no @.
 */
static bool is_alias(const char *word)
{
	return config_unit_name_valid(word) && ends_in(word, ".service") && !strchr(word, '@') &&
	       !ends_in(word, ".pod.service") && !ends_in(word, ".pod-orphan.service");
}

static bool is_instance(const char *word)
{
	char name[CONFIG_NAME_MAX + 1];

	return strlen(word) < sizeof(name) - 2 && snprintf(name, sizeof(name), "x@%s", word) > 0 &&
	       config_pod_name_valid(name);
}

static const struct install_key {
	const char *name;
	word_fn *good;
	const char *what;
	bool whole; /* the value is one, not a list of words */
} keys[] = {
	{ .name = "Alias", .good = is_alias, .what = "other name of a pod's service" },
	{ .name = "DefaultInstance", .good = is_instance, .what = "instance", .whole = true },
	{ .name = "RequiredBy", .good = config_unit_name_valid, .what = "name of a unit" },
	{ .name = "UpheldBy", .good = config_unit_name_valid, .what = "name of a unit" },
	{ .name = "WantedBy", .good = config_unit_name_valid, .what = "name of a unit" },
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
 * @instance: of a template, which systemd gives no plain second name
 * @diags: gets what is wrong with it
 *
 * Return: 0 or -EINVAL.
 */
int config_install_check(const char *key, struct config_pos pos, const struct config_text *value,
			 bool instance, struct config_diags *diags)
{
	char word[CONFIG_UNIT_NAME_MAX + 1];
	const char *nearest = NULL;
	const struct install_key *k = find(key, &nearest);
	int r = 0;

	if (!k) {
		config_diags_add(diags, pos, "unknown key '%s' in [Install]%s%s%s", key,
				 nearest ? "; did you mean '" : "", nearest ? nearest : "",
				 nearest ? "'?" : "");
		return -EINVAL;
	}
	if (instance && k->good == is_alias && *value->s) {
		config_diags_add(diags, pos,
				 "%s=: an instance of a template has no other name", key);
		return -EINVAL;
	}
	for (const char *at = value->s; *(at += strspn(at, BLANKS));) {
		struct config_pos here = config_text_pos(value, (size_t)(at - value->s));
		int n = config_unit_word(word, &at);

		if (k->whole ? k->good(value->s) : n > 0 && k->good(word))
			continue;
		if (n == -EINVAL)
			config_diags_add(diags, here, "%s=: a quote is not closed", key);
		else
			config_diags_add(diags, here, "%s=: '%s' is no %s", key, word, k->what);
		r = -EINVAL;
	}
	return r;
}
