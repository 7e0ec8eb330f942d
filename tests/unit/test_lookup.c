/* SPDX-License-Identifier: MIT */
/* base/lookup.h and base/handed.h: which links of the host are followed. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/auto_fs.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/child.h"
#include "base/fd.h"
#include "base/handed.h"
#include "base/io.h"
#include "base/lookup.h"
#include "base/sys.h"

struct world {
	char dir[64];
};

static int make_world(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	char path[96];

	if (geteuid() != 0) {
		free(w);
		return 0;
	}
	strcpy(w->dir, "/tmp/podd-lookup-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	for (const char *const *d = (const char *const[]){ "a", "a/b", "away", NULL }; *d;
	     d++) {
		snprintf(path, sizeof(path), "%s/%s", w->dir, *d);
		assert_int_equal(mkdir(path, 0755), 0);
	}
	assert_int_equal(chdir(w->dir), 0);
	*state = w;
	return 0;
}

static int drop_world(void **state)
{
	struct world *w = *state;

	if (!w)
		return 0;
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(io_remove_tree(AT_FDCWD, w->dir, NULL), 0);
	free(w);
	return 0;
}

#define NEEDS_ROOT(state)     \
	do {                  \
		if (!*(state)) \
			skip(); \
	} while (0)

static int look_up(const struct world *w, const char *name, int flags, struct err *err)
{
	char path[PATH_MAX];
	const struct lookup l = { path, "open", flags };
	int fd = -EBADF, r;

	snprintf(path, sizeof(path), "%s/%s", w->dir, name);
	*err = (struct err){ 0 };
	r = lookup_open(&fd, &l, err);
	assert_int_equal(r == 0, fd >= 0);
	return r < 0 ? r : fd;
}

static bool leads_to(const struct world *w, const char *name, const char *to)
{
	struct err err;
	cleanup_close int fd = look_up(w, name, O_PATH, &err);
	struct stat a, b;

	assert_string_equal(err.msg, "");
	return fstat(fd, &a) == 0 && stat(to, &b) == 0 && a.st_ino == b.st_ino;
}

/* Return: as handed_mark(). */
static int mark(const char *name)
{
	cleanup_close int fd = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct err err = { 0 };

	assert_true(fd >= 0);
	return handed_mark(fd, &err);
}

static void in_own_mounts(void)
{
	assert_int_equal(unshare(CLONE_NEWNS), 0);
	assert_int_equal(sys_mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL), 0);
}

static void lookup_open__links_of_root__followed_as_the_kernel_does(void **state)
{
	const struct world *w = *state;
	char far[PATH_MAX];

	NEEDS_ROOT(state);
	snprintf(far, sizeof(far), "%s/a//b/", w->dir);
	assert_int_equal(symlink("b", "a/near"), 0);
	assert_int_equal(symlink(far, "away/far"), 0);
	assert_int_equal(symlink("../away/./far", "a/up"), 0);
	assert_int_equal(symlink("/", "root"), 0);
	assert_int_equal(mkdir("a/b/c", 0755), 0);
	assert_true(leads_to(w, "a/near", "a/b"));
	assert_true(leads_to(w, "a/near/c", "a/b/c"));
	assert_true(leads_to(w, "away/far/c", "a/b/c"));
	assert_true(leads_to(w, "a/up/c", "a/b/c"));
	assert_true(leads_to(w, "root", "/"));
	assert_true(leads_to(w, "root/etc", "/etc"));
}

