/* SPDX-License-Identifier: MIT */
/* Bringing images into the store. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "image/layer.h"
#include "image/room.h"
#include "image/signed.h"
#include "image/worker.h"
#include "image/writer.h"

/*
 * Theory of operation
 *
 * The worker reads the source, checks each blob's digest before it looks at
 * what is in it, follows indexes to the manifest for this host, and unpacks the
 * layers that the store has not. Its parent puts in place what came of it and
 * enters the images. So an import either is whole or has changed nothing that
 * an image could be made of.
 *
 * Names: those that the source says, and the path that it was read from, if it
 * holds but one image. A name that is another image's is not taken from it
 * unless the operator says so: an archive that somebody sent must not change
 * what a pod runs (CVE-2026-50195).
 */
#define IMPORT_IMAGES_MAX 64

struct image_keys;
struct image_policy;

struct import_limits {
	struct layer_limits layers;    /* of all layers of an image */
	struct worker_limits worker;
	uint64_t source_bytes;
	struct room room;
};

extern const struct import_limits import_limits_default;

struct import_args {
	int source_fd;	    /* an archive, or the directory of a layout */
	bool directory;
	const char *path;   /* a name that the images get, too; or NULL */
	const char *name;   /* the one name instead of those of the source, or NULL */
	const char *select; /* only what the source has under this name, or NULL */
	bool replace;	    /* names may be taken from other images */
	bool consume;	    /* the directory is ours: what was taken from it goes */
	const struct digest *pin; /* what an image, or the index it is from, must be; or NULL */
	const struct image_policy *policy; /* or NULL: any image will do */
	const struct image_keys *keys;	   /* of that */
	const struct image_ref *asked;	   /* what signatures are to be for; NULL: its names */
	struct import_limits limits;
	worker_watch_fn *watch;
	void *watch_ctx;
};

/* An image that has signatures: of a policy's keys, or, without one, of anybody. */
struct import_signed {
	struct digest id;
	struct image_documents documents;
};

struct import_result {
	unsigned n;
	struct image_entry entries[IMPORT_IMAGES_MAX]; /* one for each name */
	unsigned signed_n;
	struct import_signed signed_images[IMPORT_IMAGES_MAX];
	uint64_t claimed_bytes; /* what they share with images that may go (image/room.h) */
};

int image_import_job(struct import_result *out, struct image_writer *w,
		     const struct import_args *args, struct err *err);
int image_import(struct import_result *out, struct image_writer *w, const struct import_args *args,
		 struct err *err);
