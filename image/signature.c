/* SPDX-License-Identifier: MIT */
/* Reading signature manifests and payloads. */
#include "image/signature.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/json.h"

#define ANNOTATION "dev.cosignproject.cosign/signature"
#define TYPE	   "cosign container image signature"
#define TAG_PREFIX "sha256-"
#define TAG_SUFFIX ".sig"
#define BASE64	   "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

static int bad(struct err *err, const char *what, const char *why)
{
	return err_set(err, EBADMSG, "%s: %s", what, why);
}

static int parse_object(json_t **out, struct image_bytes bytes, const char *what, struct err *err)
{
	return image_object_parse(out, bytes, SIGNATURE_DOCUMENT_MAX, what, err);
}

/* ------------------------------------------------------------------- a manifest */

/**
 * signature_decode() - the bytes that base64 text (RFC 4648, 4) stands for
 *
 * Only its one canonical form: whole groups, no spaces, unused bits zero.
 *
 * Return: 0, or -EBADMSG with @err filled.
 */
int signature_decode(struct signature *out, const char *base64, struct err *err)
{
	size_t n = strspn(base64, BASE64), pad = strspn(base64 + n, "=");
	unsigned bits = 0, held = 0;

	if (base64[n + pad] || n == 0 || (n + pad) % 4 != 0 || pad > 2)
		return bad(err, "signature", "it is no base64");
	if (n / 4 * 3 + n % 4 > sizeof(out->bytes))
		return err_set(err, EBADMSG, "signature: more than %u bytes", SIGNATURE_BYTES_MAX);
	out->n = 0;
	for (size_t i = 0; i < n; i++) {
		bits = bits << 6 | (unsigned)(strchr(BASE64, base64[i]) - BASE64);
		held += 6;
		if (held < 8)
			continue;
		held -= 8;
		out->bytes[out->n++] = (unsigned char)(bits >> held);
		bits &= (1u << held) - 1;
	}
	return bits == 0 ? 0 : bad(err, "signature", "it is no base64");
}

static int take_layer(struct signature_manifest *out, const json_t *layer, struct err *err)
{
	const char *digest = json_string_value(json_object_get(layer, "digest"));
	const json_t *size = json_object_get(layer, "size");
	const char *text = json_string_value(
		json_object_get(json_object_get(layer, "annotations"), ANNOTATION));
	struct signature *s = &out->list[out->n];

	if (!digest || !digest_parse(&s->payload, digest))
		return bad(err, "signatures", "a layer has no sha256 digest");
	if (!json_is_integer(size) || json_integer_value(size) < 0)
		return bad(err, "signatures", "a layer has no size");
	if (json_integer_value(size) > (json_int_t)SIGNATURE_DOCUMENT_MAX)
		return err_set(err, EFBIG, "signatures: a payload of more than %u bytes",
			       SIGNATURE_DOCUMENT_MAX);
	if (!text)
		return bad(err, "signatures", "a layer has no signature");
	s->payload_size = (uint64_t)json_integer_value(size);
	out->n++;
	return signature_decode(s, text, err);
}

static bool is_signature(const json_t *layer)
{
	const char *media = json_string_value(json_object_get(layer, "mediaType"));

	return media && strcmp(media, SIGNATURE_MEDIA) == 0;
}

/**
 * signature_manifest_parse() - read the manifest of an image's signatures
 * @out: filled; layers of other media types are passed over
 *
 * Return: 0; -EBADMSG or -EFBIG for what is broken, or has no signature. @err is
 * filled.
 */
int signature_manifest_parse(struct signature_manifest *out, struct image_bytes bytes,
			     struct err *err)
{
	json_auto_t *doc = NULL;
	const json_t *list, *layer, *type;
	size_t i;
	int r = parse_object(&doc, bytes, "signatures", err);

	out->n = 0;
	if (r < 0)
		return r;
	list = json_object_get(doc, "layers");
	type = json_object_get(doc, "mediaType");
	/* As in image/manifest.c: one document is one thing (CVE-2021-41190). */
	if (json_integer_value(json_object_get(doc, "schemaVersion")) != 2 ||
	    (type && image_media_of(json_string_value(type)) != IMAGE_MEDIA_MANIFEST) ||
	    !json_is_array(list) || json_object_get(doc, "manifests") ||
	    json_object_get(doc, "fsLayers"))
		return bad(err, "signatures", "it is no manifest");
	json_array_foreach(list, i, layer) {
		if (!is_signature(layer))
			continue;
		if (out->n == SIGNATURES_MAX)
			return err_set(err, EFBIG, "signatures: more than %u", SIGNATURES_MAX);
		r = take_layer(out, layer, err);
		if (r < 0)
			return r;
	}
	return out->n > 0 ? 0 : bad(err, "signatures", "there is none in it");
}

