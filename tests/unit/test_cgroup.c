/* SPDX-License-Identifier: MIT */
/* cgroup/: the parsers and the table of limits, on plain text and directories. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/io.h"
#include "cgroup/cgroup.h"

static void cgroup_mount_parse__cgroup2_lines__root_and_point(void **state)
{
	static const struct {
		const char *line, *root, *point;
	} table[] = {
		{ "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate",
		  "/", "/sys/fs/cgroup" },
		{ "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw", "/",
		  "/sys/fs/cgroup/unified" },
		{ "1 2 0:3 /a\\040b/c /my\\134cg\\011x\\012 rw shared:1 master:2 - cgroup2 none rw",
		  "/a b/c", "/my\\cg\tx\n" },
		/* Not what the kernel writes: stays as it is. */
		{ "1 2 0:3 / /x\\9\\04 rw - cgroup2 none rw", "/", "/x\\9\\04" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		char line[256];
		struct cgroup_mount m;

		snprintf(line, sizeof(line), "%s", table[i].line);
		assert_true(cgroup_mount_parse(line, &m));
		assert_string_equal(m.root, table[i].root);
		assert_string_equal(m.point, table[i].point);
	}
}

static void cgroup_mount_parse__other_or_broken_lines__refused(void **state)
{
	static const char *const table[] = {
		"",
		" ",
		"30 23 0:26 / /sys/fs/cgroup",
		"30 23 0:26 / /sys/fs/cgroup rw - ",
		"30 23 0:26 / /sys/fs/cgroup rw cgroup2 cgroup2 rw",
		"30 23 0:26 / /sys/fs/cgroup rw - cgroup cgroup rw,memory",
		"30 23 0:26 / /sys/fs/cgroup rw - cgroup22 cgroup2 rw",
		"30 23 0:26 / /cgroup2 rw - tmpfs cgroup2 rw",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct cgroup_mount m = { 0 };
		char line[256];

		snprintf(line, sizeof(line), "%s", table[i]);
		assert_false(cgroup_mount_parse(line, &m));
		assert_null(m.point);
	}
}

static void cgroup_own_parse__lines__only_the_v2_one(void **state)
{
	char v2[] = "0::/system.slice/podd@web.service\n", top[] = "0::/",
	     v1[] = "4:memory:/x\n", named[] = "10::/x\n", empty[] = "";

	(void)state;
	assert_string_equal(cgroup_own_parse(v2), "/system.slice/podd@web.service");
	assert_string_equal(cgroup_own_parse(top), "/");
	assert_null(cgroup_own_parse(v1));
	assert_null(cgroup_own_parse(named));
	assert_null(cgroup_own_parse(empty));
}

static void cgroup_limits_controllers__some_limits__their_controllers(void **state)
{
	struct cgroup_limits l;

	(void)state;
	cgroup_limits_init(&l);
	assert_int_equal(cgroup_limits_controllers(&l), 0);
	l.cpu_weight = 100;
	l.memory_high_bytes = LIMIT_MAX;
	assert_int_equal(cgroup_limits_controllers(&l), CGROUP_CPU | CGROUP_MEMORY);
	l.tasks_max = 1;
	l.io_weight = 1;
	assert_int_equal(cgroup_limits_controllers(&l),
			 CGROUP_CPU | CGROUP_MEMORY | CGROUP_PIDS | CGROUP_IO);
}

/* A directory with the files of a group: limits only write and look. */
struct fake {
	char path[32];
	struct cgroup cg;
};

static int fake_make(void **state)
{
	struct fake *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	snprintf(f->path, sizeof(f->path), "/tmp/podd-test-XXXXXX");
	assert_non_null(mkdtemp(f->path));
	f->cg.dirfd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(f->cg.dirfd >= 0);
	*state = f;
	return 0;
}

static int fake_drop(void **state)
{
	struct fake *f = *state;

	cgroup_close(&f->cg);
	assert_int_equal(io_remove_tree(AT_FDCWD, f->path, NULL), 0);
	free(f);
	return 0;
}

static void fake_file(struct fake *f, const char *name, const char *text)
{
	assert_int_equal(io_replace_file(f->cg.dirfd, name, text, strlen(text), NULL), 0);
}

