/* SPDX-License-Identifier: MIT */
/* One control group: create, enter, freeze, kill, watch, remove. */
#include "cgroup/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/io.h"

#define GROUP_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/**
 * cgroup_path() - where a group is, as an absolute path, for people
 * @buf: receives the path; cut when it does not fit
 *
 * Return: 0 or -errno, with "?" in @buf.
 */
int cgroup_path(const struct cgroup *cg, char *buf, size_t size)
{
	char link[32];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", cg->dirfd);
	n = readlink(link, buf, size - 1);
	if (n < 0) {
		n = -errno;
		snprintf(buf, size, "?");
		return (int)n;
	}
	buf[n] = '\0';
	return 0;
}

/* Puts "cgroup 'path'" in front of an error about a file in the group. */
static int wrap_path(const struct cgroup *cg, int r, struct err *err)
{
	char path[256];

	(void)cgroup_path(cg, path, sizeof(path)); /* "?" will do */
	return err_wrap(err, r, "cgroup '%s'", path);
}

/**
 * cgroup_open() - open a group that is there
 * @out: the caller owns it
 * @parent_fd: the group above
 *
 * Return: 0 or -errno with @err filled.
 */
int cgroup_open(struct cgroup *out, int parent_fd, const char *name, struct err *err)
{
	int fd = openat(parent_fd, name, GROUP_FLAGS);

	if (fd < 0)
		return err_sys(err, "open cgroup '%s'", name);
	out->dirfd = fd;
	return 0;
}

/**
 * cgroup_close() - close the descriptor; the group stays
 */
void cgroup_close(struct cgroup *cg)
{
	close_fd(&cg->dirfd);
}

/* A group of our name is there: nobody's is replaced, somebody's is an error. */
static int clear_leftover(int parent_fd, const char *name, struct err *err)
{
	struct cgroup old = { .dirfd = -EBADF };
	cleanup_close int events = -EBADF;
	char path[256];
	int r = cgroup_open(&old, parent_fd, name, err);

	if (r < 0)
		return r;
	events = cgroup_events_open(&old, err);
	r = events < 0 ? events : cgroup_events_populated(events, err);
	if (r > 0) {
		(void)cgroup_path(&old, path, sizeof(path)); /* "?" will do */
		r = err_set(err, EBUSY, "cgroup '%s' is taken: processes live in it", path);
	}
	cgroup_close(&old);
	return r < 0 ? r : cgroup_remove(parent_fd, name, 0, err);
}

/**
 * cgroup_create() - make a group
 * @out: the caller owns it; cgroup_remove() removes the group
 * @parent_fd: the group above
 * @name: an empty group of that name is replaced (new counters)
 *
 * Return: 0 or -errno with @err filled; -EBUSY: processes live in a group of
 * that name; -ENODEV: the group above was removed.
 */
int cgroup_create(struct cgroup *out, int parent_fd, const char *name, struct err *err)
{
	int r;

	if (mkdirat(parent_fd, name, 0755) == 0)
		return cgroup_open(out, parent_fd, name, err);
	if (errno != EEXIST)
		return err_sys(err, "create cgroup '%s'", name);
	r = clear_leftover(parent_fd, name, err);
	if (r < 0)
		return r;
	if (mkdirat(parent_fd, name, 0755) < 0)
		return err_sys(err, "create cgroup '%s'", name);
	return cgroup_open(out, parent_fd, name, err);
}

static int container_group_name(char out[NAME_MAX + 1], const char *container, struct err *err)
{
	if (snprintf(out, NAME_MAX + 1, CGROUP_CONTAINER_PREFIX "%s", container) > NAME_MAX)
		return err_set(err, ENAMETOOLONG, "cgroup '%.80s...': name too long", container);
	return 0;
}

/**
 * cgroup_container_create() - make the group of a container
 * @out: the caller owns it
 * @pod: the group of its pod
 *
 * Where memory is controlled, an OOM kill takes the whole container, never one
 * process out of its middle.
 *
 * Return: 0 or -errno with @err filled, as cgroup_create().
 */
int cgroup_container_create(struct cgroup *out, const struct cgroup *pod, const char *container,
			    struct err *err)
{
	char name[NAME_MAX + 1];
	struct cgroup cg;
	int r = container_group_name(name, container, err);

