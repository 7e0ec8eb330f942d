/* SPDX-License-Identifier: MIT */
/* supervisor/loop: timers, idling, its beginning and end; on io_uring and on epoll. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "tests/unit/test_loop.h"

static void timer__deadline__not_before_it(void **state)
{
	struct loop *loop = begin(state);
	struct probe t = { .loop = loop, .timer.fn = quit_timer };
	uint64_t at = clock_boottime_ns() + 3 * NSEC_PER_MSEC;
	int status;

	loop_timer_set(loop, &t.timer, at);
	assert_int_equal(loop_run(loop, &status, NULL), 0);
	assert_int_equal(t.calls, 1);
	assert_true(t.at_ns >= at);
	assert_false(timer_is_set(&t.timer));
	assert_int_equal(loop_turns(loop), 1);
	loop_free(loop);
}

static void timer__moved_earlier_and_later__once_at_the_last_deadline(void **state)
{
	struct loop *loop = begin(state);
	struct probe t = { .loop = loop, .timer.fn = quit_timer };
	uint64_t now = clock_boottime_ns(), at = now + 4 * NSEC_PER_MSEC;
	int status;

	loop_timer_set(loop, &t.timer, now + NSEC_PER_SEC * 3600);
	loop_timer_set(loop, &t.timer, now + NSEC_PER_MSEC);
	loop_timer_set(loop, &t.timer, at);
	assert_int_equal(loop_run(loop, &status, NULL), 0);
	assert_int_equal(t.calls, 1);
	assert_true(t.at_ns >= at);
	settle(loop);
	assert_int_equal(t.calls, 1);
	loop_free(loop);
}

static void set_again_in_the_past(struct timer *t)
{
	count_timer(t);
	loop_timer_set(of_timer(t)->loop, t, 1);
}

static void timer__sets_itself_to_the_past__once_a_turn(void **state)
{
	struct loop *loop = begin(state);
	struct probe t = { .loop = loop, .timer.fn = set_again_in_the_past };
	struct probe other = { .loop = loop, .timer.fn = count_timer };

	loop_timer_set(loop, &t.timer, 0);
	loop_timer_set(loop, &other.timer, 0);
	for (int i = 1; i <= 100; i++) {
		turn(loop);
		assert_int_equal(t.calls, i);
		assert_int_equal(other.calls, 1);
	}
	loop_timer_clear(loop, &t.timer);
	loop_free(loop);
}

static void free_other_timer(struct timer *t)
{
	struct probe *p = of_timer(t);

	if (!p->other)
		return;
	loop_timer_clear(p->loop, &p->other->timer);
	free(p->other);
	p->other = NULL;
}

static void timer__freed_by_another_due_in_the_same_turn__not_called(void **state)
{
	struct loop *loop = begin(state);
	struct probe *victim = calloc(1, sizeof(*victim));
	struct probe t = { .loop = loop, .timer.fn = free_other_timer, .other = victim };

	victim->loop = loop;
	victim->timer.fn = quit_timer;
	loop_timer_set(loop, &t.timer, 1);
	loop_timer_set(loop, &victim->timer, 2);
	settle(loop);
	assert_null(t.other);
	loop_free(loop);
}

#define TIMERS 10000
static uint64_t last_deadline;
static int out_of_order, fired;

static void in_order(struct timer *t)
{
	struct probe *p = of_timer(t);

	out_of_order += p->at_ns < last_deadline || p->at_ns > clock_boottime_ns();
	last_deadline = p->at_ns;
	if (++fired == TIMERS / 2)
		loop_quit(p->loop, 0);
}

static void timers__ten_thousand_in_random_order__fire_in_order(void **state)
{
	struct loop *loop = begin(state);
	struct probe *p = calloc(TIMERS, sizeof(*p));
	uint64_t now = clock_boottime_ns();
	int status = -1;

	random_state = 1;
	last_deadline = 0;
	out_of_order = fired = 0;
	for (int i = 0; i < TIMERS; i++) {
		p[i].loop = loop;
		p[i].timer.fn = in_order;
		p[i].at_ns = now + next_random() % (20 * NSEC_PER_MSEC);
		loop_timer_set(loop, &p[i].timer, p[i].at_ns);
	}
	for (int i = 0; i < TIMERS; i += 2)
		loop_timer_clear(loop, &p[i].timer);
	assert_int_equal(loop_run(loop, &status, NULL), 0);
	assert_int_equal(status, 0);
	assert_int_equal(fired, TIMERS / 2);
	assert_int_equal(out_of_order, 0);
	free(p);
	loop_free(loop);
}

/* Woken only by what it was asked to wait for: a turn that is not needed
 * would be counted. */