static void assert_file(struct fake *f, const char *name, const char *text)
{
	char buf[128];

	assert_true(io_read_file(f->cg.dirfd, name, buf, sizeof(buf), NULL) >= 0);
	assert_string_equal(buf, text);
}

static void cgroup_limits_apply__values__in_the_kernels_units(void **state)
{
	struct fake *f = *state;
	struct cgroup_limits l;
	struct err err = { 0 };

	cgroup_limits_init(&l);
	l.memory_max_bytes = UINT64_C(512) << 20;
	l.memory_high_bytes = LIMIT_MAX;
	l.cpu_quota_usec = 1500000;
	l.cpu_weight = 10000;
	l.io_weight = 1;
	l.oom_group = 0;
	fake_file(f, "memory.oom.group", "1");
	fake_file(f, "memory.max", "");
	fake_file(f, "memory.high", "");
	fake_file(f, "cpu.max", "");
	fake_file(f, "cpu.weight", "");
	fake_file(f, "pids.max", "");
	fake_file(f, "io.weight", "");
	assert_int_equal(cgroup_limits_apply(&f->cg, &l, NULL, &err), 0);
	assert_file(f, "memory.max", "536870912");
	assert_file(f, "memory.high", "max");
	assert_file(f, "cpu.max", "150000 100000");
	assert_file(f, "cpu.weight", "10000");
	assert_file(f, "pids.max", "");
	assert_file(f, "io.weight", "1");
	assert_file(f, "memory.oom.group", "0");
	l.cpu_quota_usec = LIMIT_MAX;
	fake_file(f, "cpu.max", "");
	assert_int_equal(cgroup_limits_apply(&f->cg, &l, NULL, &err), 0);
	assert_file(f, "cpu.max", "max");
}

static void cgroup_limits_apply__controller_missing__named(void **state)
{
	struct fake *f = *state;
	struct cgroup_limits l;
	struct err err = { 0 };
	char want[256];

	cgroup_limits_init(&l);
	l.tasks_max = 10;
	fake_file(f, "cgroup.controllers", "hugetlb memory\n");
	assert_int_equal(cgroup_limits_apply(&f->cg, &l, NULL, &err), -EOPNOTSUPP);
	snprintf(want, sizeof(want),
		 "TasksMax needs controller 'pids', which cgroup '%s' does not have "
		 "(it has: hugetlb memory)",
		 f->path);
	assert_string_equal(err.msg, want);
	assert_int_equal(err.code, EOPNOTSUPP);
	fake_file(f, "cgroup.controllers", "");
	assert_int_equal(cgroup_limits_apply(&f->cg, &l, NULL, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.msg, "(it has: none)"));
}

static void cgroup_limits_apply__standard__where_it_can_be(void **state)
{
	struct fake *f = *state;
	struct cgroup_limits l, none;
	struct err err = { 0 };

	cgroup_limits_init(&none);
	cgroup_limits_init(&l);
	l.tasks_max = LIMIT_STANDARD;
	fake_file(f, "cgroup.controllers", "memory\n");
	assert_int_equal(cgroup_limits_controllers(&l), CGROUP_PIDS);
	assert_int_equal(cgroup_limits_check(&f->cg, &l, 0, &err), 0);
	assert_int_equal(cgroup_limits_apply(&f->cg, &l, NULL, &err), 0);
	assert_int_equal(cgroup_limit_missing(&f->cg, &l, CGROUP_LIMIT_TASKS_MAX, &err),
			 -EOPNOTSUPP);
	fake_file(f, "pids.max", "max");
	assert_int_equal(cgroup_limits_apply(&f->cg, &none, NULL, &err), 0);
	assert_file(f, "pids.max", "max");
	assert_int_equal(cgroup_limits_apply(&f->cg, &l, NULL, &err), 0);
	assert_file(f, "pids.max", "2048");
}

