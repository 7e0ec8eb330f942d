/* SPDX-License-Identifier: MIT */
/* Kernel parameters of a pod's own namespaces. */
#include "container/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <string.h>
#include <sys/vfs.h>

#include "base/child.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/sys.h"
#include "container/mount.h"

/*
 * Theory of operation
 *
 * /proc/sys shows the parameters of the namespaces of whoever opens a file in it, so
 * a child that is in the pod's writes them. It comes in as the host's root, makes a
 * proc of its own that is attached nowhere, where nobody can have put anything in
 * between, and then enters the pod's user namespace: the kernel asks for rights over
 * the pod's network and IPC namespaces, and a name that is the host's own after all
 * is not this child's to write any more.
 *
 * Which names may be given, and of what characters, is the parser's matter
 * (config/sysctl.c); nothing is ever put into a command line, which was CVE-2022-0811.
 */
#define NAME_MAX_BYTES 128

struct writer {
	char *const *sysctls;
	int pidfd;
	const struct userns *userns;
	struct err *err;
};

/* "net.ipv4.ip_forward=1": a '.' of the name is a '/' of the path. */
static int write_one(int proc_fd, const char *sysctl, struct err *err)
{
	const struct open_how how = {
		.flags = O_WRONLY | O_CLOEXEC | O_NOCTTY,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
			   RESOLVE_NO_XDEV,
	};
	int len = (int)strcspn(sysctl, "=");
	const char *value = sysctl + len + 1;
	char path[sizeof("sys/") + NAME_MAX_BYTES] = "sys/";
	cleanup_close int fd = -EBADF;
	struct statfs fs;
	size_t at = strlen(path);
	int r;

	if (at + (size_t)len >= sizeof(path))
		return err_set(err, ENAMETOOLONG, "sysctl '%.*s': the name is too long",
			       len, sysctl);
	for (int i = 0; i < len; i++)
		path[at++] = sysctl[i] == '.' ? '/' : sysctl[i];
	path[at] = '\0';
	fd = sys_openat2(proc_fd, path, &how);
	if (fd < 0 && errno == ENOENT)
		return err_set(err, ENOENT,
			       "sysctl '%.*s': the pod's namespaces have none of this name",
			       len, sysctl);
	if (fd < 0 || fstatfs(fd, &fs) < 0)
		return err_sys(err, "sysctl '%.*s'", len, sysctl);
	if (fs.f_type != PROC_SUPER_MAGIC)
		return err_set(err, EXDEV, "sysctl '%.*s': no file of a proc", len, sysctl);
	r = io_write_all(fd, value, strlen(value));
	return r < 0 ? err_set(err, -r, "sysctl '%.*s': write '%s': %s", len, sysctl, value,
			       strerror(-r)) : 0;
}

static int write_inside(void *arg)
{
	const struct writer *w = arg;
	const struct mount_fs proc_fs = {
		.type = "proc",
		.attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
	};
	cleanup_close int proc = -EBADF;
	int r = mount_fs_create(&proc, &proc_fs, w->err);

	if (r == 0 && setns(w->pidfd, CLONE_NEWNET | CLONE_NEWIPC) < 0)
		r = err_sys(w->err, "join the pod's namespaces");
	if (r == 0)
		r = userns_enter(w->userns, w->err);
	for (char *const *s = w->sysctls; r == 0 && *s; s++)
		r = write_one(proc, *s, w->err);
	return r < 0 ? 1 : 0;
}

/**
 * sysctl_write() - write parameters of the network and IPC namespace of a process
 * @sysctls: "NAME=value", NULL-terminated, or NULL; names of those namespaces
 * @pidfd: of who holds the namespaces
 * @userns: that they belong to
 *
 * In their order; what was written before a failure stays so.
 *
 * Return: 0 or -errno with @err filled.
 */
int sysctl_write(char *const *sysctls, int pidfd, const struct userns *userns, struct err *err)
{
	struct writer w = { .sysctls = sysctls, .pidfd = pidfd, .userns = userns, .err = err };
	int r;

	if (!sysctls || !*sysctls)
		return 0;
	r = child_call(NULL, write_inside, &w);
	if (r < 0)
		return err_set(err, -r, "child for the sysctls: %s", strerror(-r));
	return r > 0 ? -err->code : 0;
}
