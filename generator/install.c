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
#include "generator/report.h"
#include "generator/unit.h"

#define BLANKS " \t"

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

static int link_beside(int out_fd, const char *by, const char *directory, const char *unit,
		       struct err *err)
{
	char dir[UNIT_NAME_MAX + 16], name[sizeof(dir) + UNIT_NAME_MAX + 2];
	char target[UNIT_NAME_MAX + 4];

	snprintf(dir, sizeof(dir), "%s%s", by, directory);
	snprintf(name, sizeof(name), "%s/%s", dir, unit);
	snprintf(target, sizeof(target), "../%s", unit);
	if (mkdirat(out_fd, dir, 0755) < 0 && errno != EEXIST)
		return err_sys(err, "create directory '%s'", dir);
	return link_to(out_fd, target, name, err);
}

/* Another name for the unit of one pod cannot be that of another's. */
static bool alias_fits(const char *name)
{
	size_t n = strlen(name);

	return n > 8 && strcmp(name + n - 8, ".service") == 0 && !strstr(name, ".pod.service");
}

static void complain(const struct source *s, const struct source_line *line, const char *what,
		     size_t n, const char *why)
{
	report(REPORT_WARNING, "%s:%u:%u: %s=: '%.*s' %s, ignoring",
	       s->diags.files[line->pos.file], line->pos.line, line->pos.column, line->key, (int)n,
	       what, why);
}

static int link_words(int out_fd, const char *unit, const struct source *s,
		      const struct source_line *line, struct err *err)
{
	const struct install_key *key = keys;
	char name[UNIT_NAME_MAX + 1];
	int r = 0;

	while (strcmp(key->key, line->key) != 0)
		key++;
	for (const char *w = line->value + strspn(line->value, BLANKS); r == 0 && *w;) {
		size_t n = strcspn(w, BLANKS);

		if (unit_name_of(name, w, n) < 0 || !unit_name_valid(name, strlen(name)))
			complain(s, line, w, n, "is no unit's name");
		else if (key->directory)
			r = link_beside(out_fd, name, key->directory, unit, err);
		else if (alias_fits(name))
			r = link_to(out_fd, unit, name, err);
		else
			complain(s, line, w, n, "cannot be another name of a pod's service");
		w += n + strspn(w + n, BLANKS);
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

static bool is_known(const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (strcmp(keys[i].key, key) == 0)
			return true;
	return strcmp(key, "DefaultInstance") == 0;
}

/**
 * install_links() - the links that [Install] asks for
 * @out_fd: systemd's directory for generated units
 * @file: the pod that @s is of
 *
 * What cannot be done is reported at its place and passed over.
 *
 * Return: 0 or -errno with @err filled.
 */
int install_links(int out_fd, const struct pod_file *file, const struct source *s,
		  struct err *err)
{
	char unit[UNIT_NAME_MAX + 1];
	const struct source_line *l = NULL;
	int r = 0;

	snprintf(unit, sizeof(unit), "%s.pod.service", file->name);
	while ((l = source_next(s, l, SOURCE_INSTALL, NULL)))
		if (!is_known(l->key))
			report(REPORT_WARNING, "%s:%u:%u: '%s=' in [Install] is unknown, ignoring",
			       s->diags.files[l->key_pos.file], l->key_pos.line, l->key_pos.column,
			       l->key);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		for (l = after_reset(s, keys[i].key); r == 0 && l;
		     l = source_next(s, l, SOURCE_INSTALL, keys[i].key))
			r = link_words(out_fd, unit, s, l, err);
	return r < 0 ? err_wrap(err, r, "pod '%s'", file->name) : 0;
}

/**
 * install_target() - let pods.target start with the host
 * @path: of its unit file
 *
 * Return: 0 or -errno with @err filled.
 */
int install_target(int out_fd, const char *path, struct err *err)
{
	if (mkdirat(out_fd, "multi-user.target.wants", 0755) < 0 && errno != EEXIST)
		return err_sys(err, "create directory 'multi-user.target.wants'");
	return link_to(out_fd, path, "multi-user.target.wants/pods.target", err);
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