	if (r < 0)
		return r;
	r = cgroup_create(&cg, pod->dirfd, name, err);
	if (r < 0)
		return r;
	r = io_write_file(cg.dirfd, "memory.oom.group", "1", err);
	if (r < 0 && r != -ENOENT) {
		r = wrap_path(&cg, r, err);
		cgroup_close(&cg);
		return r;
	}
	*out = cg;
	return 0;
}

/**
 * cgroup_container_open() - open the group of a container that runs
 *
 * Return: 0 or -errno with @err filled; -ENOENT: there is none.
 */
int cgroup_container_open(struct cgroup *out, const struct cgroup *pod, const char *container,
			  struct err *err)
{
	char name[NAME_MAX + 1];
	int r = container_group_name(name, container, err);

	return r < 0 ? r : cgroup_open(out, pod->dirfd, name, err);
}

/**
 * cgroup_containers_prune() - remove the empty groups of containers that a pod has not
 * @stays: which ones it has
 *
 * Of a podd that was killed while it took a container away. What cannot be removed
 * goes with the pod.
 */
void cgroup_containers_prune(const struct cgroup *pod,
			     bool (*stays)(const char *container, const void *ctx), const void *ctx)
{
	size_t prefix = strlen(CGROUP_CONTAINER_PREFIX);
	int fd = openat(pod->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;

	if (!dir) {
		close_fd(&fd);
		return;
	}
	while ((d = readdir(dir)))
		if (strncmp(d->d_name, CGROUP_CONTAINER_PREFIX, prefix) == 0 &&
		    !stays(d->d_name + prefix, ctx))
			(void)unlinkat(pod->dirfd, d->d_name, AT_REMOVEDIR); /* EBUSY: see above */
	(void)closedir(dir);
}

/**
 * cgroup_container_remove() - kill what is in a container's group, and remove it
 *
 * Return: as cgroup_remove().
 */
int cgroup_container_remove(const struct cgroup *pod, const char *container, unsigned timeout_ms,
			    struct err *err)
{
	char name[NAME_MAX + 1];
	int r = container_group_name(name, container, err);

	return r < 0 ? r : cgroup_remove(pod->dirfd, name, timeout_ms, err);
}

static const struct {
	unsigned bit;
	const char *name;
} controllers_known[] = {
	{ CGROUP_CPU, "cpu" },
	{ CGROUP_IO, "io" },
	{ CGROUP_MEMORY, "memory" },
	{ CGROUP_PIDS, "pids" },
	{ CGROUP_CPUSET, "cpuset" },
	{ CGROUP_HUGETLB, "hugetlb" },
};

/* Those of the controllers in a file of names that we know. */
static unsigned read_controllers(int group_fd, const char *file)
{
	char buf[256], *rest = buf, *word;
	unsigned set = 0;

	if (io_read_file(group_fd, file, buf, sizeof(buf), NULL) < 0)
		return 0;
	while ((word = strsep(&rest, " \n")))
		for (size_t i = 0; i < ARRAY_SIZE(controllers_known); i++)
			if (strcmp(word, controllers_known[i].name) == 0)
				set |= controllers_known[i].bit;
	return set;
}

/**
 * cgroup_controllers() - the controllers that a group has, and could give to those below
 *
 * Return: a set of enum cgroup_controller.
 */
unsigned cgroup_controllers(int group_fd)
{
	return read_controllers(group_fd, "cgroup.controllers");
}

static int write_enabled(int group_fd, unsigned controllers)
{
	char text[64];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(controllers_known); i++)
		if (controllers & controllers_known[i].bit)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "+%s ",
					      controllers_known[i].name);
	return io_write_file(group_fd, "cgroup.subtree_control", text, NULL);
}

/**
 * cgroup_enable() - give a group's children controllers
 * @group_fd: the group whose cgroup.subtree_control it is
 * @controllers: enum cgroup_controller
 *
 * Best effort: a controller may be absent from this hierarchy, or refused since
 * processes live in the group itself (EBUSY). Who needs it for a limit finds
 * out in cgroup_limits_apply(). One write as a rule, and none for what is on: a
 * write waits for groups that are still dying, and before Linux 6.0 for an RCU
 * grace period. The kernel takes all or nothing of it, so when it refuses, each one
 * is asked for by itself.
 */
