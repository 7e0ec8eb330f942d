/* SPDX-License-Identifier: MIT */
/* A loop of each kind, and watches and timers that count. */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "supervisor/loop.h"

static enum loop_backend backend;

/* The loop on the back end of this case; a case is skipped where io_uring is
 * refused, and that is printed. */
static inline struct loop *begin(void **state)
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

static inline void turn(struct loop *loop)
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

static inline struct probe *of_watch(struct watch *w)
{
	return container_of(w, struct probe, watch);
}

static inline struct probe *of_timer(struct timer *t)
{
	return container_of(t, struct probe, timer);
}

static inline void count(struct watch *w, uint32_t events)
{
	of_watch(w)->calls++;
	of_watch(w)->events = events;
}

static inline void read_one(struct watch *w, uint32_t events)
{
	char c;

	count(w, events);
	if (read(w->fd, &c, 1) != 1)
		assert_int_equal(errno, EAGAIN);
}

static inline void drain(struct watch *w, uint32_t events)
{
	char buf[4096];

	count(w, events);
	while (read(w->fd, buf, sizeof(buf)) > 0)
		;
}

static inline void count_timer(struct timer *t)
{
	of_timer(t)->calls++;
	of_timer(t)->at_ns = clock_boottime_ns();
}

static inline void quit_timer(struct timer *t)
{
	count_timer(t);
	loop_quit(of_timer(t)->loop, 7);
}

static inline void watch(struct probe *p, struct loop *loop, int fd, uint32_t events, watch_fn *fn)
{
	struct err err = { 0 };

	p->loop = loop;
	p->watch.fn = fn;
	if (loop_watch_add(loop, &p->watch, fd, events, &err) < 0)
		fail_msg("%s", err.msg);
}

static inline void pipe_of(int fds[2])
{
	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
}

/* Serves all that is ready now: a timer set to "past" is served after it. */
static inline void settle(struct loop *loop)
{
	struct probe end = { .timer.fn = count_timer };

	for (int i = 0; i < 2; i++) {
		end.calls = 0;
		loop_timer_set(loop, &end.timer, 1);
		while (!end.calls)
			turn(loop);
	}
}

static uint32_t random_state;

static inline uint32_t next_random(void)
{
	random_state = random_state * 1664525u + 1013904223u;
	return random_state >> 8;
}
