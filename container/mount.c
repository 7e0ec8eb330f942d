/* SPDX-License-Identifier: MIT */
/* Mounts by descriptor: made detached, then attached where nobody can redirect. */
#include "container/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/sys.h"

/* The kernel's own words on a failed fsconfig or fsmount, if it left any. */
static int fs_error(struct err *err, int fs_fd, const char *type)
{
	int code = errno;
	char text[256];
	ssize_t n = read(fs_fd, text, sizeof(text) - 1);

	if (n > 2) { /* "e " or "w ", then the message */
		text[n] = '\0';
		text[strcspn(text, "\n")] = '\0';
		return err_set(err, code, "mount %s: %s: %s", type, text + 2, strerror(code));
	}
	errno = code;
	return err_sys(err, "mount %s", type);
}

/**
 * mount_tmpfs_inodes() - how many files a tmpfs of a size may have, for its "nr_inodes"
 *
 * Each takes some 700 bytes that "size" does not count, so four for a page of it: what fits
 * into the size by far, but no end of empty ones (tmpfs(5)).
 */
void mount_tmpfs_inodes(char out[32], uint64_t size_bytes)
{
	snprintf(out, 32, "%llu", (unsigned long long)(size_bytes / 1024 + 64));
}

/**
 * mount_fs_create() - make a file system that is mounted nowhere yet
 * @out: receives the detached mount, O_CLOEXEC, the caller's
 *
 * proc, sysfs, mqueue and cgroup2 show the namespaces of the caller
 * (fsopen(2), Linux 5.2).
 *
 * Return: 0 or -errno with @err filled.
 */
