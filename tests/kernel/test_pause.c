/* SPDX-License-Identifier: MIT */
/* What the pause and the way into a pod rest on: kernel contracts, real binaries. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/sys.h"
#include "cgroup/cgroup.h"
#include "container/container.h"
#include "supervisor/host.h"
#include "supervisor/pause.h"

#define WAIT_MS 20000

/* One pause with one container's root; made in a process of its own, which
 * may then die, as podd may. */
struct world {
	char dir[64];
	struct cgroup_root root;
	struct cgroup pod;
	struct pause pause;
	int mntns_fd;
	int alive_fd;
};

static struct world w;

/* build/tests/kernel/test_pause -> build/pod-pause */
static char *pause_binary(void)
{
	static char path[PATH_MAX + 32];
	char own[PATH_MAX] = "";

	if (readlink("/proc/self/exe", own, sizeof(own) - 1) < 0)
		return NULL;
	snprintf(path, sizeof(path), "%s/pod-pause", dirname(dirname(dirname(own))));
	return path;
}

static int make_pause(struct err *err)
{
	struct pause_args args = {
		.pod = "contract",
		.hostname = "contract",
		.binary = pause_binary(),
		.shm_size_bytes = 1 << 20,
		.cgroup_fd = w.pod.dirfd,
		.lease_fd = -EBADF,
		.alive_fd = w.alive_fd,
	};
	int r = pause_prepare(&w.pause, 1, err);

	return r < 0 ? r : pause_start(&w.pause, &args, err);
}

static const struct container_rlimit no_limits[CONTAINER_RLIMIT_N];

static int make_root(struct err *err)
{
	char *lowers[] = { (char *)"/", NULL };
	struct container_spec spec = { .name = (char *)"c",
				       .lowers = lowers,
				       .writable_size_bytes = 1 << 20 };
	cleanup_close int scratch = open(w.dir, O_DIRECTORY | O_CLOEXEC);
	const struct container_nodes none = { .n = 0 };
	struct container_root_args args = {
		.spec = &spec,
		.nodes = &none,
		.userns = &w.pause.userns,
		.pause_pidfd = w.pause.pidfd,
		.cgroup_fd = w.pod.dirfd,
		.scratch_dirfd = scratch,
		.disk_dirfd = -EBADF,
	};
	struct container_root root;
	int r = container_root_build(&root, &args, err);

	if (r == 0)
		w.mntns_fd = root.mntns_fd;
	return r;
}

static int spawn(const char *script, struct container_started *out, struct err *err)
{
	char *argv[] = { (char *)"/bin/sh", (char *)"-c", (char *)script, NULL };
	char *env[] = { NULL };
	struct container_process p = {
		.argv = argv,
		.env = env,
		.rlimits = no_limits,
		.userns = &w.pause.userns,
		.pause_pidfd = w.pause.pidfd,
		.mntns_fd = w.mntns_fd,
		.cgroup_fd = w.pod.dirfd,
		.stdio = { -EBADF, -EBADF, -EBADF },
		.slot = &w.pause.board->slots[0],
	};

	w.pause.board->slots[0].state = BOARD_STARTING;
	return container_spawn(out, &p, err);
}

static bool wait_event(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t n;

	return poll(&p, 1, WAIT_MS) == 1 &&
	       (read(fd, &n, sizeof(n)) == sizeof(n) || errno == EAGAIN);
}

static int make_world(void **state)
{
	struct err err = { 0 };
	char path[96];

	(void)state;
	pause_init(&w.pause);
	w.mntns_fd = -EBADF;
	strcpy(w.dir, "/tmp/podd-pause-XXXXXX");
	if (!mkdtemp(w.dir))
		return -1;
	snprintf(path, sizeof(path), "%s/root", w.dir);
	if (mkdir(path, 0700) < 0)
		return -1;
	w.alive_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (host_prepare_process(&err) < 0 || cgroup_root_open(&w.root, "contract", &err) < 0 ||
	    cgroup_pod_create(&w.pod, &w.root, "pause", 0, &err) < 0 || make_pause(&err) < 0 ||
	    make_root(&err) < 0) {
		print_message("# %s\n", err.msg);
		return -1;
	}
	return 0;
}

