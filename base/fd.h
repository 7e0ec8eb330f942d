/* SPDX-License-Identifier: MIT */
/* Ownership of descriptors and memory: the cleanup attributes and the moves. */
#pragma once

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * -EBADF is the empty descriptor. close() is never retried: on Linux the
 * number is free again whatever it returned (close(2), "Dealing with error
 * returns"), and errno survives, so that a cleanup never hides a failure.
 */
static inline void close_fd(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		(void)close(*fd); /* nothing useful can be done on failure */
	*fd = -EBADF;
	errno = saved;
}

static inline int take_fd(int *fd)
{
	int r = *fd;

	*fd = -EBADF;
	return r;
}

static inline void free_ptr(void *p)
{
	int saved = errno;

	free(*(void **)p);
	*(void **)p = NULL;
	errno = saved;
}

#define take_ptr(p) ({ __typeof__(p) taken_ = (p); (p) = NULL; taken_; })

#define cleanup_close __attribute__((cleanup(close_fd)))
#define cleanup_free  __attribute__((cleanup(free_ptr)))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(p, type, member) ((type *)((char *)(p) - offsetof(type, member)))
