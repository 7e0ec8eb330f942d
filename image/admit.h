/* SPDX-License-Identifier: MIT */
/* Whether an image may be used: its signatures against a policy. */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "image/keys.h"
#include "image/manifest.h"
#include "image/policy.h"
#include "image/signed.h"

/*
 * Theory of operation
 *
 * An image's documents are what may speak for it: manifests of signatures, their
 * payloads, and the indexes that it is from. They are known by their digests
 * alone, and whoever hands them out has compared them with those; what each one
 * is, it says itself (image/signature.h). A signature counts when
 *
 *	a key of the policy has made it, of these very bytes;
 *	the digest in it is the image's, or that of an index from which this
 *	host's choice (image_index_choose()), step by step, is the image;
 *	the name in it is one that was asked for (image/policy.h).
 *
 * In this order, so that no payload is parsed that a stranger has signed. Of
 * those that do not count, the one that came furthest says why.
 */
/* A document by its digest, of at most so many bytes; the bytes are the caller's. */
typedef int image_document_fn(void *ctx, const struct digest *d, size_t max, char **out, size_t *n,
			      struct err *err);

/* What such a function hands out is this: @n bytes of that digest, not too many. */
int image_document_check(const struct digest *d, size_t max, const char *text, size_t n,
			 struct err *err);

struct admit_args {
	const struct image_policy *policy;
	const struct image_keys *keys;
	const struct image_documents *documents;
	image_document_fn *read;
	void *ctx;
	struct image_documents *good; /* gets what belongs to signatures that count, all of
				       * them; or NULL: one is enough */
};

int image_admit(const struct admit_args *args, const struct digest *id,
		const struct image_ref *asked, struct err *err);
int image_index_leads(const struct digest *from, const struct digest *id, image_document_fn *read,
		      void *ctx, struct image_documents *path);
