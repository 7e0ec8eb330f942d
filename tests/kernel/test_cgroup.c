/* SPDX-License-Identifier: MIT */
/* cgroup v2 as the kernel does it, and cgroup/ on real groups. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "base/child.h"
#include "base/fd.h"
#include "base/io.h"
#include "cgroup/cgroup.h"
#include "tests/kernel/test_cgroup.h"

static bool populated(const struct cgroup *cg)
{
	cleanup_close int fd = cgroup_events_open(cg, NULL);
	int r = cgroup_events_populated(fd, NULL);

	assert_true(r >= 0);
	return r;
}

/* What one process sees; filled by a child that shares our memory. */
struct view {
	char own[512]; /* the v2 line of /proc/self/cgroup */
	int ns;        /* joined first, when >= 0 */
	int error;
};

static int look(void *arg)
{
	struct view *v = arg;
	char buf[4096], *rest = buf, *line;

	if (v->ns >= 0 && setns(v->ns, CLONE_NEWCGROUP) < 0)
		v->error = errno;
	if (io_read_file(AT_FDCWD, "/proc/self/cgroup", buf, sizeof(buf), NULL) < 0)
		v->error = errno;
	while ((line = strsep(&rest, "\n"))) {
		const char *own = cgroup_own_parse(line);

		if (own)
			snprintf(v->own, sizeof(v->own), "%s", own);
	}
	return 0;
}

static void look_from(int cgroup_fd, uint64_t flags, struct view *v)
{
	struct child_args args = { .flags = CLONE_INTO_CGROUP | flags, .cgroup_fd = cgroup_fd,
				   .exit_signal = SIGCHLD };
	pid_t pid = child_spawn(&args, look, v);

	assert_true(pid > 0);
	assert_int_equal(reap(pid), 0);
	assert_int_equal(v->error, 0);
}

/* ---- kernel contracts ---- */

