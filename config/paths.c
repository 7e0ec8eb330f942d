/* SPDX-License-Identifier: MIT */
/* Values that are paths: roots, volumes, tmpfs mounts. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/strv.h"
#include "config/value.h"
#include "container/spec.h"

/* Podman's and Docker's default too: the container's user may not be root. */
#define TMPFS_MODE 01777

/* One name of a path. */
static int check_name(const struct config_value *v, const char *at, size_t n)
{
	if ((n == 1 || n == 2) && strncmp(at, "..", n) == 0)
		return config_value_bad(v, at, "'%.*s' in a path", (int)n, at);
	if (n > NAME_MAX)
		return config_value_bad(v, at, "name longer than %d bytes", NAME_MAX);
	return 0;
}

/*
 * @n bytes at @at as an absolute path. "//" and a slash at the end are taken
 * away. "." and ".." are refused: with links on the way, where they lead can
 * only be known when it is too late to say it.
 */
static int read_path(const struct config_value *v, const char *at, size_t n, char **out)
{
	const char *s = at, *end = at + n;
	cleanup_free char *path = NULL;
	char *p;
	int r;

	if (n == 0 || at[0] != '/')
		return config_value_bad(v, at, "'%.*s' is no absolute path", (int)n, at);
	if (n >= PATH_MAX)
		return config_value_bad(v, at, "path longer than %d bytes", PATH_MAX - 1);
	path = p = malloc(n + 1);
	if (!path)
		return -ENOMEM;
	while (s < end) {
		size_t len = 0;

		while (s + len < end && s[len] != '/')
			len++;
		r = check_name(v, s, len);
		if (r < 0)
			return r;
		if (len > 0) {
			*p++ = '/';
			memcpy(p, s, len);
			p += len;
		}
		s += len + 1; /* past the slash, or past the end */
	}
	if (p == path)
		*p++ = '/';
	*p = '\0';
	*out = take_ptr(path);
	return 0;
}

/* The absolute directory of the file that a value stands in, to be freed. */
static char *directory_of(const struct config_value *v)
{
	unsigned file = config_text_pos(v->text, 0).file;
	cleanup_free char *path = strdup(v->diags->files[file]);
	char *slash;

	if (!path)
		return NULL;
	slash = strrchr(path, '/');
	if (!slash)
		return realpath(".", NULL);
	slash[slash == path] = '\0';
	return realpath(path, NULL);
}

/**
 * config_value_host_path() - a path on the host
 * @at: @n bytes: absolute, or "./..." below the directory of the file that says
 *      so, as Quadlet has it: a pod and what it needs can move together
 * @out: the caller's to free
 *
 * Return: 0, -EINVAL having complained, or -ENOMEM.
 */
int config_value_host_path(const struct config_value *v, const char *at, size_t n, char **out)
{
	cleanup_free char *rest = NULL, *dir = NULL;
	size_t dir_n;
	int r;

	if (n < 2 || strncmp(at, "./", 2) != 0)
		return read_path(v, at, n, out);
	r = read_path(v, at + 1, n - 1, &rest);
	if (r < 0)
		return r;
	dir = directory_of(v);
	if (!dir)
		return config_value_bad(v, at, "the directory of the file cannot be found");
	dir_n = strcmp(dir, "/") == 0 ? 0 : strlen(dir);
	if (dir_n + strlen(rest) >= PATH_MAX)
		return config_value_bad(v, at, "path longer than %d bytes", PATH_MAX - 1);
	*out = malloc(dir_n + strlen(rest) + 1);
	if (!*out)
		return -ENOMEM;
	memcpy(*out, dir, dir_n);
	strcpy(*out + dir_n, rest);
	return 0;
}

static int parse_path(const struct config_value *v, void *member)
{
	char *path;
	int r = read_path(v, v->s, strlen(v->s), &path);

	if (r < 0)
		return r;
	config_clear_string(member);
	*(char **)member = path;
	return 0;
}

