/* SPDX-License-Identifier: MIT */
/* What the loop takes for granted about io_uring, epoll and timerfd. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include "base/child.h"
#include "base/clock.h"
#include "base/fd.h"

static struct io_uring ring;

static void open_ring(void)
{
	int r = io_uring_queue_init(8, &ring, 0);

	if (r < 0) {
		print_message("no io_uring here: %s\n", strerror(-r));
		skip();
	}
}

static void queue_poll(int fd, unsigned mask, bool multishot, uint64_t token)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

	assert_non_null(sqe);
	if (multishot)
		io_uring_prep_poll_multishot(sqe, fd, mask);
	else
		io_uring_prep_poll_add(sqe, fd, mask);
	io_uring_sqe_set_data64(sqe, token);
	assert_int_equal(io_uring_submit(&ring), 1);
}

struct completion {
	uint64_t user_data;
	int res;
	unsigned flags;
};

/* The completion that comes next. */
static struct completion next_cqe(void)
{
	struct io_uring_cqe *cqe;
	struct completion copy;

	assert_int_equal(io_uring_wait_cqe(&ring, &cqe), 0);
	copy = (struct completion){ cqe->user_data, cqe->res, cqe->flags };
	io_uring_cqe_seen(&ring, cqe);
	return copy;
}

/* That nothing but a request made now completes: what was ready would have
 * come before it. */
static void assert_silent(void)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
	struct completion cqe;

	io_uring_prep_nop(sqe);
	io_uring_sqe_set_data64(sqe, 999);
	assert_int_equal(io_uring_submit(&ring), 1);
	cqe = next_cqe();
	assert_int_equal(cqe.user_data, 999);
}

static void put(int fd, const char *s)
{
	assert_int_equal(write(fd, s, strlen(s)), strlen(s));
}

/* Why the loop does not use it. */
static void multishot_poll__pipe__edge_and_each_write_wakes(void **state)
{
	struct completion cqe;
	int fds[2];
	char c;

	(void)state;
	open_ring();
	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	queue_poll(fds[0], POLLIN, true, 1);
	put(fds[1], "abc");
	cqe = next_cqe();
	assert_true(cqe.flags & IORING_CQE_F_MORE);
	assert_true(cqe.res & POLLIN);
	/* A part is read, and the rest is not told. */
	assert_int_equal(read(fds[0], &c, 1), 1);
	assert_silent();
	/* Nothing is read, and each further write is told. */
	for (int i = 0; i < 3; i++) {
		put(fds[1], "d");
		assert_int_equal(next_cqe().user_data, 1);
	}
	io_uring_queue_exit(&ring);
	close(fds[0]);
	close(fds[1]);
}

static void multishot_poll__eventfd_signalfd__armed_after_the_event(void **state)
{
	sigset_t set, old;
	int fds[2];

	(void)state;
	open_ring();
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	assert_int_equal(sigprocmask(SIG_BLOCK, &set, &old), 0);
	fds[0] = eventfd(0, EFD_CLOEXEC);
	fds[1] = signalfd(-1, &set, SFD_CLOEXEC);
	queue_poll(fds[0], POLLIN, true, 1);
	queue_poll(fds[1], POLLIN, true, 2);
	for (int i = 0; i < 3; i++) {
		struct signalfd_siginfo info;
		struct completion cqe;
		eventfd_t v;

		assert_int_equal(eventfd_write(fds[0], 1), 0);
		cqe = next_cqe();
		assert_int_equal(cqe.user_data, 1);
		assert_true(cqe.flags & IORING_CQE_F_MORE);
		assert_int_equal(eventfd_read(fds[0], &v), 0);
		assert_int_equal(raise(SIGUSR2), 0);
		cqe = next_cqe();
		assert_int_equal(cqe.user_data, 2);
		assert_true(cqe.flags & IORING_CQE_F_MORE);
		assert_int_equal(read(fds[1], &info, sizeof(info)), sizeof(info));
	}
	io_uring_queue_exit(&ring);
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(sigprocmask(SIG_SETMASK, &old, NULL), 0);
}

static void oneshot_poll__queued_again__level_triggered(void **state)
{
	int fds[2];
	char c;

	(void)state;
	open_ring();
	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	put(fds[1], "ab");
	for (int i = 0; i < 2; i++) {
		struct completion cqe;

		queue_poll(fds[0], POLLIN, false, 1);
		cqe = next_cqe();
		assert_true(cqe.res & POLLIN);
		assert_false(cqe.flags & IORING_CQE_F_MORE);
		/* Not queued: silent, whatever is written. */
		put(fds[1], "c");
		assert_silent();
		assert_int_equal(read(fds[0], &c, 1), 1);
	}
	io_uring_queue_exit(&ring);
	close(fds[0]);
	close(fds[1]);
}

