/* SPDX-License-Identifier: MIT */
/* A child that handles what strangers wrote, with as little as it needs. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/account.h"
#include "base/err.h"

/*
 * Theory of operation
 *
 * All that parses an image runs in here: a process that sees, as its root, the
 * directory of the import alone; has no network; has of root's capabilities
 * those that write files with owners, devices and file capabilities; can gain
 * none; and is bounded in memory and CPU time. It was given descriptors of what
 * it needs before. What it made is put in place by its parent.
 *
 * What talks to registries keeps the network, and nothing else: no capability
 * and a user (base/account.h) that owns nothing but the directory it was given. The host's
 * files stay, since the resolver needs some that only it knows (nsswitch.conf(5)),
 * and so does TLS; but all of them read-only, and by a user who may read only
 * what everybody may. It parses manifests; what it made is read by a worker of
 * the first kind.
 */
#define WORKER_HOST_MAX 256

struct worker_limits {
	uint64_t memory_bytes;
	unsigned cpu_seconds;
};

/* Shared with the parent while it works. */
struct worker_progress {
	uint64_t done_bytes, total_bytes; /* of blobs */
	uint32_t layer, layer_n;	  /* in hand, from 1; 0: none yet */
	bool fetching;			  /* the layers are blobs that come from a registry */
	char host[WORKER_HOST_MAX];	  /* which that is, for people; the worker's word */
	struct err err;			  /* of a worker that failed */
};

typedef int worker_fn(void *arg, struct worker_progress *progress, struct err *err);
typedef void worker_watch_fn(void *ctx, const struct worker_progress *progress);

struct worker_args {
	worker_fn *fn;
	void *arg;
	int root_fd; /* becomes the worker's root, unless it has the network */
	bool network;
	struct worker_limits limits;
	worker_watch_fn *watch; /* called ten times a second, or NULL */
	void *watch_ctx;
};

struct account worker_network_account(void);
int worker_run(const struct worker_args *args, struct err *err);