/* -------------------------------------------------------------------- a payload */

/* Exactly these members, of which those behind @needed may be missing. */
static bool has_only(const json_t *object, const char *const *names, size_t needed, size_t n)
{
	size_t found = 0;

	if (!json_is_object(object))
		return false;
	for (size_t i = 0; i < n; i++) {
		bool there = json_object_get(object, names[i]) != NULL;

		if (!there && i < needed)
			return false;
		found += there;
	}
	return json_object_size(object) == found;
}

static int read_critical(struct signature_claim *out, const json_t *critical, struct err *err)
{
	static const char *const parts[] = { "type", "image", "identity" };
	static const char *const image_parts[] = { "docker-manifest-digest" };
	static const char *const identity_parts[] = { "docker-reference" };
	const json_t *image = json_object_get(critical, "image");
	const json_t *identity = json_object_get(critical, "identity");
	const char *type = json_string_value(json_object_get(critical, "type"));
	const char *digest = json_string_value(json_object_get(image, image_parts[0]));
	const char *reference = json_string_value(json_object_get(identity, identity_parts[0]));

	if (!has_only(critical, parts, 3, 3) || !has_only(image, image_parts, 1, 1) ||
	    !has_only(identity, identity_parts, 1, 1))
		return bad(err, "payload", "'critical' has not what it should, or more");
	if (!type || strcmp(type, TYPE) != 0)
		return bad(err, "payload", "its type is not '" TYPE "'");
	if (!digest || !digest_parse(&out->digest, digest))
		return bad(err, "payload", "it has no sha256 digest");
	if (!reference || !*reference || strlen(reference) > SIGNATURE_REFERENCE_MAX)
		return bad(err, "payload", "it has no docker-reference of a fitting length");
	for (const char *c = reference; *c; c++)
		if (*c <= ' ' || *c > '~')
			return bad(err, "payload", "its docker-reference is no name");
	snprintf(out->reference, sizeof(out->reference), "%s", reference);
	return 0;
}

/**
 * signature_claim_parse() - read what was signed
 *
 * Return: 0, or -EBADMSG or -EFBIG with @err filled.
 */
int signature_claim_parse(struct signature_claim *out, struct image_bytes bytes, struct err *err)
{
	static const char *const parts[] = { "critical", "optional" };
	json_auto_t *doc = NULL;
	int r = parse_object(&doc, bytes, "payload", err);

	*out = (struct signature_claim){ .digest = { "" } };
	if (r < 0)
		return r;
	if (!has_only(doc, parts, 1, 2))
		return bad(err, "payload", "it has not what it should, or more");
	return read_critical(out, json_object_get(doc, "critical"), err);
}

/* ----------------------------------------------------------------------- its tag */

/**
 * signature_tag() - the tag that an image's signatures have in its repository
 */
const char *signature_tag(char buf[DIGEST_HEX_LEN + 16], const struct digest *d)
{
	snprintf(buf, DIGEST_HEX_LEN + 16, TAG_PREFIX "%s" TAG_SUFFIX, d->hex);
	return buf;
}

/**
 * signature_is_tag() - whether a name is such a tag, with or without a repository
 * @out: the digest of the image; or NULL
 */
bool signature_is_tag(const char *text, struct digest *out)
{
	const char *colon = strrchr(text, ':');
	const char *tag = colon ? colon + 1 : text;
	char hex[DIGEST_HEX_LEN + 1];
	struct digest d;

	if (strlen(tag) != strlen(TAG_PREFIX) + DIGEST_HEX_LEN + strlen(TAG_SUFFIX) ||
	    strncmp(tag, TAG_PREFIX, strlen(TAG_PREFIX)) != 0 ||
	    strcmp(tag + strlen(TAG_PREFIX) + DIGEST_HEX_LEN, TAG_SUFFIX) != 0)
		return false;
	memcpy(hex, tag + strlen(TAG_PREFIX), DIGEST_HEX_LEN);
	hex[DIGEST_HEX_LEN] = '\0';
	return digest_parse_hex(out ? out : &d, hex);
}
