/* SPDX-License-Identifier: MIT */
/* Mark and sweep. */
#include "image/collect.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/io.h"
#include "image/pins.h"
#include "image/signed.h"

struct collect {
	struct image_writer *w;
	const struct collect_report *report;
	json_t *blobs, *layers; /* objects, as sets of hexadecimal digests */
};

static int mark(json_t *set, const struct digest *d, struct err *err)
{
	return json_object_set_new(set, d->hex, json_true()) < 0 ?
		       err_set(err, ENOMEM, "look for what is in use: out of memory") : 0;
}

static int mark_image(struct collect *c, const struct digest *id, struct err *err)
{
	struct image image;
	int r = image_load(&image, &c->w->store, id, err);

	if (r < 0)
		return r;
	r = mark(c->blobs, id, err);
	if (r == 0)
		r = mark(c->blobs, &image.manifest.config.digest, err);
	for (unsigned i = 0; r == 0 && i < image.manifest.layer_n; i++) {
		r = mark(c->blobs, &image.manifest.layers[i].digest, err);
		if (r == 0)
			r = mark(c->layers, &image.config->diff_ids[i], err);
	}
	image_done(&image);
	return r;
}

static int mark_pinned(void *ctx, const char *pod, const struct digest *id, struct err *err)
{
	struct collect *c = ctx;

	(void)pod;
	/* Not in this store: in another one of the search path. */
	if (faccessat(c->w->blobs_fd, id->hex, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	return mark_image(c, id, err);
}

static int mark_signatures(struct collect *c, const json_t *entry, struct err *err)
{
	struct image_documents documents;
	int r = 0;

	image_signed_list(&documents, entry);
	for (unsigned i = 0; r == 0 && i < documents.n; i++)
		r = mark(c->blobs, &documents.list[i], err);
	return r;
}

static int mark_all(struct collect *c, const json_t *index, int run_fd, struct err *err)
{
	const json_t *entry;
	struct digest id;
	size_t i;
	int r = 0;

	json_array_foreach(json_object_get(index, "manifests"), i, entry) {
		if (r == 0 && image_index_digest(entry, &id))
			r = mark_image(c, &id, err);
		if (r == 0)
			r = mark_signatures(c, entry, err);
	}
	return r < 0 ? r : image_pins_each(run_fd, mark_pinned, c, err);
}

static int drop(struct collect *c, int dirfd, const struct digest *d, struct err *err)
{
	fault_kill("image-collect");
	/* A layer half removed must not look like one. */
	if (renameat(dirfd, d->hex, c->w->tmp_fd, d->hex) < 0)
		return err_sys(err, "remove '%s'", d->hex);
	fault_kill("image-dropped");
	return io_remove_tree(c->w->tmp_fd, d->hex, err);
}

static int sweep(struct collect *c, int dirfd, const char *kind, const json_t *keep,
		 struct err *err)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	struct digest d;
	struct stat st;

	if (!dir) {
		close_fd(&fd);
		return err_sys(err, "read the image store");
	}
	while (r == 0 && (e = readdir(dir))) {
		if (!digest_parse_hex(&d, e->d_name) || json_object_get(keep, d.hex) ||
		    fstatat(dirfd, d.hex, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		c->report->found(c->report->ctx, kind, &d,
				 S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0);
		if (!c->report->dry_run)
			r = drop(c, dirfd, &d, err);
	}
	(void)closedir(dir);
	return r;
}

/* ------------------------------------------------------------ on a disk that is full */

/* What an image of the list on the disk needs to run; nothing of one that cannot. */
static int mark_to_run(struct collect *c, const struct digest *id, struct err *err)
{
	struct image image;
	int r = image_load(&image, &c->w->store, id, NULL);

	if (r == -ENOMEM)
		return err_set(err, ENOMEM, "look for what is in use: out of memory");
	if (r < 0)
		return 0;
	r = mark(c->blobs, id, err);
	if (r == 0)
		r = mark(c->blobs, &image.manifest.config.digest, err);
	for (unsigned i = 0; r == 0 && i < image.manifest.layer_n; i++)
		r = mark(c->layers, &image.config->diff_ids[i], err);
	image_done(&image);
	return r;
}

static int mark_former(struct collect *c, struct err *err)
{
	json_auto_t *index = NULL;
	const json_t *entry;
	struct digest id;
	size_t i;
	int r = image_store_index(&index, &c->w->store, err);

	json_array_foreach(json_object_get(index, "manifests"), i, entry) {
		if (r == 0 && image_index_digest(entry, &id))
			r = mark_to_run(c, &id, err);
		if (r == 0)
			r = mark_signatures(c, entry, err);
	}
	return r;
}

static int make_room(struct collect *c, const json_t *index, int run_fd, struct err *err)
{
	int r = mark_all(c, index, run_fd, err);

	if (r == 0)
		r = mark_former(c, err);
	if (r == 0)
		r = sweep(c, c->w->blobs_fd, "blob", c->blobs, err);
	return r < 0 ? r : sweep(c, c->w->layers_fd, "layer", c->layers, err);
}

/**
 * image_collect_list() - write the list of images, though the disk be full
 * @index: fewer images than there are, before image_collect()
 * @run_fd: as there
 *
 * Return: 0 or -errno with @err filled; the list is the former one then.
 */
int image_collect_list(struct image_writer *w, const json_t *index, int run_fd,
		       const struct collect_report *report, struct err *err)
{
	json_auto_t *blobs = json_object(), *layers = json_object();
	struct collect c = { .w = w, .report = report, .blobs = blobs, .layers = layers };
	struct err second;
	int r = report->dry_run ? 0 : image_writer_replace_index(w, index, err);

	if ((r != -ENOSPC && r != -EDQUOT) || make_room(&c, index, run_fd, &second) < 0)
		return r;
	return image_writer_replace_index(w, index, err);
}

/**
 * image_collect() - remove blobs and layers that no image uses
 * @index: the images that stay; on the disk already, unless it is a dry run
 * @run_fd: podd's run directory, or -EBADF
 *
 * Return: 0 or -errno with @err filled.
 */
int image_collect(struct image_writer *w, const json_t *index, int run_fd,
		  const struct collect_report *report, struct err *err)
{
	json_auto_t *blobs = json_object(), *layers = json_object();
	struct collect c = { .w = w, .report = report, .blobs = blobs, .layers = layers };
	int r = mark_all(&c, index, run_fd, err);

	if (r < 0)
		return err_wrap(err, r, "what is in use cannot be told%s",
				report->dry_run ? "" : ", so nothing is removed");
	r = sweep(&c, w->blobs_fd, "blob", blobs, err);
	return r < 0 ? r : sweep(&c, w->layers_fd, "layer", layers, err);
}
