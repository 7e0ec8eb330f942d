/* SPDX-License-Identifier: MIT */
/* supervisor/loop: every case on io_uring and on epoll. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "base/child.h"
#include "base/clock.h"
#include "base/fd.h"
#include "supervisor/loop.h"

static enum loop_backend backend;

/* The loop on the back end of this case; a case is skipped where io_uring is
 * refused, and that is printed. */
static struct loop *begin(void **state)
{
	struct loop *loop = NULL;
	struct err err = { 0 };

	(void)state;
	if (loop_new(&loop, backend, &err) < 0 && backend == LOOP_URING) {
		print_message("no io_uring here: %s\n", err.msg);
		skip();
	}
	assert_non_null(loop);
	assert_int_equal(loop_backend(loop), backend);
	return loop;
}

static void turn(struct loop *loop)
{
	struct err err = { 0 };

	if (loop_turn(loop, &err) < 0)
		fail_msg("%s", err.msg);
}

/* What the callbacks of these tests share: a watch or a timer with counters. */
struct probe {
	struct watch watch;
	struct timer timer;
	struct loop *loop;
	struct probe *other;
	int calls;
	uint32_t events;
	uint64_t at_ns;
};

static struct probe *of_watch(struct watch *w)
{
	return container_of(w, struct probe, watch);
}

static struct probe *of_timer(struct timer *t)
{
	return container_of(t, struct probe, timer);
}

static void count(struct watch *w, uint32_t events)
{
	of_watch(w)->calls++;
	of_watch(w)->events = events;
}

static void read_one(struct watch *w, uint32_t events)
{
	char c;

	count(w, events);
	if (read(w->fd, &c, 1) != 1)
		assert_int_equal(errno, EAGAIN);
}

static void drain(struct watch *w, uint32_t events)
{
	char buf[4096];

	count(w, events);
	while (read(w->fd, buf, sizeof(buf)) > 0)
		;
}

static void count_timer(struct timer *t)
{
	of_timer(t)->calls++;
	of_timer(t)->at_ns = clock_boottime_ns();
}

static void quit_timer(struct timer *t)
{
	count_timer(t);
	loop_quit(of_timer(t)->loop, 7);
}

static void watch(struct probe *p, struct loop *loop, int fd, uint32_t events, watch_fn *fn)
{
	struct err err = { 0 };

	p->loop = loop;
	p->watch.fn = fn;
	if (loop_watch_add(loop, &p->watch, fd, events, &err) < 0)
		fail_msg("%s", err.msg);
}

static void pipe_of(int fds[2])
{
	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
}

/* Serves all that is ready now: a timer set to "past" is served after it. */
static void settle(struct loop *loop)
{
	struct probe end = { .timer.fn = count_timer };

	for (int i = 0; i < 2; i++) {
		end.calls = 0;
		loop_timer_set(loop, &end.timer, 1);
		while (!end.calls)
			turn(loop);
	}
}

static void watch__partial_read__called_again(void **state)
{
	struct loop *loop = begin(state);
	struct probe p = { 0 };
	int fds[2];

	pipe_of(fds);
	watch(&p, loop, fds[0], EPOLLIN, read_one);
	assert_int_equal(write(fds[1], "abc", 3), 3);
	for (int i = 1; i <= 3; i++) {
		turn(loop);
		assert_int_equal(p.calls, i);
		assert_true(p.events & EPOLLIN);
	}
	settle(loop);
	assert_int_equal(p.calls, 3);
	loop_watch_remove(loop, &p.watch);
	close(fds[0]);
	close(fds[1]);
	loop_free(loop);
}

static void watch__data_before_add__called(void **state)
{
	struct loop *loop = begin(state);
	struct probe p = { 0 };
	int fds[2];

	pipe_of(fds);
	assert_int_equal(write(fds[1], "x", 1), 1);
	watch(&p, loop, fds[0], EPOLLIN, drain);
	turn(loop);
	assert_int_equal(p.calls, 1);
	loop_watch_remove(loop, &p.watch);
	close(fds[0]);
	close(fds[1]);
	loop_free(loop);
}

