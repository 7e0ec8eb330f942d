/* SPDX-License-Identifier: MIT */
/* Blobs of a repository, several at a time. */
#pragma once

#include "base/err.h"
#include "image/registry.h"
#include "image/worker.h"

/*
 * Theory of operation
 *
 * Four at a time, each hashed while it arrives and given up at the first byte
 * past its descriptor's size. A connection that breaks is made anew, as
 * image/http.h has it, and the rest asked for (Range); a server that begins at
 * the beginning again is followed. Who has to wait keeps its place among the
 * four. A file has its blob's name all the time: what is not whole in the end goes
 * to the leftovers (image/leftovers.h), and what is not right is removed. What is left
 * of a former pull counts as what has come already, and is hashed as that.
 */
#define DOWNLOAD_PARALLEL 4

struct download_args {
	struct registry *registry;
	const struct image_descriptor *blobs; /* each digest once */
	unsigned n;
	int blobs_fd; /* where they go; none of them is there */
	int former_fd; /* leftovers; -EBADF: none are taken or made */
	struct worker_progress *progress;
};

int download_blobs(const struct download_args *args, struct err *err);
