/* SPDX-License-Identifier: MIT */
/* Links that make a unit wanted, and its other names. */
#include "generator/install.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "config/unit_words.h"
#include "generator/report.h"

/* Of each key: the directory beside the unit that is named, NULL: the name is the link. */
static const struct install_key {
	const char *key, *directory;
} keys[] = {
	{ "WantedBy", ".wants" },
	{ "RequiredBy", ".requires" },
	{ "UpheldBy", ".upholds" },
	{ "Alias", NULL },
};

static int link_to(int out_fd, const char *target, const char *name, struct err *err)
{
	if (symlinkat(target, out_fd, name) == 0 || errno == EEXIST)
		return 0;
	return err_sys(err, "link '%s'", name);
}

/* The first one has it. */
static int link_alias(int out_fd, const char *unit, const char *name, struct err *err)
{
	char other[CONFIG_UNIT_NAME_MAX + 1];
	int r = link_to(out_fd, unit, name, err);
	ssize_t n = r < 0 ? 0 : readlinkat(out_fd, name, other, sizeof(other) - 1);

	if (r < 0 || n < 0)
		return r < 0 ? r : err_sys(err, "read the link '%s'", name);
	other[n] = '\0';
	if (strcmp(other, unit) != 0)
		report(REPORT_WARNING, "'%s': Alias=: '%s' is taken by '%s', ignoring",
		       unit, name, other);
	return 0;
}

static int link_beside(int out_fd, const char *by, const char *directory, const char *unit,
		       struct err *err)
{
	char dir[CONFIG_UNIT_NAME_MAX + 16], name[sizeof(dir) + CONFIG_UNIT_NAME_MAX + 2];
	char target[CONFIG_UNIT_NAME_MAX + 4];

	snprintf(dir, sizeof(dir), "%s%s", by, directory);
	snprintf(name, sizeof(name), "%s/%s", dir, unit);
	snprintf(target, sizeof(target), "../%s", unit);
	if (mkdirat(out_fd, dir, 0755) < 0 && errno != EEXIST)
		return err_sys(err, "create directory '%s'", dir);
	return link_to(out_fd, target, name, err);
}

static int link_words(int out_fd, const char *unit, const struct install_key *key,
		      const char *value, struct err *err)
{
	char word[CONFIG_UNIT_NAME_MAX + 1], name[sizeof(word)];
	int r = 0;

	/* config/install.c has checked them. */
	for (const char *at = value; r == 0 && config_unit_word(word, &at) > 0;) {
		if (!config_unit_of(name, word, strlen(word)))
			continue;
		r = key->directory ? link_beside(out_fd, name, key->directory, unit, err) :
				     link_alias(out_fd, unit, name, err);
	}
	return r;
}

/* An empty value takes back what came before it. */
static const struct source_line *after_reset(const struct source *s, const char *key)
{
	const struct source_line *first = source_next(s, NULL, SOURCE_INSTALL, key);

	for (const struct source_line *l = first; l; l = source_next(s, l, SOURCE_INSTALL, key))
		if (!*l->value)
			first = source_next(s, l, SOURCE_INSTALL, key);
	return first;
}

/**
 * install_links() - the links that [Install] asks for
 * @out_fd: systemd's directory for generated units
 * @file: the pod that @s is of
 *
 * Return: 0 or -errno with @err filled.
 */
int install_links(int out_fd, const struct pod_file *file, const struct source *s,
		  struct err *err)
{
	char unit[CONFIG_UNIT_NAME_MAX + 1];
	int r = 0;

	snprintf(unit, sizeof(unit), "%s.pod.service", file->name);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		for (const struct source_line *l = after_reset(s, keys[i].key); r == 0 && l;
		     l = source_next(s, l, SOURCE_INSTALL, keys[i].key))
			r = link_words(out_fd, unit, &keys[i], l->value, err);
	return r < 0 ? err_wrap(err, r, "pod '%s'", file->name) : 0;
}

/**
 * install_default_instance() - DefaultInstance= of a template
 *
 * Return: what it says last, borrowed; NULL: nothing.
 */
const char *install_default_instance(const struct source *s)
{
	const struct source_line *l = NULL;
	const char *out = NULL;

	while ((l = source_next(s, l, SOURCE_INSTALL, "DefaultInstance")))
		out = *l->value ? l->value : NULL;
	return out;
}
