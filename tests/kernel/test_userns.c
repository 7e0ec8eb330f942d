/* SPDX-License-Identifier: MIT */
/* What podd relies on about user namespaces and idmapped mounts. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/child.h"
#include "base/fd.h"
#include "base/handed.h"
#include "base/io.h"
#include "base/keyring.h"
#include "base/sys.h"
#include "cgroup/cgroup.h"
#include "container/mount.h"
#include "userns/userns.h"

#define FIRST UINT32_C(0x70000000)

static struct userns ns;
static char dir[64];

static int make_world(void **state)
{
	struct err err = { 0 };

	(void)state;
	if (getuid() != 0)
		return 0;
	if (userns_create(&ns, FIRST, &err) < 0) {
		print_error("%s\n", err.msg);
		return -1;
	}
	strcpy(dir, "/var/tmp/podd-userns-XXXXXX"); /* a disk: tmpfs cannot before Linux 6.3 */
	return mkdtemp(dir) ? 0 : -1;
}

static int drop_world(void **state)
{
	(void)state;
	close_fd(&ns.fd);
	return dir[0] ? io_remove_tree(AT_FDCWD, dir, NULL) : 0;
}

static void need_root(void)
{
	if (getuid() != 0)
		skip();
}

/* In a child with a mount namespace of its own; 0: as expected. */
static int in_child(child_fn *fn, void *arg)
{
	const struct child_args args = { .flags = CLONE_NEWNS };

	return child_call(&args, fn, arg);
}

static int mount_in_a_namespace_of_the_host(void *arg)
{
	struct err err = { 0 };

	(void)arg;
	if (sys_mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    sys_mount("x", "/tmp", "tmpfs", 0, NULL) < 0)
		return 1;
	if (userns_enter(&ns, &err) < 0 || getuid() != 0)
		return 2;
	if (sys_mount("x", "/mnt", "tmpfs", 0, NULL) == 0 || errno != EPERM)
		return 3;
	if (sys_umount2("/tmp", MNT_DETACH) == 0 || errno != EPERM)
		return 4;
	/* In one of its own it may mount; what came from the other is locked. */
	if (unshare(CLONE_NEWNS) < 0 || sys_mount("x", "/mnt", "tmpfs", 0, NULL) < 0)
		return 5;
	return sys_umount2("/tmp", MNT_DETACH) == 0 || errno != EINVAL ? 6 : 0;
}

static void mounts_of_the_host__all_capabilities_of_the_pod__cannot_be_changed(void **state)
{
	(void)state;
	need_root();
	assert_int_equal(in_child(mount_in_a_namespace_of_the_host, NULL), 0);
}

static long find_key(void)
{
	return syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, "user",
		       "podd-contract", 0);
}

/* Another id, in another user namespace: who possesses the keyring has its keys. */
static int use_keys(void *arg)
{
	struct err err = { 0 };
	char secret[8];
	long key, n;

	(void)arg;
	if (userns_enter(&ns, &err) < 0 || setresuid(1000, 1000, 1000) < 0)
		return 1;
	key = find_key();
	if (key < 0 || syscall(SYS_keyctl, KEYCTL_READ, key, secret, sizeof(secret)) != 6)
		return 2;
	if (keyring_leave() < 0 || find_key() >= 0 || errno != ENOKEY)
		return 3;
	n = syscall(SYS_keyctl, KEYCTL_READ, key, secret, sizeof(secret)); /* by its number */
	return n < 0 && errno == EACCES ? 0 : 4;
}

static int have_key(void *arg)
{
	if (keyring_leave() < 0 || syscall(SYS_add_key, "user", "podd-contract", "secret", 6,
					   KEY_SPEC_SESSION_KEYRING) < 0)
		return 5;
	return in_child(use_keys, arg);
}

