/* SPDX-License-Identifier: MIT */
/* SELinuxContext= and AppArmorProfile=: what the program is to the host's LSM. */
#include "container/labels.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/sys.h"

#define PROC_ROOT_INODE 1 /* of every proc, include/linux/proc_fs.h */

static const struct {
	const char *key, *lsm;
	const char *sign; /* below /sys, where the LSM is in force */
	const char *file; /* of /proc/thread-self/attr */
	const char *verb; /* before the name in it */
} kinds[CONTAINER_LABEL_N] = {
	/* selinux(8): the file system is mounted when there is a policy to ask. */
	[CONTAINER_LABEL_SELINUX] = { "SELinuxContext", "SELinux",
				      "fs/selinux/enforce", "exec", "" },
	/* Linux 5.8 has the directory; before that, the one file is the first LSM's. */
	[CONTAINER_LABEL_APPARMOR] = { "AppArmorProfile", "AppArmor",
				       "module/apparmor/parameters/enabled",
				       "apparmor/exec", "exec " },
};

/* Both signs are a letter or digit, and one that is "N" says no. */
static bool is_in_force(int sys_dirfd, const char *sign)
{
	cleanup_close int fd = openat(sys_dirfd, sign, O_RDONLY | O_CLOEXEC);
	char c = 'N';

	return fd >= 0 && read(fd, &c, 1) == 1 && c != 'N';
}

/**
 * labels_are_asked() - whether a container's file names any label
 */
bool labels_are_asked(const struct container_spec *spec)
{
	for (unsigned i = 0; i < CONTAINER_LABEL_N; i++)
		if (spec->labels[i].name)
			return true;
	return false;
}

/**
 * labels_check() - which labels of a container there is an LSM for
 * @sys_dirfd: the host's /sys
 *
 * Return: 0, or -EOPNOTSUPP with @err filled: there is none, and the file insists.
 */
int labels_check(struct labels *out, const struct container_spec *spec, int sys_dirfd,
		 struct err *err)
{
	*out = (struct labels){ 0 };
	for (unsigned i = 0; i < CONTAINER_LABEL_N; i++) {
		const struct container_label *l = &spec->labels[i];

		if (!l->name)
			continue;
		out->wanted[i] = is_in_force(sys_dirfd, kinds[i].sign);
		if (!out->wanted[i] && !l->optional)
			return err_about(err,
					 err_set(err, EOPNOTSUPP,
						 "%s=: the host has no %s in force",
						 kinds[i].key, kinds[i].lsm), kinds[i].key, 0);
	}
	return 0;
}

/**
 * labels_open() - the calling thread's own attributes in /proc
 * @attr_dirfd_out: O_CLOEXEC, the caller's
 *
 * A proc that is another file system, or has something mounted in it, is none: what is
 * written would go elsewhere (CVE-2019-16884, CVE-2025-52881).
 *
 * Return: 0 or -errno with @err filled.
 */
int labels_open(int *attr_dirfd_out, struct err *err)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS,
	};
	cleanup_close int proc = open("/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct statfs fs;
	struct stat st;
	int fd;

	if (proc < 0 || fstatfs(proc, &fs) < 0 || fstat(proc, &st) < 0)
		return err_sys(err, "open '/proc'");
	if (fs.f_type != PROC_SUPER_MAGIC || st.st_ino != PROC_ROOT_INODE)
		return err_set(err, EXDEV, "'/proc' is no proc");
	fd = sys_openat2(proc, "thread-self/attr", &how);
	if (fd < 0)
		return err_sys(err, "open '/proc/thread-self/attr'");
	*attr_dirfd_out = fd;
	return 0;
}

/* One write(2), as the kernel wants it; without the NUL, which it takes for optional. */
static int write_one(int attr_dirfd, unsigned kind, const char *name)
{
	struct open_how how = {
		.flags = O_WRONLY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS,
	};
	cleanup_close int fd = sys_openat2(attr_dirfd, kinds[kind].file, &how);
	char text[CONTAINER_LABEL_MAX + 8];
	int n = snprintf(text, sizeof(text), "%s%s", kinds[kind].verb, name);

	if (fd < 0)
		return -errno;
	return write(fd, text, (size_t)n) == n ? 0 : -errno;
}

/**
 * labels_write() - have the next execve(2) of the calling thread take the labels
 * @attr_dirfd: of labels_open()
 *
 * Return: 0 or -errno with @err filled: the LSM refuses, and the file insists.
 */
int labels_write(int attr_dirfd, const struct labels *labels, const struct container_spec *spec,
		 struct err *err)
{
	for (unsigned i = 0; i < CONTAINER_LABEL_N; i++) {
		const struct container_label *l = &spec->labels[i];
		int r = labels->wanted[i] ? write_one(attr_dirfd, i, l->name) : 0;

		if (r < 0 && !l->optional)
			return err_about(err, err_set(err, -r, "%s=: %s does not take '%s': %s",
						      kinds[i].key, kinds[i].lsm, l->name,
						      strerror(-r)), kinds[i].key, 0);
	}
	return 0;
}

/**
 * labels_explain() - say of an execve(2) that was refused which labels it had
 * @r: its -errno, of which @err tells
 *
 * Return: @r.
 */
int labels_explain(struct err *err, int r, const struct labels *labels,
		   const struct container_spec *spec)
{
	if (r != -EPERM && r != -EACCES) /* what LSMs answer */
		return r;
	for (unsigned i = 0; i < CONTAINER_LABEL_N; i++)
		if (labels->wanted[i])
			(void)err_wrap(err, r, "with %s=%s", kinds[i].key, spec->labels[i].name);
	return r;
}
