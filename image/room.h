/* SPDX-License-Identifier: MIT */
/* Whether what an image takes fits into the store, before it is there. */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"
#include "image/manifest.h"

/*
 * Theory of operation
 *
 * Descriptors say how large blobs are; how large a layer is once it is unpacked is
 * only known then. It is taken for the blob's size, or twice that of a compressed
 * one: less than most, so that nothing is refused that fits. What has been let in
 * and does not fit all the same ends as a full disk does, with no image changed.
 *
 * Two things bound it: the disk, and the budget of the store, of which the images
 * that must stay leave a part (ctl/image/budget.c). What an image of the load has in
 * common with one that may go stays with it, and leaves less. That part is all that layers are
 * unpacked to; what came of it on the disk, where each file takes whole blocks, is
 * measured once more before anything is put in place.
 */
#define ROOM_NO_BUDGET 0

struct room {
	uint64_t budget_bytes; /* of the whole store; ROOM_NO_BUDGET: none */
	uint64_t kept_bytes;   /* what it has and may not lose */
	/* What it has and may lose: of a layer's blob, in hexadecimal, the bytes that it and
	 * its layer take; or NULL. Whoever fills it calls room_done(). */
	json_t *losable;
};

struct room_need {
	uint64_t packed_bytes;	 /* blobs that the store has not */
	uint64_t unpacked_bytes; /* layers of these, an estimate */
};

void room_claim(struct room *room, const struct digest *blob);
void room_done(struct room *room);
void room_add(struct room_need *need, const struct image_descriptor *d);
int room_check_copy(int fd, uint64_t bytes, struct err *err);
int room_check_disk(int fd, uint64_t bytes, const struct room_need *need, struct err *err);
int room_check_budget(const struct room *room, const struct room_need *need, struct err *err);
uint64_t room_budget_left(const struct room *room, uint64_t packed, uint64_t unpacked);
int room_check_taken(const struct room *room, uint64_t claimed, uint64_t bytes, struct err *err);
