/* SPDX-License-Identifier: MIT */
/* Finding and making podd's directories. */
#include "base/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/io.h"

/* Where each directory is, and who may enter it when we make it. */
static const struct place {
	size_t member; /* of struct paths */
	const char *parent, *path;
	mode_t mode;   /* 0: never made */
} places[] = {
	{ offsetof(struct paths, etc), "etc", "etc/podd", 0 },
	{ offsetof(struct paths, run), "run", "run/podd", 0700 },
	{ offsetof(struct paths, lib), "var/lib", "var/lib/podd", 0700 },
	{ offsetof(struct paths, log), "var/log", "var/log/podd", 0750 },
};

static void root_tag(char tag[9], const char *root)
{
	uint32_t h = 2166136261u; /* FNV-1a, 32 bits */

	for (const char *p = root; *p; p++)
		h = (h ^ (unsigned char)*p) * 16777619u;
	snprintf(tag, 9, "%08x", h);
}

static int create_place(int rootfd, const char *root, const struct place *pl, struct err *err)
{
	int r = io_mkdir_path(rootfd, pl->parent, 0755, err);

	if (r < 0)
		return r;
	if (mkdirat(rootfd, pl->path, pl->mode) < 0 && errno != EEXIST)
		return err_sys(err, "create directory '%s/%s'", root, pl->path);
	return 0;
}

/* Somebody who may write there could put a socket or a lock of his own. */
static int check_place(int fd, const char *root, const struct place *pl, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(err, "look at directory '%s/%s'", root, pl->path);
	if (st.st_uid != geteuid() || (st.st_mode & 022))
		return err_set(err, EPERM, "directory '%s/%s' can be written by others", root,
			       pl->path);
	return 0;
}

static int open_place(int *out, int rootfd, const char *root, const struct place *pl,
		      enum paths_mode mode, struct err *err)
{
	cleanup_close int fd = -EBADF;
	int r;

	if (mode == PATHS_CREATE && pl->mode) {
		r = create_place(rootfd, root, pl, err);
		if (r < 0)
			return r;
	}
	fd = openat(rootfd, pl->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return err_sys(err, "open directory '%s/%s'", root, pl->path);
	if (mode == PATHS_CREATE && pl->mode) {
		r = check_place(fd, root, pl, err);
		if (r < 0)
			return r;
	}
	*out = take_fd(&fd);
	return 0;
}

/**
 * paths_open() - open podd's directories
 * @out: released by paths_close(); untouched on failure
 * @root: what --root said, or NULL
 *
 * Return: 0, or -errno with @err filled: no such root, no permission, or, with
 * PATHS_CREATE, a directory that others may write to (EPERM).
 */
int paths_open(struct paths *out, const char *root, enum paths_mode mode, struct err *err)
{
	struct paths p = { .etc = -EBADF, .run = -EBADF, .lib = -EBADF, .log = -EBADF };
	cleanup_close int rootfd = -EBADF;
	int r = 0;

	p.root = realpath(root ? root : "/", NULL);
	if (!p.root)
		return err_sys(err, "root directory '%s'", root);
	rootfd = open(p.root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (rootfd < 0)
		r = err_sys(err, "root directory '%s'", p.root);
	if (strcmp(p.root, "/") == 0)
		p.root[0] = '\0';
	else
		root_tag(p.tag, p.root);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(places); i++)
		r = open_place((int *)((char *)&p + places[i].member), rootfd, p.root, &places[i],
			       mode, err);
	if (r < 0) {
		paths_close(&p);
		return r;
	}
	*out = p;
	return 0;
}

/**
 * paths_close() - close the directories; they stay where they are
 */
void paths_close(struct paths *p)
{
	close_fd(&p->etc);
	close_fd(&p->run);
	close_fd(&p->lib);
	close_fd(&p->log);
	free_ptr(&p->root);
}
