/* SPDX-License-Identifier: MIT */
/* The worker's part of a pull: from a registry to a layout. */
#pragma once

#include "base/err.h"
#include "image/auth.h"
#include "image/ref.h"
#include "image/registries.h"
#include "image/room.h"
#include "image/worker.h"

/*
 * Theory of operation
 *
 * What a reference means is asked of the mirrors first, in their order, and then
 * of the registry itself; whoever fails, in whatever way, is passed over, and the
 * last one's failure is the pull's. One that has the image that nobody wants has
 * answered. What came from one is not asked of the next, nor of whoever is asked
 * after this has failed (image/leftovers.h).
 *
 * The result is an OCI layout with one image and its signatures, which is then
 * imported like any other (image/import.h): nothing in here is believed.
 */
struct fetch_args {
	const struct image_ref *ref;
	const struct registries *registries;
	const struct auth *auth;
	const struct digest *unwanted; /* an image that ends it with -EALREADY; or NULL */
	int store_blobs_fd; /* not fetched when it is in here already */
	int layout_fd;	    /* empty, or what a former pull has left */
	unsigned stall_s, retries; /* image/http.h */
	uint64_t bytes_max; /* of all blobs */
	struct room room;
	bool needs_signature; /* of signatures, what cannot be fetched is an error */
};

int fetch_image(const struct fetch_args *args, struct worker_progress *progress, struct err *err);
