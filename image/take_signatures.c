/* SPDX-License-Identifier: MIT */
/* What of a layout speaks for an image, and whether that is enough. */
#include "image/take.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "image/signature.h"

static bool has_policy(const struct take *t)
{
	return t->args->policy && t->args->policy->key_n > 0;
}

/* --------------------------------------------------------------------- documents */

/* Of a directory with blobs; -ENOENT, @err untouched: it is not there. */
static int read_from(int dirfd, const struct digest *d, size_t max, char **out, size_t *n,
		     struct err *err)
{
	cleanup_close int fd = openat(dirfd, d->hex,
				      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	cleanup_free char *text = NULL;
	struct stat st;

	if (fd < 0)
		return errno == ENOENT ? -ENOENT : err_sys(err, "open the blob '%s'", d->hex);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size > max)
		return err_set(err, EFBIG, "the document '%s' is larger than %zu bytes",
			       d->hex, max);
	text = calloc(1, (size_t)st.st_size + 1);
	if (!text)
		return err_set(err, ENOMEM, "read '%s': out of memory", d->hex);
	if (pread(fd, text, (size_t)st.st_size, 0) != st.st_size)
		return err_set(err, EIO, "read the blob '%s'", d->hex);
	*n = (size_t)st.st_size;
	*out = take_ptr(text);
	return 0;
}

/* Of the job, the store or the source, and of that digest; an image_document_fn. */
static int read_document(void *ctx, const struct digest *d, size_t max, char **out, size_t *n,
			 struct err *err)
{
	const struct take *t = ctx;
	char name[DIGEST_HEX_LEN + 32];
	cleanup_free char *text = NULL;
	int r = read_from(t->w->job_blobs_fd, d, max, &text, n, err);

	if (r == -ENOENT)
		r = read_from(t->w->blobs_fd, d, max, &text, n, err);
	if (r == -ENOENT) {
		snprintf(name, sizeof(name), "blobs/sha256/%s", d->hex);
		r = source_read(&text, n, &t->source, name, err);
	}
	if (r == 0)
		r = image_document_check(d, max, text, *n, err);
	if (r == 0)
		*out = take_ptr(text);
	return r;
}

