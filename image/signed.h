/* SPDX-License-Identifier: MIT */
/* Which documents of the store speak for an image. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "image/digest.h"

/*
 * Theory of operation
 *
 * Signatures, with the indexes that they are for, are blobs of the store. Which
 * ones are an image's is an annotation of its entries in index.json, of each
 * name the same: digests with spaces between them. They come and go with the
 * entry, and are believed nothing for being there: image/admit.h looks at them.
 *
 * There is room for so many, and whoever can write to a registry can offer more.
 * So what a key of a policy has signed comes first, and takes the place of the
 * last; what nobody has verified gets what room is left, and takes no place.
 */
#define IMAGE_SIGNED_ANNOTATION "podd.signatures"
#define IMAGE_DOCUMENTS_MAX	64u

struct image_documents {
	struct digest list[IMAGE_DOCUMENTS_MAX];
	unsigned n;
};

int image_documents_add(struct image_documents *list, const struct digest *d, struct err *err);
void image_signed_list(struct image_documents *out, const json_t *entry);
bool image_documents_fit(const struct image_documents *list, const struct image_documents *more);
void image_signed_of(struct image_documents *out, const json_t *index, const struct digest *id);
int image_signed_enter(json_t *index, const struct digest *id, const struct image_documents *more,
		       bool verified, struct err *err);
