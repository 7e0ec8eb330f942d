/* SPDX-License-Identifier: MIT */
/* supervisor/loop: watches, every case on io_uring and on epoll. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <sched.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/child.h"
#include "tests/unit/test_loop.h"

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
	loop_timer_set(loop, &t.timer, clock_boottime_ns() + 50 * NSEC_PER_MSEC);
	assert_int_equal(loop_run(loop, &status, &err), 0);
	assert_int_equal(status, 7);
	assert_int_equal(other.calls, 1);
	assert_true(p.calls > 2); /* thousands, where nobody else has the CPU */
	loop_watch_remove(loop, &p.watch);
	loop_watch_remove(loop, &other.watch);
	close(other.watch.fd);
	close(fds[0]);
	close(fds[1]);
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
	};
	int failed = 0;

	/* epoll first: the kernel ends a closed ring in the background, and that
	 * interrupts an epoll_wait(2) of the thread, which would be a turn more
	 * than the cases count. */
	backend = LOOP_EPOLL;
	failed += cmocka_run_group_tests_name("loop on epoll", tests, NULL, NULL);
	backend = LOOP_URING;
	failed += cmocka_run_group_tests_name("loop on io_uring", tests, NULL, NULL);
	return failed;
}
