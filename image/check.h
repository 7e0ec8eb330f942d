/* SPDX-License-Identifier: MIT */
/* Whether an image of the store still is what its digests say. */
#pragma once

#include "base/err.h"
#include "image/store.h"
#include "image/worker.h"

/*
 * Every blob's digest, and every unpacked layer against the blob that it came
 * from: each entry's type, mode, owner, time, target, content and attributes, and
 * that there is nothing else (image/compare.h). Done by a worker, which reads what
 * strangers wrote; after it, overlayfs's marks (image/marks.h).
 */
int image_check(const struct image_store *store, const struct digest *id,
		const struct worker_limits *limits, struct err *err);
