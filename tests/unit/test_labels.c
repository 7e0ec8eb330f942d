/* SPDX-License-Identifier: MIT */
/* container/labels.h: what is written, byte by byte, and when nothing may be. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "container/labels.h"

static char dir[64];
static int top;
static struct container_spec spec;

static int make_dir(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/podd-labels-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	top = open(dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	spec = (struct container_spec){ 0 };
	return top < 0 ? -1 : 0;
}

static int drop_dir(void **state)
{
	(void)state;
	close_fd(&top);
	return io_remove_tree(AT_FDCWD, dir, NULL);
}

static void put(const char *path, const char *text)
{
	char parent[128], *slash;
	int fd;

	strcpy(parent, path);
	slash = strrchr(parent, '/');
	if (slash) {
		*slash = '\0';
		assert_int_equal(io_mkdir_path(top, parent, 0755, NULL), 0);
	}
	fd = openat(top, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(io_write_all(fd, text, strlen(text)), 0);
	close(fd);
}

static void assert_file(const char *path, const char *text)
{
	char buf[128];
	ssize_t n = io_read_file(top, path, buf, sizeof(buf), NULL);

	assert_int_equal(n, strlen(text));
	assert_memory_equal(buf, text, strlen(text));
}

static void set(enum container_label_kind kind, const char *name, bool optional)
{
	spec.labels[kind] = (struct container_label){ (char *)name, optional };
}

static void check__signs_of_the_kernel__what_is_in_force(void **state)
{
	struct err err = { 0 };
	struct labels l;

	(void)state;
	assert_int_equal(labels_check(&l, &spec, top, &err), 0); /* nothing is asked for */
	set(CONTAINER_LABEL_SELINUX, "u:r:t:s0", false);
	assert_int_equal(labels_check(&l, &spec, top, &err), -EOPNOTSUPP);
	assert_string_equal(err.msg, "SELinuxContext=: the host has no SELinux in force");
	assert_string_equal(err.key, "SELinuxContext");
	set(CONTAINER_LABEL_SELINUX, "u:r:t:s0", true);
	assert_int_equal(labels_check(&l, &spec, top, &err), 0);
	assert_false(l.wanted[CONTAINER_LABEL_SELINUX]);
	put("fs/selinux/enforce", "0"); /* permissive */
	set(CONTAINER_LABEL_APPARMOR, "web", false);
	put("module/apparmor/parameters/enabled", "N\n");
	assert_int_equal(labels_check(&l, &spec, top, &err), -EOPNOTSUPP);
	assert_string_equal(err.msg, "AppArmorProfile=: the host has no AppArmor in force");
	put("module/apparmor/parameters/enabled", "Y\n");
	assert_int_equal(labels_check(&l, &spec, top, &err), 0);
	assert_true(l.wanted[CONTAINER_LABEL_SELINUX]);
	assert_true(l.wanted[CONTAINER_LABEL_APPARMOR]);
}

static void write__both__the_kernels_form(void **state)
{
	const struct labels both = { { true, true } };
	struct err err = { 0 };

	(void)state;
	put("exec", "");
	put("apparmor/exec", "");
	set(CONTAINER_LABEL_SELINUX, "system_u:system_r:container_t:s0:c1,c2", false);
	set(CONTAINER_LABEL_APPARMOR, "podd//web", false);
	assert_int_equal(labels_write(top, &both, &spec, &err), 0);
	assert_file("exec", "system_u:system_r:container_t:s0:c1,c2");
	assert_file("apparmor/exec", "exec podd//web");
}

static void write__not_in_force__nothing(void **state)
{
	const struct labels none = { { false, false } };

	(void)state;
	put("exec", "");
	set(CONTAINER_LABEL_SELINUX, "u:r:t:s0", true);
	assert_int_equal(labels_write(top, &none, &spec, NULL), 0);
	assert_file("exec", "");
}