static void watch__events_zero__silent_until_set(void **state)
{
	struct loop *loop = begin(state);
	struct probe p = { 0 };
	struct err err = { 0 };
	int fds[2];

	pipe_of(fds);
	watch(&p, loop, fds[0], 0, drain);
	assert_int_equal(write(fds[1], "x", 1), 1);
	settle(loop);
	assert_int_equal(p.calls, 0);
	assert_int_equal(loop_watch_set(loop, &p.watch, EPOLLIN, &err), 0);
	settle(loop);
	assert_int_equal(p.calls, 1);
	assert_int_equal(loop_watch_set(loop, &p.watch, 0, &err), 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	close(fds[1]); /* not even a hang-up */
	settle(loop);
	assert_int_equal(p.calls, 1);
	loop_watch_remove(loop, &p.watch);
	close(fds[0]);
	loop_free(loop);
}

static void silence_self(struct watch *w, uint32_t events)
{
	count(w, events);
	assert_int_equal(loop_watch_set(of_watch(w)->loop, w, 0, NULL), 0);
}

static void watch__silenced_in_its_callback__no_wake_for_writes(void **state)
{
	struct loop *loop = begin(state);
	struct probe p = { 0 };
	uint64_t turns;
	int fds[2];

	pipe_of(fds);
	watch(&p, loop, fds[0], EPOLLIN, silence_self);
	assert_int_equal(write(fds[1], "x", 1), 1);
	turn(loop);
	assert_int_equal(p.calls, 1);
	turns = loop_turns(loop);
	for (int i = 0; i < 10; i++)
		assert_int_equal(write(fds[1], "x", 1), 1);
	settle(loop);
	assert_int_equal(loop_turns(loop), turns + 2); /* settle()'s own two */
	assert_int_equal(p.calls, 1);
	loop_watch_remove(loop, &p.watch);
	close(fds[0]);
	close(fds[1]);
	loop_free(loop);
}

static void watch__set_to_the_other_direction__reports_it(void **state)
{
	struct loop *loop = begin(state);
	struct probe p = { 0 };
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	watch(&p, loop, fds[0], EPOLLIN, count);
	settle(loop);
	assert_int_equal(p.calls, 0);
	assert_int_equal(loop_watch_set(loop, &p.watch, EPOLLOUT, NULL), 0);
	turn(loop);
	assert_int_equal(p.calls, 1);
	assert_int_equal(p.events, EPOLLOUT);
	loop_watch_remove(loop, &p.watch);
	close(fds[0]);
	close(fds[1]);
	loop_free(loop);
}

static void watch__writer_gone__hang_up_until_removed(void **state)
{
	struct loop *loop = begin(state);
	struct probe p = { 0 };
	int fds[2];

	pipe_of(fds);
	watch(&p, loop, fds[0], EPOLLIN, count);
	settle(loop);
	close(fds[1]);
	turn(loop);
	turn(loop);
	assert_int_equal(p.calls, 2);
	assert_true(p.events & EPOLLHUP);
	loop_watch_remove(loop, &p.watch);
	settle(loop);
	assert_int_equal(p.calls, 2);
	close(fds[0]);
	loop_free(loop);
}

static void watch__signalfd__signal_read(void **state)
{
	struct loop *loop = begin(state);
	struct probe p = { 0 };
	sigset_t set, old;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	assert_int_equal(sigprocmask(SIG_BLOCK, &set, &old), 0);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	watch(&p, loop, fd, EPOLLIN, drain);
	settle(loop);
	assert_int_equal(p.calls, 0);
	assert_int_equal(raise(SIGUSR1), 0);
	turn(loop);
	assert_int_equal(p.calls, 1);
	settle(loop);
	assert_int_equal(p.calls, 1);
	loop_watch_remove(loop, &p.watch);
	close(fd);
	assert_int_equal(sigprocmask(SIG_SETMASK, &old, NULL), 0);
	loop_free(loop);
}

static int exec_true(void *arg)
{
	char name[] = "true";

	(void)arg;
	execve("/bin/true", (char *[]){ name, NULL }, (char *[]){ NULL });
	return 127;
}

static void watch__pidfd_of_vforked_child__readable_at_exit_and_ring_unharmed(void **state)
{
	struct loop *loop = begin(state);
	struct probe child = { 0 }, pipe = { 0 };
	int fds[2], pidfd = -1;
	struct child_args args = { .flags = CLONE_PIDFD, .pidfd = &pidfd };
	siginfo_t info = { 0 };
	pid_t pid;

	pipe_of(fds);
	watch(&pipe, loop, fds[0], EPOLLIN, read_one); /* queued, not submitted */
	for (int i = 0; i < 20; i++) {
		child = (struct probe){ 0 };
		pid = child_spawn(&args, exec_true, NULL);
		assert_true(pid > 0);
		watch(&child, loop, pidfd, EPOLLIN, count);
		while (!child.calls)
			turn(loop);
		assert_int_equal(waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | __WALL), 0);
		assert_int_equal(info.si_status, 0);
		loop_watch_remove(loop, &child.watch);
		close(pidfd);
		assert_int_equal(pipe.calls, i);
		assert_int_equal(write(fds[1], "x", 1), 1);
		while (pipe.calls == i)
			turn(loop);
	}
	loop_watch_remove(loop, &pipe.watch);
	close(fds[0]);
	close(fds[1]);
	loop_free(loop);
}