static void clone_into_cgroup__directory_or_path_fd__born_in_it(void **state)
{
	struct fixture *f = need(state);
	cleanup_close int path_fd = openat(f->top.dirfd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct view v = { .ns = -1 };
	char want[40];

	snprintf(want, sizeof(want), "/%s", f->name);
	look_from(f->top.dirfd, 0, &v);
	assert_string_equal(strrchr(v.own, '/'), want);
	v.own[0] = '\0';
	look_from(path_fd, 0, &v);
	assert_string_equal(strrchr(v.own, '/'), want);
}

static void clone_into_cgroup__removed_group__refused(void **state)
{
	struct fixture *f = need(state);
	struct cgroup cg;
	int r;

	assert_int_equal(cgroup_create(&cg, f->top.dirfd, "gone", NULL), 0);
	assert_int_equal(unlinkat(f->top.dirfd, "gone", AT_REMOVEDIR), 0);
	r = spawn_into(cg.dirfd, exec_sleep, NULL);
	assert_true(r == -ENODEV || r == -ENOENT);
	cgroup_close(&cg);
}

static void mkdir__in_removed_group__enodev_or_enoent(void **state)
{
	struct fixture *f = need(state);
	struct cgroup cg;

	assert_int_equal(cgroup_create(&cg, f->top.dirfd, "gone", NULL), 0);
	assert_int_equal(unlinkat(f->top.dirfd, "gone", AT_REMOVEDIR), 0);
	assert_int_equal(mkdirat(cg.dirfd, "x", 0755), -1);
	assert_true(errno == ENODEV || errno == ENOENT);
	cgroup_close(&cg);
}

static void rmdir__populated_or_with_children__ebusy(void **state)
{
	struct fixture *f = need(state);
	struct cgroup cg;
	pid_t pid;

	assert_int_equal(cgroup_create(&cg, f->top.dirfd, "a", NULL), 0);
	pid = spawn_into(cg.dirfd, exec_sleep, NULL);
	assert_true(pid > 0);
	assert_int_equal(unlinkat(f->top.dirfd, "a", AT_REMOVEDIR), -1);
	assert_int_equal(errno, EBUSY);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_killed(pid);
	assert_int_equal(mkdirat(cg.dirfd, "b", 0755), 0);
	assert_int_equal(unlinkat(f->top.dirfd, "a", AT_REMOVEDIR), -1);
	assert_true(errno == EBUSY || errno == ENOTEMPTY);
	cgroup_close(&cg);
}

static void cgroup_events__last_process_ends__pollpri(void **state)
{
	struct fixture *f = need(state);
	cleanup_close int fd = cgroup_events_open(&f->top, NULL);
	struct pollfd p = { .fd = fd, .events = POLLPRI };
	pid_t pid = spawn_into(f->top.dirfd, exec_sleep, NULL);

	assert_true(pid > 0);
	assert_int_equal(cgroup_events_populated(fd, NULL), 1);
	assert_int_equal(poll(&p, 1, 0), 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	while (cgroup_events_populated(fd, NULL) == 1) {
		assert_int_equal(poll(&p, 1, KILL_TIMEOUT_MS), 1);
		assert_true(p.revents & POLLPRI);
	}
	/* Empty although its last process is a zombie still. */
	assert_int_equal(cgroup_events_populated(fd, NULL), 0);
	assert_killed(pid);
}

static void cgroup_kill__frozen_tree__all_killed(void **state)
{
	struct fixture *f = need(state);
	struct cgroup cg, below;
	pid_t a, b;

	assert_int_equal(cgroup_create(&cg, f->top.dirfd, "k", NULL), 0);
	assert_int_equal(cgroup_create(&below, cg.dirfd, "below", NULL), 0);
	a = spawn_into(cg.dirfd, exec_sleep, NULL);
	b = spawn_into(below.dirfd, exec_sleep, NULL);
	assert_true(a > 0 && b > 0);
	assert_int_equal(cgroup_freeze(&cg, true, NULL), 0);
	assert_int_equal(cgroup_kill(&cg, NULL), 0);
	assert_killed(a);
	assert_killed(b);
	assert_int_equal(cgroup_wait_empty(&cg, 0, NULL), 0);
	cgroup_close(&below);
	cgroup_close(&cg);
}

/* Which group is "/" in a cgroup namespace? Its owner must see nothing above it. */
static void clone_newcgroup__with_into_cgroup__root_is_the_new_group(void **state)
{
	struct fixture *f = need(state);
	struct view v = { .ns = -1 };

	look_from(f->top.dirfd, CLONE_NEWCGROUP, &v);
	assert_string_equal(v.own, "/");
}

static int open_namespace(void *arg)
{
	*(int *)arg = open("/proc/self/ns/cgroup", O_RDONLY | O_CLOEXEC);
	return 0;
}

/* A namespace made by a process in @cgroup_fd, as the pause would hold it. */
static int namespace_of(int cgroup_fd)
{
	struct child_args args = { .flags = CLONE_INTO_CGROUP | CLONE_NEWCGROUP | CLONE_FILES,
				   .cgroup_fd = cgroup_fd, .exit_signal = SIGCHLD };
	int fd = -EBADF;
	pid_t pid = child_spawn(&args, open_namespace, &fd);

	assert_true(pid > 0);
	assert_int_equal(reap(pid), 0);
	assert_true(fd >= 0);
	return fd;
}

static void setns_newcgroup__of_a_sibling__seen_through_dotdot(void **state)
{
	struct fixture *f = need(state);
	struct cgroup pause, web;
	struct view v = { .ns = -1 };

	assert_int_equal(cgroup_create(&pause, f->top.dirfd, "pause", NULL), 0);
	assert_int_equal(cgroup_create(&web, f->top.dirfd, "c-web", NULL), 0);
	v.ns = namespace_of(pause.dirfd);
	look_from(web.dirfd, 0, &v);
	assert_string_equal(v.own, "/../c-web");
	close_fd(&v.ns);
	cgroup_close(&web);
	cgroup_close(&pause);
}

static void setns_newcgroup__of_the_group_above__seen_below_root(void **state)
{
	struct fixture *f = need(state);
	struct view v = { .ns = -1 };
	struct cgroup web;

	assert_int_equal(cgroup_create(&web, f->top.dirfd, "c-web", NULL), 0);
	v.ns = namespace_of(f->top.dirfd);
	look_from(web.dirfd, 0, &v);
	assert_string_equal(v.own, "/c-web");
	close_fd(&v.ns);
	cgroup_close(&web);
}

static void clone_into_cgroup__domain_controller_on__ebusy(void **state)
{
	struct fixture *f = need(state);
	struct err err = { 0 };
	struct cgroup pod;

	assert_int_equal(cgroup_pod_create(&pod, &f->root, "web", 0, &err), 0);
	need_controller(&pod, "memory.max", "memory");
	cgroup_enable(pod.dirfd, CGROUP_MEMORY);
	assert_int_equal(spawn_into(pod.dirfd, exec_sleep, NULL), -EBUSY);
	cgroup_close(&pod);
}

/* ---- cgroup/ ---- */

static void cgroup_pod_remove__running_tree_with_inner_groups__nothing_left(void **state)
{
	struct fixture *f = need(state);
	struct cgroup pod, web, deep;
	struct err err = { 0 };
	pid_t a, b;

	assert_int_equal(cgroup_pod_create(&pod, &f->root, "web", 0, &err), 0);
	assert_int_equal(cgroup_container_create(&web, &pod, "web", &err), 0);
	/* What a container may do below its own group. */
	assert_int_equal(io_mkdir_path(web.dirfd, "x/y/z", 0755, &err), 0);
	assert_int_equal(io_mkdir_path(web.dirfd, "x/y/w", 0755, &err), 0);
	assert_int_equal(cgroup_open(&deep, web.dirfd, "x/y/z", &err), 0);
	a = spawn_into(web.dirfd, exec_sleep, NULL);
	b = spawn_into(deep.dirfd, exec_sleep, NULL);
	assert_true(a > 0 && b > 0);
	assert_int_equal(cgroup_pod_remove(&f->root, "web", KILL_TIMEOUT_MS, &err), 0);
	assert_killed(a);
	assert_killed(b);
	assert_int_equal(faccessat(f->top.dirfd, "podd-x", F_OK, 0), -1);
	/* Again, and with nothing there. */
	assert_int_equal(cgroup_pod_remove(&f->root, "web", KILL_TIMEOUT_MS, &err), 0);
	cgroup_close(&deep);
	cgroup_close(&web);
	cgroup_close(&pod);
}

static void cgroup_pod_remove__another_pod_there__parent_stays(void **state)
{
	struct fixture *f = need(state);
	struct cgroup a, b, again;
	struct err err = { 0 };

	assert_int_equal(cgroup_pod_create(&a, &f->root, "a", 0, &err), 0);
	assert_int_equal(cgroup_pod_create(&b, &f->root, "b", 0, &err), 0);
	assert_int_equal(cgroup_pod_remove(&f->root, "a", 0, &err), 0);
	assert_int_equal(cgroup_pod_open(&again, &f->root, "a", &err), -ENOENT);
	assert_string_equal(err.msg, "open cgroup 'a': No such file or directory");
	assert_int_equal(cgroup_pod_open(&again, &f->root, "b", &err), 0);
	cgroup_close(&again);
	cgroup_close(&b);
	cgroup_close(&a);
}

static void cgroup_pod_remove__hundreds_of_levels__gone(void **state)
{
	struct fixture *f = need(state);
	struct cgroup pod, inner, next;
	struct err err = { 0 };
	pid_t pid;

	assert_int_equal(cgroup_pod_create(&pod, &f->root, "web", 0, &err), 0);
	assert_int_equal(cgroup_create(&inner, pod.dirfd, "x", &err), 0);
	for (int i = 0; i < 300; i++) {
		assert_int_equal(cgroup_create(&next, inner.dirfd, "x", &err), 0);
		cgroup_close(&inner);
		inner = next;
	}
	pid = spawn_into(inner.dirfd, exec_sleep, NULL);
	assert_true(pid > 0);
	assert_int_equal(cgroup_pod_remove(&f->root, "web", KILL_TIMEOUT_MS, &err), 0);
	assert_killed(pid);
	assert_int_equal(faccessat(f->top.dirfd, "podd-x", F_OK, 0), -1);
	cgroup_close(&inner);
	cgroup_close(&pod);
}

struct churn {
	const struct cgroup_root *root;
	const char *name;
	int r;
	struct err err;
};

/* The whole life of a pod's group, often: the last one out takes the parent. */
static void *churn(void *arg)
{
	struct churn *c = arg;
	struct cgroup pod;

	for (int i = 0; i < 300 && c->r == 0; i++) {
		c->r = cgroup_pod_create(&pod, c->root, c->name, 0, &c->err);
		if (c->r < 0)
			break;
		cgroup_close(&pod);
		c->r = cgroup_pod_remove(c->root, c->name, 0, &c->err);
	}
	return NULL;
}

static void cgroup_pod_create__last_other_pod_goes_meanwhile__made(void **state)
{
	struct fixture *f = need(state);
	struct churn a = { .root = &f->root, .name = "a" }, b = { .root = &f->root, .name = "b" };
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, churn, &a), 0);
	churn(&b);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_string_equal(a.r < 0 ? a.err.msg : "", "");
	assert_string_equal(b.r < 0 ? b.err.msg : "", "");
	assert_int_equal(faccessat(f->top.dirfd, "podd-x", F_OK, 0), -1);
}

