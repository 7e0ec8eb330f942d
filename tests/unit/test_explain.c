/* SPDX-License-Identifier: MIT */
/* supervisor/explain: which limit a failed start is put down to, on directories as groups. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "supervisor/origin.h"
#include "supervisor/pod.h"

/* The pod's group, and that of its container "app" below it. */
struct rig {
	char dir[32];
	struct pod_container spec;
	struct pod *pod;
	struct err err;
};

static const char *const files[] = { "memory.events", "cpu.stat" };

static void rig_init(struct rig *rig)
{
	static char app[] = "app";

	*rig = (struct rig){ .dir = "/tmp/test_explain.XXXXXX", .spec = { .run.name = app } };
	assert_non_null(mkdtemp(rig->dir));
	rig->pod = calloc(1, sizeof(*rig->pod));
	assert_non_null(rig->pod);
	rig->pod->pause.pidfd = -EBADF;
	rig->pod->cgroup.dirfd = open(rig->dir, O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(rig->pod->cgroup.dirfd, "c", 0700), 0);
	rig->pod->pool[0].cgroup.dirfd =
		openat(rig->pod->cgroup.dirfd, "c", O_DIRECTORY | O_CLOEXEC);
	rig->pod->pool[0].spec = &rig->spec;
	rig->pod->members[0] = &rig->pod->pool[0];
	rig->pod->member_n = 1;
}

static void rig_done(struct rig *rig)
{
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		(void)unlinkat(rig->pod->cgroup.dirfd, files[i], 0); /* if it is there */
		(void)unlinkat(rig->pod->pool[0].cgroup.dirfd, files[i], 0);
	}
	assert_int_equal(unlinkat(rig->pod->cgroup.dirfd, "c", AT_REMOVEDIR), 0);
	assert_int_equal(rmdir(rig->dir), 0);
	close_fd(&rig->pod->cgroup.dirfd);
	close_fd(&rig->pod->pool[0].cgroup.dirfd);
	free(rig->pod);
}

static void counted(const struct cgroup *cg, const char *file, const char *text)
{
	int fd = openat(cg->dirfd, file, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(io_write_all(fd, text, strlen(text)), 0);
	close(fd);
}

/* A start of the container fails with @code. */
static void fail_with(struct rig *rig, int code)
{
	int r = origin_container(&rig->err, err_set(&rig->err, code, "no"), "app");

	assert_int_equal(pod_explain(rig->pod, r, &rig->err), r);
}

static void assert_says(const struct rig *rig, const char *msg, const char *key, const char *of)
{
	assert_string_equal(rig->err.msg, msg);
	assert_true(!key == !rig->err.key && !of == !rig->err.of);
	if (key)
		assert_string_equal(rig->err.key, key);
	if (of)
		assert_string_equal(rig->err.of, of);
}

static void pod_explain__out_of_memory__whose_limit_was_reached(void **state)
{
	static const char msg[] = "out of memory: see MemoryMax= of the pod and its containers: "
				  "container 'app': no";
	struct rig rig;

	(void)state;
	rig_init(&rig);
	counted(&rig.pod->cgroup, "memory.events", "oom 1\n");
	fail_with(&rig, ECHILD);
	assert_says(&rig, msg, "MemoryMax", NULL);
	counted(&rig.pod->pool[0].cgroup, "memory.events", "oom 1\n");
	fail_with(&rig, ENOMEM);
	assert_says(&rig, msg, "MemoryMax", "app");
	rig_done(&rig);
}

static void pod_explain__no_more_processes__tasks(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	fail_with(&rig, EAGAIN);
	assert_says(&rig, "TasksMax= of the pod or a container is reached, or the host has no "
			  "more processes: container 'app': no", "TasksMax", "app");
	(void)err_set(&rig.err, EAGAIN, "TasksMax= it is");
	(void)pod_explain(rig.pod, -EAGAIN, &rig.err);
	assert_says(&rig, "TasksMax= it is", "TasksMax", NULL);
	rig_done(&rig);
}

static void pod_explain__too_slow__what_slowed_it_down(void **state)
{
	static const char quota[] = "CPUQuota= of the pod or a container leaves no time for a "
				    "start: container 'app': no";
	struct rig rig;

	(void)state;
	rig_init(&rig);
	counted(&rig.pod->cgroup, "cpu.stat", "throttled_usec 4000000\n");
	fail_with(&rig, ETIMEDOUT);
	assert_says(&rig, "container 'app': no", NULL, "app");
	counted(&rig.pod->cgroup, "cpu.stat", "throttled_usec 9000000\n");
	fail_with(&rig, ETIMEDOUT);
	assert_says(&rig, quota, "CPUQuota", NULL);
	counted(&rig.pod->pool[0].cgroup, "memory.events", "high 100\noom 0\n");
	fail_with(&rig, ETIMEDOUT);
	assert_says(&rig, "MemoryHigh= of the pod or a container leaves no time for a start: "
			  "container 'app': no", "MemoryHigh", "app");
	fail_with(&rig, EPERM);
	assert_says(&rig, "container 'app': no", NULL, "app");
	rig_done(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pod_explain__out_of_memory__whose_limit_was_reached),
		cmocka_unit_test(pod_explain__no_more_processes__tasks),
		cmocka_unit_test(pod_explain__too_slow__what_slowed_it_down),
	};

	return cmocka_run_group_tests_name("explain", tests, NULL, NULL);
}
