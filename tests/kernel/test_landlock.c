/* SPDX-License-Identifier: MIT */
/* What podd relies on about Landlock, with the very rules that it makes. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/sys.h"
#include "container/landlock.h"
#include "container/mount.h"

/*
 * A file system of its own with a "root" that the child of a test makes its root, in a
 * mount namespace of its own, and "outside" beside it.
 */
static char dir[64];
static int outside_fd;

static struct container_spec spec;
static struct landlock_args args = { .spec = &spec };

typedef int inside_fn(void);

static int make_world(void **state)
{
	static const char *const dirs[] = { "outside", "root", "root/a", "root/b",
					    "root/proc", "root/dev", "root/fixed",
					    "root/data", "upper", "work" };
	char path[128];

	(void)state;
	strcpy(dir, "/tmp/podd-landlock-XXXXXX");
	if (getuid() != 0 || !mkdtemp(dir))
		return getuid() == 0 ? -1 : 0;
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, dirs[i]);
		if (mkdir(path, 0755) < 0)
			return -1;
	}
	snprintf(path, sizeof(path), "%s/outside", dir);
	outside_fd = open(path, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	for (size_t i = 0; i < 2; i++) {
		int fd = openat(outside_fd, i ? "file" : "other", O_CREAT | O_WRONLY, 0644);

		if (fd < 0 || close(fd) < 0)
			return -1;
	}
	return 0;
}

static int drop_world(void **state)
{
	(void)state;
	return dir[0] ? io_remove_tree(AT_FDCWD, dir, NULL) : 0;
}

/* An overlay, as a container has it, with a proc and a tmpfs in it. */
static int enter_root(void)
{
	char path[128], options[512];

	snprintf(path, sizeof(path), "%s/root", dir);
	snprintf(options, sizeof(options),
		 "lowerdir=%s/root,upperdir=%s/upper,workdir=%s/work",
		 dir, dir, dir);
	if (unshare(CLONE_NEWNS) < 0 || sys_mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    sys_mount("overlay", path, "overlay", 0, options) < 0 || chdir(path) < 0 ||
	    sys_mount("proc", "proc", "proc", 0, NULL) < 0 ||
	    sys_mount("tmpfs", "data", "tmpfs", 0, NULL) < 0 || sys_pivot_root(".", ".") < 0 ||
	    sys_umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return -errno;
	return 0;
}

static int wall_in(void)
{
	struct err err = { 0 };
	int fd, r = landlock_create(&fd, &args, &err);

	if (r == 0)
		r = landlock_enter(fd, &err);
	return r;
}

static int run_child(inside_fn *fn)
{
	int r = enter_root();

	if (r == 0)
		r = wall_in();
	return r < 0 ? -r : fn();
}

/* Return: what @fn has, as an exit status of a child behind the wall; 0 is good. */
static int behind_the_wall(inside_fn *fn)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(run_child(fn));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void need(int abi)
{
	if (getuid() != 0 || landlock_abi() < abi)
		skip();
	spec = (struct container_spec){ 0 };
	args = (struct landlock_args){ .spec = &spec };
}

#define IS(call, expected)                                                                       \
	do {                                                                                     \
		errno = 0;                                                                       \
		if ((call) < 0 ? errno != (expected) : (expected) != 0)                          \
			return fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call,     \
				       strerror(errno)), 255;                                    \
	} while (0)

static int look_outside(void)
{
	char link[64];

	IS(openat(outside_fd, "file", O_RDONLY), EACCES);
	IS(openat(outside_fd, "file", O_WRONLY), EACCES);
	IS(openat(outside_fd, ".", O_RDONLY | O_DIRECTORY), EACCES);
	IS(openat(outside_fd, "new", O_WRONLY | O_CREAT, 0600), EACCES);
	IS(unlinkat(outside_fd, "file", 0), EACCES);
	IS(mkdirat(outside_fd, "new", 0700), EACCES);
	snprintf(link, sizeof(link), "/proc/self/fd/%d/file", outside_fd);
	IS(open(link, O_RDONLY), EACCES);
	IS(fchdir(outside_fd), 0); /* what is not bounded leads no further */
	IS(open("file", O_RDONLY), EACCES);
	IS(open("../root/a", O_RDONLY | O_DIRECTORY), EACCES);
	return 0;
}

static void rule_of_the_root__file_of_another_namespace__refused(void **state)
{
	(void)state;
	need(2);
	assert_int_equal(behind_the_wall(look_outside), 0);
}

static int work_inside(void)
{
	int fd, ends[2];
	char name[32];

	IS(fd = open("/a/x", O_WRONLY | O_CREAT, 0600), 0);
	IS(ftruncate(fd, 1), 0);
	IS(truncate("/a/x", 0), 0);
	IS(rename("/a/x", "/b/y"), 0); /* LANDLOCK_ACCESS_FS_REFER */
	IS(link("/b/y", "/a/z"), 0);
	IS(unlink("/a/z"), 0);
	IS(unlink("/b/y"), 0);
	IS(open("/data/x", O_WRONLY | O_CREAT, 0600), 0); /* a mount below it */
	IS(open("/proc/self/comm", O_WRONLY), 0);
	IS(pipe(ends), 0);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", ends[1]);
	IS(open(name, O_WRONLY), 0); /* no rule can be made for a pipe, and none is asked for */
	IS(memfd_create("x", 0), 0);
	IS(chroot("/a"), 0);
	IS(open("/w", O_WRONLY | O_CREAT, 0600), 0);
	IS(unlink("/w"), 0);
	return 0;
}