static void cgroup_pod_create__name_taken__ebusy_and_untouched(void **state)
{
	struct fixture *f = need(state);
	struct cgroup pod, again;
	struct err err = { 0 };
	pid_t pid;

	assert_int_equal(cgroup_pod_create(&pod, &f->root, "web", 0, &err), 0);
	pid = spawn_into(pod.dirfd, exec_sleep, NULL);
	assert_true(pid > 0);
	assert_int_equal(cgroup_pod_create(&again, &f->root, "web", 0, &err), -EBUSY);
	assert_non_null(strstr(err.msg, "podd-x/web' is taken: processes live in it"));
	assert_true(populated(&pod));
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_killed(pid);
	cgroup_close(&pod);
}

static void cgroup_pod_create__left_by_a_crash__replaced(void **state)
{
	struct fixture *f = need(state);
	struct cgroup old, pod, web;
	struct stat before, after;
	struct err err = { 0 };

	assert_int_equal(cgroup_pod_create(&old, &f->root, "web", 0, &err), 0);
	assert_int_equal(cgroup_container_create(&web, &old, "web", &err), 0);
	cgroup_close(&web);
	assert_int_equal(cgroup_pod_create(&pod, &f->root, "web", 0, &err), 0);
	assert_int_equal(fstat(old.dirfd, &before), 0);
	assert_int_equal(fstat(pod.dirfd, &after), 0);
	assert_true(before.st_ino != after.st_ino);
	assert_int_equal(cgroup_container_open(&web, &pod, "web", &err), -ENOENT);
	cgroup_close(&old);
	cgroup_close(&pod);
}