static void write__refused__told_unless_optional(void **state)
{
	const struct labels both = { { true, true } };
	struct err err = { 0 };

	(void)state;
	put("exec", "");
	put("target", "");
	assert_int_equal(io_mkdir_path(top, "apparmor", 0755, NULL), 0);
	assert_int_equal(symlinkat("../target", top, "apparmor/exec"), 0);
	set(CONTAINER_LABEL_SELINUX, "u:r:t:s0", false);
	set(CONTAINER_LABEL_APPARMOR, "web", false);
	assert_int_equal(labels_write(top, &both, &spec, &err), -ELOOP); /* CVE-2025-52881 */
	assert_string_equal(err.msg, "AppArmorProfile=: AppArmor does not take 'web': "
				     "Too many levels of symbolic links");
	assert_string_equal(err.key, "AppArmorProfile");
	assert_file("target", "");
	set(CONTAINER_LABEL_APPARMOR, "web", true);
	assert_int_equal(labels_write(top, &both, &spec, &err), 0);
}

/* The real ones: no such label is there, whatever LSM is. */
static void open__own_attributes__refused_by_the_kernel(void **state)
{
	const struct labels apparmor = { .wanted = { [CONTAINER_LABEL_APPARMOR] = true } };
	struct err err = { 0 };
	int attr = -EBADF;

	(void)state;
	set(CONTAINER_LABEL_APPARMOR, "podd-test-none", false);
	assert_int_equal(labels_open(&attr, &err), 0);
	if (faccessat(attr, "exec", F_OK, 0) < 0)
		skip(); /* a kernel without any LSM */
	assert_true(labels_write(attr, &apparmor, &spec, &err) < 0);
	set(CONTAINER_LABEL_APPARMOR, "podd-test-none", true);
	assert_int_equal(labels_write(attr, &apparmor, &spec, &err), 0);
	close(attr);
}

/* Each makes a "proc" in the working directory, which is to be the root. */
/* The root of a tmpfs has the inode number that proc's has. */
static int other_file_system(void)
{
	if (mkdir("proc", 0755) < 0 || mount("none", "proc", "tmpfs", 0, NULL) < 0)
		return -1;
	return io_mkdir_path(AT_FDCWD, "proc/thread-self/attr", 0755, NULL);
}

static int mount_proc(const char *path)
{
	return mkdir(path, 0755) < 0 ? -errno : mount("proc", path, "proc", 0, NULL);
}

static int link_to_a_proc(void)
{
	return mount_proc("real") < 0 ? -1 : symlink("real", "proc");
}

/* Of the same file system, but no root of one. */
static int directory_of_proc(void)
{
	return mount_proc("proc") < 0 ? -1 : mount("proc/sys", "proc", NULL, MS_BIND, NULL);
}

static int mount_in_proc(void)
{
	if (mount_proc("proc") < 0)
		return -1;
	return mount("none", "proc/thread-self/attr", "tmpfs", 0, NULL);
}

struct opened {
	int r;
	struct err err;
};

/* In mounts and a root of its own. */
static void open_in(struct opened *out, int (*make)(void))
{
	int attr;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    chdir(dir) < 0 || make() < 0 || chroot(".") < 0)
		return;
	out->r = labels_open(&attr, &out->err);
}

static void assert_open(int (*make)(void), int r, const char *why)
{
	struct opened *o = mmap(NULL, sizeof(*o), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;
	pid_t pid;

	assert_ptr_not_equal(o, MAP_FAILED);
	o->r = 1; /* not asked */
	pid = fork();
	if (pid == 0) {
		open_in(o, make);
		_exit(0);
	}
	assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
	assert_int_equal(o->r, r);
	assert_string_equal(o->err.msg, why);
	assert_int_equal(munmap(o, sizeof(*o)), 0);
	assert_int_equal(io_remove_tree(top, "proc", NULL), 0);
}

/* CVE-2019-16884, CVE-2025-52881: what is written would go elsewhere. */
static void open__something_else_at_proc__refused(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_open(other_file_system, -EXDEV, "'/proc' is no proc");
	assert_open(directory_of_proc, -EXDEV, "'/proc' is no proc");
	assert_open(link_to_a_proc, -ENOTDIR, "open '/proc': Not a directory");
	assert_open(mount_in_proc, -EXDEV,
		    "open '/proc/thread-self/attr': Invalid cross-device link");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, drop_dir)
	const struct CMUnitTest tests[] = {
		TEST(check__signs_of_the_kernel__what_is_in_force),
		TEST(write__both__the_kernels_form),
		TEST(write__not_in_force__nothing),
		TEST(write__refused__told_unless_optional),
		TEST(open__own_attributes__refused_by_the_kernel),
		TEST(open__something_else_at_proc__refused),
	};

	return cmocka_run_group_tests_name("labels", tests, NULL, NULL);
}
