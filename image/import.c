/* SPDX-License-Identifier: MIT */
/* The parent's part of an import: the worker, then putting in place. */
#include "image/import.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "image/take.h"
#include "image/usage.h"

const struct import_limits import_limits_default = {
	.layers = { .bytes = UINT64_C(64) << 30, .inodes = 900000 },
	.worker = { .memory_bytes = UINT64_C(512) << 20, .cpu_seconds = 1800 },
	.source_bytes = UINT64_C(64) << 30,
};

struct job {
	struct take take;
	struct import_result *shared; /* the worker's result, in memory of both */
};

static int work(void *arg, struct worker_progress *progress, struct err *err)
{
	struct job *job = arg;

	job->take.progress = progress;
	return take_images(&job->take, err);
}

/* What the worker says is as trustworthy as what it has read. */
static int check_result(const struct import_result *r, const struct import_args *args,
			struct err *err)
{
	if (r->n == 0 || r->n > IMPORT_IMAGES_MAX)
		return err_set(err, EBADMSG, "there is no image in it");
	for (unsigned i = 0; i < r->n; i++) {
		const struct image_entry *e = &r->entries[i];
		struct image_ref ref;
		struct digest d;

		if (!digest_parse_hex(&d, e->id.hex) || !memchr(e->name, '\0', sizeof(e->name)) ||
		    (e->index.hex[0] && !digest_parse_hex(&d, e->index.hex)))
			return err_set(err, EBADMSG, "the process that reads the image is broken");
		if (args->pin && !digest_equal(&e->id, args->pin) &&
		    !digest_equal(&e->index, args->pin))
			return err_set(err, EBADMSG, "it is another image, '" DIGEST_PREFIX "%s'",
				       e->id.hex);
		if (!e->name[0])
			continue;
		if (image_ref_parse(&ref, e->name, err) < 0 || strcmp(ref.name, e->name) != 0 ||
		    (ref.kind == IMAGE_REF_PATH &&
		     (!args->path || strcmp(args->path, e->name) != 0)))
			return err_set(err, EBADMSG, "the process that reads the image is broken");
	}
	return 0;
}

/* Of each document, that it is there. */
static int check_signed(const struct import_result *r, const struct image_writer *w,
			struct err *err)
{
	struct digest d;

	for (unsigned i = 0; r->signed_n <= IMPORT_IMAGES_MAX && i < r->signed_n; i++) {
		const struct image_documents *docs = &r->signed_images[i].documents;

		if (docs->n > IMAGE_DOCUMENTS_MAX ||
		    !digest_parse_hex(&d, r->signed_images[i].id.hex))
			return err_set(err, EBADMSG, "the process that reads the image is broken");
		for (unsigned k = 0; k < docs->n; k++)
			if (!digest_parse_hex(&d, docs->list[k].hex) ||
			    (faccessat(w->job_blobs_fd, d.hex, F_OK, AT_SYMLINK_NOFOLLOW) < 0 &&
			     faccessat(w->blobs_fd, d.hex, F_OK, AT_SYMLINK_NOFOLLOW) < 0))
				return err_set(err, EBADMSG,
					       "the process that reads the image is broken");
	}
	return r->signed_n <= IMPORT_IMAGES_MAX ?
		       0 : err_set(err, EBADMSG, "the process that reads the image is broken");
}

static bool is_path(const struct import_result *r, unsigned i)
{
	return r->entries[i].name[0] == '/';
}

static bool has_name(const struct import_result *r, const struct digest *id)
{
	for (unsigned i = 0; i < r->n; i++)
		if (!is_path(r, i) && digest_equal(&r->entries[i].id, id))
			return true;
	return false;
}

