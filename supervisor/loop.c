/* SPDX-License-Identifier: MIT */
/* The loop: slots and generations, timers, and the turn. */
#include "supervisor/loop.h"

#include <assert.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "supervisor/loop_backend.h"

/* The index of a slot is the lower half of its token, the generation the upper
 * one. */
struct slot {
	struct watch *watch; /* NULL: free */
	uint32_t generation; /* one more with each arming */
	uint32_t next_free;  /* index + 1, 0 ends the list */
	bool armed;
};

struct loop {
	const struct loop_ops *ops;
	void *state; /* the back end's */
	struct slot *slots;
	uint32_t slot_n;
	uint32_t free_slot; /* index + 1 */
	struct timer_heap timers;
	struct watch timer_watch;
	uint64_t armed_ns; /* what the timerfd is set to; 0: disarmed */
	uint64_t fired_ns; /* when timers were last looked at */
	uint64_t turns;
	int exit_status; /* loop_quit() was called: not negative */
};

static uint64_t token_of(const struct loop *loop, const struct slot *s)
{
	return (uint64_t)s->generation << 32 | (uint64_t)(s - loop->slots);
}

/* NULL if the token's watch was removed or changed since it was armed. */
static struct slot *find_slot(const struct loop *loop, uint64_t token)
{
	uint32_t i = (uint32_t)token;
	struct slot *s = i < loop->slot_n ? &loop->slots[i] : NULL;

	return s && s->watch && s->generation == token >> 32 ? s : NULL;
}

static int arm(struct loop *loop, struct slot *s)
{
	int r;

	if (!s->watch->events)
		return 0;
	s->generation++;
	r = loop->ops->arm(loop->state, token_of(loop, s), s->watch->fd, s->watch->events);
	s->armed = r == 0;
	return r;
}

static void disarm(struct loop *loop, struct slot *s)
{
	if (s->armed)
		loop->ops->disarm(loop->state, token_of(loop, s), s->watch->fd);
	s->armed = false;
	s->generation++;
}