void cgroup_enable(int group_fd, unsigned controllers)
{
	unsigned want = controllers & cgroup_controllers(group_fd) &
			~read_controllers(group_fd, "cgroup.subtree_control");

	if (!want || write_enabled(group_fd, want) == 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(controllers_known); i++)
		if (want & controllers_known[i].bit)
			(void)write_enabled(group_fd, controllers_known[i].bit);
}

/**
 * cgroup_kill() - send SIGKILL to all in the group and below, at once
 *
 * Linux 5.14 (cgroup.kill). Forks that run at that moment are killed too, and
 * in kernels with a fault so is every later child of CLONE_INTO_CGROUP (see
 * clone_inside_group() in container/process.c). Does not wait: see
 * cgroup_wait_empty().
 *
 * Return: 0 or -errno with @err filled.
 */
int cgroup_kill(const struct cgroup *cg, struct err *err)
{
	int r = io_write_file(cg->dirfd, "cgroup.kill", "1", err);

	return r < 0 ? wrap_path(cg, r, err) : 0;
}

/**
 * cgroup_freeze() - stop, or let go on, all in the group and below
 *
 * The kernel freezes later: "frozen 1" in cgroup.events. A frozen process can
 * be killed.
 *
 * Return: 0 or -errno with @err filled.
 */
int cgroup_freeze(const struct cgroup *cg, bool frozen, struct err *err)
{
	int r = io_write_file(cg->dirfd, "cgroup.freeze", frozen ? "1" : "0", err);

	return r < 0 ? wrap_path(cg, r, err) : 0;
}

/**
 * cgroup_events_open() - open cgroup.events, to be polled for POLLPRI
 *
 * The kernel reports a change since the last read of this very descriptor:
 * call cgroup_events_populated() first, then poll, then call it again.
 *
 * Return: a descriptor of the caller's, or -errno with @err filled.
 */
