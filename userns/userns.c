/* SPDX-License-Identifier: MIT */
/* A pod's user namespace: made, entered, found again; and whose ids it has. */
#include "userns/userns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>

#include "base/child.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/sys.h"

struct creation {
	pid_t parent;
	int done_fd; /* an eventfd: the child may go */
	struct userns *out;
	int r;
	struct err *err;
};

/* In the new namespace: be there until its maps are written. */
static int hold(void *arg)
{
	const struct creation *c = arg;
	uint64_t done;

	/* A podd that is killed leaves nobody here: neither from now on nor before. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != c->parent)
		return 1;
	return read(c->done_fd, &done, sizeof(done)) == sizeof(done) ? 0 : 1;
}

static int open_of(pid_t pid, struct err *err)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? err_sys(err, "open the user namespace of process %d", pid) : fd;
}

static int write_map(pid_t pid, const char *name, const char *text, struct err *err)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return io_write_file(AT_FDCWD, path, text, err);
}

static void write_maps(pid_t pid, void *arg)
{
	struct creation *c = arg;
	const uint64_t done = 1;
	char map[64];

	snprintf(map, sizeof(map), "0 %u %u\n", c->out->first, c->out->n);
	c->r = write_map(pid, "uid_map", map, c->err);
	if (c->r == 0)
		c->r = write_map(pid, "gid_map", map, c->err);
	if (c->r == 0) {
		c->out->fd = open_of(pid, c->err);
		c->r = c->out->fd < 0 ? c->out->fd : 0;
	}
	(void)io_write_all(c->done_fd, &done, sizeof(done)); /* an eventfd at 0 takes it */
}

/* After a change of ids, which takes some or all out of the effective set (capabilities(7)). */
static int raise_effective(struct err *err)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data) < 0)
		return err_sys(err, "read the capabilities");
	for (int i = 0; i < 2; i++)
		data[i].effective = data[i].permitted;
	return syscall(SYS_capset, &head, data) < 0 ? err_sys(err, "set the capabilities") : 0;
}

/* Should: let the id that nobody has be the namespace's owner, which is who makes it. */
static int create_as_owner(void *arg)
{
	struct creation *c = arg;
	const uint32_t owner = userns_outside_id(c->out);
	const struct child_args args = { .flags = CLONE_NEWUSER, .stack_size = CHILD_STACK_INNER };
	int r;

	c->parent = (pid_t)syscall(SYS_getpid);
	if (syscall(SYS_setresgid, -1, owner, -1) < 0 || syscall(SYS_setresuid, -1, owner, -1) < 0)
		return err_sys(c->err, "act as user %u", owner) != 0;
	if (raise_effective(c->err) < 0)
		return 1;
	r = child_call_beside(&args, hold, write_maps, c);
	if (r < 0)
		return err_set(c->err, -r, "make the pod's user namespace: %s", strerror(-r)) != 0;
	return c->r < 0;
}

/**
 * userns_create() - make a user namespace with USERNS_IDS ids
 * @out: receives it; @out->fd is O_CLOEXEC and the caller's
 * @first: the host's id of its 0; USERNS_RANGE of them are the pod's
 * @err: not NULL
 *
 * Return: 0 or -errno with @err filled (ENOSPC: user.max_user_namespaces;
 * EPERM: no CAP_SETUID, or a security module says no; user_namespaces(7)).
 */
int userns_create(struct userns *out, uint32_t first, struct err *err)
{
	cleanup_close int done = eventfd(0, EFD_CLOEXEC);
	struct creation c = { .done_fd = done, .out = out, .err = err };
	int r;

	*out = (struct userns){ .fd = -EBADF, .first = first, .n = USERNS_IDS };
	if (done < 0)
		return err_sys(err, "make an eventfd");
	r = child_call(NULL, create_as_owner, &c);
	if (r == 0)
		return 0;
	close_fd(&out->fd);
	if (r < 0)
		return err_set(err, -r, "make the pod's user namespace: %s", strerror(-r));
	return -err->code;
}

/**
 * userns_find() - the user namespace that a process is in
 * @pid: one that cannot be another's meanwhile
 *
 * One that has all ids, as they are, is taken for the host's.
 *
 * Return: 0 or -errno with @err filled.
 */