static void session_keyring__of_the_parent__used_in_another_user_namespace(void **state)
{
	(void)state;
	need_root();
	if (syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0) < 0 &&
	    errno == ENOSYS)
		skip();
	assert_int_equal(in_child(have_key, NULL), 0);
}

static int be(void *arg)
{
	(void)arg;
	return 7;
}

static int clone_into_group(void *arg)
{
	const struct child_args into = { .flags = CLONE_INTO_CGROUP, .cgroup_fd = *(int *)arg,
					 .stack_size = CHILD_STACK_INNER };
	struct err err = { 0 };
	pid_t pid;

	if (userns_enter(&ns, &err) < 0)
		return 1;
	pid = child_spawn(&into, be, NULL);
	return pid == -EACCES ? 0 : 2;
}

static void clone_into_cgroup__from_within__refused(void **state)
{
	struct cgroup_root root;
	struct cgroup group;
	struct err err = { 0 };

	(void)state;
	need_root();
	if (cgroup_root_open(&root, "userns", &err) < 0)
		skip();
	assert_int_equal(cgroup_pod_create(&group, &root, "kernel", 0, &err), 0);
	assert_int_equal(in_child(clone_into_group, &group.dirfd), 0);
	cgroup_close(&group);
	assert_int_equal(cgroup_pod_remove(&root, "kernel", 1000, &err), 0);
	cgroup_root_close(&root);
}

/* A lower with a file of user 5 and one of a user that no pod has. */
static void make_lower(void)
{
	char path[96];

	for (unsigned i = 0; i < 2; i++) {
		const uid_t owner[] = { 5, 70000 };
		int fd;

		snprintf(path, sizeof(path), "%s/lower", dir);
		(void)mkdir(path, 0755);
		snprintf(path, sizeof(path), "%s/lower/%u", dir, i);
		fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
		assert_true(fd >= 0);
		assert_int_equal(fchown(fd, owner[i], owner[i]), 0);
		close(fd);
	}
	for (const char *const *d = (const char *const[]){ "root", "upper", "work", NULL };
	     *d; d++) {
		snprintf(path, sizeof(path), "%s/%s", dir, *d);
		assert_int_equal(mkdir(path, 0755), 0);
	}
}