static int parse_rootfs(const struct config_value *v, void *member)
{
	char **lowers = NULL;
	const char *s = v->s;
	size_t n = 0, len;
	int r;

	for (;; s += len + 1) {
		cleanup_free char *path = NULL;

		len = strcspn(s, ":");
		r = config_value_host_path(v, s, len, &path);
		for (size_t i = 0; r == 0 && i < n; i++)
			if (strcmp(lowers[i], path) == 0)
				r = config_value_bad(v, s, "'%s' is there twice", path);
		if (r == 0)
			r = strv_push(&lowers, &n, take_ptr(path));
		if (r < 0) {
			strv_free(lowers);
			return r;
		}
		if (!s[len])
			break;
	}
	config_clear_strv(member);
	*(char ***)member = lowers;
	return 0;
}

/* What podd itself mounts, and what it needs in there. */
static bool is_podds_own(const char *path)
{
	return strcmp(path, "/dev") == 0 || strcmp(path, "/sys") == 0 ||
	       (strncmp(path, "/proc", 5) == 0 && (!path[5] || path[5] == '/'));
}

/* The path of a mount point, which must be free. */
static int read_target(const struct config_value *v, const struct container_spec *run,
		       const char *at, size_t n, char **out)
{
	cleanup_free char *path = NULL;
	int r = read_path(v, at, n, &path);

	if (r < 0)
		return r;
	if (strcmp(path, "/") == 0)
		return config_value_bad(v, at, "the root itself cannot be mounted over");
	if (is_podds_own(path))
		return config_value_bad(v, at, "'%s' is podd's own in each container", path);
	for (size_t i = 0; i < run->volume_n; i++)
		if (strcmp(run->volumes[i].target, path) == 0)
			return config_value_bad(v, at, "'%s' is already a volume", path);
	for (size_t i = 0; i < run->tmpfs_n; i++)
		if (strcmp(run->tmpfs[i].target, path) == 0)
			return config_value_bad(v, at, "'%s' is already a tmpfs", path);
	*out = take_ptr(path);
	return 0;
}

static int read_volume_options(const struct config_value *v, const char *s,
			       struct container_volume *volume)
{
	size_t n;
	int r = 0;

	for (;; s += n + 1) {
		n = strcspn(s, ",");
		if (config_is_word(s, n, "optional"))
			volume->optional = true;
		else if (config_is_word(s, n, "ro") || config_is_word(s, n, "rw"))
			volume->read_only = s[1] == 'o';
		else if (config_is_word(s, n, "idmap") || config_is_word(s, n, "noidmap"))
			volume->no_idmap = s[0] == 'n';
		else
			r = config_value_bad(v, s,
					     "option '%.*s' is none of ro, rw, optional, idmap, "
					     "noidmap", (int)n, s);
		if (!s[n])
			return r;
	}
}

