/* SPDX-License-Identifier: MIT */
/* The list of assignments, and questions to it. */
#include "config/origin.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/**
 * config_origins_add() - note an assignment
 * @origin: its strings are copied
 *
 * Return: 0 or -ENOMEM.
 */
int config_origins_add(struct config_origins *o, const struct config_origin *origin)
{
	struct config_origin *list = realloc(o->list, (o->n + 1) * sizeof(*list)), *to;

	if (!list)
		return -ENOMEM;
	o->list = list;
	to = &list[o->n++];
	*to = *origin;
	to->value = strdup(origin->value);
	to->container = origin->container ? strdup(origin->container) : NULL;
	return to->value && (to->container || !origin->container) ? 0 : -ENOMEM;
}

static bool is_of(const struct config_origin *a, enum config_section section,
		  const char *container, const char *key)
{
	if (a->key->section != section || strcmp(a->key->name, key) != 0)
		return false;
	return container ? a->container && strcmp(a->container, container) == 0 : !a->container;
}

/**
 * config_origin_of() - the assignment that is in force
 * @container: NULL in [Pod] and [Network]
 *
 * Return: its place; line 0 when there is none, or it takes the key back to its default.
 */
struct config_pos config_origin_of(const struct config_origins *o, enum config_section section,
				   const char *container, const char *key)
{
	struct config_pos pos = { 0 };

	for (size_t i = 0; i < o->n; i++)
		if (is_of(&o->list[i], section, container, key))
			pos = *o->list[i].value ? o->list[i].pos : (struct config_pos){ 0 };
	return pos;
}

/**
 * config_origin_nth() - the assignment that gave member @nth (from 0) of a list in which
 * each gives one, as Volume= and Device=
 *
 * Return: its place; line 0 when there is none.
 */
struct config_pos config_origin_nth(const struct config_origins *o, const char *container,
				    const char *key, size_t nth)
{
	struct config_pos pos = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < o->n; i++) {
		if (!is_of(&o->list[i], CONFIG_CONTAINER, container, key))
			continue;
		if (!*o->list[i].value) {
			n = 0;
			pos = (struct config_pos){ 0 };
		} else if (n++ == nth) {
			pos = o->list[i].pos;
		}
	}
	return pos;
}

/* Where blanks are in it. */
static bool is_quoted(const char *text, const char *word)
{
	return (*text == '"' || *text == '\'') && strncmp(text + 1, word, strlen(word)) == 0 &&
	       text[1 + strlen(word)] == *text;
}

/* Capabilities are written with CAP_ in front or not, in any case. */
static bool has_word(const char *text, const char *word)
{
	for (size_t n; *text; text += n) {
		text += strspn(text, " \t");
		n = strcspn(text, " \t");
		if (is_quoted(text, word))
			return true;
		if (n == strlen(word) && strncasecmp(text, word, n) == 0)
			return true;
		if (n == strlen(word) + 4 && strncasecmp(text, "CAP_", 4) == 0 &&
		    strncasecmp(text + 4, word, n - 4) == 0)
			return true;
	}
	return false;
}

/**
 * config_origin_word() - the last assignment in force that has this word in its list
 * @container: NULL in [Pod]
 *
 * Return: its place; line 0 when there is none.
 */
struct config_pos config_origin_word(const struct config_origins *o, const char *container,
				     const char *key, const char *word)
{
	enum config_section section = container ? CONFIG_CONTAINER : CONFIG_POD;
	struct config_pos pos = { 0 };

	for (size_t i = 0; i < o->n; i++) {
		if (!is_of(&o->list[i], section, container, key))
			continue;
		if (!*o->list[i].value)
			pos = (struct config_pos){ 0 };
		else if (has_word(o->list[i].value, word))
			pos = o->list[i].pos;
	}
	return pos;
}

/**
 * config_origins_done() - free all of it
 */
void config_origins_done(struct config_origins *o)
{
	for (size_t i = 0; i < o->n; i++) {
		free(o->list[i].container);
		free(o->list[i].value);
	}
	free(o->list);
	*o = (struct config_origins){ 0 };
}
