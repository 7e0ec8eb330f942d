/* SPDX-License-Identifier: MIT */
/* Which signatures an image must have: what ImagePolicy= says. Pure. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "image/digest.h"
#include "image/ref.h"

/*
 * Theory of operation
 *
 * A policy is words: "any", or files with public keys, of which one must have
 * signed, so that a key can be followed by another; and "as=REPOSITORY" for
 * images that have another name here than where they were signed.
 *
 * A signature says a digest and a name, both in what was signed. The digest is
 * that of the image, or of an index that has it for this host. The name counts,
 * since a registry could else give one image of a signer for another: it must
 * be the repository that was asked for, and if it has a tag, that one. cosign
 * signs repositories, skopeo and podman with a tag. The repository asked for is
 * that of the image's name or, with "as=", any of those instead. By a digest,
 * the image is known already, so any name will do; a path is the name of
 * nothing that anyone has signed, so it takes an "as=".
 */
#define IMAGE_POLICY_FILE      "image-policy" /* in /etc/podd: the default of the host */
#define IMAGE_POLICY_TEXT_MAX  8192	      /* bytes */
#define IMAGE_POLICY_KEYS_MAX  8	      /* files, and "as=" */
#define IMAGE_POLICY_WORDS_MAX (2 * IMAGE_POLICY_KEYS_MAX)

/* The name under which podd executes podd-image, to have it ask (ctl/image/cmd_admit.c). */
#define IMAGE_ADMIT_PROGRAM "podd-admit"

struct image_policy {
	char text[IMAGE_POLICY_TEXT_MAX]; /* the words, each ended by a NUL */
	const char *keys[IMAGE_POLICY_KEYS_MAX]; /* absolute paths */
	unsigned key_n;				 /* 0: any image will do */
	const char *as[IMAGE_POLICY_KEYS_MAX];
	unsigned as_n;
};

int image_policy_parse(struct image_policy *out, const char *text, struct err *err);
int image_policy_read(char out[IMAGE_POLICY_TEXT_MAX], int etc_fd, struct err *err);
int image_policy_match(const struct image_policy *policy, const struct image_ref *asked,
		       const char *claimed, const struct digest *digest, struct err *err);