static void cgroup_wait_empty__process_there__timed_out(void **state)
{
	struct fixture *f = need(state);
	pid_t pid = spawn_into(f->top.dirfd, exec_sleep, NULL);
	struct err err = { 0 };

	assert_true(pid > 0);
	assert_int_equal(cgroup_wait_empty(&f->top, 1, &err), -ETIMEDOUT);
	assert_non_null(strstr(err.msg, "': processes are left after 1 ms"));
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_killed(pid);
}

static void cgroup_limits_apply__hybrid_host__missing_controller_named(void **state)
{
	struct fixture *f = need(state);
	struct err err = { 0 };
	struct cgroup_limits l;
	unsigned missing = 0;

	if (faccessat(f->top.dirfd, "memory.max", F_OK, 0) == 0) {
		print_message("skip: this host has controller 'memory' in cgroup v2\n");
		skip();
	}
	cgroup_limits_init(&l);
	l.memory_max_bytes = 1 << 20;
	assert_int_equal(cgroup_limits_apply(&f->top, &l, NULL, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.msg, "MemoryMax needs controller 'memory', which cgroup '/"));
	assert_non_null(strstr(err.msg, f->name));
	assert_int_equal(cgroup_limits_apply(&f->top, &l, &missing, &err), 0);
	assert_int_equal(missing, 1u << CGROUP_LIMIT_MEMORY_MAX);
}