static void cgroup_limits_check__controller_missing__named_unless_it_can_come(void **state)
{
	struct fake *f = *state;
	struct cgroup_limits l;
	struct err err = { 0 };

	cgroup_limits_init(&l);
	l.memory_max_bytes = 1;
	l.tasks_max = 10;
	fake_file(f, "cgroup.controllers", "memory\n");
	fake_file(f, "memory.max", "2");
	assert_int_equal(cgroup_limits_check(&f->cg, &l, CGROUP_PIDS | CGROUP_IO, &err), 0);
	assert_int_equal(cgroup_limits_check(&f->cg, &l, CGROUP_IO, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.msg, "TasksMax needs controller 'pids'"));
	fake_file(f, "pids.max", "3");
	assert_int_equal(cgroup_limits_check(&f->cg, &l, 0, &err), 0);
	assert_file(f, "memory.max", "2");
	assert_file(f, "pids.max", "3");
}

static void cgroup_limits_apply__file_missing__kernel_named(void **state)
{
	struct fake *f = *state;
	struct cgroup_limits l;
	struct err err = { 0 };

	cgroup_limits_init(&l);
	l.io_weight = 10;
	fake_file(f, "cgroup.controllers", "cpu io\n");
	assert_int_equal(cgroup_limits_apply(&f->cg, &l, NULL, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.msg, "IOWeight needs 'io.weight', which this kernel's "
					"controller 'io' lacks"));
}

static void cgroup_limit_missing__group_above_holds_it_back__that_is_named(void **state)
{
	struct fake *f = *state;
	struct err err = { 0 };
	struct cgroup_limits l;
	struct cgroup below;
	char want[256];

	cgroup_limits_init(&l);
	fake_file(f, "cgroup.controllers", "cpu memory\n");
	fake_file(f, "cgroup.events", "populated 1\n");
	fake_file(f, "cgroup.procs", "42\n");
	assert_int_equal(io_mkdir_path(f->cg.dirfd, "a/b", 0755, &err), 0);
	assert_int_equal(cgroup_open(&below, f->cg.dirfd, "a", &err), 0);
	assert_int_equal(io_replace_file(below.dirfd, "cgroup.controllers", "\n", 1, &err), 0);
	cgroup_close(&below);
	assert_int_equal(cgroup_open(&below, f->cg.dirfd, "a/b", &err), 0);
	assert_int_equal(io_replace_file(below.dirfd, "cgroup.controllers", "\n", 1, &err), 0);
	assert_int_equal(cgroup_limit_missing(&below, &l, CGROUP_LIMIT_MEMORY_MAX, &err),
			 -EOPNOTSUPP);
	snprintf(want, sizeof(want),
		 "MemoryMax needs controller 'memory', which cgroup '%s' cannot give to the "
		 "groups below it: processes live in it",
		 f->path);
	assert_string_equal(err.msg, want);
	assert_int_equal(cgroup_limit_missing(&below, &l, CGROUP_LIMIT_TASKS_MAX, &err),
			 -EOPNOTSUPP);
	assert_non_null(strstr(err.msg, "/a/b' does not have (it has: none)"));
	cgroup_close(&below);
}

static void cgroup_limits_apply__best_effort__rest_written_missing_told(void **state)
{
	struct fake *f = *state;
	struct err err = { 0 };
	struct cgroup_limits l;
	unsigned missing = ~0u;

	cgroup_limits_init(&l);
	l.memory_max_bytes = 4096;
	l.cpu_weight = 5;
	l.tasks_max = 7;
	fake_file(f, "cgroup.controllers", "pids\n");
	fake_file(f, "pids.max", "");
	assert_int_equal(cgroup_limits_apply(&f->cg, &l, &missing, &err), 0);
	assert_int_equal(missing, 1u << CGROUP_LIMIT_MEMORY_MAX | 1u << CGROUP_LIMIT_CPU_WEIGHT);
	assert_file(f, "pids.max", "7");
	assert_int_equal(cgroup_limit_missing(&f->cg, &l, CGROUP_LIMIT_CPU_WEIGHT, &err),
			 -EOPNOTSUPP);
	assert_non_null(strstr(err.msg, "CPUWeight needs controller 'cpu'"));
}

static struct idset set_of(const char *list)
{
	struct idset set = { 0 };
	const char *bad;

	assert_int_equal(idset_parse(list, &bad, &set), 0);
	return set;
}

