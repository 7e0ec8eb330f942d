/* SPDX-License-Identifier: MIT */
/* Where images are kept, seen by who runs them: reading only. */
#pragma once

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/paths.h"
#include "image/manifest.h"
#include "image/ref.h"

/*
 * Theory of operation
 *
 * A store is an OCI image layout (image-spec, image-layout.md) with two more
 * directories:
 *
 *	oci-layout, index.json, blobs/sha256/DIGEST	as the specification has them
 *	layers/DIFFID		a layer unpacked, as overlayfs takes it for a lower
 *	tmp/			what an import has in hand; the next writer removes it
 *
 * Names are the annotations "org.opencontainers.image.ref.name" of index.json;
 * an image without one has lost its name to another.
 *
 * What is in place is whole: blobs and layers come by rename(2) after they
 * have reached the disk, and index.json, which alone makes an image exist, is
 * replaced last. So a reader needs no lock. Who removes takes away the entry in
 * index.json, then looks who runs what (image/pins.h), then removes files.
 *
 * Several stores make a search path. Only the first one is ever written to: the
 * others are part of a system image, and used in place. One whose index.json is
 * damaged is passed over: what another one has can be used all the same.
 */
#define IMAGE_STORES_MAX 2
#define IMAGE_REF_NAME_ANNOTATION "org.opencontainers.image.ref.name"
/* The index that a manifest was chosen from: NAME@DIGEST may name that. */
#define IMAGE_INDEX_ANNOTATION "podd.index"

struct image_store {
	char path[PATH_MAX]; /* of the directory, for overlayfs and for people */
	int dirfd;	     /* -EBADF: it is not there */
	bool writable;	     /* the first of the search path */
};

struct image_stores {
	struct image_store list[IMAGE_STORES_MAX];
};

/* One image, read from its store. */
struct image {
	const struct image_store *store;
	struct digest id; /* of the manifest */
	struct image_manifest manifest;
	struct image_config *config;
};

int image_store_path(char *out, size_t size, const struct paths *paths, size_t i,
		     struct err *err);
int image_stores_open(struct image_stores *out, const struct paths *paths, struct err *err);
void image_stores_close(struct image_stores *stores);
int image_store_index(json_t **out, const struct image_store *store, struct err *err);
int image_store_hold(const struct image_store *store);
bool image_store_is_held(const struct image_store *store, int held);
int image_store_read(char **out, size_t *n, const struct image_store *store,
		     const struct digest *digest, struct err *err);
int image_store_find(struct digest *out, const struct image_store *store,
		     const struct image_ref *ref, struct err *err);
int image_stores_find(struct digest *out, const struct image_store **store,
		      const struct image_stores *stores, const struct image_ref *ref,
		      struct err *err);
int image_load(struct image *out, const struct image_store *store, const struct digest *id,
	       struct err *err);
int image_find(struct image *out, const struct image_stores *stores, const char *text,
	       struct err *err);
void image_done(struct image *image);
int image_layer_path(char *out, size_t size, const struct image *image, unsigned i,
		     struct err *err);
