/* SPDX-License-Identifier: MIT */
/* A control group of a test's own, and processes to put into it. */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/fd.h"
#include "cgroup/cgroup.h"

#define KILL_TIMEOUT_MS 30000

/* A group of our own, whose root member is what cgroup_root_open() would give. */
struct fixture {
	struct cgroup_root host;
	struct cgroup_root root;
	struct cgroup top;
	char name[32];
};

static inline int fixture_make(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct err err = { 0 };
	int r;

	assert_non_null(f);
	*state = f;
	f->top.dirfd = f->root.dirfd = f->host.dirfd = -EBADF;
	snprintf(f->name, sizeof(f->name), "podd-test-%d", (int)getpid());
	r = cgroup_root_open(&f->host, "test", &err);
	if (r == -ENODEV) {
		print_message("skip: %s\n", err.msg);
		return 0;
	}
	assert_int_equal(r, 0);
	assert_int_equal(cgroup_root_enter_leaf(&f->host, &err), 0);
	cgroup_enable(f->host.dirfd, ~0u);
	r = cgroup_create(&f->top, f->host.dirfd, f->name, &err);
	if (r == -EROFS || r == -EACCES || r == -EPERM) {
		print_message("skip: %s\n", err.msg);
		return 0;
	}
	assert_int_equal(r, 0);
	f->root = (struct cgroup_root){ .dirfd = f->top.dirfd, .in_leaf = true,
					.parent = "podd-x" };
	return 0;
}

static inline int fixture_drop(void **state)
{
	struct fixture *f = *state;
	struct err err = { 0 };

	if (f->top.dirfd >= 0)
		assert_int_equal(cgroup_remove(f->host.dirfd, f->name, KILL_TIMEOUT_MS, &err), 0);
	cgroup_close(&f->top);
	cgroup_root_close(&f->host);
	free(f);
	return 0;
}

/* The fixture, or no test: no writable cgroup v2 here (the setup said why). */
static inline struct fixture *need(void **state)
{
	struct fixture *f = *state;

	if (f->top.dirfd < 0)
		skip();
	return f;
}

static inline void need_controller(const struct cgroup *cg, const char *file, const char *name)
{
	if (faccessat(cg->dirfd, file, F_OK, 0) == 0)
		return;
	print_message("skip: no controller '%s' in this cgroup v2 hierarchy\n", name);
	skip();
}

static inline int exec_sleep(void *arg)
{
	(void)arg;
	execl("/bin/sleep", "sleep", "1000", NULL);
	return 127;
}

/* Comes back when the process is in the group and has exec'd. */
static inline pid_t spawn_into(int cgroup_fd, child_fn *fn, void *arg)
{
	struct child_args args = { .flags = CLONE_INTO_CGROUP, .cgroup_fd = cgroup_fd,
				   .exit_signal = SIGCHLD };

	return child_spawn(&args, fn, arg);
}

static inline int reap(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static inline void assert_killed(pid_t pid)
{
	int status = reap(pid);

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
}

#define group_test(fn) cmocka_unit_test_setup_teardown(fn, fixture_make, fixture_drop)
