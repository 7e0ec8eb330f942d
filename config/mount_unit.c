/* SPDX-License-Identifier: MIT */
/* Paths as names of mount units, as systemd.unit(5) "String escaping" has it. */
#include "config/mount_unit.h"

#include <stdio.h>
#include <string.h>

#include "base/fd.h"

#define SUFFIX	".mount"
#define PLAIN	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_."

static bool is_dots(const char *word, size_t n)
{
	return (n == 1 || n == 2) && strncmp(word, "..", n) == 0;
}

/**
 * config_mount_unit() - the unit of what is mounted at a path
 * @out: filled
 * @path: absolute; its first @n bytes count
 *
 * Return: false for the root, a path with "." or "..", and what is too long for a unit's
 * name, which systemd shortens in ways of its own.
 */
bool config_mount_unit(char out[CONFIG_UNIT_NAME_MAX + 1], const char *path, size_t n)
{
	const char *end = path + n;
	size_t used = 0;

	for (const char *s = path; s < end;) {
		const char *word = s, *slash = memchr(s, '/', (size_t)(end - s));
		size_t left = (size_t)((slash ? slash : end) - s);

		if (left == 0) {
			s++;
			continue;
		}
		if (is_dots(word, left))
			return false;
		for (; left > 0; s++, left--) {
			/* A separator, a character as "\xNN", and the suffix. */
			if (used + 1 + 4 + sizeof(SUFFIX) > CONFIG_UNIT_NAME_MAX + 1)
				return false;
			if (s == word && used > 0)
				out[used++] = '-';
			if (strchr(PLAIN, *s) && !(used == 0 && *s == '.'))
				out[used++] = *s;
			else
				used += (size_t)sprintf(out + used, "\\x%02x", (unsigned char)*s);
		}
	}
	memcpy(out + used, SUFFIX, sizeof(SUFFIX));
	return used > 0;
}

/**
 * config_path_parent() - what a path is below
 *
 * Return: how many bytes of @path's first @n name the directory that the rest is in;
 * 0: the root.
 */
size_t config_path_parent(const char *path, size_t n)
{
	while (n > 0 && path[n - 1] == '/')
		n--;
	while (n > 0 && path[n - 1] != '/')
		n--;
	while (n > 0 && path[n - 1] == '/')
		n--;
	return n;
}

/* What follows a slash and says nothing: another one, or a dot for the directory itself. */
static size_t empty_step(const char *s)
{
	return s[0] == '/' ? 1 : s[0] == '.' && s[1] == '/' ? 2 : s[0] == '.' && !s[1];
}

/**
 * config_path_simplify() - drop what says nothing, as systemd does with paths of fstab(5)
 * @path: "/mnt//./a/" becomes "/mnt/a"; one that is simple is not written to: getmntent(3)
 *	  has a literal for what a line lacks
 *
 * Return: its length.
 */
size_t config_path_simplify(char *path)
{
	size_t n = 0;

	for (const char *s = path; *s;) {
		const char c = *s++;

		for (size_t skip; c == '/' && (skip = empty_step(s)) > 0;)
			s += skip;
		if (path[n] != c)
			path[n] = c;
		n++;
	}
	n -= n > 1 && path[n - 1] == '/';
	if (path[n])
		path[n] = '\0';
	return n;
}

/**
 * config_unit_place() - a directory with the host's own units, below its root
 * @nth: from 0, in the order of precedence (systemd.unit(5), "Unit File Load Path")
 *
 * Those that packages ship in usr wait for what may never be: for an image of machines, or
 * for somebody who enables them.
 *
 * Return: NULL: there are no more.
 */
const char *config_unit_place(size_t nth)
{
	static const char *const places[] = {
		"etc/systemd/system.control", "run/systemd/system.control", "run/systemd/transient",
		"run/systemd/generator.early", "etc/systemd/system", "etc/systemd/system.attached",
		"run/systemd/system", "run/systemd/system.attached", "run/systemd/generator",
		"run/systemd/generator.late",
	};

	return nth < ARRAY_SIZE(places) ? places[nth] : NULL;
}