static int parse_volume(const struct config_value *v, void *member)
{
	cleanup_free char *source = NULL, *target = NULL;
	struct container_volume volume = { 0 }, *grown;
	struct container_spec *run = member;
	size_t n = strcspn(v->s, ":"), target_n;
	const char *s = v->s + n + 1;
	int r, r_target, r_options;

	if (!v->s[n])
		return config_value_bad(v, v->s, "'%s' is not SOURCE:TARGET", v->s);
	target_n = strcspn(s, ":");
	r = config_value_host_path(v, v->s, n, &source);
	r_target = read_target(v, run, s, target_n, &target);
	r_options = s[target_n] ? read_volume_options(v, s + target_n + 1, &volume) : 0;
	if (r < 0 || r_target < 0 || r_options < 0)
		return r < 0 ? r : r_target < 0 ? r_target : r_options;
	grown = realloc(run->volumes, (run->volume_n + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	volume.source = take_ptr(source);
	volume.target = take_ptr(target);
	run->volumes = grown;
	grown[run->volume_n++] = volume;
	return 0;
}

static void clear_volumes(void *member)
{
	struct container_spec *run = member;

	for (size_t i = 0; i < run->volume_n; i++) {
		free(run->volumes[i].source);
		free(run->volumes[i].target);
	}
	free(run->volumes);
	run->volumes = NULL;
	run->volume_n = 0;
}

static int read_mode(const struct config_value *v, const char *at, const char *text, mode_t *out)
{
	size_t n = strlen(text);

	if (n == 0 || n > 5 || strspn(text, "01234567") != n || strtoul(text, NULL, 8) > 07777)
		return config_value_bad(v, at, "'%s' is no octal mode, such as 0755", text);
	*out = (mode_t)strtoul(text, NULL, 8);
	return 0;
}

static int read_tmpfs_option(const struct config_value *v, const char *at, size_t n,
			     struct container_tmpfs *tmpfs)
{
	cleanup_free char *option = strndup(at, n);
	const char *bad;

	if (!option)
		return -ENOMEM;
	if (strncmp(option, "mode=", 5) == 0)
		return read_mode(v, at + 5, option + 5, &tmpfs->mode);
	if (strncmp(option, "size=", 5) != 0)
		return config_value_bad(v, at, "option '%s' is none of size=, mode=", option);
	if (config_size_parse(option + 5, &bad, &tmpfs->size_bytes) < 0 || tmpfs->size_bytes == 0)
		return config_value_bad(v, at + 5, "'%s' is no size, such as 64M", option + 5);
	return 0;
}

static int parse_tmpfs(const struct config_value *v, void *member)
{
	struct container_tmpfs tmpfs = { .mode = TMPFS_MODE }, *grown;
	struct container_spec *run = member;
	cleanup_free char *target = NULL;
	size_t n = strcspn(v->s, ":");
	int r = read_target(v, run, v->s, n, &target);

	for (const char *s = v->s + n; *s; s += n) {
		int r_option;

		n = strcspn(++s, ",");
		r_option = read_tmpfs_option(v, s, n, &tmpfs);
		r = r < 0 ? r : r_option;
	}
	if (r < 0)
		return r;
	grown = realloc(run->tmpfs, (run->tmpfs_n + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	tmpfs.target = take_ptr(target);
	run->tmpfs = grown;
	grown[run->tmpfs_n++] = tmpfs;
	return 0;
}

static void clear_tmpfs(void *member)
{
	struct container_spec *run = member;

	for (size_t i = 0; i < run->tmpfs_n; i++)
		free(run->tmpfs[i].target);
	free(run->tmpfs);
	run->tmpfs = NULL;
	run->tmpfs_n = 0;
}

static uint64_t digest_volumes(const void *member, uint64_t h)
{
	const struct container_spec *run = member;

	for (size_t i = 0; i < run->volume_n; i++) {
		const struct container_volume *v = &run->volumes[i];
		const unsigned char flags[] = { v->read_only,
						(unsigned char)(v->optional | v->no_idmap << 1) };

		h = config_digest_text(h, v->source);
		h = config_digest_text(h, v->target);
		h = config_digest_bytes(h, flags, sizeof(flags));
	}
	return config_digest_text(h, NULL);
}

static uint64_t digest_tmpfs(const void *member, uint64_t h)
{
	const struct container_spec *run = member;

	for (size_t i = 0; i < run->tmpfs_n; i++) {
		const struct container_tmpfs *t = &run->tmpfs[i];

		h = config_digest_text(h, t->target);
		h = config_digest_bytes(h, &t->size_bytes, sizeof(t->size_bytes));
		h = config_digest_bytes(h, &t->mode, sizeof(t->mode));
	}
	return config_digest_text(h, NULL);
}

const struct config_type config_type_path = {
	.parse = parse_path,
	.clear = config_clear_string,
	.digest = config_digest_string,
};
const struct config_type config_type_rootfs = {
	.parse = parse_rootfs,
	.clear = config_clear_strv,
	.digest = config_digest_strv,
};
const struct config_type config_type_volume = {
	.parse = parse_volume,
	.clear = clear_volumes,
	.digest = digest_volumes,
};
const struct config_type config_type_tmpfs = {
	.parse = parse_tmpfs,
	.clear = clear_tmpfs,
	.digest = digest_tmpfs,
};