static int overlay_of_a_mapped_lower(void *arg)
{
	struct err err = { 0 };
	char options[256];
	struct stat st;
	int lower;

	(void)arg;
	if (chdir(dir) < 0 || sys_mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount_clone(&lower, AT_FDCWD, "lower", 0, &err) < 0 ||
	    userns_map_mount(&ns, lower, 0) < 0 ||
	    sys_move_mount(lower, "", AT_FDCWD, "root", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return 1;
	snprintf(options, sizeof(options),
		 "lowerdir=/proc/self/fd/%d,upperdir=upper,workdir=work", lower);
	if (sys_mount("overlay", "root", "overlay", 0, options) < 0)
		return 2;
	if (stat("root/0", &st) < 0 || st.st_uid != FIRST + 5 || st.st_gid != FIRST + 5)
		return 3;
	if (stat("root/1", &st) < 0 || st.st_uid != 65534) /* the overflow id: nobody's */
		return 4;
	/* What is copied up has the range's id on the disk. */
	if (chmod("root/0", 0640) < 0 || stat("upper/0", &st) < 0 || st.st_uid != FIRST + 5)
		return 5;
	return chmod("root/1", 0640) == 0 || errno != EOVERFLOW ? 6 : 0;
}

static void overlay__idmapped_lower__ids_of_the_range(void **state)
{
	(void)state;
	need_root();
	make_lower();
	assert_int_equal(in_child(overlay_of_a_mapped_lower, NULL), 0);
}

static int act_as_root(void *arg)
{
	struct err err = { 0 };
	int death_signal;
	struct stat st;

	(void)arg;
	if (chdir(dir) < 0 || mkdir("closed", 0700) < 0 || chown("closed", 1234, 1234) < 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGUSR1) < 0 ||
	    userns_act_as_root(&ns, &err) < 0 || getuid() != 0)
		return 1;
	if (prctl(PR_GET_PDEATHSIG, &death_signal) < 0 || death_signal != SIGUSR1)
		return 2;
	(void)syscall(SYS_setfsuid, 0); /* this is why */
	if (prctl(PR_GET_PDEATHSIG, &death_signal) < 0 || death_signal != 0)
		return 3;
	(void)syscall(SYS_setfsuid, ns.first);
	if (userns_act_as_root(&ns, &err) < 0)
		return 4;
	/* The host's capabilities, the pod's ownership. */
	return mkdir("closed/made", 0755) < 0 || stat("closed/made", &st) < 0 ||
	       st.st_uid != FIRST || st.st_gid != FIRST ? 5 : 0;
}

static void file_system_ids__of_the_pod__owner_of_what_is_made(void **state)
{
	(void)state;
	need_root();
	assert_int_equal(in_child(act_as_root, NULL), 0);
}

/* @arg: the directory, of a mount with the pod's ids. The attribute is there, and is not seen. */
static int reach_for_mark(void *arg)
{
	const int fd = *(int *)arg;

	if (fgetxattr(fd, HANDED_ATTRIBUTE, NULL, 0) >= 0 || errno != ENODATA)
		return 1;
	if (fsetxattr(fd, HANDED_ATTRIBUTE, "0", 1, 0) == 0 || errno != EPERM)
		return 2;
	return fremovexattr(fd, HANDED_ATTRIBUTE) == 0 || errno != EPERM ? 3 : 0;
}

static int reach_as_the_pods_root(void *arg)
{
	struct err err = { 0 };

	return userns_enter(&ns, &err) < 0 || getuid() != 0 ? 4 : reach_for_mark(arg);
}

/* As root of the host's ids has it in a container: whatever but CAP_SYS_ADMIN. */
static int reach_as_a_lesser_root(void *arg)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[2];

	if (syscall(SYS_capget, &head, sets) < 0)
		return 4;
	sets[0].effective &= ~(1U << CAP_SYS_ADMIN);
	sets[0].permitted &= ~(1U << CAP_SYS_ADMIN);
	return syscall(SYS_capset, &head, sets) < 0 ? 5 : reach_for_mark(arg);
}