int userns_find(struct userns *out, pid_t pid, struct err *err)
{
	unsigned inside, first, n;
	char path[64], map[128];
	int r;

	*out = USERNS_HOST;
	snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	r = (int)io_read_file(AT_FDCWD, path, map, sizeof(map), err);
	if (r < 0)
		return r;
	if (sscanf(map, "%u %u %u", &inside, &first, &n) != 3)
		return err_set(err, EPROTO, "'%s' is no map of ids", path);
	if (first == 0)
		return 0;
	*out = (struct userns){ .fd = open_of(pid, err), .first = first, .n = n };
	return out->fd < 0 ? out->fd : 0;
}

/**
 * userns_enter() - become root of the pod
 *
 * All capabilities in the namespace, none outside; what is made from here on
 * belongs to the pod's root. Nothing to do for the host's namespace.
 *
 * Return: 0 or -errno with @err filled.
 */
int userns_enter(const struct userns *ns, struct err *err)
{
	if (ns->fd < 0)
		return 0;
	if (setns(ns->fd, CLONE_NEWUSER) < 0)
		return err_sys(err, "join the pod's user namespace");
	/* The raw calls: see identity_become(). */
	if (syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setresgid, 0, 0, 0) < 0 ||
	    syscall(SYS_setresuid, 0, 0, 0) < 0)
		return err_sys(err, "become the pod's root");
	return 0;
}

/**
 * userns_enter_as_nobody() - be in the namespace with an id that it has not
 *
 * All capabilities in the namespace, none outside, until an execve.
 *
 * Return: 0 or -errno with @err filled.
 */
int userns_enter_as_nobody(const struct userns *ns, struct err *err)
{
	const uint32_t id = userns_outside_id(ns);

	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return err_sys(err, "keep the capabilities");
	if (syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setresgid, id, id, id) < 0 ||
	    syscall(SYS_setresuid, id, id, id) < 0)
		return err_sys(err, "become user %u", id);
	if (raise_effective(err) < 0)
		return -err->code;
	return setns(ns->fd, CLONE_NEWUSER) < 0 ? err_sys(err, "join the pod's user namespace") : 0;
}

/**
 * userns_act_as_root() - let what the caller makes in file systems be the pod root's
 *
 * Unlike userns_enter() the caller keeps the host's capabilities. Changing the
 * file system ids takes those that concern files out of the effective set
 * (capabilities(7)), and forgets the signal for the parent's death (prctl(2)), so
 * they are put back.
 *
 * Return: 0 or -errno with @err filled.
 */
int userns_act_as_root(const struct userns *ns, struct err *err)
{
	int death_signal;

	if (ns->fd < 0)
		return 0;
	if (prctl(PR_GET_PDEATHSIG, &death_signal) < 0)
		return err_sys(err, "ask for the signal of the parent's death");
	/* Neither says whether it worked: setfsuid(2). */
	(void)syscall(SYS_setfsgid, ns->first);
	(void)syscall(SYS_setfsuid, ns->first);
	if ((uint32_t)syscall(SYS_setfsuid, -1) != ns->first)
		return err_set(err, EPERM, "make files as user %u", ns->first);
	if (raise_effective(err) < 0)
		return -err->code;
	if (prctl(PR_SET_PDEATHSIG, death_signal) < 0)
		return err_sys(err, "set the signal of the parent's death");
	return 0;
}

/**
 * userns_map_mount() - let a mount show the pod's ids for what it shows now
 * @mount_fd: detached
 * @flags: AT_RECURSIVE or 0
 *
 * Nothing to do for the host's namespace (mount_setattr(2), MOUNT_ATTR_IDMAP,
 * Linux 5.12; which file systems can differs by version).
 *
 * Return: 0 or -errno (EINVAL: the file system cannot; EPERM: it is idmapped already).
 */
int userns_map_mount(const struct userns *ns, int mount_fd, unsigned flags)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)ns->fd };

	if (ns->fd < 0)
		return 0;
	return sys_mount_setattr(mount_fd, "", AT_EMPTY_PATH | flags, &attr) < 0 ? -errno : 0;
}