/* Among the job's blobs, unless the store has it. */
static int keep_document(struct take *t, const struct digest *d, struct err *err)
{
	cleanup_close int fd = -EBADF;
	cleanup_free char *text = NULL;
	size_t n = 0;
	int r;

	if (faccessat(t->w->blobs_fd, d->hex, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ||
	    faccessat(t->w->job_blobs_fd, d->hex, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	r = read_document(t, d, IMAGE_DOCUMENT_MAX, &text, &n, err);
	if (r < 0)
		return r;
	fd = openat(t->w->job_blobs_fd, d->hex,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_sys(err, "create a blob");
	r = io_write_all(fd, text, n);
	return r < 0 ? err_set(err, -r, "write a blob: %s", strerror(-r)) : 0;
}

/* -------------------------------------------------------------- for this image */

/* Whether a payload is for the image; then @path has the indexes that it takes. */
static bool is_for(struct take *t, const struct digest *payload, const struct digest *id,
		   struct image_documents *path)
{
	cleanup_free char *text = NULL;
	struct signature_claim claim;
	size_t n = 0;

	path->n = 0;
	if (read_document(t, payload, SIGNATURE_DOCUMENT_MAX, &text, &n, NULL) < 0 ||
	    signature_claim_parse(&claim, (struct image_bytes){ text, n }, NULL) < 0)
		return false;
	return digest_equal(&claim.digest, id) ||
	       image_index_leads(&claim.digest, id, read_document, t, path) == 0;
}

static int add_signature(struct image_documents *out, const struct digest *payload,
			 const struct image_documents *path)
{
	int r = image_documents_add(out, payload, NULL);

	for (unsigned i = 0; r == 0 && i < path->n; i++)
		r = image_documents_add(out, &path->list[i], NULL);
	return r;
}

static bool is_readable(struct take *t, const struct digest *payload)
{
	cleanup_free char *text = NULL;
	size_t n;

	return read_document(t, payload, SIGNATURE_DOCUMENT_MAX, &text, &n, &t->left_out) == 0;
}

/* Where they are found. */
struct place {
	struct digest manifest;
	struct digest tagged; /* what the tag says that they are for; or empty */
};

/*
 * Under the image's own tag, whatever is there: then it can be told what is wrong.
 * All of it or nothing, since a manifest needs its payloads; a policy asks for the
 * manifests alone, and says then what is kept.
 */
static void look_at_all(struct take *t, const struct place *p, const struct digest *id,
			const struct signature_manifest *m, struct image_documents *out)
{
	bool own = digest_equal(&p->tagged, id), any = own, fit = true;
	struct image_documents all = *out, path;

	for (unsigned i = 0; i < m->n; i++) {
		const struct digest *payload = &m->list[i].payload;

		if (!is_for(t, payload, id, &path) && !(own && is_readable(t, payload)))
			continue;
		any = true;
		fit = fit && (has_policy(t) || add_signature(&all, payload, &path) == 0);
	}
	if (any && fit && image_documents_add(&all, &p->manifest, NULL) == 0)
		*out = all;
}

/* One that cannot be read is left out. */
static int look_at(struct take *t, const struct place *p, const struct digest *id,
		   struct image_documents *out, struct err *err)
{
	cleanup_free struct signature_manifest *m = calloc(1, sizeof(*m));
	bool may_be_own = !p->tagged.hex[0] || digest_equal(&p->tagged, id);
	cleanup_free char *text = NULL;
	struct err why = { 0 };
	size_t n = 0;

	if (!m)
		return err_set(err, ENOMEM, "look at signatures: out of memory");
	if (read_document(t, &p->manifest, SIGNATURE_DOCUMENT_MAX, &text, &n, &why) == 0 &&
	    signature_manifest_parse(m, (struct image_bytes){ text, n }, &why) == 0)
		look_at_all(t, p, id, m, out);
	else if (may_be_own)
		t->left_out = why;
	return 0;
}

/* By what `cosign save` says of an entry, or by the tag that registries have. */
static bool is_signatures(const json_t *entry, struct place *p)
{
	const json_t *a = json_object_get(entry, "annotations");
	const char *kind = json_string_value(json_object_get(a, SIGNATURE_KIND));
	const char *name = json_string_value(json_object_get(a, IMAGE_REF_NAME_ANNOTATION));
	const char *digest = json_string_value(json_object_get(entry, "digest"));

	p->tagged.hex[0] = '\0';
	if (!digest || !digest_parse(&p->manifest, digest))
		return false;
	return (name && signature_is_tag(name, &p->tagged)) ||
	       (kind && strcmp(kind, SIGNATURE_KIND_SIGS) == 0);
}

/* A tag for another image is passed over, but one for an index that has this. */
static bool concerns(struct take *t, const struct place *p, const struct digest *id)
{
	struct image_documents path;

	return !p->tagged.hex[0] || digest_equal(&p->tagged, id) ||
	       image_index_leads(&p->tagged, id, read_document, t, &path) == 0;
}

static int find_signatures(struct take *t, const struct digest *id, struct image_documents *out,
			   struct err *err)
{
	const json_t *entry;
	struct place p;
	size_t i;
	int r = 0;

	t->left_out = (struct err){ 0 };
	out->n = 0;
	json_array_foreach(t->manifests, i, entry)
		if (r == 0 && is_signatures(entry, &p) && concerns(t, &p, id))
			r = look_at(t, &p, id, out, err);
	return r;
}

/* -------------------------------------------------------------------- the policy */

/* What the image is asked for as: it decides which names a signature may have. */
static int asked_for(const struct take *t, const char *said, struct image_ref *out, struct err *err)
{
	const struct import_args *args = t->args;

	if (args->asked) {
		*out = *args->asked;
		return 0;
	}
	if (args->name)
		return image_ref_parse(out, args->name, err);
	if (said && strpbrk(said, "/:"))
		return image_ref_parse(out, said, err);
	*out = (struct image_ref){ .kind = IMAGE_REF_PATH };
	snprintf(out->name, sizeof(out->name), "%s", args->path ? args->path : "/dev/stdin");
	return 0;
}

/* @good: gets the documents that the policy's keys have signed. */
static int check_policy(struct take *t, const struct digest *id, const char *said,
			const struct image_documents *documents, struct image_documents *good,
			struct err *err)
{
	const struct admit_args admit = {
		.policy = t->args->policy,
		.keys = t->args->keys,
		.documents = documents,
		.read = read_document,
		.ctx = t,
		.good = good,
	};
	char text[DIGEST_TEXT_SIZE];
	struct image_ref asked;
	int r;

	r = asked_for(t, said, &asked, err);
	if (r == 0 && documents->n == 0 && t->left_out.code)
		r = err_set(err, t->left_out.code, "%s", t->left_out.msg);
	if (r == 0)
		r = image_admit(&admit, id, &asked, err);
	return r < 0 ? err_wrap(err, r, "image '%s'", digest_text(id, text)) : 0;
}

/* Those of the store stay, and the rest is all or nothing: a manifest needs its payloads. */
static int leave_out_beyond_room(struct take *t, const struct digest *id,
				 struct image_documents *documents, struct err *err)
{
	struct image_documents stored;
	json_auto_t *index = NULL;
	int r = image_store_index(&index, &t->w->store, err);

	if (r < 0)
		return r;
	image_signed_of(&stored, index, id);
	if (!image_documents_fit(&stored, documents))
		documents->n = 0;
	return 0;
}

/* With a policy, what its keys have signed is kept; without one, what there is room for. */
static int choose(struct take *t, const struct digest *id, const char *said,
		  struct image_documents *documents, struct err *err)
{
	struct image_documents good = { .n = 0 };
	int r;

	if (!has_policy(t))
		return leave_out_beyond_room(t, id, documents, err);
	r = check_policy(t, id, said, documents, &good, err);
	*documents = good;
	return r;
}

/**
 * take_signatures() - the signatures that a source has of an image, and whether they will do
 * @id: of an image whose manifest is taken, and none of its layers
 * @said: the name that the source gives it, or NULL
 *
 * Return: 0; -EACCES for an image that the policy does not allow; -errno. @err is
 * filled.
 */
int take_signatures(struct take *t, const struct digest *id, const char *said, struct err *err)
{
	struct import_result *result = t->result;
	struct import_signed *s = &result->signed_images[result->signed_n];
	int r;

	if (result->signed_n == IMPORT_IMAGES_MAX)
		return err_set(err, E2BIG, "more than %d images", IMPORT_IMAGES_MAX);
	r = find_signatures(t, id, &s->documents, err);
	if (r == 0)
		r = choose(t, id, said, &s->documents, err);
	for (unsigned i = 0; r == 0 && i < s->documents.n; i++)
		r = keep_document(t, &s->documents.list[i], err);
	if (r < 0 || s->documents.n == 0)
		return r;
	s->id = *id;
	result->signed_n++;
	return 0;
}
