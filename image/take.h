/* SPDX-License-Identifier: MIT */
/* The worker's part of an import: from a source to blobs and layers. */
#pragma once

#include "base/err.h"
#include "image/admit.h"
#include "image/import.h"
#include "image/pairs.h"
#include "image/source.h"

/* Owned by the caller; the worker has a copy of the memory. */
struct take {
	const struct import_args *args;
	const struct image_writer *w;
	struct source source;
	struct worker_progress *progress;
	struct room room;	  /* beside what the store has of the images so far */
	struct room_need need;	  /* of the images so far */
	uint64_t unpacked_bytes;  /* of these */
	struct layer_limits left; /* of what the image may still unpack */
	struct image_pairs known; /* of the layers so far, and of the store's images once asked
				   * for */
	bool store_known;
	struct import_result *result;
	const json_t *manifests; /* of a layout's index.json, or NULL */
	struct err left_out;	 /* why a signature of the image in hand was */
};

int take_images(struct take *t, struct err *err);
int take_signatures(struct take *t, const struct digest *id, const char *said, struct err *err);
