/* SPDX-License-Identifier: MIT */
/* Which documents of the store speak for an image. */
#pragma once

#include <jansson.h>

#include "base/err.h"
#include "image/digest.h"

/*
 * Theory of operation
 *
 * Signatures, with the indexes that they are for, are blobs of the store. Which
 * ones are an image's is an annotation of its entries in index.json, of each
 * name the same: digests with spaces between them. They come and go with the
 * entry, and are believed nothing for being there: image/admit.h looks at them.
 */
#define IMAGE_SIGNED_ANNOTATION "podd.signatures"
#define IMAGE_DOCUMENTS_MAX	64u

struct image_documents {
	struct digest list[IMAGE_DOCUMENTS_MAX];
	unsigned n;
};

int image_documents_add(struct image_documents *list, const struct digest *d, struct err *err);
void image_signed_list(struct image_documents *out, const json_t *entry);
void image_signed_of(struct image_documents *out, const json_t *index, const struct digest *id);
int image_signed_enter(json_t *index, const struct digest *id, const struct image_documents *more,
		       struct err *err);
