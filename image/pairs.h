/* SPDX-License-Identifier: MIT */
/* Which blobs are known to unpack to which layers. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "image/store.h"

/*
 * Theory of operation
 *
 * A manifest names a layer's blob, a config its diff id, and both are what a
 * stranger wrote. A layer that is there already, as a directory of that diff id,
 * says nothing about the blob. So a blob, read as its media type says, and a diff
 * id are a pair only if somebody has decompressed and hashed it: when an image was
 * entered that has them, or in this import.
 *
 * An image of the store that cannot be read makes nothing known.
 */
struct image_pairs {
	json_t *set; /* the keys of an object; NULL: none yet */
};

int image_pairs_add(struct image_pairs *pairs, const struct image_descriptor *blob,
		    const struct digest *diff_id, struct err *err);
int image_pairs_add_store(struct image_pairs *pairs, const struct image_store *store,
			  struct err *err);
bool image_pairs_has(const struct image_pairs *pairs, const struct image_descriptor *blob,
		     const struct digest *diff_id);
void image_pairs_done(struct image_pairs *pairs);