static void idle__watches_and_a_cleared_timer__no_turn(void **state)
{
	struct loop *loop = begin(state);
	struct probe p[8] = { 0 }, gone = { .timer.fn = count_timer };
	struct probe end = { .loop = loop, .timer.fn = quit_timer };
	uint64_t now = clock_boottime_ns();
	int fds[ARRAY_SIZE(p)][2], status;

	for (size_t i = 0; i < ARRAY_SIZE(p); i++) {
		pipe_of(fds[i]);
		watch(&p[i], loop, fds[i][0], EPOLLIN, drain);
	}
	loop_timer_set(loop, &gone.timer, now + 10 * NSEC_PER_MSEC);
	loop_timer_clear(loop, &gone.timer);
	loop_timer_set(loop, &end.timer, now + 200 * NSEC_PER_MSEC);
	assert_int_equal(loop_run(loop, &status, NULL), 0);
	assert_int_equal(loop_turns(loop), 1);
	assert_int_equal(gone.calls, 0);
	for (size_t i = 0; i < ARRAY_SIZE(p); i++) {
		loop_watch_remove(loop, &p[i].watch);
		close(fds[i][0]);
		close(fds[i][1]);
	}
	loop_free(loop);
}

/* Once, in 30 ms: the signal that ends a wait which no timer of the loop ends. */
static void alarm_soon(void)
{
	struct itimerval in = { .it_value.tv_usec = 30000 };

	assert_int_equal(setitimer(ITIMER_REAL, &in, NULL), 0);
}

static void idle__last_timer_fired_or_cleared__no_turn(void **state)
{
	struct loop *loop = begin(state);
	struct probe t = { .timer.fn = count_timer }, alarm = { 0 };
	uint64_t turns;
	sigset_t set, old;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	assert_int_equal(sigprocmask(SIG_BLOCK, &set, &old), 0);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	watch(&alarm, loop, fd, EPOLLIN, drain);
	settle(loop);
	turns = loop_turns(loop);
	alarm_soon();
	while (!alarm.calls)
		turn(loop);
	assert_int_equal(loop_turns(loop), turns + 1);
	loop_timer_set(loop, &t.timer, clock_boottime_ns() + 80 * NSEC_PER_MSEC);
	alarm_soon();
	while (alarm.calls < 2)
		turn(loop); /* the timerfd is armed here */
	loop_timer_clear(loop, &t.timer);
	turns = loop_turns(loop);
	for (int i = 3; i <= 5; i++) {
		alarm_soon();
		while (alarm.calls < i)
			turn(loop);
	}
	assert_int_equal(loop_turns(loop), turns + 3);
	assert_int_equal(t.calls, 0);
	loop_watch_remove(loop, &alarm.watch);
	close(fd);
	assert_int_equal(sigprocmask(SIG_SETMASK, &old, NULL), 0);
	loop_free(loop);
}

static void loop_quit__before_run__returns_at_once(void **state)
{
	struct loop *loop = begin(state);
	int status = -1;

	loop_quit(loop, 3);
	assert_int_equal(loop_run(loop, &status, NULL), 0);
	assert_int_equal(status, 3);
	assert_int_equal(loop_turns(loop), 0);
	loop_free(loop);
}