static int grow(struct loop *loop)
{
	uint32_t n = loop->slot_n ? loop->slot_n * 2 : 16;
	struct slot *slots = reallocarray(loop->slots, n, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (uint32_t i = n; i-- > loop->slot_n;) {
		slots[i] = (struct slot){ .next_free = loop->free_slot };
		loop->free_slot = i + 1;
	}
	loop->slots = slots;
	loop->slot_n = n;
	return 0;
}

static void free_slot(struct loop *loop, struct slot *s)
{
	s->watch->slot = 0;
	s->watch = NULL;
	s->next_free = loop->free_slot;
	loop->free_slot = (uint32_t)(s - loop->slots) + 1;
}

/**
 * loop_watch_add() - have a callback called while a descriptor is ready
 * @watch: embedded in its owner, @fn set, not added yet; linked until removed
 * @fd: borrowed, one watch for each; remove the watch before it is closed
 * @events: EPOLLIN, EPOLLOUT, EPOLLPRI, EPOLLRDHUP; 0: none for now
 *
 * Return: 0; -ENOMEM; or what the kernel says (epoll_ctl(2)). io_uring takes
 * the request only when the loop waits and refuses it by POLLNVAL.
 */
int loop_watch_add(struct loop *loop, struct watch *watch, int fd, uint32_t events,
		   struct err *err)
{
	struct slot *s;
	int r;

	assert(watch->fn && !watch->slot);
	if (!loop->free_slot && grow(loop) < 0)
		return err_set(err, ENOMEM, "watch descriptor %d: out of memory", fd);
	watch->fd = fd;
	watch->events = events;
	watch->slot = loop->free_slot;
	s = &loop->slots[watch->slot - 1];
	s->watch = watch;
	loop->free_slot = s->next_free;
	r = arm(loop, s);
	if (r < 0) {
		free_slot(loop, s);
		return err_set(err, -r, "watch descriptor %d: %s", fd, strerror(-r));
	}
	return 0;
}

/**
 * loop_watch_set() - change what a watch waits for
 * @events: 0 makes it silent until the next call
 *
 * Return: 0, or as loop_watch_add(); the watch is silent then.
 */
int loop_watch_set(struct loop *loop, struct watch *watch, uint32_t events, struct err *err)
{
	struct slot *s = &loop->slots[watch->slot - 1];
	int r;

	assert(watch->slot);
	if (events == watch->events)
		return 0;
	disarm(loop, s);
	watch->events = events;
	r = arm(loop, s);
	if (r < 0)
		return err_set(err, -r, "watch descriptor %d: %s", watch->fd, strerror(-r));
	return 0;
}

/**
 * loop_watch_remove() - forget a watch; nothing happens if it is not added
 * @watch: the caller's again, also to free; its callback is not called anymore
 *
 * On io_uring the kernel keeps the open file until the loop waits next.
 */
void loop_watch_remove(struct loop *loop, struct watch *watch)
{
	struct slot *s;

	if (!watch->slot)
		return;
	s = &loop->slots[watch->slot - 1];
	disarm(loop, s);
	free_slot(loop, s);
}

/**
 * loop_timer_set() - call a timer's callback once, when a time has come
 * @timer: embedded in its owner, @fn set; set already: it moves
 * @deadline_ns: CLOCK_BOOTTIME (clock_boottime_ns()); past: in the next turn
 */
void loop_timer_set(struct loop *loop, struct timer *timer, uint64_t deadline_ns)
{
	timer_heap_remove(&loop->timers, timer);
	/* After the pass that may be under way, or a callback that sets its own
	 * timer to a time gone by would never let the turn end. */
	if (deadline_ns <= loop->fired_ns)
		deadline_ns = loop->fired_ns + 1;
	timer_heap_insert(&loop->timers, timer, deadline_ns);
}

/**
 * loop_timer_clear() - unset a timer; nothing happens if it is not set
 * @timer: the caller's again, also to free; its callback is not called anymore
 */
void loop_timer_clear(struct loop *loop, struct timer *timer)
{
	timer_heap_remove(&loop->timers, timer);
}

static void fire_timers(struct watch *watch, uint32_t events)
{
	struct loop *loop = container_of(watch, struct loop, timer_watch);
	struct timer *t;

	(void)events;
	/* Not read: its deadline is gone after the pass, so it is set again
	 * before the next wait, and that makes it unreadable. */
	loop->fired_ns = clock_boottime_ns();
	while ((t = loop->timers.root) && t->deadline_ns <= loop->fired_ns) {
		timer_heap_remove(&loop->timers, t);
		t->fn(t);
	}
}

/* Once before each wait, so that a storm of timers costs one system call. */
static int arm_timerfd(struct loop *loop, struct err *err)
{
	uint64_t ns = loop->timers.root ? loop->timers.root->deadline_ns : 0;
	struct itimerspec at = {
		.it_value.tv_sec = (time_t)(ns / NSEC_PER_SEC),
		.it_value.tv_nsec = (long)(ns % NSEC_PER_SEC),
	};

	if (ns == loop->armed_ns)
		return 0;
	if (timerfd_settime(loop->timer_watch.fd, TFD_TIMER_ABSTIME, &at, NULL) < 0)
		return err_sys(err, "set the timer");
	loop->armed_ns = ns;
	return 0;
}

static int open_timerfd(struct loop *loop, struct err *err)
{
	cleanup_close int fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	int r;

	if (fd < 0)
		return err_sys(err, "create the timer");
	r = loop_watch_add(loop, &loop->timer_watch, fd, EPOLLIN, err);
	if (r < 0)
		return r;
	(void)take_fd(&fd); /* in the watch now */
	return 0;
}

static int open_with(struct loop *loop, const struct loop_ops *ops, struct err *err)
{
	int r = ops->open(&loop->state, err);

	if (r == 0)
		loop->ops = ops;
	return r;
}

static int open_backend(struct loop *loop, enum loop_backend backend, struct err *err)
{
	if (backend == LOOP_EPOLL)
		return open_with(loop, &loop_epoll_ops, err);
	if (backend == LOOP_URING)
		return open_with(loop, &loop_uring_ops, err);
	/* Whatever the reason (sysctl, seccomp, an old kernel, no memory), epoll
	 * does the same work. */
	if (open_with(loop, &loop_uring_ops, NULL) == 0)
		return 0;
	return open_with(loop, &loop_epoll_ops, err);
}

static void free_loop(struct loop **loop)
{
	loop_free(*loop);
}

/**
 * loop_new() - make a loop
 * @out: owned by the caller, loop_free()
 * @backend: LOOP_AUTO falls back to epoll where io_uring is refused
 *
 * The thread that makes it must be the one that runs it
 * (IORING_SETUP_SINGLE_ISSUER).
 *
 * Return: 0; -ENOMEM; with LOOP_URING, what io_uring_setup(2) said: EPERM,
 * ENOSYS, EINVAL.
 */
int loop_new(struct loop **out, enum loop_backend backend, struct err *err)
{
	__attribute__((cleanup(free_loop))) struct loop *loop = calloc(1, sizeof(*loop));
	int r;

	if (!loop)
		return err_set(err, ENOMEM, "allocate the event loop");
	loop->exit_status = -1;
	loop->timer_watch = (struct watch){ .fn = fire_timers, .fd = -EBADF };
	r = open_backend(loop, backend, err);
	if (r < 0)
		return r;
	r = open_timerfd(loop, err);
	if (r < 0)
		return r;
	*out = take_ptr(loop);
	return 0;
}

/**
 * loop_free() - end a loop that does not run; NULL is fine
 *
 * Watches and timers that were not removed are forgotten: their owners may
 * free them, and nothing else.
 */
void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	loop_watch_remove(loop, &loop->timer_watch);
	close_fd(&loop->timer_watch.fd);
	if (loop->ops)
		loop->ops->close(loop->state);
	free(loop->slots);
	free(loop);
}