static void assert_reads(const struct cgroup *cg, const char *file, const char *want)
{
	char buf[128];

	assert_true(io_read_file(cg->dirfd, file, buf, sizeof(buf), NULL) >= 0);
	assert_string_equal(buf, want);
}

static void cgroup_limits_apply__all_controllers__kernel_says_them_back(void **state)
{
	struct fixture *f = need(state);
	struct err err = { 0 };
	struct cgroup_limits l;
	struct cgroup_stats stats;
	struct cgroup pod, web;
	unsigned all;

	cgroup_limits_init(&l);
	l.memory_max_bytes = 64 << 20;
	l.memory_high_bytes = LIMIT_MAX;
	l.cpu_quota_usec = 250000;
	l.cpu_weight = 50;
	l.tasks_max = 20;
	all = cgroup_limits_controllers(&l);
	assert_int_equal(cgroup_pod_create(&pod, &f->root, "web", all, &err), 0);
	need_controller(&pod, "memory.max", "memory");
	need_controller(&pod, "cpu.max", "cpu");
	need_controller(&pod, "pids.max", "pids");
	assert_int_equal(cgroup_limits_apply(&pod, &l, NULL, &err), 0);
	cgroup_enable(pod.dirfd, all);
	assert_int_equal(cgroup_container_create(&web, &pod, "web", &err), 0);
	assert_int_equal(cgroup_limits_apply(&web, &l, NULL, &err), 0);
	assert_reads(&web, "memory.max", "67108864\n");
	assert_reads(&web, "memory.high", "max\n");
	assert_reads(&web, "cpu.max", "25000 100000\n");
	assert_reads(&web, "cpu.weight", "50\n");
	assert_reads(&web, "pids.max", "20\n");
	assert_reads(&web, "memory.oom.group", "1\n");
	cgroup_stats(&web, &stats);
	assert_int_equal(stats.tasks, 0);
	assert_true(stats.memory_bytes != CGROUP_STAT_ABSENT);
	assert_true(stats.cpu_usec != CGROUP_STAT_ABSENT);
	l.cpu_weight = 20000;
	assert_int_equal(cgroup_limits_apply(&web, &l, NULL, &err), -ERANGE);
	assert_non_null(strstr(err.msg, "set CPUWeight of cgroup '"));
	cgroup_close(&web);
	cgroup_close(&pod);
}

static void io_weight__controller_there__said_back(void **state)
{
	struct fixture *f = need(state);
	struct cgroup_limits l;
	struct err err = { 0 };
	struct cgroup pod;

	cgroup_limits_init(&l);
	l.io_weight = 42;
	assert_int_equal(cgroup_pod_create(&pod, &f->root, "web", CGROUP_IO, &err), 0);
	need_controller(&pod, "io.weight", "io (with io.weight)");
	assert_int_equal(cgroup_limits_apply(&pod, &l, NULL, &err), 0);
	assert_reads(&pod, "io.weight", "default 42\n");
	cgroup_close(&pod);
}