static void lookup_open__no_such_way__said_as_the_kernel_does(void **state)
{
	const struct world *w = *state;
	struct err err;

	NEEDS_ROOT(state);
	assert_int_equal(symlink("round", "round"), 0);
	assert_int_equal(symlink("nowhere", "away/dangling"), 0);
	assert_int_equal(symlink("a", "link"), 0);
	close(open("file", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
	assert_int_equal(look_up(w, "round", O_PATH, &err), -ELOOP);
	assert_non_null(strstr(err.msg, "/round': Too many levels of symbolic links"));
	assert_int_equal(look_up(w, "away/dangling", O_PATH, &err), -ENOENT);
	assert_int_equal(look_up(w, "link/none", O_PATH, &err), -ENOENT);
	assert_int_equal(look_up(w, "file/x", O_PATH, &err), -ENOTDIR);
	assert_int_equal(look_up(w, "link/../file/x", O_PATH, &err), -ENOTDIR);
	/* The caller's own wish. */
	assert_int_equal(look_up(w, "link", O_RDONLY | O_NOFOLLOW, &err), -ELOOP);
}

static void lookup_open__made_on_the_way__where_the_link_leads(void **state)
{
	const struct world *w = *state;
	struct err err;
	struct stat st;
	int fd;

	NEEDS_ROOT(state);
	assert_int_equal(symlink("a/b", "link"), 0);
	fd = look_up(w, "link/new", O_RDWR | O_CREAT, &err);
	assert_true(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
	close(fd);
	assert_int_equal(stat("a/b/new", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void lookup_open__links_of_others__refused_by_name(void **state)
{
	const struct world *w = *state;
	struct err err;

	NEEDS_ROOT(state);
	assert_int_equal(symlink("b", "a/link"), 0);
	assert_int_equal(lchown("a/link", 1000, 0), 0);
	assert_int_equal(look_up(w, "a/link", O_PATH, &err), -ELOOP);
	assert_non_null(strstr(err.msg, "/a/link' is not followed: user 1000 can change it"));
	assert_int_equal(lchown("a/link", 0, 1000), 0); /* a group has no say in a link */
	assert_true(leads_to(w, "a/link", "a/b"));
	assert_int_equal(chown("a", 7, 0), 0);
	assert_int_equal(look_up(w, "a/link", O_PATH, &err), -ELOOP);
	assert_non_null(strstr(err.msg, "user 7 can change it"));
	assert_int_equal(chown("a", 0, 0), 0);
	assert_int_equal(chmod("a", 0757), 0);
	assert_int_equal(look_up(w, "a/link", O_PATH, &err), -ELOOP);
	assert_non_null(strstr(err.msg, "others than root can change it"));
	assert_int_equal(chmod("a", 01777), 0); /* not what is another's: inode(7), S_ISVTX */
	assert_true(leads_to(w, "a/link", "a/b"));
	/* What no link leads through may be anybody's. */
	assert_int_equal(chown("a", 7, 7), 0);
	assert_true(leads_to(w, "a/b", "a/b"));
}

static void lookup_open__in_what_was_handed_out__refused_by_any_way(void **state)
{
	const struct world *w = *state;
	struct err err;

	NEEDS_ROOT(state);
	assert_int_equal(mark("a"), 1);
	assert_int_equal(symlink("/etc", "a/b/link"), 0);
	assert_int_equal(symlink("a/b", "way"), 0);
	assert_int_equal(look_up(w, "a/b/link", O_PATH, &err), -ELOOP);
	assert_non_null(strstr(err.msg, "/a/b/link' is not followed: containers can write to '"));
	assert_int_equal(look_up(w, "way/link", O_PATH, &err), -ELOOP);
	assert_non_null(strstr(err.msg, "/a/b/link' is not followed"));
	assert_true(leads_to(w, "way", "a/b"));
	/* Another mount of it, in a namespace of ours. */
	in_own_mounts();
	assert_int_equal(sys_mount("a", "away", NULL, MS_BIND, NULL), 0);
	assert_int_equal(look_up(w, "away/b/link", O_PATH, &err), -ELOOP);
	/* And below itself: the way up does not end there. */
	assert_int_equal(mkdir("a/b/again", 0755), 0);
	assert_int_equal(sys_mount("a/b", "a/b/again", NULL, MS_BIND, NULL), 0);
	assert_int_equal(look_up(w, "a/b/again/link", O_PATH, &err), -ELOOP);
	assert_int_equal(sys_umount2("a/b/again", MNT_DETACH), 0);
	assert_int_equal(sys_umount2("away", MNT_DETACH), 0);
	/* By another name. */
	assert_int_equal(rename("a", "renamed"), 0);
	assert_int_equal(look_up(w, "renamed/b/link", O_PATH, &err), -ELOOP);
	/* alone, it is as good as the operator's word */
	assert_int_equal(rename("renamed/b", "b"), 0);
	assert_true(leads_to(w, "b/link", "/etc"));
	/* Until the operator says that it is his again. */
	assert_int_equal(rename("b", "renamed/b"), 0);
	assert_int_equal(removexattr("renamed", HANDED_ATTRIBUTE), 0);
	assert_true(leads_to(w, "renamed/b/link", "/etc"));
}

/* tmpfs can have marks, ramfs and proc cannot. */
static void lookup_open__no_attributes__told_where_the_link_is(void **state)
{
	const struct world *w = *state;
	struct err err;

	NEEDS_ROOT(state);
	in_own_mounts();
	assert_int_equal(sys_mount("ram", "away", "ramfs", 0, "mode=0755"), 0);
	assert_int_equal(mkdir("away/dir", 0755), 0);
	assert_int_equal(symlink("dir", "away/link"), 0);
	assert_int_equal(mark("away"), 0);
	assert_true(leads_to(w, "away/dir", "away/dir"));
	assert_int_equal(look_up(w, "away/link", O_PATH, &err), -ELOOP);
	assert_non_null(strstr(err.msg, "/away/link' is not followed: the file system cannot say"));
	/* Mounted below: it came along with what could not be marked. */
	assert_int_equal(sys_mount("tmp", "away/dir", "tmpfs", 0, "mode=0755"), 0);
	assert_int_equal(symlink("/etc", "away/dir/link"), 0);
	assert_int_equal(look_up(w, "away/dir/link", O_PATH, &err), -ELOOP);
	assert_int_equal(sys_umount2("away/dir", MNT_DETACH), 0);
	assert_int_equal(sys_umount2("away", MNT_DETACH), 0);
	assert_int_equal(symlink("/proc/self/status", "link"), 0);
	assert_int_equal(look_up(w, "link", O_PATH, &err), -ELOOP);
	assert_non_null(strstr(err.msg,
			       "'/proc/self' is not followed: the file system cannot say"));
}

static int look_from_a_root_without(void *arg)
{
	const struct lookup below = { "/dev/link", "open", O_PATH };
	const struct lookup in = { "/link", "open", O_PATH };
	struct err err = { 0 };
	int fd;

	(void)arg;
	if (sys_mount("ram", "away", "ramfs", 0, "mode=0755") < 0 || mkdir("away/proc", 0755) < 0 ||
	    mkdir("away/dev", 0755) < 0 || symlink("dev", "away/link") < 0 ||
	    sys_mount("/proc", "away/proc", NULL, MS_BIND | MS_REC, NULL) < 0 ||
	    sys_mount("tmp", "away/dev", "tmpfs", 0, "mode=0755") < 0 ||
	    symlink("/proc", "away/dev/link") < 0 || chroot("away") < 0 || chdir("/") < 0)
		return 1;
	if (lookup_open(&fd, &below, &err) < 0)
		return 2;
	if (lookup_open(&fd, &in, &err) != -ELOOP)
		return 3;
	return mark("dev") != 1 || lookup_open(&fd, &below, &err) != -ELOOP ? 4 : 0;
}

/* A host that runs from its initramfs, or from NFS. */
static void lookup_open__root_without_attributes__links_of_dev_followed(void **state)
{
	const struct child_args args = { .flags = CLONE_NEWNS, .copy = true };

	NEEDS_ROOT(state);
	in_own_mounts();
	assert_int_equal(child_call(&args, look_from_a_root_without, NULL), 0);
}

/* Serves one request for what is at "away": with a tmpfs, or not at all. Exits with 0 then. */
static void automount(bool works, int ready_fd)
{
	struct autofs_v5_packet packet;
	char options[64];
	int fds[2], dir;

	(void)alarm(10); /* it may get nothing to do */
	if (setpgid(0, 0) < 0 || pipe(fds) < 0)
		_exit(1);
	snprintf(options, sizeof(options), "fd=%d,pgrp=%d,minproto=5,maxproto=5,direct", fds[1],
		 getpid());
	if (sys_mount("test", "away", "autofs", 0, options) < 0 ||
	    (dir = open("away", O_RDONLY | O_DIRECTORY)) < 0 || write(ready_fd, "", 1) != 1 ||
	    read(fds[0], &packet, sizeof(packet)) != (ssize_t)sizeof(packet) ||
	    packet.hdr.type != autofs_ptype_missing_direct)
		_exit(2);
	if (works && (sys_mount("tmp", "away", "tmpfs", 0, NULL) < 0 ||
		      mkdir("away/below", 0755) < 0))
		_exit(3);
	_exit(ioctl(dir, works ? AUTOFS_IOC_READY : AUTOFS_IOC_FAIL, packet.wait_queue_token) < 0);
}

/* Return: what a lookup came to, the file system of which is @fs then. */
static int look_up_automounted(const struct world *w, bool works, const char *name, long *fs)
{
	char path[PATH_MAX], byte;
	const struct lookup l = { path, "open", O_PATH };
	cleanup_close int fd = -EBADF;
	struct err err = { 0 };
	struct statfs st;
	int ready[2], status, r;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		automount(works, ready[1]);
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	snprintf(path, sizeof(path), "%s/%s", w->dir, name);
	r = lookup_open(&fd, &l, &err);
	if (r == 0)
		assert_int_equal(fstatfs(fd, &st), 0);
	*fs = r == 0 ? st.f_type : 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close_fd(&fd);
	while (sys_umount2("away", MNT_DETACH) == 0)
		;
	return r;
}

static void lookup_open__automounts__what_is_mounted(void **state)
{
	long fs;

	NEEDS_ROOT(state);
	in_own_mounts();
	assert_int_equal(look_up_automounted(*state, true, "away", &fs), 0);
	assert_int_equal(fs, TMPFS_MAGIC);
	assert_int_equal(look_up_automounted(*state, true, "away/below", &fs), 0);
	assert_int_equal(fs, TMPFS_MAGIC);
	assert_int_equal(look_up_automounted(*state, false, "away", &fs), -ENOENT);
	assert_int_equal(look_up_automounted(*state, false, "away/below", &fs), -ENOENT);
}

static void handed_mark__again_and_where_nobody_writes__said(void **state)
{
	NEEDS_ROOT(state);
	assert_int_equal(mark("a"), 1);
	assert_int_equal(mark("a"), 0);
	assert_int_equal(mark("a/b"), 1);
	in_own_mounts();
	assert_int_equal(sys_mount("a", "a", NULL, MS_BIND, NULL), 0);
	assert_int_equal(sys_mount("away", "away", NULL, MS_BIND, NULL), 0);
	for (const char *const *d = (const char *const[]){ "a", "away", NULL }; *d; d++)
		assert_int_equal(sys_mount(NULL, *d, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL),
				 0);
	assert_int_equal(mark("a"), 0);
	assert_int_equal(mark("away"), -EROFS);
	assert_int_equal(sys_umount2("a", MNT_DETACH), 0);
	assert_int_equal(sys_umount2("away", MNT_DETACH), 0);
}

static void handed_mark__immutable__said(void **state)
{
	cleanup_close int fd = open("a", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct err err = { 0 };
	int flags;

	NEEDS_ROOT(state);
	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		skip();
	flags |= FS_IMMUTABLE_FL;
	if (ioctl(fd, FS_IOC_SETFLAGS, &flags) < 0)
		skip(); /* no CAP_LINUX_IMMUTABLE */
	assert_int_equal(handed_mark(fd, &err), -EPERM);
	assert_non_null(strstr(err.msg,
			       "/a' as given to containers: it is immutable or append-only"));
	flags &= ~FS_IMMUTABLE_FL;
	assert_int_equal(ioctl(fd, FS_IOC_SETFLAGS, &flags), 0);
}

static int look_blindly(void *arg)
{
	const struct world *w = arg;
	struct err err;

	/* All capabilities, but none over the host. */
	if (unshare(CLONE_NEWUSER) < 0 ||
	    io_write_file(AT_FDCWD, "/proc/self/uid_map", "0 0 1", &err) < 0)
		return 1;
	if (mark("away") != 0)
		return 2;
	if (look_up(w, "link", O_PATH, &err) != -ELOOP)
		return 3;
	return strstr(err.msg, "only CAP_SYS_ADMIN of the host sees") ? 0 : 4;
}

static void lookup_open__no_right_to_see_marks__no_link_followed(void **state)
{
	const struct child_args args = { .copy = true };

	NEEDS_ROOT(state);
	assert_int_equal(symlink("a", "link"), 0);
	assert_true(leads_to(*state, "link", "a"));
	assert_int_equal(child_call(&args, look_blindly, *state), 0);
}

#define IN_WORLD(f) cmocka_unit_test_setup_teardown(f, make_world, drop_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(lookup_open__links_of_root__followed_as_the_kernel_does),
		IN_WORLD(lookup_open__no_such_way__said_as_the_kernel_does),
		IN_WORLD(lookup_open__made_on_the_way__where_the_link_leads),
		IN_WORLD(lookup_open__links_of_others__refused_by_name),
		IN_WORLD(lookup_open__in_what_was_handed_out__refused_by_any_way),
		IN_WORLD(lookup_open__no_attributes__told_where_the_link_is),
		IN_WORLD(lookup_open__root_without_attributes__links_of_dev_followed),
		IN_WORLD(lookup_open__no_right_to_see_marks__no_link_followed),
		IN_WORLD(lookup_open__automounts__what_is_mounted),
		IN_WORLD(handed_mark__again_and_where_nobody_writes__said),
		IN_WORLD(handed_mark__immutable__said),
	};

	return cmocka_run_group_tests_name("lookup", tests, NULL, NULL);
}