/**
 * loop_backend() - which back end the loop runs on
 */
enum loop_backend loop_backend(const struct loop *loop)
{
	return loop->ops->backend;
}

/**
 * loop_turns() - how often the loop came back from waiting
 */
uint64_t loop_turns(const struct loop *loop)
{
	return loop->turns;
}

static int serve(struct loop *loop, const struct loop_event *ev)
{
	struct slot *s = find_slot(loop, ev->token);

	if (!s)
		return 0; /* late: removed or changed after it happened */
	s->armed = !loop->ops->one_shot;
	s->watch->fn(s->watch, ev->events);
	/* The callback may have removed the watch or moved the table. */
	s = find_slot(loop, ev->token);
	return s && !s->armed && !(ev->events & POLLNVAL) ? arm(loop, s) : 0;
}

/**
 * loop_turn() - wait until something happens and serve it
 *
 * Return: 0; or -errno when the kernel does not let us wait, which nothing but
 * a new loop gets over.
 */
int loop_turn(struct loop *loop, struct err *err)
{
	struct loop_event events[LOOP_BATCH];
	int n, r = arm_timerfd(loop, err);

	if (r < 0)
		return r;
	n = loop->ops->wait(loop->state, events);
	if (n < 0)
		return err_set(err, -n, "wait for events: %s", strerror(-n));
	loop->turns++;
	for (int i = 0; i < n; i++) {
		r = serve(loop, &events[i]);
		if (r < 0)
			return err_set(err, -r, "wait for events: %s", strerror(-r));
	}
	return 0;
}

/**
 * loop_run() - turn until loop_quit() is called
 * @exit_status: what loop_quit() was given
 *
 * Return: 0, or -errno as loop_turn().
 */
int loop_run(struct loop *loop, int *exit_status, struct err *err)
{
	while (loop->exit_status < 0) {
		int r = loop_turn(loop, err);

		if (r < 0)
			return r;
	}
	*exit_status = loop->exit_status;
	loop->exit_status = -1;
	return 0;
}

/**
 * loop_quit() - let loop_run() return after this turn
 * @exit_status: not negative; the last call wins
 */
void loop_quit(struct loop *loop, int exit_status)
{
	assert(exit_status >= 0);
	loop->exit_status = exit_status;
}
