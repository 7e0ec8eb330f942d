/* SPDX-License-Identifier: MIT */
/* Fuzz target: any bytes as what speaks for an image are understood in one way, or not at all. */
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "image/policy.h"
#include "image/signature.h"
#include "image/signed.h"
#include "tests/fuzz/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REPOSITORY "r.example/a"
#define SOME_HEX   "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static void try_manifest(struct image_bytes bytes, const char *text)
{
	struct signature_manifest *m = malloc(sizeof(*m));
	struct err err = { 0 };
	int r;

	(void)text;
	assert(m);
	r = signature_manifest_parse(m, bytes, &err);
	check_error(r, &err);
	for (unsigned i = 0; r == 0 && i < m->n; i++) {
		assert(m->list[i].n > 0 && m->list[i].n <= SIGNATURE_BYTES_MAX);
		assert(m->list[i].payload_size <= SIGNATURE_DOCUMENT_MAX);
		check_digest(&m->list[i].payload);
	}
	assert(r < 0 || (m->n > 0 && m->n <= SIGNATURES_MAX));
	/* As in image/manifest.h: one document is one thing. */
	assert(r < 0 || image_index_check(bytes, &err) < 0);
	free(m);
}

static int match(const char *words, const char *name, const struct signature_claim *c)
{
	struct image_policy policy;
	struct image_ref asked;
	struct err err = { 0 };
	int r;

	assert(image_policy_parse(&policy, words, &err) == 0);
	assert(image_ref_parse(&asked, name, &err) == 0);
	r = image_policy_match(&policy, &asked, c->reference, &c->digest, &err);
	check_error(r, &err);
	return r;
}

/* A signature for one repository is never good for another one. */
static void check_match(const struct signature_claim *c)
{
	const char *tag = c->reference + strlen(REPOSITORY);

	/* Which one it is for does not matter to these. */
	if (match("/k", "sha256:" SOME_HEX, c) < 0)
		assert(match("/k as=" REPOSITORY, "r.example/b:2", c) < 0);
	assert(match("/k", "/a/path", c) < 0);
	if (match("/k", REPOSITORY ":1", c) < 0)
		return;
	assert(match("/k", REPOSITORY ":1@sha256:" SOME_HEX, c) == 0);
	assert(match("/k as=" REPOSITORY, "/a/path", c) == 0);
	assert(strncmp(c->reference, REPOSITORY, strlen(REPOSITORY)) == 0);
	assert(!*tag || *tag == '@' || (strncmp(tag, ":1", 2) == 0 && (!tag[2] || tag[2] == '@')));
}

static void try_claim(struct image_bytes bytes, const char *text)
{
	struct signature_claim c;
	struct err err = { 0 };
	int r = signature_claim_parse(&c, bytes, &err);

	(void)text;
	check_error(r, &err);
	if (r < 0)
		return;
	check_digest(&c.digest);
	assert(c.reference[0] && strlen(c.reference) <= SIGNATURE_REFERENCE_MAX);
	check_match(&c);
}

/* What was taken is the one way to write it. */
static void try_base64(struct image_bytes bytes, const char *text)
{
	unsigned char again[SIGNATURE_BYTES_MAX / 3 * 4 + 8];
	struct err err = { 0 };
	struct signature s;
	int r = signature_decode(&s, text, &err);

	(void)bytes;
	check_error(r, &err);
	if (r < 0)
		return;
	assert(s.n > 0 && s.n <= sizeof(s.bytes));
	assert(EVP_EncodeBlock(again, s.bytes, (int)s.n) == (int)strlen(text));
	assert(strcmp((char *)again, text) == 0);
}

static void try_policy(struct image_bytes bytes, const char *text)
{
	struct image_policy p;
	struct err err = { 0 };
	int r = image_policy_parse(&p, text, &err);

	(void)bytes;
	check_error(r, &err);
	if (r < 0)
		return;
	assert(p.key_n <= IMAGE_POLICY_KEYS_MAX && p.as_n <= IMAGE_POLICY_KEYS_MAX);
	assert(p.key_n > 0 || (p.as_n == 0 && strstr(text, "any")));
	for (unsigned i = 0; i < p.key_n; i++)
		assert(p.keys[i][0] == '/');
	for (unsigned i = 0; i < p.as_n; i++) {
		struct image_ref ref;

		assert(image_ref_parse(&ref, p.as[i], &err) == 0 && !ref.digest.hex[0]);
	}
}

static void try_tag(struct image_bytes bytes, const char *text)
{
	char tag[DIGEST_HEX_LEN + 16];
	struct digest d;

	(void)bytes;
	if (!signature_is_tag(text, &d))
		return;
	check_digest(&d);
	signature_tag(tag, &d);
	assert(strlen(tag) <= strlen(text));
	assert(strcmp(text + strlen(text) - strlen(tag), tag) == 0);
}

/* What is entered is found again, by the image and by no other one. */
static void try_entries(struct image_bytes bytes, const char *text)
{
	const struct digest a = {
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	};
	const struct image_documents more = { .list = { { SOME_HEX } }, .n = 1 };
	struct image_documents before, after, other, other_after;
	json_auto_t *index = NULL;
	struct err err = { 0 };

	(void)text;
	if (image_object_parse(&index, bytes, IMAGE_DOCUMENT_MAX, "index", &err) < 0)
		return;
	image_signed_of(&before, index, &a);
	image_signed_of(&other, index, &more.list[0]);
	assert(before.n <= IMAGE_DOCUMENTS_MAX);
	for (unsigned i = 0; i < before.n; i++)
		check_digest(&before.list[i]);
	if (image_signed_enter(index, &a, &more, false, &err) < 0)
		return;
	image_signed_of(&after, index, &a);
	assert(memcmp(before.list, after.list, before.n * sizeof(before.list[0])) == 0);
	if (image_signed_enter(index, &a, &more, true, &err) < 0)
		return;
	image_signed_of(&after, index, &a);
	image_signed_of(&other_after, index, &more.list[0]);
	assert(other.n == other_after.n && after.n >= before.n);
	assert(after.n == 0 || digest_equal(&after.list[0], &more.list[0]));
}

/* The first byte chooses what the rest is. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const tries[])(struct image_bytes, const char *) = {
		['b'] = try_base64,   ['c'] = try_claim,  ['e'] = try_entries,
		['m'] = try_manifest, ['p'] = try_policy, ['t'] = try_tag,
	};
	char *text;

	if (size < 1 || data[0] >= sizeof(tries) / sizeof(tries[0]) || !tries[data[0]])
		return 0;
	text = malloc(size);
	assert(text);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	tries[data[0]](fuzz_bytes(data + 1, size - 1), text);
	free(text);
	return 0;
}
