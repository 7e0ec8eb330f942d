/* SPDX-License-Identifier: MIT */
/* Comparing an image with its digests. */
#include "image/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "image/compare.h"
#include "image/hash.h"
#include "image/marks.h"
#include "image/signed.h"

struct check {
	const struct image_store *store;
	struct digest id;
	int marks_fd; /* what the worker has written down for us */
};

/* ----------------------------------------------------------------------- blobs */

static int check_blob(const struct image_store *store, const struct digest *d, uint64_t size,
		      struct err *err)
{
	char name[DIGEST_HEX_LEN + 32];
	cleanup_close int fd = -EBADF;
	struct digest is = { "" };
	struct stat st;
	int r;

	snprintf(name, sizeof(name), "blobs/sha256/%s", d->hex);
	fd = openat(store->dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "open the blob '%s'", d->hex);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EBADMSG, "the blob '%s' is no regular file", d->hex);
	r = hash_file(&is, fd, err);
	if (r < 0)
		return r;
	if (!digest_equal(&is, d) || (size && (uint64_t)st.st_size != size))
		return err_set(err, EBADMSG, "the blob '%s' is damaged", d->hex);
	return 0;
}

/* ---------------------------------------------------------------------- layers */

static int check_layer(const struct check *c, const struct image_descriptor *layer,
		       const struct digest *diff_id, struct err *err)
{
	char blob_name[DIGEST_HEX_LEN + 32], root_name[DIGEST_HEX_LEN + 32];
	cleanup_close int blob = -EBADF, root = -EBADF;

	snprintf(blob_name, sizeof(blob_name), "blobs/sha256/%s", layer->digest.hex);
	snprintf(root_name, sizeof(root_name), "layers/%s", diff_id->hex);
	blob = openat(c->store->dirfd, blob_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	root = openat(c->store->dirfd, root_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (blob < 0 || root < 0)
		return err_sys(err, "open '%s'", blob < 0 ? blob_name : root_name);
	return compare_layer(&(struct compare_args){ blob, layer->media, root, diff_id,
						     c->marks_fd }, err);
}

static int check_loaded(const struct check *c, const struct image *image, struct err *err)
{
	const struct image_manifest *m = &image->manifest;
	int r = 0;

	for (unsigned i = 0; r == 0 && i < m->layer_n; i++) {
		r = check_blob(image->store, &m->layers[i].digest, m->layers[i].size, err);
		if (r == 0)
			r = check_layer(c, &m->layers[i], &image->config->diff_ids[i], err);
		if (r < 0)
			r = err_wrap(err, r, "layer %u", i + 1);
	}
	return r;
}

/* Each before it is parsed. */
static int check_documents(const struct check *c, struct err *err)
{
	cleanup_free struct image_manifest *m = calloc(1, sizeof(*m));
	cleanup_free char *text = NULL;
	size_t n = 0;
	int r = m ? check_blob(c->store, &c->id, 0, err) : err_set(err, ENOMEM, "out of memory");

	if (r == 0)
		r = image_store_read(&text, &n, c->store, &c->id, err);
	if (r == 0)
		r = image_manifest_parse(m, (struct image_bytes){ text, n }, err);
	return r < 0 ? r : check_blob(c->store, &m->config.digest, m->config.size, err);
}

/* What speaks for it; whether that is enough is a policy's question. */
static int check_signatures(const struct check *c, struct err *err)
{
	struct image_documents documents;
	json_auto_t *index = NULL;
	int r = image_store_index(&index, c->store, err);

	if (r < 0)
		return r;
	image_signed_of(&documents, index, &c->id);
	for (unsigned i = 0; r == 0 && i < documents.n; i++)
		r = check_blob(c->store, &documents.list[i], 0, err);
	return r < 0 ? err_wrap(err, r, "its signatures") : 0;
}

static int work(void *arg, struct worker_progress *progress, struct err *err)
{
	const struct check *c = arg;
	struct image image;
	int r = check_documents(c, err);

	(void)progress;
	if (r == 0)
		r = image_load(&image, c->store, &c->id, err);
	if (r < 0)
		return r;
	r = check_loaded(c, &image, err);
	image_done(&image);
	return r < 0 ? r : check_signatures(c, err);
}

/* What the worker cannot see. */
static int check_marks(const struct check *c, struct err *err)
{
	struct image image;
	int r = image_load(&image, c->store, &c->id, err);

	if (r < 0)
		return r;
	r = marks_check(&image, c->marks_fd, err);
	image_done(&image);
	return r;
}

/**
 * image_check() - compare an image with its digests
 *
 * Return: 0; -EBADMSG for what is damaged; -errno. @err is filled.
 */
int image_check(const struct image_store *store, const struct digest *id,
		const struct worker_limits *limits, struct err *err)
{
	cleanup_close int marks_fd = memfd_create("marks", MFD_CLOEXEC);
	struct check c = { store, *id, marks_fd };
	const struct worker_args args = {
		.fn = work, .arg = &c, .root_fd = store->dirfd, .limits = *limits,
	};
	int r = marks_fd < 0 ? err_sys(err, "make a list") : worker_run(&args, err);

	return r < 0 ? r : check_marks(&c, err);
}
