/* SPDX-License-Identifier: MIT */
/* Looking for a signature that counts. */
#include "image/admit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "image/hash.h"
#include "image/signature.h"

/* How far a signature came, the worst first. */
enum stage {
	STAGE_NONE,
	STAGE_BROKEN,
	STAGE_OTHER_KEY,
	STAGE_CLAIM,
	STAGE_OTHER_IMAGE,
	STAGE_OTHER_NAME,
	STAGE_GOOD,
};

struct admission {
	const struct admit_args *args;
	const struct digest *id;
	const struct image_ref *asked;
	const struct digest *manifest; /* the one in hand */
	enum stage stage;
	struct err why; /* of that stage */
};

/**
 * image_document_check() - whether bytes are the document of that digest
 * @max: bytes that it may have
 *
 * Return: 0; -EFBIG; -EBADMSG: it is another one. @err is filled.
 */
int image_document_check(const struct digest *d, size_t max, const char *text, size_t n,
			 struct err *err)
{
	struct digest is;

	if (n > max)
		return err_set(err, EFBIG, "the document '%s' is larger than %zu bytes",
			       d->hex, max);
	hash_bytes(&is, text, n);
	return digest_equal(&is, d) ? 0 : err_set(err, EBADMSG, "the blob '%s' is damaged", d->hex);
}

/**
 * image_index_leads() - whether what an index has for this host is an image
 * @from: the digest of the index
 * @id: the image's
 * @path: gets the indexes on the way, @from the first
 *
 * Return: 0; -ENOENT: it does not, or cannot be read.
 */
int image_index_leads(const struct digest *from, const struct digest *id, image_document_fn *read,
		      void *ctx, struct image_documents *path)
{
	struct image_descriptor d = { .media = IMAGE_MEDIA_INDEX, .digest = *from };

	path->n = 0;
	for (int depth = 0; d.media == IMAGE_MEDIA_INDEX && depth < IMAGE_INDEX_DEPTH; depth++) {
		cleanup_free char *text = NULL;
		size_t n = 0;

		if (read(ctx, &d.digest, IMAGE_DOCUMENT_MAX, &text, &n, NULL) < 0 ||
		    image_documents_add(path, &d.digest, NULL) < 0 ||
		    image_index_choose(&d, (struct image_bytes){ text, n }, &image_platform_here,
				       NULL) < 0)
			return -ENOENT;
	}
	return d.media == IMAGE_MEDIA_MANIFEST && digest_equal(&d.digest, id) ? 0 : -ENOENT;
}

static void reach(struct admission *a, enum stage stage, const struct err *why)
{
	if (stage <= a->stage)
		return;
	a->stage = stage;
	a->why = *why;
}

/* The digest that was signed; @path gets the indexes that it takes. */
static bool means_image(const struct admission *a, const struct digest *d,
			struct image_documents *path)
{
	path->n = 0;
	return digest_equal(d, a->id) ||
	       image_index_leads(d, a->id, a->args->read, a->args->ctx, path) == 0;
}

/* More than there is room for: the first. */
static void note_good(struct admission *a, const struct digest *payload,
		      const struct image_documents *path)
{
	struct image_documents *good = a->args->good;

	if (!good)
		return;
	(void)image_documents_add(good, a->manifest, NULL);
	(void)image_documents_add(good, payload, NULL);
	for (unsigned i = 0; i < path->n; i++)
		(void)image_documents_add(good, &path->list[i], NULL);
}

static void try_claim(struct admission *a, const struct digest *digest, struct image_bytes payload)
{
	struct image_documents path;
	struct signature_claim claim;
	struct err err = { 0 };
	int r = signature_claim_parse(&claim, payload, &err);

	if (r < 0) {
		reach(a, STAGE_CLAIM, &err);
		return;
	}
	if (!means_image(a, &claim.digest, &path)) {
		(void)err_set(&err, EACCES,
			      "the signature is for another image, '" DIGEST_PREFIX "%s'",
			      claim.digest.hex);
		reach(a, STAGE_OTHER_IMAGE, &err);
		return;
	}
	r = image_policy_match(a->args->policy, a->asked, claim.reference, &claim.digest, &err);
	if (r == 0)
		note_good(a, digest, &path);
	reach(a, r < 0 ? STAGE_OTHER_NAME : STAGE_GOOD, &err);
}

static void try_signature(struct admission *a, const struct signature *s)
{
	cleanup_free char *payload = NULL;
	struct err err = { 0 };
	size_t n = 0;
	int r = a->args->read(a->args->ctx, &s->payload, SIGNATURE_DOCUMENT_MAX,
			      &payload, &n, &err);

	if (r == 0 && n != s->payload_size)
		(void)err_set(&err, EBADMSG,
			      "the payload '%s' has %zu bytes, its descriptor says %llu",
			      s->payload.hex, n, (unsigned long long)s->payload_size);
	if (err.code) {
		reach(a, STAGE_BROKEN, &err);
		return;
	}
	if (image_keys_verify(a->args->keys, payload, n, s->bytes, s->n)) {
		try_claim(a, &s->payload, (struct image_bytes){ payload, n });
		return;
	}
	(void)err_set(&err, EACCES, "it is signed by another key");
	reach(a, STAGE_OTHER_KEY, &err);
}

static bool is_enough(const struct admission *a)
{
	return a->stage == STAGE_GOOD && !a->args->good;
}

/* What is no manifest of signatures is for those that are. */
static int try_document(struct admission *a, const struct digest *d, struct err *err)
{
	cleanup_free struct signature_manifest *m = calloc(1, sizeof(*m));
	cleanup_free char *text = NULL;
	struct err broken = { 0 };
	size_t n = 0;

	if (!m)
		return err_set(err, ENOMEM, "look at signatures: out of memory");
	if (a->args->read(a->args->ctx, d, IMAGE_DOCUMENT_MAX, &text, &n, &broken) < 0) {
		reach(a, STAGE_BROKEN, &broken);
		return 0;
	}
	if (n > SIGNATURE_DOCUMENT_MAX ||
	    signature_manifest_parse(m, (struct image_bytes){ text, n }, NULL) < 0)
		return 0;
	a->manifest = d;
	for (unsigned i = 0; !is_enough(a) && i < m->n; i++)
		try_signature(a, &m->list[i]);
	return 0;
}

/**
 * image_admit() - whether a policy allows an image under a name
 *
 * Return: 0; -EACCES for one that it does not allow; -EBADMSG for one whose
 * signatures are damaged; -errno. @err is filled, and says what is missing.
 */
int image_admit(const struct admit_args *args, const struct digest *id,
		const struct image_ref *asked, struct err *err)
{
	struct admission a = { .args = args, .id = id, .asked = asked };
	int r = 0;

	if (args->policy->key_n == 0)
		return 0;
	for (unsigned i = 0; r == 0 && !is_enough(&a) && i < args->documents->n; i++)
		r = try_document(&a, &args->documents->list[i], err);
	if (r < 0 || a.stage == STAGE_GOOD)
		return r;
	if (a.stage == STAGE_NONE)
		return err_set(err, EACCES, "it is not signed");
	return err_set(err, a.why.code, "%s", a.why.msg);
}