static int drop_world(void **state)
{
	struct err err = { 0 };

	(void)state;
	pause_kill(&w.pause);
	pause_done(&w.pause);
	close_fd(&w.mntns_fd);
	close_fd(&w.alive_fd);
	cgroup_close(&w.pod);
	if (cgroup_pod_remove(&w.root, "pause", WAIT_MS, &err) < 0)
		print_message("# %s\n", err.msg);
	cgroup_root_close(&w.root);
	return io_remove_tree(AT_FDCWD, w.dir, NULL);
}

#define NEEDS_ROOT()                                          \
	do {                                                  \
		if (geteuid() != 0) {                         \
			print_message("# SKIP: not root\n");  \
			skip();                               \
		}                                             \
	} while (0)

static void pause__exit_of_container__recorded_then_told(void **state)
{
	struct board_slot *slot = &w.pause.board->slots[0];
	struct container_started c;
	struct err err = { 0 };

	(void)state;
	for (int code = 0; code < 5; code++) {
		char script[32];

		snprintf(script, sizeof(script), "exit %d", code);
		assert_int_equal(spawn(script, &c, &err), 0);
		assert_true(wait_event(w.pause.event_fd));
		assert_int_equal(slot->state, BOARD_EXITED);
		assert_int_equal(slot->wait_status, code << 8);
		assert_true(slot->exited_boottime_ns != 0 && slot->exited_realtime_ns != 0);
		close(c.pidfd);
	}
	assert_int_equal(spawn("kill -SEGV $$", &c, &err), 0);
	assert_true(wait_event(w.pause.event_fd));
	assert_int_equal(slot->wait_status & 0x7f, SIGSEGV);
	close(c.pidfd);
}

static void pause__orphans__reaped_without_a_word(void **state)
{
	struct container_started c;
	struct err err = { 0 };
	uint64_t n;

	(void)state;
	/* 50 grandchildren that end after their parent; the shell ends last. */
	assert_int_equal(spawn("for i in 1 2 3 4 5 6 7 8 9 10; do "
			       "(true & true & true & true & true &) ; done; wait; exit 9",
			       &c, &err),
			 0);
	assert_true(wait_event(w.pause.event_fd));
	assert_int_equal(w.pause.board->slots[0].wait_status, 9 << 8);
	close(c.pidfd);
	/* Nothing more is told: the counter is at zero until the next exit. */
	assert_int_equal(read(w.pause.event_fd, &n, sizeof(n)), -1);
	assert_int_equal(errno, EAGAIN);
	/* The pause, this shell, its subshell, ls and wc: all the others go. */
	assert_int_equal(spawn("until [ $(ls -d /proc/[0-9]* | wc -l) -le 5 ]; do :; done",
			       &c, &err), 0);
	assert_true(wait_event(w.pause.event_fd));
	assert_int_equal(w.pause.board->slots[0].wait_status, 0);
	close(c.pidfd);
}

/* Starts a program that ends when @go is closed, and dies by SIGKILL at once. */
static void be_killed_podd(int told)
{
	struct container_started c;
	struct err err = { 0 };

	if (spawn("read line </dev/shm/go; exit 7", &c, &err) < 0)
		_exit(1);
	if (write(told, &c.pid, sizeof(c.pid)) != sizeof(c.pid))
		_exit(1);
	(void)kill(getpid(), SIGKILL);
}

