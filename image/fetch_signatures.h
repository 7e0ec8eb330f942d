/* SPDX-License-Identifier: MIT */
/* The worker's part of a pull: the signatures of an image. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "image/registry.h"

/*
 * Theory of operation
 *
 * They are under a tag that is made of the image's digest (image/signature.h),
 * one request more for each digest that may be signed: the image's, and that of
 * the index that was asked for. They are fetched whether somebody wants them or
 * not, since a pod's policy is looked at without a network. That there are none
 * is no error; anything else is one for somebody who needs them, and for all
 * others they are as good as not there.
 */
#define FETCHED_SIGNATURES_MAX 2u

struct fetch_signatures_args {
	struct registry *registry;
	int blobs_fd, store_blobs_fd;
};

struct fetched_signatures {
	struct {
		struct digest image;
		struct image_descriptor manifest;
	} list[FETCHED_SIGNATURES_MAX];
	unsigned n;
};

int fetch_signatures(struct fetched_signatures *out, const struct fetch_signatures_args *args,
		     const struct digest *image, bool needed, struct err *err);
int fetch_signatures_list(json_t *manifests, const struct fetched_signatures *signatures,
			  struct err *err);
