/* SPDX-License-Identifier: MIT */
/* What Image= may say: a name, a digest, or the path that was imported. */
#pragma once

#include "base/err.h"
#include "image/digest.h"

/* Registry 255, repository 255, tag 128 (distribution-spec, "Pulling manifests"). */
#define IMAGE_NAME_MAX 640

enum image_ref_kind {
	IMAGE_REF_NAME,   /* "docker.io/library/nginx:1.27", as @name has it in full */
	IMAGE_REF_DIGEST, /* "sha256:..." */
	IMAGE_REF_PATH,   /* an archive or layout, known by where it was imported from */
};

struct image_ref {
	enum image_ref_kind kind;
	char name[IMAGE_NAME_MAX + 1]; /* the full name, or the path */
	struct digest digest;	       /* of IMAGE_REF_DIGEST, or what NAME@DIGEST pins; or empty */
};

int image_ref_parse(struct image_ref *out, const char *text, struct err *err);
