/* SPDX-License-Identifier: MIT */
/* What is hidden of /proc and /sys, each row, on a tree that has all of it. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/sys.h"
#include "container/system.h"

#define CPU "sys/devices/system/cpu/"

/* Not from the table in the code: a row that is lost there fails here. */
static const char *const hidden_dirs[] = {
	"proc/acpi", "proc/asound", "proc/scsi", "sys/firmware", "sys/devices/virtual/powercap",
	"sys/dev/block", "sys/fs/selinux", CPU "cpu0/thermal_throttle", CPU "cpu2/thermal_throttle",
	CPU "cpu117/thermal_throttle",
};

static const char *const hidden_files[] = {
	"proc/interrupts", "proc/kcore", "proc/keys", "proc/latency_stats", "proc/locks",
	"proc/sched_debug", "proc/timer_list", "proc/timer_stats",
};

static const char *const read_only_dirs[] = { "proc/1", "proc/bus", "proc/fs", "proc/irq",
						"proc/sys" };

/* What must stay as it is, beside what is hidden. */
static const char *const open_dirs[] = {
	"proc/self", CPU "cpu1/topology", CPU "cpufreq/thermal_throttle",
	CPU "cpu/thermal_throttle", CPU "cpu2x/thermal_throttle", "sys/devices/virtual/net",
};

static char *top;