/* The path is the name of an image that is alone there: of several, it is none's. */
static int settle_path(struct import_result *r, struct err *err)
{
	const struct digest *first = NULL;
	bool several = false;
	unsigned n = 0;

	for (unsigned i = 0; i < r->n; i++) {
		if (!is_path(r, i))
			continue;
		several |= first && !digest_equal(first, &r->entries[i].id);
		first = &r->entries[i].id;
	}
	for (unsigned i = 0; several && i < r->n; i++)
		if (is_path(r, i) && !has_name(r, &r->entries[i].id))
			return err_set(err, EINVAL,
				       "it holds several images, and not all have names; "
				       "--select says which one to take");
	for (unsigned i = 0; several && i < r->n; i++)
		if (!is_path(r, i))
			r->entries[n++] = r->entries[i];
	r->n = several ? n : r->n;
	return 0;
}

/* What came then is what the policy's keys have signed (image/take_signatures.c). */
static bool is_verified(const struct import_args *args)
{
	return args->policy && args->policy->key_n > 0;
}

/* The worker's word can only add to what its parent knows and measures. */
static int check_taken(const struct image_writer *w, const struct import_result *result,
		       const struct room *room, struct err *err)
{
	uint64_t bytes;
	int r;

	if (room->budget_bytes == ROOM_NO_BUDGET)
		return 0;
	r = image_usage_of_job(&bytes, w, err);
	return r < 0 ? r : room_check_taken(room, result->claimed_bytes, bytes, err);
}

/* The store's index as it is to be. */
static int enter_all(json_t **index, const struct image_writer *w, const struct import_result *r,
		     const struct import_args *args, struct err *err)
{
	int ret = image_store_index(index, &w->store, err);

	for (unsigned i = 0; ret == 0 && i < r->n; i++) {
		const struct image_entry *e = &r->entries[i];

		/* The path means what was imported from there last. */
		ret = image_index_enter(*index, e, args->replace || e->name[0] == '/', err);
	}
	for (unsigned i = 0; ret == 0 && i < r->signed_n; i++)
		ret = image_signed_enter(*index, &r->signed_images[i].id,
					 &r->signed_images[i].documents, is_verified(args), err);
	return ret;
}

static int run(struct job *job, struct image_writer *w, const struct import_args *args,
	       struct err *err)
{
	struct worker_args worker = {
		.fn = work,
		.arg = job,
		.root_fd = w->job_fd,
		.limits = args->limits.worker,
		.watch = args->watch,
		.watch_ctx = args->watch_ctx,
	};
	json_auto_t *index = NULL;
	int r = worker_run(&worker, err);

	if (r == 0)
		r = check_result(job->shared, args, err);
	if (r == 0)
		r = check_signed(job->shared, w, err);
	if (r == 0)
		r = settle_path(job->shared, err);
	if (r == 0)
		r = check_taken(w, job->shared, &args->limits.room, err);
	/* A name that cannot be had is known before anything is put in place. */
	if (r == 0)
		r = enter_all(&index, w, job->shared, args, err);
	if (r == 0)
		r = image_writer_put_job(w, err);
	return r < 0 ? r : image_writer_replace_index(w, index, err);
}

/**
 * image_import_job() - take images from a source into the store, in a job that was begun
 * @w: whose job is used up by it, and to be ended
 *
 * Return: 0 or -errno with @err filled; no image has changed then.
 */
int image_import_job(struct import_result *out, struct image_writer *w,
		     const struct import_args *args, struct err *err)
{
	struct import_result *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
					    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct job job = { .shared = shared };
	int r;

	if (shared == MAP_FAILED)
		return err_sys(err, "make memory to share");
	job.take = (struct take){ .args = args, .w = w, .result = shared };
	r = run(&job, w, args, err);
	if (r == 0)
		*out = *shared;
	(void)munmap(shared, sizeof(*shared));
	return r;
}

/**
 * image_import() - take images from a source into the store
 * @w: open
 *
 * Return: 0 or -errno with @err filled; no image has changed then.
 */
int image_import(struct import_result *out, struct image_writer *w, const struct import_args *args,
		 struct err *err)
{
	struct err second;
	int r = image_writer_drop_leftovers(w, err); /* what is room for them may be needed */

	if (r == 0)
		r = image_writer_begin_job(w, err);
	if (r == 0)
		r = image_import_job(out, w, args, err);
	/* What is left is removed by the next writer. */
	(void)image_writer_end_job(w, &second);
	return r;
}