static void trusted_attribute__whoever_is_not_the_hosts_root__out_of_reach(void **state)
{
	struct err err = { 0 };
	char path[96], to[96];
	int tree, fd;

	(void)state;
	need_root();
	snprintf(path, sizeof(path), "%s/marked", dir);
	snprintf(to, sizeof(to), "%s/renamed", dir);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(chown(path, 1000, 1000), 0);
	assert_int_equal(setxattr(path, HANDED_ATTRIBUTE, "1", 1, 0), 0);
	assert_int_equal(mount_clone(&tree, AT_FDCWD, path, 0, &err), 0);
	assert_int_equal(userns_map_mount(&ns, tree, 0), 0);
	fd = openat(tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(in_child(reach_as_the_pods_root, &fd), 0);
	assert_int_equal(in_child(reach_as_a_lesser_root, &fd), 0);
	close(fd);
	close(tree);
	assert_int_equal(rename(path, to), 0);
	assert_int_equal(getxattr(to, HANDED_ATTRIBUTE, NULL, 0), 1);
}

struct executed {
	int program;
	int in[2], out[2]; /* what it reads, it writes */
};

static int execute(void *arg)
{
	const struct executed *e = arg;
	char name[] = "cat", *argv[] = { name, NULL }, *env[] = { NULL };
	struct err err = { 0 };

	if (userns_enter(&ns, &err) < 0 || dup2(e->in[0], STDIN_FILENO) < 0 ||
	    dup2(e->out[1], STDOUT_FILENO) < 0)
		return 1;
	(void)sys_execveat(e->program, "", argv, env, AT_EMPTY_PATH);
	return 2;
}

/* At @path with @mode, which others than its owner may read or not. */
static int copy_program(const char *path, int from, mode_t mode)
{
	cleanup_close int out = -EBADF;

	(void)unlink(path);
	out = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
	assert_true(out >= 0);
	assert_int_equal(lseek(from, 0, SEEK_SET), 0);
	while (sendfile(out, from, NULL, 1 << 20) > 0)
		;
	assert_int_equal(fchmod(out, mode), 0);
	close_fd(&out);
	return open(path, O_PATH | O_CLOEXEC);
}

/* With all capabilities in the user namespace that the other one is in. Return: 0: it has it. */
static int take_descriptor(void *arg)
{
	struct err err = { 0 };
	int pidfd = *(int *)arg;

	if (userns_enter(&ns, &err) < 0)
		return 1;
	return sys_pidfd_getfd(pidfd, STDERR_FILENO) < 0 ? errno : 0;
}

/* What the pause rests on (supervisor/pause.c): who may not read what he executes is no
 * prey of his user namespace's root. */
static void pidfd_getfd__program_that_may_not_be_read__refused(void **state)
{
	static const struct {
		mode_t mode;
		int expect;
	} rows[] = { { 0755, 0 }, { 0711, EPERM } };
	char path[96], c = 'x';
	cleanup_close int cat = open("/bin/cat", O_RDONLY | O_CLOEXEC);

	(void)state;
	need_root();
	snprintf(path, sizeof(path), "%s/program", dir);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup_close int pidfd = -EBADF;
		struct executed e;
		const struct child_args args = { .flags = CLONE_PIDFD, .pidfd = &pidfd,
						 .exit_signal = SIGCHLD };
		pid_t pid;

		e.program = copy_program(path, cat, rows[i].mode);
		assert_int_equal(pipe2(e.in, O_CLOEXEC) | pipe2(e.out, O_CLOEXEC), 0);
		pid = child_spawn(&args, execute, &e);
		assert_true(pid > 0);
		close_fd(&e.in[0]);
		close_fd(&e.out[1]);
		/* The program runs. */
		assert_int_equal(write(e.in[1], &c, 1), 1);
		assert_int_equal(read(e.out[0], &c, 1), 1);
		assert_int_equal(in_child(take_descriptor, &pidfd), rows[i].expect);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		close_fd(&e.in[1]);
		close_fd(&e.out[0]);
		close_fd(&e.program);
	}
}

static void create__range__found_again(void **state)
{
	struct userns found;
	int to[2];
	pid_t pid;
	char c;

	(void)state;
	need_root();
	assert_int_equal(pipe2(to, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		struct err err = { 0 };

		(void)!write(to[1], userns_enter(&ns, &err) == 0 ? "y" : "n", 1);
		pause();
		_exit(0);
	}
	assert_int_equal(read(to[0], &c, 1), 1);
	assert_int_equal(c, 'y');
	assert_int_equal(userns_find(&found, pid, NULL), 0);
	assert_int_equal(found.first, FIRST);
	assert_int_equal(found.n, USERNS_IDS);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(found.fd);
	close(to[0]);
	close(to[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(create__range__found_again),
		cmocka_unit_test(pidfd_getfd__program_that_may_not_be_read__refused),
		cmocka_unit_test(
			mounts_of_the_host__all_capabilities_of_the_pod__cannot_be_changed),
		cmocka_unit_test(session_keyring__of_the_parent__used_in_another_user_namespace),
		cmocka_unit_test(clone_into_cgroup__from_within__refused),
		cmocka_unit_test(overlay__idmapped_lower__ids_of_the_range),
		cmocka_unit_test(file_system_ids__of_the_pod__owner_of_what_is_made),
		cmocka_unit_test(trusted_attribute__whoever_is_not_the_hosts_root__out_of_reach),
	};

	return cmocka_run_group_tests(tests, make_world, drop_world);
}
