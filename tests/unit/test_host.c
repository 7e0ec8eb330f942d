/* SPDX-License-Identifier: MIT */
/* supervisor/host.h: what podd makes of its process before it makes anything else. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/child.h"
#include "supervisor/host.h"

static int prepare(void *arg)
{
	struct stat before, after;
	struct err err = { 0 };
	sigset_t blocked;

	(void)arg;
	if (stat("/proc/self/ns/mnt", &before) < 0 || host_prepare_process(&err) < 0)
		return 1;
	if (prctl(PR_GET_DUMPABLE) != 0)
		return 2;
	if (stat("/proc/self/ns/mnt", &after) < 0 || after.st_ino == before.st_ino)
		return 3;
	if (sigprocmask(SIG_SETMASK, NULL, &blocked) < 0 || sigismember(&blocked, SIGTERM) != 1)
		return 4;
	return 0;
}

/* CVE-2016-9962: who is in the pod may not trace podd's children, which share its memory. */
static void prepare_process__dumpable_mounts_signals__ours_alone(void **state)
{
	const struct child_args args = { .copy = true };

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(child_call_bounded(&args, 5000, prepare, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prepare_process__dumpable_mounts_signals__ours_alone),
	};

	return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}
