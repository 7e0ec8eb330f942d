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
#include <sys/statvfs.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/lookup.h"

/* Where each directory is, and who may enter it when we make it. */
static const struct place {
	size_t member; /* of struct paths */
	const char *parent, *path;
	mode_t mode;   /* 0: never made */
	bool optional; /* on a read-only file system, it need not be there */
} places[] = {
	{ offsetof(struct paths, etc), "etc", "etc/podd", 0, false },
	{ offsetof(struct paths, run), "run", "run/podd", 0700, false },
	{ offsetof(struct paths, lib), "var/lib", "var/lib/podd", 0700, true },
	{ offsetof(struct paths, log), "var/log", "var/log/podd", 0750, true },
};

static const struct place log_in_run = {
	offsetof(struct paths, log), "run/podd", "run/podd/.log", 0750, false
};

static void root_tag(char tag[9], const char *root)
{
	uint32_t h = 2166136261u; /* FNV-1a, 32 bits */

	for (const char *p = root; *p; p++)
		h = (h ^ (unsigned char)*p) * 16777619u;
	snprintf(tag, 9, "%08x", h);
}

/* Return: 0, also when it cannot be there and need not; -errno with @err filled. */
static int create_place(int rootfd, const char *root, const struct place *pl, struct err *err)
{
	int r = io_mkdir_path(rootfd, pl->parent, 0755, err);

	if (r == 0 && mkdirat(rootfd, pl->path, pl->mode) < 0 && errno != EEXIST)
		r = err_sys(err, "create directory '%s/%s'", root, pl->path);
	return r == -EROFS && pl->optional ? 0 : r;
}

/* Somebody who may write there could put a socket or a lock of his own. */
static int check_place(int fd, const char *root, const struct place *pl, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(err, "look at directory '%s/%s'", root, pl->path);
	if (st.st_uid != 0 || (st.st_mode & 022))
		return err_set(err, EPERM, "directory '%s/%s' can be written by others", root,
			       pl->path);
	return 0;
}

/* Containers that look after logs have /var/log for a volume. */
static int look_up(int *out, const struct paths *p, int rootfd, const struct place *pl,
		   enum paths_mode mode, struct err *err)
{
	char path[PATH_MAX];
	const struct lookup l = { path, "open directory", O_PATH | O_DIRECTORY };

	if (mode == PATHS_CREATE && pl->member == offsetof(struct paths, log)) {
		snprintf(path, sizeof(path), "%s/%s", p->root, pl->path);
		return lookup_open(out, &l, err);
	}
	*out = openat(rootfd, pl->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return *out < 0 ? err_sys(err, "open directory '%s/%s'", p->root, pl->path) : 0;
}

static int open_place(struct paths *p, int rootfd, const struct place *pl, enum paths_mode mode,
		      struct err *err)
{
	int *out = (int *)((char *)p + pl->member);
	cleanup_close int fd = -EBADF;
	const char *root = p->root;
	int r;

	if (mode == PATHS_CREATE && pl->mode) {
		r = create_place(rootfd, root, pl, err);
		if (r < 0)
			return r;
	}
	r = look_up(&fd, p, rootfd, pl, mode, err);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	if (mode == PATHS_CREATE && pl->mode) {
		r = check_place(fd, root, pl, err);
		if (r < 0)
			return r;
	}
	*out = take_fd(&fd);
	return 0;
}

/* Not access(2), which asks for permission first: podctl may have none. */
static bool is_read_only(int fd)
{
	struct statvfs st;

	return fstatvfs(fd, &st) == 0 && (st.f_flag & ST_RDONLY);
}

/*
 * Where the logs are: decided by the file system alone, so that podd and podctl
 * come to the same.
 */
static int open_log(struct paths *p, int rootfd, enum paths_mode mode, struct err *err)
{
	struct paths other = { .root = p->root, .run = p->run, .lib = p->lib, .log = -EBADF };
	int r;

	if (p->log >= 0 ? !is_read_only(p->log) : mode != PATHS_CREATE && p->run < 0)
		return 0;
	r = open_place(&other, rootfd, &log_in_run, mode, err);
	if (r < 0 || other.log < 0)
		return r;
	close_fd(&p->log);
	p->log = other.log;
	p->log_in_run = true;
	return 0;
}

/**
 * paths_open() - open podd's directories
 * @out: released by paths_close(); untouched on failure
 * @root: what --root said, or NULL
 *
 * Return: 0, or -errno with @err filled: no such root, no permission, or, with
 * PATHS_CREATE, a caller who is not root, or a directory that others may write to
 * (EPERM).
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
	if (r == 0 && mode == PATHS_CREATE && geteuid() != 0)
		r = err_set(err, EPERM,
			    "only root can write to '%s/run/podd' and '%s/var/lib/podd', not "
			    "user %u", p.root, p.root, geteuid());
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(places); i++)
		r = open_place(&p, rootfd, &places[i], mode, err);
	if (r == 0)
		r = open_log(&p, rootfd, mode, err);
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
