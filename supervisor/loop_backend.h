/* SPDX-License-Identifier: MIT */
/* Between the loop and its two back ends; nobody else includes this. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supervisor/loop.h"

#define LOOP_BATCH 64 /* events served between two waits */

struct loop_event {
	uint64_t token; /* as it was given to arm() */
	uint32_t events; /* POLLNVAL: and no more will come */
};

/*
 * A back end polls descriptors for tokens. A token is not used again while the
 * kernel may still report it, and LOOP_TOKEN_NONE is none.
 */
#define LOOP_TOKEN_NONE UINT64_MAX

struct loop_ops {
	enum loop_backend backend;
	bool one_shot; /* an event disarms; else the token stays armed */
	int (*open)(void **state, struct err *err);
	void (*close)(void *state);
	int (*arm)(void *state, uint64_t token, int fd, uint32_t events);
	/* @fd may be closed already */
	void (*disarm)(void *state, uint64_t token, int fd);
	/* Blocks until there is an event or a signal. Return: how many of @out
	 * are filled, at most LOOP_BATCH, perhaps none; or -errno. */
	int (*wait)(void *state, struct loop_event out[LOOP_BATCH]);
};

extern const struct loop_ops loop_uring_ops;
extern const struct loop_ops loop_epoll_ops;
