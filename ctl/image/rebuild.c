/* SPDX-License-Identifier: MIT */
/* Another index.json for a store whose own cannot be read. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "ctl/image/image.h"
#include "image/generation.h"

/*
 * Theory of operation
 *
 * The blobs say what images there are: each manifest whose config and layers are
 * there is one. Names are said by the index alone, but those that pods have
 * started by are in their files of generations, with the images that they meant.
 * The rest is lost: other names, indexes that images were chosen from, and which
 * documents are an image's signatures, since strangers have written those and
 * nobody reads them in here. So nothing else is removed in the same run, and who
 * can mend the damaged file by hand may put it back.
 */
#define ASIDE "index.json.damaged"

struct rebuild {
	struct rebuilt *out;
	const struct image_writer *w;
	json_t *index;
};

static int put_aside(const struct image_writer *w, struct err *err)
{
	if (unlinkat(w->store.dirfd, ASIDE, 0) < 0 && errno != ENOENT)
		return err_sys(err, "remove the older '" ASIDE "'");
	/* The name stays until there is another file. One that was lost is not there. */
	if (linkat(w->store.dirfd, "index.json", w->store.dirfd, ASIDE, 0) < 0 && errno != ENOENT)
		return err_sys(err, "put 'index.json' aside");
	return 0;
}

static bool has_layers(const struct image_writer *w, const struct image *image)
{
	for (unsigned i = 0; i < image->config->layer_n; i++)
		if (faccessat(w->layers_fd, image->config->diff_ids[i].hex, F_OK,
			      AT_SYMLINK_NOFOLLOW) < 0)
			return false;
	return true;
}

/* Any blob: most are no manifest of an image, and fsck looks at those that are. */
static int enter_blob(struct rebuild *b, const char *name, struct err *err)
{
	struct image_entry entry = { .size = 0 };
	struct image image;
	struct stat st;
	bool whole;

	if (!digest_parse_hex(&entry.id, name) ||
	    image_load(&image, &b->w->store, &entry.id, NULL) < 0)
		return 0;
	whole = has_layers(b->w, &image) && fstatat(b->w->blobs_fd, name, &st, 0) == 0;
	image_done(&image);
	if (!whole)
		return 0;
	entry.size = (uint64_t)st.st_size;
	b->out->images++;
	return image_index_enter(b->index, &entry, false, err);
}

static int enter_blobs(struct rebuild *b, struct err *err)
{
	int fd = openat(b->w->blobs_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;

	if (!dir) {
		close_fd(&fd);
		return err_sys(err, "read the image store");
	}
	while (r == 0 && (d = readdir(dir)))
		r = enter_blob(b, d->d_name, err);
	(void)closedir(dir);
	return r;
}

/* The entry that has a digest, or NULL. */
static const json_t *entry_of(const json_t *index, const struct digest *id)
{
	const json_t *e;
	struct digest d;
	size_t i;

	json_array_foreach(json_object_get(index, "manifests"), i, e)
		if (image_index_digest(e, &d) && digest_equal(&d, id))
			return e;
	return NULL;
}

/* Where two pods mean two images by a name, the first has it. */
static int enter_names(void *ctx, const char *pod, const struct generation *g,
		       const struct err *damage, struct err *err)
{
	struct rebuild *b = ctx;

	(void)pod;
	(void)damage; /* told where it matters: at prune */
	for (unsigned i = 0; g && i < g->n; i++) {
		const struct generation_image *m = &g->images[i];
		const json_t *e = entry_of(b->index, &m->now);
		struct image_entry entry = { .id = m->now };
		int r;

		if (!e)
			continue;
		entry.size = (uint64_t)json_integer_value(json_object_get(e, "size"));
		memcpy(entry.name, m->name, sizeof(entry.name));
		r = image_index_has_name(b->index, entry.name) ?
			    0 : image_index_enter(b->index, &entry, false, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static void count_names(struct rebuild *b)
{
	const json_t *e;
	size_t i;

	json_array_foreach(json_object_get(b->index, "manifests"), i, e)
		b->out->names += image_index_name(e) != NULL;
}

/**
 * rebuild_index() - put a damaged index.json aside, if there is one, and find out what may be
 *                   in another
 * @out: how much was found
 * @index: receives it, the caller's, to be written and checked
 * @paths: for the pods' files of generations
 *
 * Return: 0 or -errno with @err filled.
 */
int rebuild_index(struct rebuilt *out, json_t **index, const struct image_writer *w,
		  const struct paths *paths, struct err *err)
{
	struct rebuild b = { .out = out, .w = w };
	int r = put_aside(w, err);

	*out = (struct rebuilt){ .images = 0 };
	b.index = json_pack("{s:i, s:[]}", "schemaVersion", 2, "manifests");
	if (r == 0 && !b.index)
		r = err_set(err, ENOMEM, "make another 'index.json': out of memory");
	if (r == 0)
		r = enter_blobs(&b, err);
	if (r == 0)
		r = generations_each(paths->lib, enter_names, &b, err);
	if (r < 0) {
		json_decref(b.index);
		return r;
	}
	count_names(&b);
	*index = b.index;
	return 0;
}