static void cgroup_limits_apply__cpuset__written_and_looked_at(void **state)
{
	struct fake *f = *state;
	struct cgroup_limits l, none, dropped;
	struct err err = { 0 };
	unsigned missing;
	char want[256];

	cgroup_limits_init(&l);
	cgroup_limits_init(&none);
	l.cpus = l.memory_nodes = set_of("0");
	fake_file(f, "cpuset.cpus", "");
	fake_file(f, "cpuset.cpus.effective", "0\n");
	fake_file(f, "cpuset.mems", "");
	assert_int_equal(cgroup_limits_apply(&f->cg, &l, NULL, &err), 0);
	assert_file(f, "cpuset.cpus", "0");
	assert_file(f, "cpuset.mems", "0");
	/* The kernel takes what the groups above do not have, and does as they do. */
	fake_file(f, "cpuset.cpus.effective", "2-3\n");
	assert_int_equal(cgroup_limits_apply(&f->cg, &l, NULL, &err), -EOPNOTSUPP);
	snprintf(want, sizeof(want),
		 "AllowedCPUs: 0 is not for cgroup '%s', which the groups above "
		 "leave only 2-3", f->path);
	assert_string_equal(err.msg, want);
	assert_int_equal(cgroup_limits_apply(&f->cg, &l, &missing, &err), 0);
	assert_int_equal(missing, 1u << CGROUP_LIMIT_CPUS);
	assert_int_equal(cgroup_limit_missing(&f->cg, &l, CGROUP_LIMIT_CPUS, &err), -EOPNOTSUPP);
	assert_int_equal(cgroup_limit_missing(&f->cg, &l, CGROUP_LIMIT_MEMORY_NODES, &err), 0);
	cgroup_limits_dropped(&dropped, &l, &none);
	assert_int_equal(cgroup_limits_apply(&f->cg, &dropped, NULL, &err), 0);
	assert_file(f, "cpuset.cpus", "\n");
}

static void cgroup_limits_check__not_on_this_host__told(void **state)
{
	struct fake *f = *state;
	struct cgroup_limits l;
	struct err err = { 0 };

	cgroup_limits_init(&l);
	l.cpus = set_of("0,1023");
	assert_int_equal(cgroup_limits_check(&f->cg, &l, CGROUP_CPUSET, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.msg, "AllowedCPUs: 1023 is not on this host, which has 0"));
	cgroup_limits_init(&l);
	l.huge[0] = (struct cgroup_huge){ UINT64_C(1) << 50, LIMIT_MAX };
	assert_int_equal(cgroup_limits_check(&f->cg, &l, CGROUP_HUGETLB, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.msg, "HugetlbMax: this "));
	assert_non_null(strstr(err.msg, "no huge pages"));
}

static void cgroup_limits_apply__huge_pages__by_the_kernels_names(void **state)
{
	struct fake *f = *state;
	struct cgroup_limits l, none, dropped;
	struct err err = { 0 };

	if (access("/sys/kernel/mm/hugepages/hugepages-2048kB", F_OK) < 0) {
		print_message("skip: no huge pages of 2M\n");
		skip();
	}
	cgroup_limits_init(&l);
	cgroup_limits_init(&none);
	l.huge[0] = (struct cgroup_huge){ 2 << 20, 64 << 20 };
	fake_file(f, "hugetlb.2MB.max", "");
	assert_int_equal(cgroup_limits_apply(&f->cg, &l, NULL, &err), 0);
	fake_file(f, "hugetlb.2MB.rsvd.max", "");
	assert_int_equal(cgroup_limits_apply(&f->cg, &l, NULL, &err), 0);
	assert_file(f, "hugetlb.2MB.max", "67108864");
	assert_file(f, "hugetlb.2MB.rsvd.max", "67108864");
	fake_file(f, "hugetlb.2MB.max", "");
	fake_file(f, "hugetlb.2MB.rsvd.max", "");
	cgroup_limits_dropped(&dropped, &l, &none);
	assert_int_equal(cgroup_limits_apply(&f->cg, &dropped, NULL, &err), 0);
	assert_file(f, "hugetlb.2MB.max", "max");
	assert_file(f, "hugetlb.2MB.rsvd.max", "max");
}

