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
 */
struct collect_report {
	/* One thing that goes: "blob" or "layer". */
	void (*found)(void *ctx, const char *kind, const struct digest *d, uint64_t bytes);
	void *ctx;
	bool dry_run; /* remove nothing */
};

int image_collect(struct image_writer *w, const json_t *index, int run_fd,
		  const struct collect_report *report, struct err *err);