static void tasks_max__reached__clone_refused(void **state)
{
	struct fixture *f = need(state);
	struct err err = { 0 };
	struct cgroup_limits l;
	struct cgroup pod;
	pid_t pid;

	cgroup_limits_init(&l);
	l.tasks_max = 1;
	assert_int_equal(cgroup_pod_create(&pod, &f->root, "web", CGROUP_PIDS, &err), 0);
	need_controller(&pod, "pids.max", "pids");
	assert_int_equal(cgroup_limits_apply(&pod, &l, NULL, &err), 0);
	pid = spawn_into(pod.dirfd, exec_sleep, NULL);
	assert_true(pid > 0);
	assert_int_equal(spawn_into(pod.dirfd, exec_sleep, NULL), -EAGAIN);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_killed(pid);
	cgroup_close(&pod);
}

static int exec_hog(void *arg)
{
	(void)arg;
	/* A "line" without an end: tail keeps all of it. */
	execl("/usr/bin/tail", "tail", "-n", "1", "/dev/zero", NULL);
	return 127;
}

static void memory_max__passed__whole_container_killed_and_counted(void **state)
{
	struct fixture *f = need(state);
	struct cgroup pod, web, other;
	struct err err = { 0 };
	struct cgroup_limits l;
	uint64_t n = 99;
	pid_t hog, mate, bystander;

	cgroup_limits_init(&l);
	l.memory_max_bytes = 16 << 20;
	assert_int_equal(cgroup_pod_create(&pod, &f->root, "web", CGROUP_MEMORY, &err), 0);
	need_controller(&pod, "memory.max", "memory");
	cgroup_enable(pod.dirfd, CGROUP_MEMORY);
	assert_int_equal(cgroup_container_create(&web, &pod, "web", &err), 0);
	assert_int_equal(cgroup_container_create(&other, &pod, "other", &err), 0);
	assert_int_equal(cgroup_limits_apply(&web, &l, NULL, &err), 0);
	/* Swap would only make it slow. */
	(void)io_write_file(web.dirfd, "memory.swap.max", "0", NULL);
	assert_int_equal(cgroup_oom_kills(&web, &n, &err), 0);
	assert_int_equal(n, 0);
	mate = spawn_into(web.dirfd, exec_sleep, NULL);
	bystander = spawn_into(other.dirfd, exec_sleep, NULL);
	hog = spawn_into(web.dirfd, exec_hog, NULL);
	assert_true(mate > 0 && bystander > 0 && hog > 0);
	assert_killed(hog);
	assert_killed(mate);
	assert_int_equal(cgroup_oom_kills(&web, &n, &err), 0);
	/* Both; 6.1 counts the one that it chose first once more. */
	assert_true(n >= 2);
	assert_int_equal(cgroup_oom_kills(&other, &n, &err), 0);
	assert_int_equal(n, 0);
	assert_true(populated(&other));
	assert_int_equal(kill(bystander, SIGKILL), 0);
	assert_killed(bystander);
	cgroup_close(&other);
	cgroup_close(&web);
	cgroup_close(&pod);
}

/* What cgroup_root_open() says in a process of a delegated unit; in a child. */
struct unit_view {
	struct cgroup_root before, after;
	struct view view;
	int r;
	struct err err;
};

static int start_in_unit(void *arg)
{
	struct unit_view *u = arg;

	u->r = cgroup_root_open(&u->before, "tag", &u->err);
	if (u->r == 0)
		u->r = cgroup_root_enter_leaf(&u->before, &u->err);
	if (u->r == 0)
		u->r = cgroup_root_open(&u->after, "tag", &u->err);
	return look(&u->view);
}

