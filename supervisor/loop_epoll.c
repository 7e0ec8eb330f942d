/* SPDX-License-Identifier: MIT */
/* The loop's back end for kernels that refuse io_uring. */
#include "supervisor/loop_backend.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* The state is the descriptor itself: nothing to allocate. */
static int epoll_fd(void *state)
{
	return (int)(intptr_t)state;
}

static int epoll_open(void **state, struct err *err)
{
	int fd = epoll_create1(EPOLL_CLOEXEC);

	if (fd < 0)
		return err_sys(err, "create the epoll instance");
	*state = (void *)(intptr_t)fd;
	return 0;
}

static void epoll_close(void *state)
{
	(void)close(epoll_fd(state)); /* nothing useful can be done on failure */
}

static int epoll_arm(void *state, uint64_t token, int fd, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.u64 = token };

	return epoll_ctl(epoll_fd(state), EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

static void epoll_disarm(void *state, uint64_t token, int fd)
{
	(void)token;
	/* EBADF and ENOENT: closed before, and then gone from the set by itself. */
	(void)epoll_ctl(epoll_fd(state), EPOLL_CTL_DEL, fd, NULL);
}

static int epoll_wait_events(void *state, struct loop_event out[LOOP_BATCH])
{
	struct epoll_event ev[LOOP_BATCH];
	int n = epoll_wait(epoll_fd(state), ev, LOOP_BATCH, -1);

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	for (int i = 0; i < n; i++)
		out[i] = (struct loop_event){ ev[i].data.u64, ev[i].events };
	return n;
}

const struct loop_ops loop_epoll_ops = {
	.backend = LOOP_EPOLL,
	.open = epoll_open,
	.close = epoll_close,
	.arm = epoll_arm,
	.disarm = epoll_disarm,
	.wait = epoll_wait_events,
};
