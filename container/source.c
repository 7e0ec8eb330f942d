/* SPDX-License-Identifier: MIT */
/* The sources of volumes: opened where no link leads astray, and marked when given away. */
#include "container/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/handed.h"
#include "base/lookup.h"

/* -EBADF: optional and not there. */
static int open_source(int *out, const struct container_volume *v, struct err *err)
{
	const struct lookup l = { .path = v->source, .what = "open", .flags = O_PATH };
	cleanup_close int fd = -EBADF;
	int r = lookup_open(&fd, &l, err);

	if (r == -ENOENT && v->optional)
		return 0;
	if (r < 0)
		return err_wrap(err, r, "volume '%s'", v->target);
	*out = take_fd(&fd);
	return 0;
}

/**
 * source_open_all() - open the source of each volume
 * @fds: all -EBADF; the caller's, after a failure too. -EBADF: optional and not there
 * @absent: as in container_root_args
 *
 * Return: 0 or -errno with @err filled.
 */
int source_open_all(int fds[CONTAINER_VOLUMES_MAX], const struct container_spec *spec,
		    const bool *absent, struct err *err)
{
	int r = 0;

	if (spec->volume_n > CONTAINER_VOLUMES_MAX)
		return err_set(err, E2BIG, "more than %d volumes", CONTAINER_VOLUMES_MAX);
	for (size_t i = 0; r == 0 && i < spec->volume_n; i++) {
		if (!absent || !absent[i])
			r = open_source(&fds[i], &spec->volumes[i], err);
		if (r < 0)
			(void)err_about(err, r, "Volume", (unsigned)i);
	}
	return r;
}

/**
 * source_keep_all() - other descriptors of the same, for source_mark_all()
 * @out: all -EBADF; the caller's, after a failure too
 *
 * The build of a root puts copies of the mounts in the places of the sources.
 *
 * Return: 0 or -errno with @err filled.
 */
int source_keep_all(int out[CONTAINER_VOLUMES_MAX], const int fds[CONTAINER_VOLUMES_MAX],
		    struct err *err)
{
	for (size_t i = 0; i < CONTAINER_VOLUMES_MAX; i++) {
		if (fds[i] < 0)
			continue;
		out[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);
		if (out[i] < 0)
			return err_sys(err, "keep the source of a volume");
	}
	return 0;
}

/* One that the host lives on: whoever gives it away should know what comes of it. */
static const char *own_of_host(const struct stat *dir)
{
	static const char *const all[] = { "/", "/etc", "/home", "/usr", "/var" };
	struct stat own;

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (stat(all[i], &own) == 0 && own.st_dev == dir->st_dev &&
		    own.st_ino == dir->st_ino)
			return all[i];
	return NULL;
}

static int mark_source(int fd, bool held, const char **given_away, struct err *err)
{
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return err_sys(err, "look at it");
	if (!S_ISDIR(st.st_mode))
		return 0;
	r = handed_mark(fd, err);
	if (r == 1 && !*given_away)
		*given_away = own_of_host(&st);
	return r == -EROFS && held ? 0 : r;
}

/**
 * source_mark_all() - mark what the container is given to write to
 * @held: those that no container can write to, and so need no mark if they take none
 * @given_away: set when one that the host lives on had no mark before; static
 *
 * When all is there that it is to have, and before it runs: a start that fails gives
 * nothing away.
 *
 * Return: 0 or -errno with @err filled.
 */
int source_mark_all(const int fds[CONTAINER_VOLUMES_MAX], const bool held[CONTAINER_VOLUMES_MAX],
		    const struct container_spec *spec, const char **given_away, struct err *err)
{
	for (size_t i = 0; i < spec->volume_n; i++) {
		const struct container_volume *v = &spec->volumes[i];
		int r;

		if (fds[i] < 0 || v->read_only)
			continue;
		r = mark_source(fds[i], held[i], given_away, err);
		if (r < 0)
			return err_about(err, err_wrap(err, r, "volume '%s'", v->target), "Volume",
					 (unsigned)i);
	}
	return 0;
}
