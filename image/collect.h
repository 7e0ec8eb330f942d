/* SPDX-License-Identifier: MIT */
/* Removing what no image of the store is made of. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "image/writer.h"

/*
 * Theory of operation
 *
 * What is kept: all that the images of index.json and those that pods have
 * pinned are made of. An image of which that cannot be told, since it is
 * damaged, keeps everything: the removal is refused.
 *
 * Files go when the list on the disk has no image of them any more. Where the disk
 * has no room for a new list, these go first: what neither the list on the disk nor
 * the new one needs, and compressed blobs of layers that only the former does. So
 * what is on the list still runs, whenever the power is cut.
 */
struct collect_report {
	/* One thing that goes: "blob" or "layer". */
	void (*found)(void *ctx, const char *kind, const struct digest *d, uint64_t bytes);
	void *ctx;
	bool dry_run; /* remove nothing */
};

int image_collect_list(struct image_writer *w, const json_t *index, int run_fd,
		       const struct collect_report *report, struct err *err);
int image_collect(struct image_writer *w, const json_t *index, int run_fd,
		  const struct collect_report *report, struct err *err);
