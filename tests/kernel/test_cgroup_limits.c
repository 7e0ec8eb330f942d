/* SPDX-License-Identifier: MIT */
/* The controllers cpuset and hugetlb as the kernel does them. */
#include "tests/kernel/test_cgroup.h"

#include <sys/mman.h>

#include "base/io.h"

#define PAGE	  (2 << 20)
#define PAGES_DIR "/sys/kernel/mm/hugepages/hugepages-2048kB/"

static struct idset set_of(const char *list)
{
	struct idset set = { 0 };
	const char *bad;

	assert_int_equal(idset_parse(list, &bad, &set), 0);
	return set;
}

/* Why cgroup_limits_apply() looks at what came of it. */
static void cpuset__cpus_not_of_the_group_above__taken_without_effect(void **state)
{
	struct fixture *f = need(state);
	struct cgroup_limits l;
	struct cgroup pod, web;
	struct err err = { 0 };
	char text[64];

	assert_int_equal(cgroup_pod_create(&pod, &f->root, "web", CGROUP_CPUSET, &err), 0);
	need_controller(&pod, "cpuset.cpus", "cpuset");
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		print_message("skip: one CPU\n");
		skip();
	}
	cgroup_limits_init(&l);
	l.cpus = set_of("0");
	assert_int_equal(cgroup_limits_apply(&pod, &l, NULL, &err), 0);
	cgroup_enable(pod.dirfd, CGROUP_CPUSET);
	assert_int_equal(cgroup_container_create(&web, &pod, "web", &err), 0);
	l.cpus = set_of("1");
	assert_int_equal(cgroup_limits_apply(&web, &l, NULL, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.msg, "which the groups above leave only 0"));
	assert_true(io_read_file(web.dirfd, "cpuset.cpus", text, sizeof(text), NULL) > 0);
	assert_string_equal(text, "1\n");
	assert_true(io_read_file(web.dirfd, "cpuset.cpus.effective", text, sizeof(text), NULL) > 0);
	assert_string_equal(text, "0\n");
	cgroup_close(&web);
	cgroup_close(&pod);
}

/* What a reload that takes the set back has to do without. */
static void cpuset__emptied_with_a_process_in_it__all_cpus(void **state)
{
	struct fixture *f = need(state);
	struct cgroup_limits l, none, dropped;
	struct err err = { 0 };
	struct cgroup pod;
	char text[64], all[64];
	pid_t pid;

	assert_int_equal(cgroup_pod_create(&pod, &f->root, "web", CGROUP_CPUSET, &err), 0);
	need_controller(&pod, "cpuset.cpus", "cpuset");
	cgroup_limits_init(&l);
	cgroup_limits_init(&none);
	l.cpus = l.memory_nodes = set_of("0");
	assert_int_equal(cgroup_limits_apply(&pod, &l, NULL, &err), 0);
	pid = spawn_into(pod.dirfd, exec_sleep, NULL);
	assert_true(pid > 0);
	if (io_write_file(pod.dirfd, "cpuset.cpus", "\n", &err) < 0)
		assert_int_equal(err.code, ENOSPC);
	cgroup_limits_dropped(&dropped, &l, &none);
	assert_int_equal(cgroup_limits_apply(&pod, &dropped, NULL, &err), 0);
	assert_true(io_read_file(pod.dirfd, "cpuset.cpus.effective",
				 text, sizeof(text), NULL) > 0);
	assert_true(io_read_file(pod.dirfd, "../cpuset.cpus.effective",
				 all, sizeof(all), NULL) > 0);
	assert_string_equal(text, all);
	assert_int_equal(cgroup_kill(&pod, &err), 0);
	assert_killed(pid);
	cgroup_close(&pod);
}

/* How many of three huge pages can be mapped, one after another. */
static int map_three(void *arg)
{
	int n = 0;

	(void)arg;
	while (n < 3 && mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0) != MAP_FAILED)
		n++;
	return n;
}

static void hugetlb_max__passed__mmap_refused(void **state)
{
	struct fixture *f = need(state);
	struct cgroup_limits l;
	struct err err = { 0 };
	struct cgroup pod;
	char text[64];

	assert_int_equal(cgroup_pod_create(&pod, &f->root, "web", CGROUP_HUGETLB, &err), 0);
	need_controller(&pod, "hugetlb.2MB.rsvd.max", "hugetlb, with reservations");
	if (io_read_file(AT_FDCWD, PAGES_DIR "free_hugepages", text, sizeof(text), NULL) < 0 ||
	    atoi(text) < 3) {
		print_message("skip: fewer than three free huge pages of 2M\n");
		skip();
	}
	cgroup_limits_init(&l);
	l.huge[0] = (struct cgroup_huge){ PAGE, 2 * PAGE };
	assert_int_equal(cgroup_limits_apply(&pod, &l, NULL, &err), 0);
	assert_int_equal(WEXITSTATUS(reap(spawn_into(pod.dirfd, map_three, NULL))), 2);
	l.huge[0].max_bytes = LIMIT_MAX;
	assert_int_equal(cgroup_limits_apply(&pod, &l, NULL, &err), 0);
	assert_int_equal(WEXITSTATUS(reap(spawn_into(pod.dirfd, map_three, NULL))), 3);
	cgroup_close(&pod);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		group_test(cpuset__cpus_not_of_the_group_above__taken_without_effect),
		group_test(cpuset__emptied_with_a_process_in_it__all_cpus),
		group_test(hugetlb_max__passed__mmap_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
