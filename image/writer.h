/* SPDX-License-Identifier: MIT */
/* The one who writes to the store: lock, work in progress, putting in place. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/paths.h"
#include "image/store.h"

/*
 * Theory of operation
 *
 * One writer at a time (flock on the file "lock", which keeps some room free for
 * the list of images, too). It works in tmp, which whoever comes next empties; only
 * the layout of a pull that failed or was killed is kept there for the next pull,
 * until that, an import or a prune takes it. Putting in place: opaque directories
 * are marked, everything is on the disk (syncfs), blobs and layers get their names,
 * the directories of these names are on the disk, and at last index.json is
 * replaced. A power cut before the last step leaves files that no image uses;
 * `podctl image prune` takes them.
 */
struct image_writer {
	struct image_store store; /* the first of the search path, by a descriptor of its own */
	int blobs_fd, layers_fd, tmp_fd, lock_fd;
	int job_fd, job_blobs_fd, job_layers_fd, job_incoming_fd;
	void (*waits)(void *ctx); /* called once the lock was another's for a second; or NULL */
	void *waits_ctx;
};

#define IMAGE_WRITER_JOB "job"		 /* in tmp */
#define IMAGE_WRITER_LEFTOVERS "fetched" /* in tmp */

#define IMAGE_WRITER_EMPTY                                                                \
	{ .store = { .dirfd = -EBADF }, .blobs_fd = -EBADF, .layers_fd = -EBADF,          \
	  .tmp_fd = -EBADF, .lock_fd = -EBADF, .job_fd = -EBADF, .job_blobs_fd = -EBADF,  \
	  .job_layers_fd = -EBADF, .job_incoming_fd = -EBADF }

/* What an image is entered as. */
struct image_entry {
	struct digest id;    /* of the manifest */
	uint64_t size;	     /* of that */
	struct digest index; /* of the index that it was chosen from; or empty */
	char name[IMAGE_NAME_MAX + 1]; /* "": none */
};

int image_writer_open(struct image_writer *w, const struct paths *paths, struct err *err);
int image_writer_look(struct image_writer *w, const struct paths *paths, struct err *err);
int image_writer_begin_job(struct image_writer *w, struct err *err);
int image_writer_put_job(struct image_writer *w, struct err *err);
int image_writer_end_job(struct image_writer *w, struct err *err);
int image_writer_take_leftovers(struct image_writer *w, struct err *err);
void image_writer_keep_leftovers(struct image_writer *w);
int image_writer_drop_leftovers(struct image_writer *w, struct err *err);
void image_writer_close(struct image_writer *w);
int image_writer_replace_index(struct image_writer *w, const json_t *index, struct err *err);

int image_index_enter(json_t *index, const struct image_entry *entry, bool move, struct err *err);
bool image_index_has_name(const json_t *index, const char *name);
bool image_index_drop_name(json_t *index, const char *name);
bool image_index_drop(json_t *index, const struct digest *id);
const char *image_index_name(const json_t *entry);
bool image_index_digest(const json_t *entry, struct digest *out);
