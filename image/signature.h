/* SPDX-License-Identifier: MIT */
/* The documents of a signature as cosign writes them, read into plain structures. Pure. */
#pragma once

#include "base/err.h"
#include "image/manifest.h"

/*
 * Theory of operation
 *
 * cosign, specs/SIGNATURE_SPEC.md: the signatures of an image are the layers of
 * a manifest of their own. Each layer is a payload, the bytes that were signed
 * (containers-signature(5), "JSON data format"), and the signature is base64 in
 * an annotation of the layer's descriptor. All else that may be in there
 * (certificates, bundles of a log) is for signatures without a key of ours.
 *
 * Of "critical" in a payload, we have to understand all: one with a member that
 * we do not know is refused.
 */
#define SIGNATURES_MAX	       32u   /* of one manifest */
#define SIGNATURE_DOCUMENT_MAX 65536u /* bytes, of manifest and payload each */
#define SIGNATURE_BYTES_MAX    1024u  /* of RSA with 8192 bits */
#define SIGNATURE_REFERENCE_MAX 767u
#define SIGNATURE_MEDIA "application/vnd.dev.cosign.simplesigning.v1+json"

/* In an index.json: what an entry of a layout is that `cosign save` has written. */
#define SIGNATURE_KIND	     "kind"
#define SIGNATURE_KIND_SIGS  "dev.cosignproject.cosign/sigs"
#define SIGNATURE_KIND_IMAGE "dev.cosignproject.cosign/image"

struct signature {
	struct digest payload;
	uint64_t payload_size;
	unsigned char bytes[SIGNATURE_BYTES_MAX];
	size_t n;
};

struct signature_manifest {
	struct signature list[SIGNATURES_MAX];
	unsigned n;
};

struct signature_claim {
	struct digest digest;
	char reference[SIGNATURE_REFERENCE_MAX + 1];
};

int signature_manifest_parse(struct signature_manifest *out, struct image_bytes bytes,
			     struct err *err);
int signature_claim_parse(struct signature_claim *out, struct image_bytes bytes, struct err *err);
int signature_decode(struct signature *out, const char *base64, struct err *err);
const char *signature_tag(char buf[DIGEST_HEX_LEN + 16], const struct digest *d);
bool signature_is_tag(const char *text, struct digest *out);