static void rule_of_the_root__all_that_is_mounted_there__allowed(void **state)
{
	(void)state;
	need(2);
	assert_int_equal(behind_the_wall(work_inside), 0);
}

static int mount_something(void)
{
	IS(sys_mount("tmpfs", "/a", "tmpfs", 0, NULL), EPERM);
	IS(sys_umount2("/data", MNT_DETACH), EPERM);
	IS(sys_mount(NULL, "/data", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), EPERM);
	IS(sys_move_mount(AT_FDCWD, "/data", AT_FDCWD, "/a", 0), EPERM);
	IS(sys_pivot_root("/data", "/data"), EPERM);
	return 0;
}

static void mounts__behind_the_wall__cannot_be_changed_by_root(void **state)
{
	(void)state;
	need(2);
	assert_int_equal(behind_the_wall(mount_something), 0);
}

static int write_into_parts(void)
{
	IS(open("/a", O_RDONLY | O_DIRECTORY), 0);
	IS(open("/a/x", O_WRONLY | O_CREAT, 0600), EACCES);
	IS(mkfifo("/fixed/fifo", 0600), EACCES);
	IS(open("/data/x", O_WRONLY | O_CREAT, 0600), 0);
	IS(mkdir("/data/d", 0700), 0);
	IS(rename("/data/x", "/data/d/x"), 0);
	IS(open("/proc/self/comm", O_WRONLY), 0);
	return 0;
}

static void read_only_root__each_writable_mount__a_right_of_its_own(void **state)
{
	struct container_volume volumes[] = {
		{ .target = (char *)"/fixed", .read_only = true },
		{ .target = (char *)"/data" },
		{ .target = (char *)"/none", .optional = true },
	};

	(void)state;
	need(2);
	spec.writable = CONTAINER_WRITABLE_NO;
	spec.volumes = volumes;
	spec.volume_n = ARRAY_SIZE(volumes);
	assert_int_equal(behind_the_wall(write_into_parts), 0);
}

static int open_again(void)
{
	IS(open("/proc/self/fd/0", O_RDONLY), 0);
	IS(open("/proc/self/fd/0", O_WRONLY), EACCES);
	IS(open("/proc/self/fd/1/other", O_RDONLY), EACCES);
	return 0;
}

static void stdio__opened_again__a_file_as_it_was_and_no_directory(void **state)
{
	int file = openat(outside_fd, "file", O_RDONLY | O_CLOEXEC);
	int stdio[3] = { STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO }, kept[2];

	(void)state;
	need(2);
	kept[0] = dup(STDIN_FILENO);
	kept[1] = dup(STDOUT_FILENO);
	dup2(file, STDIN_FILENO);
	dup2(outside_fd, STDOUT_FILENO);
	args.stdio = stdio;
	file = behind_the_wall(open_again);
	dup2(kept[0], STDIN_FILENO);
	dup2(kept[1], STDOUT_FILENO);
	assert_int_equal(file, 0);
}

/* One in the same domain, one in another, and one in none. */
static int look_at_others(void)
{
	char path[64];
	pid_t own = fork();

	if (own == 0)
		for (;;)
			pause();
	snprintf(path, sizeof(path), "/proc/%d/environ", own);
	IS(open(path, O_RDONLY), 0);
	IS(kill(own, SIGKILL), 0);
	snprintf(path, sizeof(path), "/proc/%d/mem", getppid()); /* maps: CAP_PERFMON reads it */
	IS(open(path, O_RDONLY), EACCES);
	snprintf(path, sizeof(path), "/proc/%d/root/etc", getppid());
	IS(open(path, O_RDONLY), EACCES);
	IS(ptrace(PTRACE_ATTACH, getppid(), 0, 0), EPERM);
	IS(kill(getppid(), 0), 0);
	return 0;
}

static void domains__of_others__no_tracing_and_no_proc_files_but_signals(void **state)
{
	(void)state;
	need(2);
	assert_int_equal(behind_the_wall(look_at_others), 0);
}

static struct sockaddr_un address = { .sun_family = AF_UNIX };
static const socklen_t address_n = offsetof(struct sockaddr_un, sun_path) + 16;

static int connect_to_it(void)
{
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	IS(connect(s, (struct sockaddr *)&address, address_n), args.host_network ? EPERM : 0);
	return 0;
}

static void abstract_sockets__of_others__only_where_the_network_is_the_hosts(void **state)
{
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	need(6);
	snprintf(address.sun_path + 1, 16, "podd-%d", getpid());
	assert_int_equal(bind(s, (struct sockaddr *)&address, address_n), 0);
	assert_int_equal(listen(s, 4), 0);
	assert_int_equal(behind_the_wall(connect_to_it), 0);
	args.host_network = true;
	assert_int_equal(behind_the_wall(connect_to_it), 0);
	close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_of_the_root__file_of_another_namespace__refused),
		cmocka_unit_test(rule_of_the_root__all_that_is_mounted_there__allowed),
		cmocka_unit_test(mounts__behind_the_wall__cannot_be_changed_by_root),
		cmocka_unit_test(read_only_root__each_writable_mount__a_right_of_its_own),
		cmocka_unit_test(stdio__opened_again__a_file_as_it_was_and_no_directory),
		cmocka_unit_test(domains__of_others__no_tracing_and_no_proc_files_but_signals),
		cmocka_unit_test(abstract_sockets__of_others__only_where_the_network_is_the_hosts),
	};

	return cmocka_run_group_tests_name("landlock", tests, make_world, drop_world);
}