static struct probe *survivor;

/* Both are ready in one turn: the first called removes and frees the other. */
static void free_other(struct watch *w, uint32_t events)
{
	struct probe *p = of_watch(w);

	(void)events;
	assert_null(survivor);
	survivor = p;
	loop_watch_remove(p->loop, &p->other->watch);
	close(p->other->watch.fd);
	free(p->other);
	loop_watch_remove(p->loop, w);
	close(w->fd);
}

static void watch__freed_by_another_callback_of_the_turn__not_called(void **state)
{
	struct loop *loop = begin(state);
	struct probe *p[2];

	survivor = NULL;
	for (int i = 0; i < 2; i++) {
		p[i] = calloc(1, sizeof(*p[i]));
		watch(p[i], loop, eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK), EPOLLIN, free_other);
	}
	p[0]->other = p[1];
	p[1]->other = p[0];
	settle(loop);
	assert_non_null(survivor);
	free(survivor);
	loop_free(loop);
}

static void free_self(struct watch *w, uint32_t events)
{
	struct probe *p = of_watch(w);
	int *calls = (int *)(uintptr_t)p->at_ns;

	(void)events;
	(*calls)++;
	loop_watch_remove(p->loop, w);
	close(w->fd);
	free(p);
}

static void watch__frees_itself__slot_used_again_without_old_events(void **state)
{
	struct loop *loop = begin(state);
	int calls = 0;

	for (int i = 0; i < 200; i++) {
		struct probe *p = calloc(1, sizeof(*p));

		p->at_ns = (uintptr_t)&calls;
		watch(p, loop, eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK), EPOLLIN, free_self);
		turn(loop);
		while (calls == i) /* a turn may serve only what is late */
			turn(loop);
		assert_int_equal(calls, i + 1);
	}
	loop_free(loop);
}

static void watch__removed_before_the_wait__event_never_delivered(void **state)
{
	struct loop *loop = begin(state);
	struct probe old = { 0 }, new = { 0 };
	int a = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK), b = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	watch(&old, loop, a, EPOLLIN, count);
	loop_watch_remove(loop, &old.watch);
	watch(&new, loop, b, EPOLLIN, count); /* the same slot */
	settle(loop);
	assert_int_equal(old.calls, 0);
	assert_int_equal(new.calls, 0);
	loop_watch_remove(loop, &new.watch);
	close(a);
	close(b);
	loop_free(loop);
}

