/* SPDX-License-Identifier: MIT */
/* The freezer of cgroup v2 as the kernel does it: what supervisor/freeze.h relies on. */
#include "tests/kernel/test_cgroup.h"

#include <poll.h>
#include <sys/syscall.h>

/* Waits, as the loop does, until the kernel says so. */
static void await_frozen(const struct cgroup *cg, int want)
{
	cleanup_close int fd = cgroup_events_open(cg, NULL);
	struct pollfd p = { .fd = fd, .events = POLLPRI };

	while (cgroup_events_frozen(fd, NULL) != want)
		assert_int_equal(poll(&p, 1, KILL_TIMEOUT_MS), 1);
}

static void exit_seven(int signal)
{
	(void)signal;
	_exit(7);
}

/* As fork(), into a group; the child has its own memory. */
static pid_t fork_into(const struct cgroup *cg)
{
	struct clone_args args = { .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD,
				   .cgroup = (uint64_t)cg->dirfd };

	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

static void cgroup_freeze__signal_is_caught__waits_for_the_thaw(void **state)
{
	struct fixture *f = need(state);
	struct cgroup cg;
	siginfo_t none = { 0 };
	int out[2], status;
	char byte;
	pid_t pid;

	assert_int_equal(cgroup_create(&cg, f->top.dirfd, "f", NULL), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	pid = fork_into(&cg);
	if (pid == 0) {
		(void)signal(SIGTERM, exit_seven);
		(void)!write(out[1], "x", 1);
		for (;;)
			pause();
	}
	assert_true(pid > 0);
	assert_int_equal(read(out[0], &byte, 1), 1);
	assert_false(cgroup_freeze_asked(&cg));
	assert_int_equal(cgroup_freeze(&cg, true, NULL), 0);
	assert_true(cgroup_freeze_asked(&cg));
	await_frozen(&cg, 1);
	assert_int_equal(kill(pid, SIGTERM), 0);
	assert_true(cgroup_is_frozen(&cg));
	assert_int_equal(waitid(P_PID, (id_t)pid, &none, WEXITED | WNOHANG | WNOWAIT), 0);
	assert_int_equal(none.si_pid, 0);
	assert_int_equal(cgroup_freeze(&cg, false, NULL), 0);
	status = reap(pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
	close(out[0]);
	close(out[1]);
	cgroup_close(&cg);
}

/* The kernel makes a SIGKILL of it at once: complete_signal() in kernel/signal.c. */
static void cgroup_freeze__signal_ends_it_by_default__does(void **state)
{
	struct fixture *f = need(state);
	struct cgroup cg;
	pid_t pid;

	assert_int_equal(cgroup_create(&cg, f->top.dirfd, "f", NULL), 0);
	pid = spawn_into(cg.dirfd, exec_sleep, NULL);
	assert_true(pid > 0);
	assert_int_equal(cgroup_freeze(&cg, true, NULL), 0);
	await_frozen(&cg, 1);
	assert_int_equal(kill(pid, SIGTERM), 0);
	assert_int_equal(WTERMSIG(reap(pid)), SIGTERM);
	cgroup_close(&cg);
}

static void cgroup_freeze__no_process__told_and_groups_below_too(void **state)
{
	struct fixture *f = need(state);
	struct cgroup cg, below;

	assert_int_equal(cgroup_create(&cg, f->top.dirfd, "f", NULL), 0);
	assert_int_equal(cgroup_create(&below, cg.dirfd, "below", NULL), 0);
	assert_int_equal(cgroup_freeze(&cg, true, NULL), 0);
	await_frozen(&cg, 1);
	await_frozen(&below, 1);
	assert_false(cgroup_freeze_asked(&below));
	assert_true(cgroup_is_frozen(&below));
	assert_int_equal(cgroup_freeze(&cg, false, NULL), 0);
	await_frozen(&below, 0);
	cgroup_close(&below);
	cgroup_close(&cg);
}

/* Why nothing may be started in a frozen group, with a parent that waits for it. */
static void clone_into_cgroup__frozen_group__does_not_run(void **state)
{
	struct fixture *f = need(state);
	struct cgroup cg;
	int out[2];
	char byte;
	pid_t pid;

	assert_int_equal(cgroup_create(&cg, f->top.dirfd, "f", NULL), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(cgroup_freeze(&cg, true, NULL), 0);
	await_frozen(&cg, 1);
	pid = fork_into(&cg);
	if (pid == 0)
		_exit(write(out[1], "x", 1) == 1 ? 0 : 1);
	assert_true(pid > 0);
	await_frozen(&cg, 1); /* also with a process in it */
	assert_int_equal(read(out[0], &byte, 1), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(cgroup_freeze(&cg, false, NULL), 0);
	assert_int_equal(reap(pid), 0);
	assert_int_equal(read(out[0], &byte, 1), 1);
	close(out[0]);
	close(out[1]);
	cgroup_close(&cg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		group_test(cgroup_freeze__signal_is_caught__waits_for_the_thaw),
		group_test(cgroup_freeze__signal_ends_it_by_default__does),
		group_test(cgroup_freeze__no_process__told_and_groups_below_too),
		group_test(clone_into_cgroup__frozen_group__does_not_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
