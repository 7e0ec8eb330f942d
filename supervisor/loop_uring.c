/* SPDX-License-Identifier: MIT */
/* The loop's back end on io_uring: one-shot polls, one system call a turn. */
#include "supervisor/loop_backend.h"

#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"

/* Fills its page of requests; the completion ring has twice as many entries
 * and fits in a page as well. Neither bounds the number of watches: a full
 * request ring is submitted, and what does not fit into the completion ring
 * the kernel keeps (IORING_FEAT_NODROP). */
#define RING_ENTRIES 64

/* Newer than the oldest liburing we build with (2.2). */
#ifndef IORING_SETUP_SINGLE_ISSUER
#define IORING_SETUP_SINGLE_ISSUER (1U << 12)
#endif
#ifndef IORING_SETUP_DEFER_TASKRUN
#define IORING_SETUP_DEFER_TASKRUN (1U << 13)
#endif

/* The best first; a kernel that does not know a flag says EINVAL
 * (io_uring_setup(2)). All spare the thread an interruption for each event. */
static const unsigned setup_flags[] = {
	IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN, /* Linux 6.1 */
	IORING_SETUP_COOP_TASKRUN,                               /* Linux 5.19 */
	0,
};

/* Poll masks of 32 bits and no lost completion: Linux 5.9 and 5.5. */
#define NEEDED_FEATURES (IORING_FEAT_POLL_32BITS | IORING_FEAT_NODROP)

static int ring_open(void **state, struct err *err)
{
	cleanup_free struct io_uring *ring = calloc(1, sizeof(*ring));
	struct io_uring_params p;
	int r = -EINVAL;

	if (!ring)
		return err_set(err, ENOMEM, "allocate the io_uring");
	for (size_t i = 0; i < ARRAY_SIZE(setup_flags) && r == -EINVAL; i++) {
		p = (struct io_uring_params){ .flags = setup_flags[i] };
		r = io_uring_queue_init_params(RING_ENTRIES, ring, &p);
	}
	if (r < 0)
		return err_set(err, -r, "set up the io_uring: %s", strerror(-r));
	if ((p.features & NEEDED_FEATURES) != NEEDED_FEATURES) {
		io_uring_queue_exit(ring);
		return err_set(err, EINVAL, "set up the io_uring: a feature is missing");
	}
	*state = take_ptr(ring);
	return 0;
}

static void ring_close(void *state)
{
	io_uring_queue_exit(state);
	free(state);
}

static struct io_uring_sqe *next_request(struct io_uring *ring)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	if (sqe)
		return sqe;
	/* Full: let the kernel take what is there, without waiting. */
	(void)io_uring_submit(ring); /* the ring tells whether it helped */
	return io_uring_get_sqe(ring);
}

static int ring_arm(void *state, uint64_t token, int fd, uint32_t events)
{
	struct io_uring_sqe *sqe = next_request(state);

	if (!sqe)
		return -EAGAIN;
	io_uring_prep_poll_add(sqe, fd, events);
	io_uring_sqe_set_data64(sqe, token);
	return 0;
}

static void ring_disarm(void *state, uint64_t token, int fd)
{
	struct io_uring_sqe *sqe = next_request(state);

	(void)fd;
	if (!sqe)
		return; /* the request stays, and its completion is nobody's */
	io_uring_prep_poll_remove(sqe, token);
	io_uring_sqe_set_data64(sqe, LOOP_TOKEN_NONE);
}

/* The completions that there are, copied: callbacks may submit. */
static int reap(struct io_uring *ring, struct loop_event out[LOOP_BATCH])
{
	struct io_uring_cqe *cqes[LOOP_BATCH];
	unsigned n = io_uring_peek_batch_cqe(ring, cqes, LOOP_BATCH);

	for (unsigned i = 0; i < n; i++)
		out[i] = (struct loop_event){
			.token = io_uring_cqe_get_data64(cqes[i]),
			.events = cqes[i]->res < 0 ? POLLNVAL : (uint32_t)cqes[i]->res,
		};
	io_uring_cq_advance(ring, n);
	return (int)n;
}

static int ring_wait(void *state, struct loop_event out[LOOP_BATCH])
{
	int r = io_uring_submit_and_wait(state, 1);

	/* EBUSY: more completions than the ring holds, reap first
	 * (io_uring_enter(2)). EAGAIN: no memory for a request; it is still
	 * queued. */
	if (r < 0 && r != -EINTR && r != -EBUSY && r != -EAGAIN)
		return r;
	return reap(state, out);
}

const struct loop_ops loop_uring_ops = {
	.backend = LOOP_URING,
	.one_shot = true,
	.open = ring_open,
	.close = ring_close,
	.arm = ring_arm,
	.disarm = ring_disarm,
	.wait = ring_wait,
};
