/* SPDX-License-Identifier: MIT */
/* Fetching what is under a signature's tag. */
#include "image/fetch_signatures.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "image/download.h"
#include "image/signature.h"
#include "image/store.h"

static bool has(int dirfd, const struct digest *d)
{
	return faccessat(dirfd, d->hex, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int write_blob(int dirfd, const struct registry_document *doc, struct err *err)
{
	cleanup_close int fd = openat(dirfd, doc->digest.hex, O_WRONLY | O_CREAT | O_TRUNC |
				      O_NOFOLLOW | O_CLOEXEC, 0644);
	int r;

	if (fd < 0)
		return err_sys(err, "create '%s'", doc->digest.hex);
	r = io_write_all(fd, doc->text, doc->n);
	return r < 0 ? err_set(err, -r, "write '%s': %s", doc->digest.hex, strerror(-r)) : 0;
}

/* The payloads that are not here yet. */
static int get_payloads(const struct fetch_signatures_args *args,
			const struct signature_manifest *m, struct err *err)
{
	struct image_descriptor list[SIGNATURES_MAX];
	struct worker_progress quiet = { .layer = 0 }; /* what is shown is layers */
	struct download_args download = { args->registry, list, 0, args->blobs_fd, -EBADF, &quiet };

	for (unsigned i = 0; i < m->n; i++) {
		const struct signature *s = &m->list[i];
		bool listed = has(args->store_blobs_fd, &s->payload) ||
			      has(args->blobs_fd, &s->payload);

		for (unsigned k = 0; k < download.n && !listed; k++)
			listed = digest_equal(&list[k].digest, &s->payload);
		if (!listed)
			list[download.n++] = (struct image_descriptor){ .digest = s->payload,
									.size = s->payload_size };
	}
	return download.n > 0 ? download_blobs(&download, err) : 0;
}

static int get_signatures(struct registry_document *doc, const struct fetch_signatures_args *args,
			  const struct digest *image, struct err *err)
{
	cleanup_free struct signature_manifest *m = calloc(1, sizeof(*m));
	char tag[DIGEST_HEX_LEN + 16];
	int r = m ? registry_manifest(doc, args->registry, signature_tag(tag, image), err)
		  : err_set(err, ENOMEM, "out of memory");

	if (r == 0)
		r = signature_manifest_parse(m, (struct image_bytes){ doc->text, doc->n }, err);
	if (r == 0)
		r = get_payloads(args, m, err);
	return r < 0 ? r : write_blob(args->blobs_fd, doc, err);
}

/**
 * fetch_signatures() - the signatures of an image or index, as blobs
 * @out: gets their manifest, if there is one
 * @needed: what cannot be fetched is an error
 *
 * Return: 0, also when there are none; or -errno with @err filled.
 */
int fetch_signatures(struct fetched_signatures *out, const struct fetch_signatures_args *args,
		     const struct digest *image, bool needed, struct err *err)
{
	struct registry_document doc = { .n = 0 };
	struct err why = { 0 };
	int r = get_signatures(&doc, args, image, &why);

	free(doc.text);
	if (r < 0 && r != -ENOENT && needed)
		return err_set(err, -r, "its signatures: %s", why.msg);
	if (r == 0 && out->n < FETCHED_SIGNATURES_MAX) {
		out->list[out->n].image = *image;
		out->list[out->n++].manifest =
			(struct image_descriptor){ doc.media, doc.digest, doc.n };
	}
	return 0;
}

/**
 * fetch_signatures_list() - enter them in a layout's index, under their tags
 *
 * Return: 0, or -ENOMEM with @err filled.
 */
int fetch_signatures_list(json_t *manifests, const struct fetched_signatures *signatures,
			  struct err *err)
{
	for (unsigned i = 0; i < signatures->n; i++) {
		const struct image_descriptor *d = &signatures->list[i].manifest;
		char digest[DIGEST_TEXT_SIZE], tag[DIGEST_HEX_LEN + 16];
		json_t *entry = json_pack("{s:s, s:s, s:I, s:{s:s}}", "mediaType",
					  image_media_name(d->media), "digest",
					  digest_text(&d->digest, digest), "size",
					  (json_int_t)d->size, "annotations",
					  IMAGE_REF_NAME_ANNOTATION,
					  signature_tag(tag, &signatures->list[i].image));

		if (json_array_append_new(manifests, entry) < 0)
			return err_set(err, ENOMEM, "write 'index.json': out of memory");
	}
	return 0;
}