static void cgroup_root_open__delegated_unit__enters_leaf_once(void **state)
{
	struct fixture *f = need(state);
	struct child_args args = { .flags = CLONE_INTO_CGROUP | CLONE_FILES,
				   .exit_signal = SIGCHLD };
	struct unit_view u = { .view.ns = -1 };
	struct stat unit_stat, before, after;
	struct cgroup unit, pod;
	pid_t pid;

	assert_int_equal(cgroup_create(&unit, f->top.dirfd, "u.service", NULL), 0);
	if (fsetxattr(unit.dirfd, "trusted.delegate", "1", 1, 0) < 0) {
		print_message("skip: set trusted.delegate: %s\n", strerror(errno));
		skip();
	}
	args.cgroup_fd = unit.dirfd;
	pid = child_spawn(&args, start_in_unit, &u);
	assert_true(pid > 0);
	assert_int_equal(reap(pid), 0);
	assert_int_equal(u.r, 0);
	assert_string_equal(strrchr(u.view.own, '/'), "/supervisor");
	assert_string_equal(u.before.parent, "");
	assert_string_equal(u.after.parent, "");
	assert_true(u.after.in_leaf);
	assert_int_equal(fstat(unit.dirfd, &unit_stat), 0);
	assert_int_equal(fstat(u.before.dirfd, &before), 0);
	assert_int_equal(fstat(u.after.dirfd, &after), 0);
	assert_true(before.st_ino == unit_stat.st_ino && after.st_ino == unit_stat.st_ino);
	assert_int_equal(cgroup_pod_create(&pod, &u.after, "web", 0, &u.err), 0);
	assert_int_equal(faccessat(unit.dirfd, "pod-web", F_OK, 0), 0);
	assert_int_equal(cgroup_pod_remove(&u.after, "web", 0, &u.err), 0);
	cgroup_close(&pod);
	cgroup_root_close(&u.before);
	cgroup_root_close(&u.after);
	cgroup_close(&unit);
}

/* A process in the last of @names, groups below each other that are made when missing. */
static pid_t pause_in(const struct cgroup *top, const char *const *names)
{
	struct cgroup at = { .dirfd = dup(top->dirfd) }, next;
	pid_t pid;

	for (; *names; names++) {
		if (cgroup_open(&next, at.dirfd, *names, NULL) < 0)
			assert_int_equal(cgroup_create(&next, at.dirfd, *names, NULL), 0);
		cgroup_close(&at);
		at = next;
	}
	pid = spawn_into(at.dirfd, exec_sleep, NULL);
	assert_true(pid > 0);
	cgroup_close(&at);
	return pid;
}

static void assert_follows(const struct cgroup *from, const char *parent, pid_t pause,
			   const struct cgroup *to, const char *to_parent)
{
	struct cgroup_root root = { .dirfd = dup(from->dirfd), .in_leaf = true };
	struct stat is, want;
	struct err err = { 0 };

	snprintf(root.parent, sizeof(root.parent), "%s", parent);
	assert_int_equal(cgroup_root_follow(&root, "tag", "web", pause, &err), 0);
	assert_int_equal(fstat(root.dirfd, &is), 0);
	assert_int_equal(fstat(to->dirfd, &want), 0);
	assert_true(is.st_ino == want.st_ino);
	assert_string_equal(root.parent, to_parent);
	assert_true(root.in_leaf);
	cgroup_root_close(&root);
}