static void add_file(int root, const char *path)
{
	cleanup_close int fd = openat(root, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(io_write_all(fd, "secret", 6), 0);
}

static void add_dir(int root, const char *path)
{
	char file[256];
	struct err err = { 0 };

	if (io_mkdir_path(root, path, 0755, &err) < 0)
		fail_msg("%s", err.msg);
	snprintf(file, sizeof(file), "%s/file", path);
	add_file(root, file);
}

/* A tmpfs in a mount namespace of this test's own. */
static int new_root(void)
{
	static char name[32];
	int root;

	if (geteuid() != 0)
		skip();
	assert_int_equal(unshare(CLONE_NEWNS), 0);
	assert_int_equal(sys_mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL), 0);
	snprintf(name, sizeof(name), "/tmp/podd-masks-XXXXXX");
	top = mkdtemp(name);
	assert_non_null(top);
	assert_int_equal(sys_mount("tmpfs", top, "tmpfs", 0, NULL), 0);
	root = open(top, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(root >= 0);
	assert_int_equal(mkdirat(root, "dev", 0755), 0);
	assert_int_equal(mknodat(root, "dev/null", S_IFCHR | 0666, makedev(1, 3)), 0);
	return root;
}

static void fill(int root)
{
	for (size_t i = 0; i < ARRAY_SIZE(hidden_dirs); i++)
		add_dir(root, hidden_dirs[i]);
	for (size_t i = 0; i < ARRAY_SIZE(read_only_dirs); i++)
		add_dir(root, read_only_dirs[i]);
	for (size_t i = 0; i < ARRAY_SIZE(open_dirs); i++)
		add_dir(root, open_dirs[i]);
	for (size_t i = 0; i < ARRAY_SIZE(hidden_files); i++)
		add_file(root, hidden_files[i]);
	add_file(root, "proc/sysrq-trigger");
}

static int remove_root(void **state)
{
	(void)state;
	if (!top)
		return 0;
	(void)umount2(top, MNT_DETACH);
	return rmdir(top);
}

static bool has_file(int root, const char *dir)
{
	char file[256];

	snprintf(file, sizeof(file), "%s/file", dir);
	return faccessat(root, file, F_OK, 0) == 0;
}

/* By the mount, as the superuser passes over modes. */
static bool is_read_only(int root, const char *path)
{
	cleanup_close int fd = openat(root, path, O_PATH | O_CLOEXEC);
	struct statvfs st;

	assert_true(fd >= 0);
	assert_int_equal(fstatvfs(fd, &st), 0);
	return st.f_flag & ST_RDONLY;
}

static void system_masks__a_tree_with_all_of_it__each_row_holds(void **state)
{
	cleanup_close int root = -EBADF;
	struct err err = { 0 };
	struct stat st;

	(void)state;
	root = new_root();
	fill(root);
	if (system_masks(root, &err) < 0)
		fail_msg("%s", err.msg);
	for (size_t i = 0; i < ARRAY_SIZE(hidden_dirs); i++)
		if (has_file(root, hidden_dirs[i]) || !is_read_only(root, hidden_dirs[i]))
			fail_msg("/%s is not hidden", hidden_dirs[i]);
	for (size_t i = 0; i < ARRAY_SIZE(hidden_files); i++)
		if (fstatat(root, hidden_files[i], &st, 0) < 0 || !S_ISCHR(st.st_mode) ||
		    st.st_rdev != makedev(1, 3))
			fail_msg("/%s is not hidden", hidden_files[i]);
	for (size_t i = 0; i < ARRAY_SIZE(read_only_dirs); i++)
		if (!has_file(root, read_only_dirs[i]) || !is_read_only(root, read_only_dirs[i]))
			fail_msg("/%s is not read-only", read_only_dirs[i]);
	assert_true(is_read_only(root, "proc/sysrq-trigger"));
	for (size_t i = 0; i < ARRAY_SIZE(open_dirs); i++)
		if (!has_file(root, open_dirs[i]) || is_read_only(root, open_dirs[i]))
			fail_msg("/%s is not as it was", open_dirs[i]);
}

static void system_masks__nothing_of_it_there__nothing_is_made(void **state)
{
	cleanup_close int root = -EBADF;
	struct err err = { 0 };

	(void)state;
	root = new_root();
	assert_int_equal(system_masks(root, &err), 0);
	assert_int_equal(faccessat(root, "proc", F_OK, 0), -1);
	assert_int_equal(faccessat(root, "sys", F_OK, 0), -1);
}

static void system_masks__a_link_in_the_way__refused_by_name(void **state)
{
	cleanup_close int root = -EBADF;
	struct err err = { 0 };

	(void)state;
	root = new_root();
	assert_int_equal(mkdirat(root, "proc", 0755), 0);
	assert_int_equal(symlinkat("self", root, "proc/asound"), 0);
	assert_int_equal(system_masks(root, &err), -ELOOP);
	assert_non_null(strstr(err.msg, "hide '/proc/asound'"));
}

/* Of each kind of row, and above one: what cannot be hidden or protected is not passed over. */
static void system_masks__a_link_in_each_place__refused_by_name(void **state)
{
	static const struct {
		const char *path, *why;
	} places[] = {
		{ "proc/kcore", "hide '/proc/kcore'" },
		{ "proc/bus", "protect '/proc/bus'" },
		{ "proc/sysrq-trigger", "protect '/proc/sysrq-trigger'" },
		{ CPU "cpu2/thermal_throttle", "hide '/" CPU "cpu2/thermal_throttle'" },
		{ "sys/devices/system/cpu", "open '/sys/devices/system/cpu'" },
	};
	cleanup_close int root = -EBADF;
	struct err err = { 0 };

	(void)state;
	root = new_root();
	add_dir(root, "proc/self");
	add_dir(root, CPU "cpu2");
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		assert_int_equal(io_remove_tree(root, places[i].path, NULL), 0);
		assert_int_equal(symlinkat("/proc/self", root, places[i].path), 0);
		assert_int_equal(system_masks(root, &err), -ELOOP);
		assert_non_null(strstr(err.msg, places[i].why));
		assert_int_equal(unlinkat(root, places[i].path, 0), 0);
	}
}

#define TEST(name) cmocka_unit_test_teardown(name, remove_root)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(system_masks__a_tree_with_all_of_it__each_row_holds),
		TEST(system_masks__nothing_of_it_there__nothing_is_made),
		TEST(system_masks__a_link_in_the_way__refused_by_name),
		TEST(system_masks__a_link_in_each_place__refused_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
