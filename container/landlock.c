/* SPDX-License-Identifier: MIT */
/* Landlock: the container's own tree, and no other file of the host. */
#include "container/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/fd.h"
#include "base/sys.h"

#ifndef SYS_landlock_create_ruleset /* musl before 1.2.3; the same on all architectures */
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule	    445
#define SYS_landlock_restrict_self  446
#endif

/* linux/landlock.h, which is older than the kernel on many a host that builds this. */
#define FS_EXECUTE    (UINT64_C(1) << 0)
#define FS_WRITE_FILE (UINT64_C(1) << 1)
#define FS_READ_FILE  (UINT64_C(1) << 2)
#define FS_READ_DIR   (UINT64_C(1) << 3)
#define FS_REFER      (UINT64_C(1) << 13)
#define FS_TRUNCATE   (UINT64_C(1) << 14)
#define FS_IOCTL_DEV  (UINT64_C(1) << 15)
#define FS_ABI_1      ((UINT64_C(1) << 13) - 1)
#define FS_OF_FILES   (FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV)
#define FS_READ	      (FS_EXECUTE | FS_READ_FILE | FS_READ_DIR)

#define SCOPE_ABSTRACT_UNIX_SOCKET (UINT64_C(1) << 0)
#define CREATE_RULESET_VERSION	   1
#define RULE_PATH_BENEATH	   1

struct ruleset_attr {
	uint64_t handled_access_fs, handled_access_net, scoped;
};

struct path_beneath_attr {
	uint64_t allowed_access;
	int32_t parent_fd;
} __attribute__((packed));

struct ruleset {
	int fd;
	uint64_t handled;
	struct err *err;
};

/**
 * landlock_abi() - what the kernel has of it
 *
 * Return: the version; 0 when there is none, or it was switched off at boot.
 */
int landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);

	return abi < 0 ? 0 : (int)abi;
}

static uint64_t rights_of(int abi)
{
	return FS_ABI_1 | (abi >= 2 ? FS_REFER : 0) | (abi >= 3 ? FS_TRUNCATE : 0) |
	       (abi >= 5 ? FS_IOCTL_DEV : 0);
}

static int add_rule(const struct ruleset *r, int fd, uint64_t rights)
{
	struct path_beneath_attr rule = { .allowed_access = rights & r->handled, .parent_fd = fd };
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		rule.allowed_access &= FS_OF_FILES;
	if ((int)syscall(SYS_landlock_add_rule, r->fd, RULE_PATH_BENEATH, &rule, 0) < 0)
		return -errno;
	return 0;
}

static bool is_writable(int fd)
{
	struct statvfs fs;

	return fstatvfs(fd, &fs) == 0 && !(fs.f_flag & ST_RDONLY);
}

/*
 * By the container's path; what is not there needs no rule. Links that a container has made
 * in a volume may lead the path of one below it to anywhere, or nowhere, so on a mount that
 * is read-only nothing more than to read.
 */
static int allow(const struct ruleset *r, const char *path, uint64_t rights)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	cleanup_close int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	cleanup_close int fd = root < 0 ? -1 : sys_openat2(root, path, &how);
	int e;

	if (fd < 0 && root >= 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
		return 0;
	if (fd >= 0 && !is_writable(fd))
		rights &= FS_READ;
	e = fd < 0 ? -errno : add_rule(r, fd, rights);
	if (e < 0)
		return err_set(r->err, -e, "make a Landlock rule for '%s': %s", path, strerror(-e));
	return 0;
}

static int allow_writable_mounts(const struct ruleset *r, const struct container_spec *spec)
{
	int e = allow(r, "/dev", r->handled);

	if (e == 0)
		e = allow(r, "/proc", r->handled);
	for (size_t i = 0; e == 0 && i < spec->volume_n; i++)
		if (!spec->volumes[i].read_only)
			e = allow(r, spec->volumes[i].target, r->handled);
	for (size_t i = 0; e == 0 && i < spec->tmpfs_n; i++)
		e = allow(r, spec->tmpfs[i].target, r->handled);
	return e;
}

/* What it was given it may open again, as /dev/stdout, in the way that it was opened: but
 * no directory, which would be all that is below it. */
static void allow_stdio(const struct ruleset *r, const int *stdio)
{
	for (int i = 0; i < 3; i++) {
		int mode = fcntl(stdio[i], F_GETFL);
		uint64_t rights = FS_IOCTL_DEV;
		struct stat st;

		if (mode < 0 || fstat(stdio[i], &st) < 0 || S_ISDIR(st.st_mode))
			continue;
		mode &= O_ACCMODE;
		rights |= mode != O_WRONLY ? FS_READ_FILE : 0;
		rights |= mode != O_RDONLY ? FS_WRITE_FILE | FS_TRUNCATE : 0;
		/* EBADFD: a pipe or socket, which needs none */
		(void)add_rule(r, stdio[i], rights);
	}
}

/**
 * landlock_create() - the rules for a program of a container
 * @out: receives them, O_CLOEXEC, the caller's; -EBADF: there is to be no wall
 *
 * By a process in the container's mount namespace that may look up any path there.
 * It uses no heap.
 *
 * Return: 0 or -errno with @err filled (EOPNOTSUPP: the spec insists, the kernel has none).
 */
int landlock_create(int *out, const struct landlock_args *args, struct err *err)
{
	const struct container_spec *spec = args->spec;
	struct ruleset_attr attr = { 0 };
	cleanup_close int fd = -EBADF;
	struct ruleset r = { .err = err };
	int e, abi = spec && container_landlock_wanted(spec) ? landlock_abi() : 0;

	*out = -EBADF;
	if (abi < LANDLOCK_ABI_MIN)
		return spec && spec->landlock == CONTAINER_LANDLOCK_YES ?
			       err_set(err, EOPNOTSUPP,
				       "Landlock=yes: the kernel has no Landlock, or one before "
				       "Linux 5.19") : 0;
	attr.handled_access_fs = r.handled = rights_of(abi);
	if (abi >= 6 && args->host_network)
		attr.scoped = SCOPE_ABSTRACT_UNIX_SOCKET;
	/* An older kernel takes a longer structure if the rest of it is 0. */
	fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (fd < 0)
		return err_sys(err, "make a Landlock ruleset");
	r.fd = fd;
	if (spec->writable != CONTAINER_WRITABLE_NO) {
		e = allow(&r, "/", r.handled);
	} else {
		e = allow(&r, "/", FS_READ);
		if (e == 0)
			e = allow_writable_mounts(&r, spec);
	}
	/* By itself: mq_open(3) goes by a mount of the kernel's own, which is not below "/". */
	if (e == 0)
		e = allow(&r, "/dev/mqueue", r.handled);
	if (e < 0)
		return e;
	if (args->stdio)
		allow_stdio(&r, args->stdio);
	*out = take_fd(&fd);
	return 0;
}

/**
 * landlock_enter() - put the calling thread, and all that it starts, behind the wall
 * @ruleset_fd: of landlock_create(), borrowed; -EBADF: nothing is done
 *
 * Needs CAP_SYS_ADMIN in the caller's user namespace, or no_new_privs.
 *
 * Return: 0 or -errno with @err filled.
 */
int landlock_enter(int ruleset_fd, struct err *err)
{
	if (ruleset_fd >= 0 && syscall(SYS_landlock_restrict_self, ruleset_fd, 0) < 0)
		return err_sys(err, "enforce the Landlock rules");
	return 0;
}