static void oneshot_poll__removed__canceled(void **state)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	int seen = 0;

	(void)state;
	open_ring();
	queue_poll(fd, POLLIN, false, 1);
	io_uring_prep_poll_remove(io_uring_get_sqe(&ring), 1);
	assert_int_equal(io_uring_submit(&ring), 1);
	for (int i = 0; i < 2; i++) {
		struct completion cqe = next_cqe();

		seen |= 1 << (cqe.user_data == 1);
		assert_int_equal(cqe.res, cqe.user_data == 1 ? -ECANCELED : 0);
	}
	assert_int_equal(seen, 3);
	io_uring_queue_exit(&ring);
	close(fd);
}

static int exit_now(void *arg)
{
	(void)arg;
	return 3;
}

static void poll__pidfd__readable_at_exit(void **state)
{
	int pidfd = -1;
	struct child_args args = { .flags = CLONE_PIDFD, .pidfd = &pidfd };

	(void)state;
	open_ring();
	for (int multishot = 0; multishot < 2; multishot++) {
		siginfo_t info = { 0 };

		assert_true(child_spawn(&args, exit_now, NULL) > 0);
		queue_poll(pidfd, POLLIN, multishot, 1);
		assert_true(next_cqe().res & POLLIN);
		assert_int_equal(waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | __WALL), 0);
		assert_int_equal(info.si_status, 3);
		close(pidfd);
	}
	io_uring_queue_exit(&ring);
}

/* 16 fit into the ring: the kernel keeps the others (IORING_FEAT_NODROP). */
static void completions__more_than_the_ring_holds__none_lost(void **state)
{
	uint64_t sum = 0;
	int fd = eventfd(0, EFD_CLOEXEC);

	(void)state;
	open_ring();
	assert_true(ring.features & IORING_FEAT_NODROP);
	for (uint64_t i = 1; i <= 300; i++)
		queue_poll(fd, POLLIN, false, i);
	assert_int_equal(eventfd_write(fd, 1), 0);
	for (int i = 0; i < 300; i++) {
		struct completion cqe = next_cqe();

		assert_true(cqe.res & POLLIN);
		sum += cqe.user_data;
	}
	assert_int_equal(sum, 300 * 301 / 2);
	assert_silent();
	io_uring_queue_exit(&ring);
	close(fd);
}

static int enter_pid_namespace(void *arg)
{
	(void)arg;
	return unshare(CLONE_NEWPID) < 0 ? errno : 0;
}

/* The trap: requests of a thread that has entered another PID namespace fail
 * with ECANCELED where they need a worker. A child on our memory is another
 * task. */
static void child_in_another_pid_namespace__ring_goes_on(void **state)
{
	int fd = eventfd(0, EFD_CLOEXEC), r;
	struct io_uring_sqe *sqe;

	(void)state;
	open_ring();
	queue_poll(fd, POLLIN, false, 1);
	r = child_call(NULL, enter_pid_namespace, NULL);
	if (r > 0) {
		io_uring_queue_exit(&ring);
		close(fd);
		print_message("unshare(CLONE_NEWPID): %s\n", strerror(r));
		skip();
	}
	assert_int_equal(r, 0);
	assert_int_equal(eventfd_write(fd, 1), 0);
	assert_true(next_cqe().res & POLLIN);
	/* A worker of the ring can be made as well. */
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_nop(sqe);
	io_uring_sqe_set_flags(sqe, IOSQE_ASYNC);
	io_uring_sqe_set_data64(sqe, 2);
	assert_int_equal(io_uring_submit(&ring), 1);
	assert_int_equal(next_cqe().res, 0);
	io_uring_queue_exit(&ring);
	close(fd);
}

static struct pollfd poll_now(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	assert_true(poll(&p, 1, 0) >= 0);
	return p;
}

static void set_timer(int fd, uint64_t ns)
{
	struct itimerspec at = { .it_value = { (time_t)(ns / NSEC_PER_SEC),
					       (long)(ns % NSEC_PER_SEC) } };

	assert_int_equal(timerfd_settime(fd, TFD_TIMER_ABSTIME, &at, NULL), 0);
}

static void timerfd__boottime_absolute__not_before_and_cleared_by_set(void **state)
{
	int fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	uint64_t at = clock_boottime_ns() + 2 * NSEC_PER_MSEC, ticks;
	struct pollfd p = { .fd = fd, .events = POLLIN };

	(void)state;
	assert_true(fd >= 0);
	set_timer(fd, at);
	assert_int_equal(poll(&p, 1, 10000), 1);
	assert_true(clock_boottime_ns() >= at);
	/* Set again without a read: no longer readable. */
	set_timer(fd, at + 3600 * NSEC_PER_SEC);
	assert_int_equal(poll_now(fd).revents, 0);
	/* The past: readable at once; disarmed: not readable. */
	set_timer(fd, 1);
	assert_int_equal(poll(&p, 1, 10000), 1);
	set_timer(fd, 0);
	assert_int_equal(poll_now(fd).revents, 0);
	assert_int_equal(read(fd, &ticks, sizeof(ticks)), -1);
	assert_int_equal(errno, EAGAIN);
	/* "Infinity" is a deadline as well. */
	set_timer(fd, UINT64_MAX);
	assert_int_equal(poll_now(fd).revents, 0);
	close(fd);
}

