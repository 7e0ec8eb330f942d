/* SPDX-License-Identifier: MIT */
/* What the fuzz targets of images' documents hold a parser to. */
#pragma once

#include <assert.h>
#include <stdint.h>

#include "image/manifest.h"

static inline struct image_bytes fuzz_bytes(const uint8_t *data, size_t size)
{
	return (struct image_bytes){ (const char *)data, size };
}

/* What was returned, its code and its sentence say the same. */
static inline void check_error(int r, const struct err *err)
{
	assert(r <= 0 && r == -err->code && (r == 0) == (err->msg[0] == '\0'));
}

static inline void check_digest(const struct digest *d)
{
	struct digest again;

	assert(digest_parse_hex(&again, d->hex));
}

static inline void check_descriptor(const struct image_descriptor *d)
{
	check_digest(&d->digest);
	assert(d->size <= INT64_MAX);
}