static void cgroup_pressure__kernels_text__hundredths(void **state)
{
	struct fake *f = *state;
	struct cgroup_pressure p;

	assert_false(cgroup_pressure(&f->cg, CGROUP_PRESSURE_IO, &p));
	fake_file(f, "io.pressure", "some avg10=12.34 avg60=1.00 avg300=0.10 total=5678\n"
				    "full avg10=0.05 avg60=0.00 avg300=0.00 total=90\n");
	assert_true(cgroup_pressure(&f->cg, CGROUP_PRESSURE_IO, &p));
	assert_int_equal(p.some_avg10, 1234);
	assert_int_equal(p.full_avg10, 5);
	assert_int_equal(p.some_usec, 5678);
	assert_int_equal(p.full_usec, 90);
	fake_file(f, "cpu.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1\n");
	assert_true(cgroup_pressure(&f->cg, CGROUP_PRESSURE_CPU, &p));
	assert_int_equal(p.full_usec, 0);
	fake_file(f, "cpu.pressure", "nonsense\n");
	assert_false(cgroup_pressure(&f->cg, CGROUP_PRESSURE_CPU, &p));
}

static void cgroup_oom_kills_and_ooms__memory_events__the_counts(void **state)
{
	struct fake *f = *state;
	uint64_t n = 99;

	assert_int_equal(cgroup_oom_kills(&f->cg, &n, NULL), 0);
	assert_int_equal(n, 0);
	n = 99;
	assert_int_equal(cgroup_ooms(&f->cg, &n, NULL), 0);
	assert_int_equal(n, 0);
	fake_file(f, "memory.events",
		  "low 0\nhigh 1\nmax 2\noom 3\noom_kill 4\noom_group_kill 5\n");
	assert_int_equal(cgroup_oom_kills(&f->cg, &n, NULL), 0);
	assert_int_equal(n, 4);
	assert_int_equal(cgroup_ooms(&f->cg, &n, NULL), 0);
	assert_int_equal(n, 3);
	assert_int_equal(cgroup_highs(&f->cg, &n, NULL), 0);
	assert_int_equal(n, 1);
}

static void cgroup_stats__some_files__the_rest_absent(void **state)
{
	struct fake *f = *state;
	struct cgroup_stats s;

	fake_file(f, "cpu.stat",
		  "usage_usec 1234\nuser_usec 1000\nsystem_usec 234\nthrottled_usec 56\n");
	fake_file(f, "memory.current", "8192\n");
	cgroup_stats(&f->cg, &s);
	assert_int_equal(s.cpu_usec, 1234);
	assert_int_equal(s.throttled_usec, 56);
	assert_int_equal(s.memory_bytes, 8192);
	assert_true(s.tasks == CGROUP_STAT_ABSENT);
}

#define fake_test(fn) cmocka_unit_test_setup_teardown(fn, fake_make, fake_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cgroup_mount_parse__cgroup2_lines__root_and_point),
		cmocka_unit_test(cgroup_mount_parse__other_or_broken_lines__refused),
		cmocka_unit_test(cgroup_own_parse__lines__only_the_v2_one),
		cmocka_unit_test(cgroup_limits_controllers__some_limits__their_controllers),
		fake_test(cgroup_limits_apply__values__in_the_kernels_units),
		fake_test(cgroup_limits_apply__controller_missing__named),
		fake_test(cgroup_limits_apply__standard__where_it_can_be),
		fake_test(cgroup_limits_check__controller_missing__named_unless_it_can_come),
		fake_test(cgroup_limits_apply__file_missing__kernel_named),
		fake_test(cgroup_limit_missing__group_above_holds_it_back__that_is_named),
		fake_test(cgroup_limits_apply__best_effort__rest_written_missing_told),
		fake_test(cgroup_limits_apply__cpuset__written_and_looked_at),
		fake_test(cgroup_limits_check__not_on_this_host__told),
		fake_test(cgroup_limits_apply__huge_pages__by_the_kernels_names),
		fake_test(cgroup_pressure__kernels_text__hundredths),
		fake_test(cgroup_oom_kills_and_ooms__memory_events__the_counts),
		fake_test(cgroup_stats__some_files__the_rest_absent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
