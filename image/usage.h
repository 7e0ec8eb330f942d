/* SPDX-License-Identifier: MIT */
/* How much of the disk images of the store take. */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"
#include "image/writer.h"

/*
 * Theory of operation
 *
 * A blob or an unpacked layer counts once, however many images have it: each is
 * counted by its users, and its bytes when there is one. Bytes are those of the
 * disk (st_blocks), which for a layer takes a walk through it; it is made once.
 * Signatures, a few KiB, are left out.
 */
struct image_usage {
	const struct image_writer *w; /* borrowed */
	json_t *bytes, *users;	      /* of "b" or "l" and a digest in hexadecimal */
	uint64_t total;
};

int image_usage_begin(struct image_usage *u, const struct image_writer *w, struct err *err);
int image_usage_add(struct image_usage *u, const struct digest *id, struct err *err);
int image_usage_drop(struct image_usage *u, const struct digest *id, struct err *err);
int image_usage_beside(json_t *out, struct image_usage *u, const struct digest *id,
		       struct err *err);
int image_usage_of_job(uint64_t *out, const struct image_writer *w, struct err *err);
int image_usage_of_leftovers(uint64_t *out, const struct image_writer *w, struct err *err);
void image_usage_done(struct image_usage *u);