static void watch__descriptor_closed_before_removal__harmless(void **state)
{
	struct loop *loop = begin(state);
	struct probe p = { 0 }, q = { 0 };
	int fds[2];

	pipe_of(fds);
	watch(&p, loop, fds[0], EPOLLIN, drain);
	settle(loop);
	close(fds[0]);
	settle(loop);
	loop_watch_remove(loop, &p.watch);
	settle(loop);
	close(fds[1]);
	assert_int_equal(p.watch.slot, 0);
	/* And the loop still works. */
	watch(&q, loop, eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK), EPOLLIN, drain);
	turn(loop);
	while (!q.calls)
		turn(loop);
	loop_watch_remove(loop, &q.watch);
	close(q.watch.fd);
	loop_free(loop);
}

static void watch__removed__file_let_go_by_the_next_wait(void **state)
{
	struct loop *loop = begin(state);
	struct probe p = { 0 };
	int fds[2];

	(void)signal(SIGPIPE, SIG_IGN);
	pipe_of(fds);
	watch(&p, loop, fds[0], EPOLLIN, drain);
	settle(loop);
	loop_watch_remove(loop, &p.watch);
	close(fds[0]);
	settle(loop);
	assert_int_equal(write(fds[1], "x", 1), -1);
	assert_int_equal(errno, EPIPE);
	close(fds[1]);
	loop_free(loop);
}

static void watch__bad_descriptor__refused_or_told_once(void **state)
{
	struct loop *loop = begin(state);
	struct probe p = { .loop = loop, .watch.fn = count };
	struct err err = { 0 };

	if (loop_backend(loop) == LOOP_EPOLL) {
		assert_int_equal(loop_watch_add(loop, &p.watch, 999, EPOLLIN, &err), -EBADF);
		assert_string_equal(err.msg, "watch descriptor 999: Bad file descriptor");
		assert_int_equal(err.code, EBADF);
		assert_int_equal(p.watch.slot, 0);
	} else {
		assert_int_equal(loop_watch_add(loop, &p.watch, 999, EPOLLIN, &err), 0);
		settle(loop);
		settle(loop);
		assert_int_equal(p.calls, 1);
		assert_int_equal(p.events, POLLNVAL);
		loop_watch_remove(loop, &p.watch);
	}
	loop_free(loop);
}

/* More ready at once than the completion ring (128) and a batch (64) hold. */
#define MANY 700

static void many__all_ready_at_once__each_served(void **state)
{
	struct loop *loop = begin(state);
	struct probe *p = calloc(MANY, sizeof(*p));
	int left = MANY;

	for (int i = 0; i < MANY; i++)
		watch(&p[i], loop, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), EPOLLIN, drain);
	settle(loop);
	for (int round = 1; round <= 3; round++) {
		for (int i = 0; i < MANY; i++)
			assert_int_equal(write(p[i].watch.fd, &(uint64_t){ 1 }, 8), 8);
		for (left = MANY; left;) {
			turn(loop);
			left = 0;
			for (int i = 0; i < MANY; i++)
				left += p[i].calls < round;
		}
		settle(loop);
		for (int i = 0; i < MANY; i++)
			assert_int_equal(p[i].calls, round);
	}
	for (int i = 0; i < MANY; i++) {
		loop_watch_remove(loop, &p[i].watch);
		close(p[i].watch.fd);
	}
	settle(loop);
	free(p);
	loop_free(loop);
}

static uint32_t random_state;

static uint32_t next_random(void)
{
	random_state = random_state * 1664525u + 1013904223u;
	return random_state >> 8;
}

struct storm {
	struct loop *loop;
	struct probe *live[64];
	int calls;
};
static struct storm storm;

/* Removes and frees some, itself perhaps, and adds others. */
static void churn(struct watch *w, uint32_t events)
{
	(void)w;
	(void)events;
	storm.calls++;
	for (int i = 0; i < 4; i++) {
		struct probe **p = &storm.live[next_random() % ARRAY_SIZE(storm.live)];

		if (*p) {
			loop_watch_remove(storm.loop, &(*p)->watch);
			loop_timer_clear(storm.loop, &(*p)->timer);
			close((*p)->watch.fd);
			memset(*p, 0xee, sizeof(**p));
			free(*p);
			*p = NULL;
		} else {
			*p = calloc(1, sizeof(**p));
			watch(*p, storm.loop, eventfd(next_random() & 1, EFD_CLOEXEC), EPOLLIN,
			      churn);
		}
	}
}

