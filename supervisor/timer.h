/* SPDX-License-Identifier: MIT */
/* Timers by deadline: an intrusive pairing heap, nothing is allocated. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Theory of operation
 *
 * A timer is embedded in its owner and linked into the heap while it is set,
 * so setting one cannot fail. The heap only orders: the loop owns the clock
 * and the descriptor (supervisor/loop.h). Insertion is O(1), taking away any
 * timer O(log n) amortised (Fredman and others, "The pairing heap", 1986);
 * no step recurses, whatever the shape.
 */
struct timer;
typedef void timer_fn(struct timer *timer);

/* All zero but @fn is a timer that is not set. */
struct timer {
	timer_fn *fn;         /* set by the owner, called when the deadline has passed */
	uint64_t deadline_ns; /* CLOCK_BOOTTIME; 0: not set */
	struct timer *child;  /* from here private to the heap */
	struct timer *next;
	struct timer **link; /* the pointer that points at us */
};

/* All zero is empty. Must not move while it holds timers. */
struct timer_heap {
	struct timer *root; /* the earliest, or NULL */
};

static inline bool timer_is_set(const struct timer *timer)
{
	return timer->deadline_ns != 0;
}

/* @now_ns + @delay_ns, where a delay may be "infinity". */
static inline uint64_t timer_deadline(uint64_t now_ns, uint64_t delay_ns)
{
	return delay_ns < UINT64_MAX - now_ns ? now_ns + delay_ns : UINT64_MAX;
}

void timer_heap_insert(struct timer_heap *heap, struct timer *timer, uint64_t deadline_ns);
void timer_heap_remove(struct timer_heap *heap, struct timer *timer);