static void pause__maker_killed__program_lives_and_its_exit_is_kept(void **state)
{
	struct container_started c;
	struct err err = { 0 };
	int told[2], status;
	pid_t maker, pid;

	(void)state;
	assert_int_equal(spawn("mkfifo /dev/shm/go", &c, &err), 0);
	assert_true(wait_event(w.pause.event_fd));
	assert_int_equal(w.pause.board->slots[0].wait_status, 0);
	close(c.pidfd);

	assert_int_equal(pipe2(told, O_CLOEXEC), 0);
	maker = fork();
	if (maker == 0)
		be_killed_podd(told[1]);
	close(told[1]);
	assert_int_equal(read(told[0], &pid, sizeof(pid)), sizeof(pid));
	close(told[0]);
	assert_int_equal(waitpid(maker, &status, 0), maker);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

	/* Its parent is the pause: nobody else could have seen the 7. */
	assert_int_equal(kill(pid, 0), 0);
	assert_int_equal(w.pause.board->slots[0].state, BOARD_RUNNING);
	{
		struct board_slot *other = &w.pause.board->slots[1];
		char *argv[] = { (char *)"/bin/sh", (char *)"-c",
				 (char *)"echo >/dev/shm/go", NULL };
		char *env[] = { NULL };
		struct container_process p = {
			.argv = argv, .env = env,
			.rlimits = no_limits,
			.userns = &w.pause.userns,
			.pause_pidfd = w.pause.pidfd, .mntns_fd = w.mntns_fd,
			.cgroup_fd = w.pod.dirfd, .stdio = { -EBADF, -EBADF, -EBADF },
			.slot = other,
		};

		other->state = BOARD_STARTING;
		assert_int_equal(container_spawn(&c, &p, &err), 0);
		close(c.pidfd);
	}
	while (w.pause.board->slots[0].state != BOARD_EXITED)
		assert_true(wait_event(w.pause.event_fd));
	assert_int_equal(w.pause.board->slots[0].wait_status, 7 << 8);
}

static void container_spawn__no_such_program__stage_and_code(void **state)
{
	char *argv[] = { (char *)"no-such-program", NULL }, *env[] = { NULL };
	struct container_process p = {
		.argv = argv,
		.env = env,
		.rlimits = no_limits,
		.userns = &w.pause.userns,
		.pause_pidfd = w.pause.pidfd,
		.mntns_fd = w.mntns_fd,
		.cgroup_fd = w.pod.dirfd,
		.stdio = { -EBADF, -EBADF, -EBADF },
	};
	struct container_started c;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(container_spawn(&c, &p, &err), -ENOENT);
	assert_string_equal(c.stage, "exec");
	assert_string_equal(err.msg, "execute 'no-such-program': No such file or directory");
	argv[0] = (char *)"/etc/passwd";
	assert_int_equal(container_spawn(&c, &p, &err), -EACCES);
	assert_string_equal(err.msg, "execute '/etc/passwd': Permission denied");
	p.cwd = "/nowhere";
	assert_int_equal(container_spawn(&c, &p, &err), -ENOENT);
	assert_string_equal(c.stage, "working-directory");
	p.cwd = "/";
	p.user = "nobody-here";
	assert_int_equal(container_spawn(&c, &p, &err), -EINVAL);
	assert_string_equal(c.stage, "user");
}

static void container_spawn__descriptors__none_left_over(void **state)
{
	struct container_started c;
	struct err err = { 0 };
	int before, after;

	(void)state;
	before = dup(0);
	close(before);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(spawn("exit 0", &c, &err), 0);
		close(c.pidfd);
		assert_true(wait_event(w.pause.event_fd));
	}
	after = dup(0);
	close(after);
	assert_int_equal(before, after);
}

/* Last: ends the pause. */
static void clone__pid_1_gone__said_so(void **state)
{
	struct container_started c;
	struct err err = { 0 };
	cleanup_close int pidfd = dup(w.pause.pidfd);

	(void)state;
	pause_kill(&w.pause);
	w.pause.pidfd = take_fd(&pidfd);
	assert_int_equal(spawn("exit 0", &c, &err), -ESRCH);
	close_fd(&w.pause.pidfd);
}

static void as_root_only(void **state)
{
	(void)state;
	NEEDS_ROOT();
}

int main(void)
{
	const struct CMUnitTest none[] = { cmocka_unit_test(as_root_only) };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pause__exit_of_container__recorded_then_told),
		cmocka_unit_test(pause__orphans__reaped_without_a_word),
		cmocka_unit_test(pause__maker_killed__program_lives_and_its_exit_is_kept),
		cmocka_unit_test(container_spawn__no_such_program__stage_and_code),
		cmocka_unit_test(container_spawn__descriptors__none_left_over),
		cmocka_unit_test(clone__pid_1_gone__said_so),
	};

	if (geteuid() != 0)
		return cmocka_run_group_tests_name("pause", none, NULL, NULL);
	return cmocka_run_group_tests_name("pause", tests, make_world, drop_world);
}
