/* SPDX-License-Identifier: MIT */
/* supervisor/member: whether it is the OOM killer that ended a container. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/sys.h"
#include "supervisor/member.h"

/* A container whose group is a directory, and whose process is a child that waits. */
struct rig {
	char dir[32];
	struct loop *loop;
	struct pod_container spec;
	struct member_host host;
	struct board_slot slot;
	struct member m;
	pid_t child;
};

static unsigned told;
static bool told_oom;

static void exited(struct member *m, int wait_status, bool oom)
{
	(void)m;
	(void)wait_status;
	told++;
	told_oom = oom;
}

/* memory.events as after so many kills */
static void oom_kills(struct rig *rig, const char *n)
{
	int fd = openat(rig->m.cgroup.dirfd, "memory.events", O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(io_write_all(fd, "oom_kill ", 9), 0);
	assert_int_equal(io_write_all(fd, n, strlen(n)), 0);
	close(fd);
}

static void rig_init(struct rig *rig, uint64_t oom_group)
{
	*rig = (struct rig){ .dir = "/tmp/test_member.XXXXXX" };
	assert_non_null(mkdtemp(rig->dir));
	assert_int_equal(loop_new(&rig->loop, LOOP_EPOLL, NULL), 0);
	rig->spec.limits.oom_group = oom_group;
	rig->host = (struct member_host){ .loop = rig->loop, .exited = exited };
	rig->child = fork();
	if (rig->child == 0) {
		for (;;)
			pause();
	}
	rig->m = (struct member){
		.spec = &rig->spec,
		.host = &rig->host,
		.cgroup = { .dirfd = open(rig->dir, O_DIRECTORY | O_CLOEXEC) },
		.events_fd = -EBADF,
		.pidfd = sys_pidfd_open(rig->child, 0),
		.pid = rig->child,
		.slot = &rig->slot,
	};
	assert_true(rig->m.pidfd >= 0);
	told = 0;
	oom_kills(rig, "0");
}

/* The pause has seen its end. */
static void end(struct rig *rig)
{
	int status;

	assert_int_equal(kill(rig->child, SIGKILL), 0);
	assert_int_equal(waitpid(rig->child, &status, 0), rig->child);
	rig->slot.wait_status = status;
	rig->slot.state = BOARD_EXITED;
	assert_true(member_check_exit(&rig->m));
	assert_int_equal(told, 1);
}

static void rig_done(struct rig *rig)
{
	assert_int_equal(unlinkat(rig->m.cgroup.dirfd, "memory.events", 0), 0);
	assert_int_equal(rmdir(rig->dir), 0);
	close_fd(&rig->m.cgroup.dirfd);
	loop_free(rig->loop);
}

static void member_check_exit__oom_kill_and_sigkill__oom(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, 0);
	oom_kills(&rig, "1");
	end(&rig);
	assert_true(told_oom);
	rig_done(&rig);
}

static void member_check_exit__killed_by_podd_after_an_oom_kill__no_oom(void **state)
{
	struct rig rig;

	(void)state;
	for (uint64_t group = 0; group < 2; group++) {
		rig_init(&rig, group);
		oom_kills(&rig, "1"); /* a child of it, or with the group, what exec ran */
		member_expect_kill(&rig.m);
		end(&rig);
		assert_false(told_oom);
		rig_done(&rig);
	}
}

static void member_check_exit__oom_kill_while_podd_kills__oom(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, 0);
	oom_kills(&rig, "1");
	member_expect_kill(&rig.m);
	oom_kills(&rig, "2");
	end(&rig);
	assert_true(told_oom);
	rig_done(&rig);
}

/* The kernel counts before the end can be seen: it was not podd that ended it. */
static void member_expect_kill__has_ended__still_oom(void **state)
{
	struct rig rig;
	siginfo_t info;

	(void)state;
	rig_init(&rig, LIMIT_UNSET);
	oom_kills(&rig, "1");
	assert_int_equal(kill(rig.child, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t)rig.child, &info, WEXITED | WNOWAIT), 0);
	member_expect_kill(&rig.m);
	end(&rig);
	assert_true(told_oom);
	rig_done(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(member_check_exit__oom_kill_and_sigkill__oom),
		cmocka_unit_test(member_check_exit__killed_by_podd_after_an_oom_kill__no_oom),
		cmocka_unit_test(member_check_exit__oom_kill_while_podd_kills__oom),
		cmocka_unit_test(member_expect_kill__has_ended__still_oom),
	};

	return cmocka_run_group_tests_name("member", tests, NULL, NULL);
}
