/* SPDX-License-Identifier: MIT */
/* Device nodes that come to a running container, and go. */
#include "container/nodes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "base/child.h"
#include "base/fd.h"
#include "base/sys.h"

/*
 * Theory of operation
 *
 * /dev of a container is podd's own tmpfs, but its root may make, move and remove there
 * what he likes. A child joins the container's mount namespace as the host's root, which
 * may make nodes, and goes by descriptors, one name at a time, through no link and into no
 * other mount. It stays in the host's PID namespace, where nobody in the container sees it.
 *
 * What is there is compared with what is to be there, so that a podd that took the pod over
 * needs no word of what the one before it has made.
 */
#define DEPTH_MAX   8
#define ENTRIES_MAX 4096 /* a container may have filled it: the filter closes what is beyond */
#define MODE(node)  ((node)->read_only ? 0444 : 0666)

struct sync {
	const struct container_nodes *nodes;
	int mntns_fd;
	const struct userns *userns;
	struct err *err;
	unsigned seen;
};

static int open_inside(int dir, const char *name)
{
	const struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
	};

	return sys_openat2(dir, name, &how);
}

/* Its own devices, and null to tty, of which it may have copies. */
static bool may_stay(const struct sync *s, const struct stat *st)
{
	static const struct { unsigned major, minor; } standard[] = {
		{ 1, 3 }, { 1, 5 }, { 1, 7 }, { 1, 8 }, { 1, 9 }, { 5, 0 }, { 5, 2 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(standard); i++)
		if (S_ISCHR(st->st_mode) &&
		    st->st_rdev == makedev(standard[i].major, standard[i].minor))
			return true;
	for (size_t i = 0; i < s->nodes->n; i++)
		if (s->nodes->nodes[i].number == st->st_rdev &&
		    s->nodes->nodes[i].type == (st->st_mode & S_IFMT))
			return true;
	return false;
}

static void remove_others(struct sync *s, int dir_take, unsigned depth)
{
	DIR *dir = fdopendir(dir_take);
	const struct dirent *e;
	struct stat st;

	if (!dir) {
		close_fd(&dir_take);
		return;
	}
	while (s->seen < ENTRIES_MAX && (e = readdir(dir))) {
		int fd = -EBADF;

		s->seen++;
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
		    fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
			fd = open_inside(dirfd(dir), e->d_name);
		if (fd >= 0)
			remove_others(s, fd, depth + 1);
		else if ((S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) && !may_stay(s, &st))
			(void)unlinkat(dirfd(dir), e->d_name, 0); /* it cannot be opened, anyway */
	}
	(void)closedir(dir);
}

/* The directory of a node, made if need be. @path: below /dev; cut to the node's own name. */
static int open_parent(int dev, const char **path, struct err *err)
{
	int dir = fcntl(dev, F_DUPFD_CLOEXEC, 0);
	const char *slash;

	while (dir >= 0 && (slash = strchr(*path, '/'))) {
		char name[CONTAINER_DEVICE_TARGET_SIZE];
		int next;

		snprintf(name, sizeof(name), "%.*s", (int)(slash - *path), *path);
		(void)mkdirat(dir, name, 0755); /* the next call tells */
		next = open_inside(dir, name);
		close_fd(&dir);
		dir = next;
		*path = slash + 1;
	}
	return dir < 0 ? err_sys(err, "open its directory") : dir;
}

/* No chmod(2) afterwards, which would follow a link that has come in between. */
static int add(int dev, const struct container_node *node, struct err *err)
{
	const char *name = node->target + strlen("/dev/");
	cleanup_close int dir = open_parent(dev, &name, err);
	struct stat st;

	if (dir < 0)
		return err_wrap(err, dir, "make '%s'", node->target);
	if (mknodat(dir, name, node->type | MODE(node), node->number) == 0)
		return 0;
	if (errno != EEXIST || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, "make '%s'", node->target);
	if (st.st_rdev == node->number && (st.st_mode & S_IFMT) == node->type)
		return 0;
	/* Another device had this name, or the container has something of its own there. */
	if ((S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) && unlinkat(dir, name, 0) == 0 &&
	    mknodat(dir, name, node->type | MODE(node), node->number) == 0)
		return 0;
	if (node->by_kernel)
		return 0;
	return err_set(err, EEXIST, "make '%s': the container has another thing there",
		       node->target);
}

static int sync_inside(void *arg)
{
	struct sync *s = arg;
	cleanup_close int dev = -EBADF;
	struct statfs fs;
	int r;

	if (setns(s->mntns_fd, CLONE_NEWNS) < 0)
		return err_sys(s->err, "join the container's mount namespace"), 1;
	(void)umask(0); /* this child's own: mknod(2) gives the whole mode */
	if (userns_act_as_root(s->userns, s->err) < 0)
		return 1;
	dev = open("/dev", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dev < 0 || fstatfs(dev, &fs) < 0)
		return err_sys(s->err, "open '/dev'"), 1;
	if (fs.f_type != TMPFS_MAGIC)
		return err_set(s->err, EXDEV, "'/dev' is no tmpfs"), 1;
	remove_others(s, fcntl(dev, F_DUPFD_CLOEXEC, 0), 0);
	for (size_t i = 0; i < s->nodes->n; i++) {
		struct err more = { 0 }; /* the first one is told, and the others made */

		r = add(dev, &s->nodes->nodes[i], &more);
		if (r < 0 && !s->err->code)
			*s->err = more;
	}
	return s->err->code ? 1 : 0;
}

/**
 * container_nodes_sync() - let a container have these device nodes, and no others
 * @mntns_fd: its mount namespace
 * @userns: the pod's
 *
 * The filter of the container's group comes first: what it closes cannot be opened any
 * more, whatever becomes of the node.
 *
 * Return: 0 or -errno with @err filled: of the first that could not be made.
 */
int container_nodes_sync(const struct container_nodes *nodes, int mntns_fd,
			 const struct userns *userns, struct err *err)
{
	struct err told = { 0 };
	struct sync s = { .nodes = nodes, .mntns_fd = mntns_fd, .userns = userns, .err = &told };
	int r = child_call(NULL, sync_inside, &s);

	if (r < 0)
		return err_set(err, -r, "child for the device nodes: %s", strerror(-r));
	return r > 0 ? err_set(err, told.code, "%s", told.msg) : 0;
}
