/* SPDX-License-Identifier: MIT */
/* The event loop: descriptors and timers, on io_uring or epoll. */
#pragma once

#include <stdint.h>
#include <sys/epoll.h>

#include "base/err.h"
#include "supervisor/timer.h"

/*
 * Theory of operation
 *
 * One thread, one loop. A turn waits for events, then calls the callback of
 * each watch that is ready, once; timers are one watch among them. So no
 * descriptor starves another, however fast it is filled.
 *
 * Watches are level-triggered: a callback may read a part only and is called
 * again in the next turn; it never needs to read until EAGAIN. A watch whose
 * events are set to 0 costs nothing and reports nothing, not even a hang-up.
 *
 * Any callback may add, change and remove any watch or timer, its own too,
 * and free the memory at once. The kernel never sees a pointer: it is given
 * a slot number and a generation, so what it still reports for a removed
 * watch is recognised and dropped.
 *
 * io_uring: each watch is a one-shot poll request, queued again after its
 * callback and submitted by the same io_uring_enter(2) that waits: one system
 * call a turn. Multishot polls are edge-triggered: they would cost every
 * callback one more read (until EAGAIN), which measured dearer than a new
 * request, and they wake us for each write to a pipe that we have chosen not
 * to read yet (tests/kernel/test_loop_contracts.c shows both).
 *
 * All timers share one timerfd on CLOCK_BOOTTIME, armed for the earliest
 * deadline before the loop waits, and only when that has changed: an idle
 * loop never wakes.
 */
enum loop_backend {
	LOOP_AUTO, /* io_uring, or epoll where the kernel refuses that */
	LOOP_URING,
	LOOP_EPOLL,
};

struct loop;
struct watch;

/* @events: EPOLLIN and so on, as epoll_ctl(2) has them; EPOLLERR and EPOLLHUP
 * come unasked. They are hints: only read(2) or write(2) tells what is so.
 * POLLNVAL, once: the kernel cannot poll the descriptor, mostly because it was
 * closed; the watch stays silent from then on. */
typedef void watch_fn(struct watch *watch, uint32_t events);

/* Embedded in its owner; all zero is a watch that was not added. */
struct watch {
	watch_fn *fn;
	int fd;          /* borrowed; remove the watch before it is closed */
	uint32_t events; /* asked for; change it with loop_watch_set() */
	uint32_t slot;   /* private: index in the loop's table + 1; 0: not added */
};

int loop_new(struct loop **out, enum loop_backend backend, struct err *err);
void loop_free(struct loop *loop);
enum loop_backend loop_backend(const struct loop *loop);

int loop_run(struct loop *loop, int *exit_status, struct err *err);
int loop_turn(struct loop *loop, struct err *err);
void loop_quit(struct loop *loop, int exit_status);
uint64_t loop_turns(const struct loop *loop);

int loop_watch_add(struct loop *loop, struct watch *watch, int fd, uint32_t events,
		   struct err *err);
int loop_watch_set(struct loop *loop, struct watch *watch, uint32_t events, struct err *err);
void loop_watch_remove(struct loop *loop, struct watch *watch);

void loop_timer_set(struct loop *loop, struct timer *timer, uint64_t deadline_ns);
void loop_timer_clear(struct loop *loop, struct timer *timer);