static void cgroup_root_follow__pod_of_another_unit_or_none__found(void **state)
{
	struct fixture *f = need(state);
	const pid_t pids[] = {
		pause_in(&f->top, (const char *[]){ "u.service", "pod-web", "pause", NULL }),
		pause_in(&f->top, (const char *[]){ "podd-tag", "web", "pause", NULL }),
		pause_in(&f->top, (const char *[]){ "podd-tag", "other", "pause", NULL }),
		pause_in(&f->top, (const char *[]){ "u.service", "pod-web", "c-pause", NULL }),
	};
	struct cgroup unit;

	assert_int_equal(cgroup_open(&unit, f->top.dirfd, "u.service", NULL), 0);
	assert_follows(&f->top, "podd-tag", pids[0], &unit, "");
	assert_follows(&unit, "", pids[0], &unit, "");
	assert_follows(&unit, "", pids[1], &f->top, "podd-tag");
	assert_follows(&f->top, "podd-tag", pids[1], &f->top, "podd-tag");
	assert_follows(&unit, "", pids[2], &unit, ""); /* of another pod */
	assert_follows(&f->top, "podd-tag", pids[3], &f->top, "podd-tag"); /* no pause */
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
		assert_int_equal(kill(pids[i], SIGKILL), 0);
		assert_killed(pids[i]);
	}
	cgroup_close(&unit);
}

static int open_root(void *arg)
{
	struct unit_view *u = arg;

	u->r = unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
			       mount("none", "/proc", "tmpfs", 0, NULL) < 0 ||
			       mkdir("/proc/self", 0755) < 0 ?
		       -errno :
		       0;
	if (u->r < 0)
		return 1;
	/* A host without cgroup v2: its mountinfo names none. */
	int fd = open("/proc/self/mountinfo", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	static const char v1[] = "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n";

	if (fd < 0 || io_write_all(fd, v1, sizeof(v1) - 1) < 0)
		return 1;
	close_fd(&fd);
	u->r = cgroup_root_open(&u->before, NULL, &u->err);
	return 0;
}

static void cgroup_root_open__no_cgroup2_mounted__enodev(void **state)
{
	struct unit_view u = { .r = 0 };

	(void)state;
	if (child_call(NULL, open_root, &u) != 0) {
		print_message("skip: cannot hide /proc: %s\n", strerror(-u.r));
		skip();
	}
	assert_int_equal(u.r, -ENODEV);
	assert_string_equal(u.err.msg, "no cgroup v2 hierarchy is mounted on this host");
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		group_test(clone_into_cgroup__directory_or_path_fd__born_in_it),
		group_test(clone_into_cgroup__removed_group__refused),
		group_test(mkdir__in_removed_group__enodev_or_enoent),
		group_test(rmdir__populated_or_with_children__ebusy),
		group_test(cgroup_events__last_process_ends__pollpri),
		group_test(cgroup_kill__frozen_tree__all_killed),
		group_test(clone_newcgroup__with_into_cgroup__root_is_the_new_group),
		group_test(setns_newcgroup__of_a_sibling__seen_through_dotdot),
		group_test(setns_newcgroup__of_the_group_above__seen_below_root),
		group_test(clone_into_cgroup__domain_controller_on__ebusy),
		group_test(cgroup_pod_remove__running_tree_with_inner_groups__nothing_left),
		group_test(cgroup_pod_remove__another_pod_there__parent_stays),
		group_test(cgroup_pod_remove__hundreds_of_levels__gone),
		group_test(cgroup_pod_create__last_other_pod_goes_meanwhile__made),
		group_test(cgroup_pod_create__name_taken__ebusy_and_untouched),
		group_test(cgroup_pod_create__left_by_a_crash__replaced),
		group_test(cgroup_wait_empty__process_there__timed_out),
		group_test(cgroup_limits_apply__hybrid_host__missing_controller_named),
		group_test(cgroup_limits_apply__all_controllers__kernel_says_them_back),
		group_test(io_weight__controller_there__said_back),
		group_test(tasks_max__reached__clone_refused),
		group_test(memory_max__passed__whole_container_killed_and_counted),
		group_test(cgroup_root_open__delegated_unit__enters_leaf_once),
		group_test(cgroup_root_follow__pod_of_another_unit_or_none__found),
		cmocka_unit_test(cgroup_root_open__no_cgroup2_mounted__enodev),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
