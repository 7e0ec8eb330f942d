/* SPDX-License-Identifier: MIT */
/* Public keys and their signatures, by OpenSSL: for podd-image only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "image/policy.h"

/*
 * Theory of operation
 *
 * A key says by itself how it signs, nothing in a signature does: P-256 is ECDSA
 * and RSA is PKCS#1 v1.5, both with SHA-256, and Ed25519 is itself; that is what
 * cosign does with a key of each kind (sigstore, signature.LoadVerifier()). RSA
 * of less than 2048 bits and other curves are refused when the key is read.
 */
#define IMAGE_KEYS_MAX	     16u   /* in all files of a policy */
#define IMAGE_KEYS_BYTES_MAX 65536 /* of each file */
#define IMAGE_KEY_BITS_MIN   2048  /* of RSA */
#define IMAGE_KEY_BITS_MAX   8192

struct image_keys {
	void *list[IMAGE_KEYS_MAX]; /* EVP_PKEY */
	unsigned n;
};

int image_keys_load(struct image_keys *out, const struct image_policy *policy, struct err *err);
int image_keys_add(struct image_keys *keys, const char *pem, size_t n, struct err *err);
void image_keys_done(struct image_keys *keys);
bool image_keys_verify(const struct image_keys *keys, const void *message, size_t n,
		       const unsigned char *signature, size_t signature_n);
