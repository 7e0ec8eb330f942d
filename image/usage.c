/* SPDX-License-Identifier: MIT */
/* Counting users, measuring trees. */
#include "image/usage.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK_BYTES 512 /* of st_blocks (inode(7)) */

/* Of a hard link its part: all of them are in the same layer. */
static uint64_t bytes_of(const struct stat *st)
{
	nlink_t links = S_ISDIR(st->st_mode) || st->st_nlink == 0 ? 1 : st->st_nlink;

	return (uint64_t)st->st_blocks * BLOCK_BYTES / links;
}

/* Of what is @depth below the root, or deeper. */
static int walk(FTS *tree, int depth, uint64_t *out, struct err *err)
{
	const FTSENT *e;

	for (errno = 0; (e = fts_read(tree)); errno = 0) {
		if (e->fts_info == FTS_ERR || e->fts_info == FTS_DNR || e->fts_info == FTS_NS) {
			errno = e->fts_errno;
			return err_sys(err, "measure '%.300s'", e->fts_path);
		}
		if (e->fts_info != FTS_DP && e->fts_level >= depth) /* DP: a directory once more */
			*out += bytes_of(e->fts_statp);
	}
	return errno ? err_sys(err, "measure a layer") : 0;
}

/* Follows no link. Nothing writes to a layer in place, or to a job whose worker has ended. */
static int measure_tree(uint64_t *out, const struct image_writer *w, const char *name, int depth,
			struct err *err)
{
	char path[PATH_MAX];
	char *const roots[] = { path, NULL };
	FTS *tree;
	int r;

	if (snprintf(path, sizeof(path), "%s/%s", w->store.path, name) >= (int)sizeof(path))
		return err_set(err, ENAMETOOLONG, "image store '%s': name too long", w->store.path);
	tree = fts_open(roots, FTS_PHYSICAL | FTS_XDEV, NULL);
	if (!tree)
		return err_sys(err, "measure '%.300s'", path);
	r = walk(tree, depth, out, err);
	(void)fts_close(tree); /* it goes back to the directory where it began */
	return r;
}

static int measure_layer(uint64_t *out, const struct image_writer *w, const char *hex,
			 struct err *err)
{
	char name[DIGEST_HEX_LEN + 8];

	snprintf(name, sizeof(name), "layers/%s", hex);
	return measure_tree(out, w, name, FTS_ROOTLEVEL, err);
}

static int measure(uint64_t *out, const struct image_writer *w, char kind, const char *hex,
		   struct err *err)
{
	struct stat st;

	*out = 0;
	if (kind == 'l')
		return measure_layer(out, w, hex, err);
	if (fstatat(w->blobs_fd, hex, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, "measure the blob '%s'", hex);
	*out = bytes_of(&st);
	return 0;
}

struct counted {
	char key[DIGEST_HEX_LEN + 2];
	uint64_t bytes;
	json_int_t users;
};

/* Measured once. */
static int look_at(struct counted *out, struct image_usage *u, char kind, const struct digest *d,
		   struct err *err)
{
	int r;

