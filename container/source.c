/* SPDX-License-Identifier: MIT */
/* The sources of volumes: opened where no link leads astray, and written down when given away. */
#include "container/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/handed.h"
#include "base/lookup.h"
#include "container/container.h"

/* Before it is given away: what a later lookup must know of. */
static int note_source(int fd, const struct container_volume *v, const struct paths *paths,
		       struct err *err)
{
	char link[64], path[PATH_MAX];
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) < 0)
		return err_sys(err, "look at '%s'", v->source);
	if (v->read_only || !S_ISDIR(st.st_mode))
		return 0;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return err_sys(err, "look where '%s' is", v->source);
	path[n] = '\0';
	return handed_note(paths, path, err);
}

/* -EBADF: optional and not there. */
static int open_source(int *out, const struct container_volume *v, const struct paths *paths,
		       struct err *err)
{
	const struct lookup l = { .path = v->source, .what = "open", .flags = O_PATH };
	cleanup_close int fd = -EBADF;
	int r = lookup_open(&fd, paths, &l, err);

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
		    const bool *absent, const struct paths *paths, struct err *err)
{
	int r = 0;

	if (spec->volume_n > CONTAINER_VOLUMES_MAX)
		return err_set(err, E2BIG, "more than %d volumes", CONTAINER_VOLUMES_MAX);
	for (size_t i = 0; r == 0 && i < spec->volume_n; i++) {
		if (!absent || !absent[i])
			r = open_source(&fds[i], &spec->volumes[i], paths, err);
		if (r < 0)
			(void)err_about(err, r, "Volume", (unsigned)i);
	}
	return r;
}

/**
 * source_keep_all() - other descriptors of the same, for source_note_all()
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

/**
 * source_note_all() - write down what the container is given to write to
 *
 * When all is there that it is to have, and before it runs: a start that fails gives
 * nothing away.
 *
 * Return: 0 or -errno with @err filled.
 */
int source_note_all(const int fds[CONTAINER_VOLUMES_MAX], const struct container_spec *spec,
		    const struct paths *paths, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < spec->volume_n; i++) {
		if (fds[i] < 0)
			continue;
		r = note_source(fds[i], &spec->volumes[i], paths, err);
		if (r < 0)
			(void)err_about(err, err_wrap(err, r, "volume '%s'", spec->volumes[i].target),
					"Volume", (unsigned)i);
	}
	return r;
}

/**
 * container_note_volumes() - what container_root_build() writes down of volumes, alone
 *
 * For a container that runs already. Goes on after a volume that cannot be noted.
 *
 * Return: 0 or -errno with @err filled: of the last one.
 */
int container_note_volumes(const struct container_spec *spec, const struct paths *paths,
			   struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < spec->volume_n; i++) {
		cleanup_close int fd = -EBADF;
		int one = open_source(&fd, &spec->volumes[i], paths, err);

		if (one == 0 && fd >= 0)
			one = note_source(fd, &spec->volumes[i], paths, err);
		r = one < 0 ? one : r;
	}
	return r;
}