int mount_fs_create(int *out, const struct mount_fs *fs, struct err *err)
{
	cleanup_close int ctx = sys_fsopen(fs->type, FSOPEN_CLOEXEC);
	int fd;

	if (ctx < 0)
		return err_sys(err, "mount %s: open the file system", fs->type);
	for (size_t i = 0; i < ARRAY_SIZE(fs->options) && fs->options[i].key; i++) {
		const struct mount_option *o = &fs->options[i];

		if (sys_fsconfig(ctx, o->value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, o->key,
				 o->value, 0) < 0)
			return fs_error(err, ctx, fs->type);
	}
	if (sys_fsconfig(ctx, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return fs_error(err, ctx, fs->type);
	fd = sys_fsmount(ctx, FSMOUNT_CLOEXEC, fs->attributes);
	if (fd < 0)
		return fs_error(err, ctx, fs->type);
	*out = fd;
	return 0;
}

/**
 * mount_clone() - copy the mount at a place as a detached tree
 * @fd, @path: the place; an empty @path is @fd itself
 * @flags: AT_RECURSIVE, with all that is mounted below; or 0
 *
 * The place must be in the caller's mount namespace (open_tree(2), EINVAL).
 *
 * Return: 0 or -errno with @err filled.
 */
int mount_clone(int *out, int fd, const char *path, unsigned flags, struct err *err)
{
	int tree = sys_open_tree(fd, path,
				 OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | flags);

	if (tree < 0)
		return err_sys(err, "copy the mounts at '%s'", path);
	*out = tree;
	return 0;
}

/**
 * mount_restrict() - make a tree private and give it MOUNT_ATTR_* bits
 * @what: names the tree in the error
 *
 * All of the tree at once or nothing (mount_setattr(2), Linux 5.12).
 *
 * Return: 0 or -errno with @err filled.
 */
int mount_restrict(int fd, unsigned attributes, const char *what, struct err *err)
{
	struct mount_attr attr = { .attr_set = attributes, .propagation = MS_PRIVATE };

	if (sys_mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr) < 0)
		return err_sys(err, "set the attributes of the mount for '%s'", what);
	return 0;
}

/**
 * mount_attach() - put a detached mount on a directory or file
 * @target_fd: O_PATH descriptor from mount_open_dir() or mount_open_target()
 *
 * Return: 0 or -errno with @err filled.
 */
int mount_attach(int fd, int target_fd, const char *what, struct err *err)
{
	if (sys_move_mount(fd, "", target_fd, "",
			   MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return err_sys(err, "mount on '%s'", what);
	return 0;
}

static int open_in(int root_fd, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = {
		.flags = flags | O_CLOEXEC,
		.resolve = resolve | RESOLVE_NO_MAGICLINKS,
	};

	return sys_openat2(root_fd, path, &how);
}

/**
 * mount_open_dir() - open a directory of a root that no link leads to
 * @path: relative to @root_fd; its last part is made with @mode when absent
 *
 * For what podd mounts by itself (/proc, /dev, /sys ...): a root that has a
 * symbolic link there is refused (CVE-2019-19921, CVE-2026-41579).
 *
 * Return: 0 or -errno with @err filled.
 */
int mount_open_dir(int *out, int root_fd, const char *path, mode_t mode, struct err *err)
{
	uint64_t resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
	int fd = open_in(root_fd, path, O_PATH | O_DIRECTORY, resolve);

	if (fd < 0 && errno == ENOENT && mkdirat(root_fd, path, mode) == 0)
		fd = open_in(root_fd, path, O_PATH | O_DIRECTORY, resolve);
	if (fd < 0 && errno == ELOOP)
		return err_set(err, ELOOP, "the root has a symbolic link at '/%s'", path);
	if (fd < 0)
		return err_sys(err, "open '/%s' in the root", path);
	*out = fd;
	return 0;
}

static int make_last(int parent, const char *name, mode_t type)
{
	int fd;

	if (S_ISDIR(type))
		return mkdirat(parent, name, 0755);
	fd = openat(parent, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd >= 0)
		(void)close(fd);
	return fd < 0 ? -1 : 0;
}

/**
 * mount_open_target() - open the place for a volume, making what is missing
 * @path: absolute, as the container sees it; its links stay inside the root
 * @type: S_IFDIR to make a directory at the end, otherwise an empty file
 *
 * Every part is opened by its own openat2(RESOLVE_IN_ROOT), so a link that a
 * neighbour swaps in meanwhile leads nowhere outside (CVE-2021-30465).
 *
 * Return: 0 or -errno with @err filled.
 */
int mount_open_target(int *out, int root_fd, const char *path, mode_t type, struct err *err)
{
	cleanup_close int parent = open_in(root_fd, "/", O_PATH | O_DIRECTORY, RESOLVE_IN_ROOT);
	char part[PATH_MAX];

	if (strlen(path) >= sizeof(part))
		return err_set(err, ENAMETOOLONG,
			       "open '%.60s...' in the root: name too long", path);
	for (const char *end = path; parent >= 0;) {
		const char *name;
		bool last;
		int fd;

		name = end + strspn(end, "/");
		end = name + strcspn(name, "/");
		last = end[strspn(end, "/")] == '\0';
		memcpy(part, path, (size_t)(end - path));
		part[end - path] = '\0';
		fd = open_in(root_fd, part, O_PATH, RESOLVE_IN_ROOT);
		if (fd < 0 && errno == ENOENT &&
		    make_last(parent, part + (name - path), last ? type : S_IFDIR) == 0)
			fd = open_in(root_fd, part, O_PATH, RESOLVE_IN_ROOT);
		if (fd < 0)
			break;
		if (last) {
			*out = fd;
			return 0;
		}
		(void)close(parent);
		parent = fd;
	}
	return err_sys(err, "open '%s' in the root", path);
}

static bool is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && (!path[n] || path[n] == '/');
}

/* Which the words of a pod file cannot name: config/paths.c. */
static bool is_reserved(const char *place)
{
	return strcmp(place, "/") == 0 || strcmp(place, "/dev") == 0 ||
	       strcmp(place, "/sys") == 0 || is_below(place, "/proc");
}

/* /dev/shm is the pod's, and images have links there. */
static bool is_podds(const char *place)
{
	return (is_below(place, "/dev") && !is_below(place, "/dev/shm")) || is_below(place, "/sys");
}

/**
 * mount_check_target() - whether links have led a target to where none may be mounted
 * @target_fd: of mount_open_target()
 * @path: the target, in the pod file's words
 *
 * The caller is rooted in the container's root, with podd's own /proc in it. Over that nothing
 * of an image or a volume may lie, and elsewhere in /sys and /dev only what the file names
 * itself: podd goes by what is there.
 *
 * Return: 0 or -errno with @err filled (EXDEV: it may not).
 */
int mount_check_target(int target_fd, const char *path, struct err *err)
{
	char link[64], place[PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", target_fd);
	n = readlink(link, place, sizeof(place) - 1);
	if (n < 0)
		return err_sys(err, "look where '%s' leads", path);
	place[n] = '\0';
	if (!is_reserved(place) && (!is_podds(place) || strcmp(place, path) == 0))
		return 0;
	return err_set(err, EXDEV, "'%s' leads to '%s', which is podd's own in each container",
		       path, place);
}