static int open_descriptors(int *without_cloexec)
{
	int n = 0;

	*without_cloexec = 0;
	for (int fd = 0; fd < 256; fd++) {
		int flags = fcntl(fd, F_GETFD);

		n += flags >= 0;
		*without_cloexec += flags >= 0 && !(flags & FD_CLOEXEC);
	}
	return n;
}

static void loop_new__descriptors__close_on_exec_and_none_left(void **state)
{
	int before, inherit_before, during, inherit_during, after, inherit_after;
	struct loop *loop;

	before = open_descriptors(&inherit_before);
	loop = begin(state);
	during = open_descriptors(&inherit_during);
	assert_true(during > before);
	assert_int_equal(inherit_during, inherit_before);
	loop_free(loop);
	after = open_descriptors(&inherit_after);
	assert_int_equal(after, before);
	loop_free(NULL);
}

/* Has the kernel refuse io_uring_setup(2) with @error, for good. */
static bool refuse_io_uring(int error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { ARRAY_SIZE(code), code };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0;
}

/* In a process of its own. Return: 0, or which check failed. */
static int try_without_io_uring(int error)
{
	struct loop *loop = NULL;
	struct err err = { 0 };

	if (!refuse_io_uring(error))
		return 1;
	if (loop_new(&loop, LOOP_URING, &err) != -error || loop || err.code != error)
		return 2;
	if (strncmp(err.msg, "set up the io_uring: ", 21) != 0)
		return 3;
	err = (struct err){ 0 };
	if (loop_new(&loop, LOOP_AUTO, &err) != 0 || err.code)
		return 4;
	if (loop_backend(loop) != LOOP_EPOLL)
		return 5;
	loop_free(loop);
	return 0;
}

static void loop_new__io_uring_refused__epoll_unless_asked_for(void **state)
{
	static const int errors[] = { EPERM, ENOSYS, ENOMEM, EACCES, EINVAL };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		pid_t pid = fork(); /* a filter cannot be taken off again */
		int status;

		if (pid == 0)
			_exit(try_without_io_uring(errors[i]));
		assert_true(pid > 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
}

static void loop_new__auto__io_uring_where_it_works(void **state)
{
	struct loop *loop = begin(state), *best = NULL;

	assert_int_equal(loop_new(&best, LOOP_AUTO, NULL), 0);
	if (backend == LOOP_URING)
		assert_int_equal(loop_backend(best), LOOP_URING);
	loop_free(best);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timer__deadline__not_before_it),
		cmocka_unit_test(timer__moved_earlier_and_later__once_at_the_last_deadline),
		cmocka_unit_test(timer__sets_itself_to_the_past__once_a_turn),
		cmocka_unit_test(timer__freed_by_another_due_in_the_same_turn__not_called),
		cmocka_unit_test(timers__ten_thousand_in_random_order__fire_in_order),
		cmocka_unit_test(idle__watches_and_a_cleared_timer__no_turn),
		cmocka_unit_test(idle__last_timer_fired_or_cleared__no_turn),
		cmocka_unit_test(loop_quit__before_run__returns_at_once),
		cmocka_unit_test(loop_new__descriptors__close_on_exec_and_none_left),
		cmocka_unit_test(loop_new__auto__io_uring_where_it_works),
	};
	const struct CMUnitTest refused[] = {
		cmocka_unit_test(loop_new__io_uring_refused__epoll_unless_asked_for),
	};
	int failed = cmocka_run_group_tests_name("loop without io_uring", refused, NULL, NULL);

	/* epoll first: the kernel ends a closed ring in the background, and that
	 * interrupts an epoll_wait(2) of the thread, which would be a turn more
	 * than the cases count. */
	backend = LOOP_EPOLL;
	failed += cmocka_run_group_tests_name("loop timers on epoll", tests, NULL, NULL);
	backend = LOOP_URING;
	failed += cmocka_run_group_tests_name("loop timers on io_uring", tests, NULL, NULL);
	return failed;
}
