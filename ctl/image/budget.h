/* SPDX-License-Identifier: MIT */
/* Removing images, and the budget by which they go. */
#pragma once

#include "ctl/image/image.h"
#include "image/room.h"

/*
 * Theory of operation
 *
 * /etc/podd/image-budget holds one size: what the blobs and unpacked layers of the
 * store may take. After a load (import, pull, update), images that no pod needs are
 * removed, the one that was taken longest ago first, until it is kept. What a pod with a
 * file in /etc/podd runs, ran before or has on trial, what runs, and what has just
 * been loaded stays. A load that does not fit beside that is refused first
 * (image/room.h). Without the file, nothing is measured.
 */
#define BUDGET_FILE "image-budget"

/* The store that is written to, the list of its images, and who needs them. */
struct change {
	struct ctl *ctl;
	FILE *out; /* where it is told, as text */
	struct paths paths;
	struct image_writer w;
	struct image_stores stores;
	struct uses uses;
	json_t *index;
	json_t *removed; /* what prune and remove tell */
	bool dry_run, force;
	uint64_t freed_bytes;
};

/* cmd_change.c */
int change_begin(struct change *c, struct ctl *ctl, struct err *err);
void change_end(struct change *c);
void change_tell(struct change *c, const char *kind, const char *name, uint64_t bytes);
int change_write(struct change *c, struct err *err);

/* budget.c; @keep: an object whose keys are digests, in hexadecimal, or NULL */
int budget_room(struct room *out, const struct paths *paths, const struct image_writer *w,
		const json_t *keep, struct err *err);
int budget_drop(struct change *c, uint64_t bytes, const json_t *keep, struct err *err);
void budget_enforce(struct ctl *ctl, const json_t *keep);