static void churn_timer(struct timer *t)
{
	loop_timer_set(storm.loop, t, 1);
	churn(NULL, 0);
}

static void storm__adds_and_removes_in_callbacks__survived(void **state)
{
	struct probe root = { .timer.fn = churn_timer };

	storm = (struct storm){ .loop = begin(state) };
	random_state = 42;
	loop_timer_set(storm.loop, &root.timer, 1);
	while (storm.calls < 20000)
		turn(storm.loop);
	for (size_t i = 0; i < ARRAY_SIZE(storm.live); i++) {
		if (!storm.live[i])
			continue;
		loop_watch_remove(storm.loop, &storm.live[i]->watch);
		close(storm.live[i]->watch.fd);
		free(storm.live[i]);
	}
	loop_timer_clear(storm.loop, &root.timer);
	settle(storm.loop);
	loop_free(storm.loop);
}

/* A pipe that is full again whenever its reader looks. */
static void flood(struct watch *w, uint32_t events)
{
	count(w, events);
	assert_int_equal(read(w->fd, (char[1]){ 0 }, 1), 1);
	assert_int_equal(write((int)of_watch(w)->at_ns, "x", 1), 1);
}

static void flood__timer_and_another_watch__both_served(void **state)
{
	struct loop *loop = begin(state);
	struct probe p = { 0 }, other = { 0 }, t = { .loop = loop, .timer.fn = quit_timer };
	struct err err = { 0 };
	int fds[2], status = -1;

	pipe_of(fds);
	p.at_ns = (uint64_t)fds[1];
	assert_int_equal(write(fds[1], "x", 1), 1);
	watch(&p, loop, fds[0], EPOLLIN, flood);
	watch(&other, loop, eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK), EPOLLIN, drain);
	loop_timer_set(loop, &t.timer, clock_boottime_ns() + 5 * NSEC_PER_MSEC);
	assert_int_equal(loop_run(loop, &status, &err), 0);
	assert_int_equal(status, 7);
	assert_int_equal(other.calls, 1);
	assert_true(p.calls > 10);
	loop_watch_remove(loop, &p.watch);
	loop_watch_remove(loop, &other.watch);
	close(other.watch.fd);
	close(fds[0]);
	close(fds[1]);
	loop_free(loop);
}

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
		cmocka_unit_test(watch__partial_read__called_again),
		cmocka_unit_test(watch__data_before_add__called),
		cmocka_unit_test(watch__events_zero__silent_until_set),
		cmocka_unit_test(watch__silenced_in_its_callback__no_wake_for_writes),
		cmocka_unit_test(watch__set_to_the_other_direction__reports_it),
		cmocka_unit_test(watch__writer_gone__hang_up_until_removed),
		cmocka_unit_test(watch__signalfd__signal_read),
		cmocka_unit_test(watch__pidfd_of_vforked_child__readable_at_exit_and_ring_unharmed),
		cmocka_unit_test(watch__freed_by_another_callback_of_the_turn__not_called),
		cmocka_unit_test(watch__frees_itself__slot_used_again_without_old_events),
		cmocka_unit_test(watch__removed_before_the_wait__event_never_delivered),
		cmocka_unit_test(watch__descriptor_closed_before_removal__harmless),
		cmocka_unit_test(watch__removed__file_let_go_by_the_next_wait),
		cmocka_unit_test(watch__bad_descriptor__refused_or_told_once),
		cmocka_unit_test(many__all_ready_at_once__each_served),
		cmocka_unit_test(storm__adds_and_removes_in_callbacks__survived),
		cmocka_unit_test(flood__timer_and_another_watch__both_served),
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
	failed += cmocka_run_group_tests_name("loop on epoll", tests, NULL, NULL);
	backend = LOOP_URING;
	failed += cmocka_run_group_tests_name("loop on io_uring", tests, NULL, NULL);
	return failed;
}
