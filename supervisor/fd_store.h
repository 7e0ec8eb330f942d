/* SPDX-License-Identifier: MIT */
/* Descriptors that outlive podd: parked in a socket that the pause holds. */
#pragma once

#include <stdbool.h>

#include "base/err.h"

/*
 * Theory of operation
 *
 * The pause cannot be handed a descriptor once it runs: it reads nothing. But
 * it holds both ends of a socket pair, and a descriptor that was sent into one
 * end (SCM_RIGHTS, unix(7)) stays in the queue as long as the sockets live.
 * Reading it with MSG_PEEK takes a duplicate and leaves the message there.
 *
 * One message for each descriptor, with a number that names it. Of two with one
 * number the later one counts. To take one out, all messages go once round: each
 * that shall stay is sent again before the one at the head is read away, so
 * whenever podd is killed, everything is there, something perhaps twice.
 *
 * (A mount namespace could also be kept as a file, mounted in the pause's own.
 * Linux 6.18 refuses that at random with ELOOP: it orders namespaces by ids
 * that each processor takes from a batch of its own.)
 */
struct fd_store {
	int send_fd, receive_fd;
};

int fd_store_create(struct fd_store *out, struct err *err);
void fd_store_close(struct fd_store *store);
int fd_store_put(const struct fd_store *store, unsigned number, int fd, struct err *err);
int fd_store_remove(const struct fd_store *store, unsigned number, struct err *err);
int fd_store_prune(const struct fd_store *store, bool (*stays)(unsigned number, const void *ctx),
		   const void *ctx, struct err *err);
int fd_store_get(const struct fd_store *store, unsigned number, struct err *err);