	snprintf(out->key, sizeof(out->key), "%c%s", kind, d->hex);
	out->bytes = (uint64_t)json_integer_value(json_object_get(u->bytes, out->key));
	out->users = json_integer_value(json_object_get(u->users, out->key));
	if (json_object_get(u->bytes, out->key))
		return 0;
	r = measure(&out->bytes, u->w, kind, d->hex, err);
	if (r < 0)
		return r;
	if (json_object_set_new(u->bytes, out->key, json_integer((json_int_t)out->bytes)) < 0)
		return err_set(err, ENOMEM, "measure the images: out of memory");
	return 0;
}

/* @by: 1 or -1. */
static int count(struct image_usage *u, char kind, const struct digest *d, int by, struct err *err)
{
	struct counted is;
	int r = look_at(&is, u, kind, d, err);

	if (r < 0)
		return r;
	if (json_object_set_new(u->users, is.key, json_integer(is.users + by)) < 0)
		return err_set(err, ENOMEM, "measure the images: out of memory");
	if (by > 0 && is.users == 0)
		u->total += is.bytes;
	else if (by < 0 && is.users == 1)
		u->total -= is.bytes;
	return 0;
}

static int count_image(struct image_usage *u, const struct digest *id, int by, struct err *err)
{
	struct image image;
	int r = image_load(&image, &u->w->store, id, err);

	if (r < 0)
		return r;
	r = count(u, 'b', id, by, err);
	if (r == 0)
		r = count(u, 'b', &image.manifest.config.digest, by, err);
	for (unsigned i = 0; r == 0 && i < image.manifest.layer_n; i++) {
		r = count(u, 'b', &image.manifest.layers[i].digest, by, err);
		if (r == 0)
			r = count(u, 'l', &image.config->diff_ids[i], by, err);
	}
	image_done(&image);
	return r;
}

/**
 * image_usage_begin() - no image is counted yet
 * @u: released by image_usage_done(), whatever this returned
 * @w: open
 *
 * Return: 0, or -ENOMEM with @err filled.
 */
int image_usage_begin(struct image_usage *u, const struct image_writer *w, struct err *err)
{
	*u = (struct image_usage){ .w = w, .bytes = json_object(), .users = json_object() };
	return u->bytes && u->users ? 0 : err_set(err, ENOMEM, "measure the images: out of memory");
}

/**
 * image_usage_add() - count an image, which is in the store
 *
 * Return: 0 or -errno with @err filled; then the total is wrong.
 */
int image_usage_add(struct image_usage *u, const struct digest *id, struct err *err)
{
	return count_image(u, id, 1, err);
}

/**
 * image_usage_drop() - count one no longer that was
 *
 * Return: as image_usage_add().
 */
int image_usage_drop(struct image_usage *u, const struct digest *id, struct err *err)
{
	return count_image(u, id, -1, err);
}

static int add_layer(json_t *out, struct image_usage *u, const struct digest *blob,
		     const struct digest *layer, struct err *err)
{
	struct counted packed, unpacked;
	uint64_t bytes = 0;
	int r = look_at(&packed, u, 'b', blob, err);

	if (r == 0)
		r = look_at(&unpacked, u, 'l', layer, err);
	if (r < 0)
		return r;
	bytes += packed.users == 0 ? packed.bytes : 0;
	bytes += unpacked.users == 0 ? unpacked.bytes : 0;
	return json_object_set_new(out, blob->hex, json_integer((json_int_t)bytes)) < 0 ?
		       err_set(err, ENOMEM, "measure the images: out of memory") : 0;
}

/**
 * image_usage_beside() - what an image has that none of those has that were counted
 * @out: an object; gets for each layer, by its blob in hexadecimal, the bytes of both
 *
 * Return: as image_usage_add(), and nothing that was counted changes.
 */
int image_usage_beside(json_t *out, struct image_usage *u, const struct digest *id,
		       struct err *err)
{
	struct image image;
	int r = image_load(&image, &u->w->store, id, err);

	if (r < 0)
		return r;
	for (unsigned i = 0; r == 0 && i < image.manifest.layer_n; i++)
		r = add_layer(out, u, &image.manifest.layers[i].digest, &image.config->diff_ids[i],
			      err);
	image_done(&image);
	return r;
}

/**
 * image_usage_of_job() - the bytes that a job's blobs and layers take
 * @w: in its job, of which the worker has ended
 *
 * Return: 0 or -errno with @err filled.
 */
int image_usage_of_job(uint64_t *out, const struct image_writer *w, struct err *err)
{
	int r;

	*out = 0;
	r = measure_tree(out, w, "tmp/" IMAGE_WRITER_JOB "/blobs", 1, err);
	/* DIFFID/root and what is in it, and a list of its opaque directories. */
	return r < 0 ? r : measure_tree(out, w, "tmp/" IMAGE_WRITER_JOB "/layers", 2, err);
}

/**
 * image_usage_of_leftovers() - the bytes that the blobs of a failed pull take
 * @out: 0: there is none, or nothing in it
 *
 * Return: 0 or -errno with @err filled.
 */
int image_usage_of_leftovers(uint64_t *out, const struct image_writer *w, struct err *err)
{
	*out = 0;
	if (faccessat(w->tmp_fd, IMAGE_WRITER_LEFTOVERS, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	/* LAYOUT/former/BLOB, or one below that. */
	return measure_tree(out, w, "tmp/" IMAGE_WRITER_LEFTOVERS, 2, err);
}

void image_usage_done(struct image_usage *u)
{
	json_decref(u->bytes);
	json_decref(u->users);
	u->bytes = u->users = NULL;
}
