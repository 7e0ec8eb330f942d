/* SPDX-License-Identifier: MIT */
/* Following the paths of a layer. */
#include "image/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/sys.h"

void tree_init(struct tree *t, int root_fd)
{
	*t = (struct tree){ .root_fd = root_fd, .dir_fd = -EBADF };
}

void tree_done(struct tree *t)
{
	close_fd(&t->dir_fd);
}

/**
 * tree_open() - open what is at a path of the layer
 * @path: as image/layer.h gives it; "" is the root
 * @flags: of open(2); O_CLOEXEC is added, and no link is followed
 *
 * Return: a descriptor of the caller's, or -errno.
 */
int tree_open(const struct tree *t, const char *path, int flags)
{
	/* With O_NOFOLLOW, a link in a directory's place were ENOTDIR, not ELOOP. */
	const struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC | (flags & O_DIRECTORY ? 0 : O_NOFOLLOW)),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
	};
	int fd = sys_openat2(t->root_fd, *path ? path : ".", &how);

	return fd < 0 ? -errno : fd;
}

/**
 * tree_is_whiteout() - whether overlayfs takes an entry for "not there" (0:0)
 */
bool tree_is_whiteout(int dirfd, const char *name)
{
	struct stat st;

	return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISCHR(st.st_mode) &&
	       st.st_rdev == 0;
}

static int refuse(struct err *err, int code, const char *path)
{
	switch (code) {
	case ELOOP:
	case EXDEV:
		return err_set(err, code, "entry '%.200s': its path leads through a link", path);
	case ENOTDIR:
		return err_set(err, code,
			       "entry '%.200s': its path leads through what is no directory", path);
	default:
		return err_set(err, code, "entry '%.200s': open its directory: %s", path,
			       strerror(code));
	}
}

/* One more name of the way; a whiteout gives way to a directory. */
static int make_step(struct tree *t, int parent, const char *name, const char *so_far,
		     struct err *err)
{
	if (tree_is_whiteout(parent, name)) {
		if (unlinkat(parent, name, 0) < 0)
			return err_sys(err, "remove the whiteout '%s'", so_far);
		if (t->uncovered) {
			int r = t->uncovered(t->ctx, so_far, err);

			if (r < 0)
				return r;
		}
	}
	if (mkdirat(parent, name, TREE_IMPLIED_MODE & 07777) < 0)
		return errno == EEXIST ? 0 : err_sys(err, "create directory '%s'", so_far);
	return t->implied ? t->implied(t->ctx, err) : 0;
}

/* The directory @dir, and all of the way to it that is missing. */
static int make_way(struct tree *t, const char *dir, const char *path, struct err *err)
{
	cleanup_close int at = tree_open(t, "", O_PATH | O_DIRECTORY);
	char so_far[PATH_MAX];

	for (const char *end = dir; at >= 0 && *end;) {
		const struct tree here = { .root_fd = at };
		const char *start = end + (*end == '/');
		char name[NAME_MAX + 1];
		int next, r;

		end = start + strcspn(start, "/");
		snprintf(name, sizeof(name), "%.*s", (int)(end - start), start);
		snprintf(so_far, sizeof(so_far), "%.*s", (int)(end - dir), dir);
		r = make_step(t, at, name, so_far, err);
		if (r < 0)
			return r;
		next = tree_open(&here, name, O_PATH | O_DIRECTORY);
		if (next < 0)
			return refuse(err, -next, path);
		close_fd(&at);
		at = next;
	}
	return at < 0 ? refuse(err, -at, path) : take_fd(&at);
}

/**
 * tree_parent() - the directory that an entry is in
 * @path: not the root
 * @create: make what is missing of it
 * @name: receives the last part of @path
 *
 * Return: a descriptor (O_PATH), good until the next call; or -errno with @err
 * filled, ENOENT when it is missing.
 */
int tree_parent(struct tree *t, const char *path, bool create, const char **name, struct err *err)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;
	char dir[PATH_MAX];
	int fd;

	*name = slash ? slash + 1 : path;
	memcpy(dir, path, n);
	dir[n] = '\0';
	if (t->dir_fd >= 0 && strcmp(dir, t->dir) == 0)
		return t->dir_fd;
	fd = tree_open(t, dir, O_PATH | O_DIRECTORY);
	if (create && (fd == -ENOENT || fd == -ENOTDIR))
		fd = make_way(t, dir, path, err);
	else if (fd < 0)
		return refuse(err, -fd, path);
	if (fd < 0)
		return fd;
	close_fd(&t->dir_fd);
	t->dir_fd = fd;
	memcpy(t->dir, dir, n + 1);
	return fd;
}