int cgroup_events_open(const struct cgroup *cg, struct err *err)
{
	int fd = openat(cg->dirfd, "cgroup.events", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? wrap_path(cg, err_sys(err, "open 'cgroup.events'"), err) : fd;
}

/* A line of cgroup.events, "populated 0\nfrozen 0\n". */
static int read_event(int events_fd, const char *key, struct err *err)
{
	char buf[128];
	ssize_t n = pread(events_fd, buf, sizeof(buf) - 1, 0);
	const char *at;

	if (n < 0)
		return err_sys(err, "read 'cgroup.events'");
	buf[n] = '\0';
	at = strstr(buf, key);
	if (!at)
		return err_set(err, EPROTO, "read 'cgroup.events': no '%s' in it", key);
	return at[strlen(key)] != '0';
}

/**
 * cgroup_events_populated() - does a process live in the group or below?
 * @events_fd: from cgroup_events_open()
 *
 * Return: 1 or 0, or -errno with @err filled; -ENODEV: the group is gone.
 */
int cgroup_events_populated(int events_fd, struct err *err)
{
	return read_event(events_fd, "populated ", err);
}

/**
 * cgroup_events_frozen() - does every process in the group and below stand still?
 * @events_fd: from cgroup_events_open()
 *
 * Also when a group above was frozen, and when no process is left in one that was.
 *
 * Return: 1 or 0, or -errno with @err filled; -ENODEV: the group is gone.
 */
int cgroup_events_frozen(int events_fd, struct err *err)
{
	return read_event(events_fd, "frozen ", err);
}

/**
 * cgroup_is_frozen() - the same, of a group whose cgroup.events somebody else polls
 *
 * A read of the descriptor that is polled would take the word of a change from it.
 *
 * Return: also false when that cannot be read.
 */
bool cgroup_is_frozen(const struct cgroup *cg)
{
	cleanup_close int fd = cgroup_events_open(cg, NULL);

	return fd >= 0 && cgroup_events_frozen(fd, NULL) > 0;
}

/**
 * cgroup_freeze_asked() - was the group itself frozen, or is it about to be?
 *
 * Return: also false when that cannot be read.
 */
bool cgroup_freeze_asked(const struct cgroup *cg)
{
	char buf[8];

	return io_read_file(cg->dirfd, "cgroup.freeze", buf, sizeof(buf), NULL) > 0 &&
	       buf[0] == '1';
}

/**
 * cgroup_wait_empty() - wait until no process is left in the group and below
 * @timeout_ms: 0 only looks
 *
 * Return: 0 or -errno with @err filled; -ETIMEDOUT: some are left.
 */
int cgroup_wait_empty(const struct cgroup *cg, unsigned timeout_ms, struct err *err)
{
	uint64_t now = clock_boottime_ns(), end = now + timeout_ms * NSEC_PER_MSEC;
	cleanup_close int fd = cgroup_events_open(cg, err);
	struct pollfd p = { .fd = fd, .events = POLLPRI };
	int r;

	if (fd < 0)
		return fd;
	for (;; now = clock_boottime_ns()) {
		r = cgroup_events_populated(fd, err);
		if (r <= 0)
			return r < 0 ? wrap_path(cg, r, err) : 0;
		if (now >= end)
			break;
		r = poll(&p, 1, (int)((end - now + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC));
		if (r < 0 && errno != EINTR)
			return wrap_path(cg, err_sys(err, "poll 'cgroup.events'"), err);
	}
	r = timeout_ms > 0 ?
		    err_set(err, ETIMEDOUT, "processes are left after %u ms", timeout_ms) :
		    err_set(err, ETIMEDOUT, "processes live in it");
	return wrap_path(cg, r, err);
}

/* The name of one group right below; false when there is none. */
static bool first_child(int fd, char name[NAME_MAX + 1])
{
	int dup_fd = openat(fd, ".", GROUP_FLAGS);
	DIR *dir = dup_fd < 0 ? NULL : fdopendir(dup_fd);
	struct dirent *d = NULL;

	if (!dir) {
		close_fd(&dup_fd);
		return false;
	}
	while ((d = readdir(dir)))
		if (d->d_type == DT_DIR && strcmp(d->d_name, ".") != 0 &&
		    strcmp(d->d_name, "..") != 0)
			break;
	if (d)
		snprintf(name, NAME_MAX + 1, "%s", d->d_name);
	(void)closedir(dir);
	return d;
}

/*
 * Removes all groups below an empty one. Walks down to a leaf, removes it and
 * goes up: one descriptor whatever the depth, since a container may have made
 * groups of any depth below its own.
 */
static int remove_children(const struct cgroup *top, struct err *err)
{
	cleanup_close int fd = openat(top->dirfd, ".", GROUP_FLAGS);
	char name[NAME_MAX + 1];
	unsigned depth = 0;

	while (fd >= 0) {
		bool child = first_child(fd, name);
		int next, r;

		if (!child && depth == 0)
			return 0;
		fault_kill("cgroup-remove");
		if (child && (unlinkat(fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT))
			continue;
		if (child && errno != EBUSY && errno != ENOTEMPTY)
			break;
		/* EBUSY has two causes: groups below, where we go, and processes. */
		r = child ? cgroup_wait_empty(top, 0, err) : 0;
		if (r < 0)
			return r;
		next = openat(fd, child ? name : "..", GROUP_FLAGS);
		depth = child ? depth + 1 : depth - 1;
		close_fd(&fd);
		fd = next;
	}
	return wrap_path(top, err_sys(err, "remove a group below"), err);
}

/**
 * cgroup_remove() - kill all in a group, wait, remove it and all below it
 * @parent_fd: the group above
 * @name: nothing of that name is no error
 * @timeout_ms: how long the killed processes may take to be gone; 0: nobody is
 *	       killed
 *
 * Return: 0 or -errno with @err filled; -ETIMEDOUT: a process is left (one that
 * was killed and is not gone hangs in the kernel).
 */
int cgroup_remove(int parent_fd, const char *name, unsigned timeout_ms, struct err *err)
{
	struct cgroup cg = { .dirfd = openat(parent_fd, name, GROUP_FLAGS) };
	int r;

	if (cg.dirfd < 0)
		return errno == ENOENT ? 0 : err_sys(err, "open cgroup '%s'", name);
	r = cgroup_wait_empty(&cg, 0, err);
	if (r == -ETIMEDOUT && timeout_ms > 0) {
		r = cgroup_kill(&cg, err);
		if (r == 0)
			r = cgroup_wait_empty(&cg, timeout_ms, err);
	}
	if (r == 0)
		r = remove_children(&cg, err);
	cgroup_close(&cg);
	if (r == 0 && unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		r = err_sys(err, "remove cgroup '%s'", name);
	return r;
}
