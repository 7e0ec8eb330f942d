/* SPDX-License-Identifier: MIT */
/* The JSON documents of an image, read into plain structures. Pure. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "image/digest.h"

/*
 * Theory of operation
 *
 * Everything in here was written by somebody we do not trust. A document is
 * bytes whose digest was checked before; it is read strictly (base/json.h), and
 * of an image's config only what the image specification gives a meaning that
 * podd follows: Entrypoint, Cmd, Env, WorkingDir, User, StopSignal, and the ids
 * of the layers. Labels, annotations, volumes and the rest are not looked at.
 */
#define IMAGE_LAYERS_MAX     127u /* as Docker's overlay2 has it */
#define IMAGE_DOCUMENT_MAX   (4u << 20) /* bytes: distribution-spec's least for a manifest */
#define IMAGE_INDEX_DEPTH    4

enum image_media {
	IMAGE_MEDIA_UNKNOWN,
	IMAGE_MEDIA_INDEX,
	IMAGE_MEDIA_MANIFEST,
	IMAGE_MEDIA_CONFIG,
	IMAGE_MEDIA_TAR, /* layers, from here on */
	IMAGE_MEDIA_TAR_GZIP,
	IMAGE_MEDIA_TAR_ZSTD,
};

struct image_descriptor {
	enum image_media media;
	struct digest digest;
	uint64_t size; /* bytes */
};

struct image_manifest {
	struct image_descriptor config;
	struct image_descriptor layers[IMAGE_LAYERS_MAX]; /* the lowest first */
	unsigned layer_n;
};

struct image_config {
	char **entrypoint; /* NULL-terminated, or NULL; so all lists */
	char **cmd;
	char **env;	     /* "NAME=value" */
	char **exposed_ports; /* for people only */
	char *cwd;	     /* absolute, or NULL */
	char *user;	     /* or NULL */
	char *stop_signal;   /* or NULL */
	char *architecture, *os;
	char *created; /* or NULL */
	struct digest diff_ids[IMAGE_LAYERS_MAX];
	unsigned layer_n;
};

/* What this host runs, in the words of images (Go's GOOS, GOARCH). */
struct image_platform {
	const char *os, *architecture, *variant; /* variant: or NULL */
};

extern const struct image_platform image_platform_here;

struct image_bytes {
	const char *data;
	size_t n;
};

enum image_media image_media_of(const char *text);
const char *image_media_name(enum image_media media);
int image_object_parse(json_t **out, struct image_bytes bytes, size_t max, const char *what,
		       struct err *err);
int image_index_check(struct image_bytes bytes, struct err *err);
int image_index_choose(struct image_descriptor *out, struct image_bytes bytes,
		       const struct image_platform *platform, struct err *err);
int image_manifest_parse(struct image_manifest *out, struct image_bytes bytes, struct err *err);
int image_config_parse(struct image_config **out, struct image_bytes bytes, struct err *err);
void image_config_free(struct image_config *config);
int image_check_pair(const struct image_manifest *manifest, const struct image_config *config,
		     struct err *err);