/* Why a watch is removed before its descriptor is closed. */
static void epoll__closed_but_open_elsewhere__still_reported(void **state)
{
	int ep = epoll_create1(EPOLL_CLOEXEC), fd = eventfd(1, EFD_CLOEXEC);
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = 5 };
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0), closed = fd;

	(void)state;
	assert_int_equal(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev), 0);
	close(fd);
	assert_int_equal(epoll_wait(ep, &ev, 1, 0), 1);
	assert_int_equal(epoll_ctl(ep, EPOLL_CTL_DEL, closed, NULL), -1);
	assert_int_equal(errno, EBADF);
	close(copy);
	assert_int_equal(epoll_wait(ep, &ev, 1, 0), 0);
	close(ep);
}

/* The first cgroup2 mount, wherever it is; false if there is none. */
static bool find_cgroup2(char *path, size_t size)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[1024], where[512];
	bool found = false;

	while (!found && f && fgets(line, sizeof(line), f))
		found = strstr(line, " - cgroup2 ") &&
			sscanf(line, "%*s %*s %*s %*s %511s", where) == 1;
	if (f)
		(void)fclose(f);
	if (found)
		(void)snprintf(path, size, "%s/podd-test-loop-%d", where, (int)getpid());
	return found;
}

static int wait_for_eof(void *arg)
{
	const int *fds = arg;
	char c;

	close(fds[1]); /* ours: the table is copied, not shared */
	return read(fds[0], &c, 1) == 0 ? 0 : 1;
}

static bool is_populated(int events_fd)
{
	char buf[256] = { 0 };

	assert_true(pread(events_fd, buf, sizeof(buf) - 1, 0) > 0);
	return strstr(buf, "populated 1") != NULL;
}

/* It lives on while we poll, so this once no CLONE_VFORK. */
static pid_t fork_into(int cgroup_fd, int fds[2])
{
	struct clone_args args = { .flags = CLONE_INTO_CGROUP,
				   .exit_signal = SIGCHLD,
				   .cgroup = (uint64_t)cgroup_fd };
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

	if (pid == 0)
		_exit(wait_for_eof(fds));
	return pid;
}

static void poll__cgroup_events__priority_when_it_empties(void **state)
{
	char path[600];
	int fds[2], dir, events, status;
	pid_t pid;

	(void)state;
	open_ring();
	if (!find_cgroup2(path, sizeof(path)) || mkdir(path, 0755) < 0) {
		io_uring_queue_exit(&ring);
		print_message("no cgroup2 to write to: %s\n", strerror(errno));
		skip();
	}
	dir = open(path, O_DIRECTORY | O_CLOEXEC);
	events = openat(dir, "cgroup.events", O_RDONLY | O_CLOEXEC);
	assert_true(events >= 0);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork_into(dir, fds);
	assert_true(pid > 0);
	assert_true(is_populated(events));
	queue_poll(events, POLLPRI, false, 1);
	assert_silent();
	close(fds[1]);
	close(fds[0]);
	assert_true(next_cqe().res & POLLPRI);
	assert_false(is_populated(events));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	io_uring_queue_exit(&ring);
	close(events);
	close(dir);
	assert_int_equal(rmdir(path), 0);
}

/* The linker's: where the code ends (ld(1)). */
extern const char __executable_start[], etext[]; /* NOLINT(bugprone-reserved-identifier) */

/* What host_trim_process() relies upon: code that was given back comes again when it runs. */
static void madvise_dontneed__the_own_code__comes_again(void **state)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	const uintptr_t begin = (uintptr_t)__executable_start & ~(page - 1);
	const uintptr_t end = (uintptr_t)etext & ~(page - 1);

	(void)state;
	assert_true(end > begin);
	assert_int_equal(madvise((void *)begin, end - begin, MADV_DONTNEED), 0);
	assert_true(clock_boottime_ns() > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(multishot_poll__pipe__edge_and_each_write_wakes),
		cmocka_unit_test(madvise_dontneed__the_own_code__comes_again),
		cmocka_unit_test(multishot_poll__eventfd_signalfd__armed_after_the_event),
		cmocka_unit_test(oneshot_poll__queued_again__level_triggered),
		cmocka_unit_test(oneshot_poll__removed__canceled),
		cmocka_unit_test(poll__pidfd__readable_at_exit),
		cmocka_unit_test(completions__more_than_the_ring_holds__none_lost),
		cmocka_unit_test(child_in_another_pid_namespace__ring_goes_on),
		cmocka_unit_test(timerfd__boottime_absolute__not_before_and_cleared_by_set),
		cmocka_unit_test(epoll__closed_but_open_elsewhere__still_reported),
		cmocka_unit_test(poll__cgroup_events__priority_when_it_empties),
	};

	return cmocka_run_group_tests_name("loop contracts", tests, NULL, NULL);
}
