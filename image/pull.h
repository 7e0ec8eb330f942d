/* SPDX-License-Identifier: MIT */
/* Bringing an image from a registry into the store. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "image/auth.h"
#include "image/import.h"
#include "image/ref.h"
#include "image/registries.h"

/*
 * Theory of operation
 *
 * Two workers, one after the other, in one job of the writer: the first has the
 * network and fetches a layout (image/fetch.h), the second has none and imports
 * that layout like any other (image/import.h). The name that was asked for moves
 * to the image; one that was asked for by its digest gets no name, and is
 * compared with that digest in here.
 */
struct pull_args {
	const struct image_ref *ref;
	const struct registries *registries; /* with their CAs */
	const struct auth *auth;
	const struct digest *unwanted; /* an image that is not to be fetched; or NULL */
	bool nameless; /* no name moves; the image gets none if it is new */
	unsigned stall_s, retries; /* image/http.h */
	const struct image_policy *policy; /* or NULL: any image will do */
	const struct image_keys *keys;	   /* of that */
	struct import_limits limits;
	worker_watch_fn *watch;
	void *watch_ctx;
};

int image_pull(struct import_result *out, struct image_writer *w, const struct pull_args *args,
	       struct err *err);
