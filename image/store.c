/* SPDX-License-Identifier: MIT */
/* Finding and reading images in the stores of the search path. */
#include "image/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"

/* The search path, below the root. */
static const char *const places[IMAGE_STORES_MAX] = {
	"/var/lib/podd/images",
	"/usr/share/podd/images",
};

/**
 * image_store_path() - where store @i of the search path is
 *
 * Return: 0, or -ENAMETOOLONG with @err filled.
 */
int image_store_path(char *out, size_t size, const struct paths *paths, size_t i, struct err *err)
{
	if (snprintf(out, size, "%s%s", paths->root, places[i]) >= (int)size)
		return err_set(err, ENAMETOOLONG, "image store '%s': name too long", places[i]);
	return 0;
}

/**
 * image_stores_open() - open what is there of the search path
 * @out: released by image_stores_close()
 *
 * A store that is not there is no error: it has no images.
 *
 * Return: 0 or -errno with @err filled.
 */
int image_stores_open(struct image_stores *out, const struct paths *paths, struct err *err)
{
	for (size_t i = 0; i < IMAGE_STORES_MAX; i++)
		out->list[i] = (struct image_store){ .dirfd = -EBADF, .writable = i == 0 };
	for (size_t i = 0; i < IMAGE_STORES_MAX; i++) {
		struct image_store *s = &out->list[i];
		int r = image_store_path(s->path, sizeof(s->path), paths, i, err);

		if (r == 0)
			s->dirfd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (r == 0 && s->dirfd < 0 && errno != ENOENT)
			r = err_sys(err, "open the image store '%s'", s->path);
		if (r < 0) {
			image_stores_close(out);
			return r;
		}
	}
	return 0;
}

/**
 * image_stores_close() - let go of the stores
 */
void image_stores_close(struct image_stores *stores)
{
	for (size_t i = 0; i < IMAGE_STORES_MAX; i++)
		close_fd(&stores->list[i].dirfd);
}

/* A file of the store, whole; *out is the caller's. */
static int read_whole(char **out, size_t *n, const struct image_store *store, const char *name,
		      struct err *err)
{
	cleanup_close int fd = openat(store->dirfd, name,
				      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	cleanup_free char *text = NULL;
	struct stat st;
	ssize_t r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "open '%s' in the image store", name);
	if (!S_ISREG(st.st_mode) || st.st_size > IMAGE_DOCUMENT_MAX)
		return err_set(err, EFBIG, "'%s' in the image store is no file of at most %u bytes",
			       name, IMAGE_DOCUMENT_MAX);
	text = malloc((size_t)st.st_size + 1);
	if (!text)
		return err_set(err, ENOMEM, "read '%s' in the image store: out of memory", name);
	r = pread(fd, text, (size_t)st.st_size, 0); /* of a file, a read is short at its end only */
	if (r < 0)
		return err_sys(err, "read '%s' in the image store", name);
	text[r] = '\0';
	*n = (size_t)r;
	*out = take_ptr(text);
	return 0;
}

/**
 * image_store_read() - a document of the store by its digest
 * @out: @n bytes and a NUL, the caller's to free
 *
 * Its digest was checked when it came in and is checked again by `podctl image
 * verify` only.
 *
 * Return: 0 or -errno with @err filled.
 */
int image_store_read(char **out, size_t *n, const struct image_store *store,
		     const struct digest *digest, struct err *err)
{
	char name[DIGEST_HEX_LEN + 32];

	snprintf(name, sizeof(name), "blobs/sha256/%s", digest->hex);
	return read_whole(out, n, store, name, err);
}

/* Whether there are any: its own list is the first thing that a store gets. */
static bool has_blobs(const struct image_store *store)
{
	int fd = openat(store->dirfd, "blobs/sha256",
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d = NULL;

	if (!dir) {
		close_fd(&fd);
		return false;
	}
	while ((d = readdir(dir)) && d->d_name[0] == '.')
		;
	(void)closedir(dir);
	return d;
}

static int no_index(json_t **out, const struct image_store *store, struct err *err)
{
	if (store->dirfd >= 0 && has_blobs(store))
		return err_set(err, EBADMSG,
			       "'index.json' in the image store '%s': it is gone, but not "
			       "the blobs", store->path);
	*out = json_pack("{s:i, s:[]}", "schemaVersion", 2, "manifests");
	return *out ? 0 : err_set(err, ENOMEM, "read the image store: out of memory");
}

/**
 * image_store_index() - the store's index.json
 * @out: an object with a list "manifests", the caller's; an empty one when the
 *       store holds nothing yet
 *
 * One that is gone where there are blobs is damaged (-EBADMSG).
 *
 * Return: 0 or -errno with @err filled.
 */
int image_store_index(json_t **out, const struct image_store *store, struct err *err)
{
	cleanup_free char *text = NULL;
	json_t *index = NULL;
	size_t n = 0;
	int r = -ENOENT;

	if (store->dirfd >= 0)
		r = read_whole(&text, &n, store, "index.json", err);
	if (r == -ENOENT)
		return no_index(out, store, err);
	if (r == 0)
		r = json_text_parse(&index, text, n, err);
	if (r == 0 && !json_is_array(json_object_get(index, "manifests"))) {
		json_decref(index);
		r = err_set(err, EBADMSG, "it has no list of manifests");
	}
	if (r < 0)
		return err_wrap(err, r, "'index.json' in the image store '%s'", store->path);
	*out = index;
	return 0;
}

/**
 * image_store_hold() - keep hold of the index.json that is there now
 *
 * Each change of the store replaces the file. While one is held its inode cannot be
 * another's, so that a list with an entry that went and came again is told, too.
 *
 * Return: a descriptor, the caller's; -1: there is none.
 */
int image_store_hold(const struct image_store *store)
{
	return openat(store->dirfd, "index.json", O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

/**
 * image_store_is_held() - whether nobody has changed the store since image_store_hold()
 */
bool image_store_is_held(const struct image_store *store, int held)
{
	struct stat then, now;

	if (fstatat(store->dirfd, "index.json", &now, AT_SYMLINK_NOFOLLOW) < 0)
		return held < 0;
	return held >= 0 && fstat(held, &then) == 0 && then.st_dev == now.st_dev &&
	       then.st_ino == now.st_ino;
}

static bool entry_is(const json_t *entry, const struct image_ref *ref, struct digest *digest)
{
	const json_t *annotations = json_object_get(entry, "annotations");
	const char *text = json_string_value(json_object_get(entry, "digest"));
	const char *name =
		json_string_value(json_object_get(annotations, IMAGE_REF_NAME_ANNOTATION));
	const char *index = json_string_value(json_object_get(annotations, IMAGE_INDEX_ANNOTATION));
	struct digest chosen_from = { "" };

	if (!text || !digest_parse(digest, text))
		return false;
	if (index)
		(void)digest_parse(&chosen_from, index); /* else it stays empty */
	if (ref->digest.hex[0])
		return digest_equal(digest, &ref->digest) ||
		       digest_equal(&chosen_from, &ref->digest);
	return name && strcmp(name, ref->name) == 0;
}

/**
 * image_store_find() - the manifest that a reference means in one store
 *
 * A digest that is given says which image it is, whatever the name in front.
 *
 * Return: 0; -ENOENT, @err untouched, when it is not there; -errno with @err filled.
 */
int image_store_find(struct digest *out, const struct image_store *store,
		     const struct image_ref *ref, struct err *err)
{
	json_auto_t *index = NULL;
	const json_t *entry;
	size_t i;
	int r = image_store_index(&index, store, err);

	if (r < 0)
		return r == -ENOENT ? -EIO : r;
	json_array_foreach(json_object_get(index, "manifests"), i, entry)
		if (entry_is(entry, ref, out))
			return 0;
	return -ENOENT;
}

/**
 * image_stores_find() - the manifest that a reference means, in the first store that has it
 * @store: one of @stores
 *
 * A store that cannot be read is passed over, and what is wrong with it is the
 * error only where no other one has the image.
 *
 * Return: 0; -ENOENT, @err untouched, when no store has it; -errno with @err filled.
 */
int image_stores_find(struct digest *out, const struct image_store **store,
		      const struct image_stores *stores, const struct image_ref *ref,
		      struct err *err)
{
	int ret = -ENOENT;

	for (size_t i = 0; i < IMAGE_STORES_MAX; i++) {
		struct err why = { 0 };
		int r;

		*store = &stores->list[i];
		r = image_store_find(out, *store, ref, &why);
		if (r == 0)
			return 0;
		if (r != -ENOENT && ret == -ENOENT)
			ret = err_set(err, -r, "%s", why.msg);
	}
	return ret;
}

static int load_documents(struct image *image, struct err *err)
{
	cleanup_free char *manifest = NULL, *config = NULL;
	size_t n = 0;
	int r = image_store_read(&manifest, &n, image->store, &image->id, err);

	if (r == 0)
		r = image_manifest_parse(&image->manifest,
					 (struct image_bytes){ manifest, n }, err);
	if (r == 0)
		r = image_store_read(&config, &n, image->store,
				     &image->manifest.config.digest, err);
	if (r == 0)
		r = image_config_parse(&image->config, (struct image_bytes){ config, n }, err);
	return r < 0 ? r : image_check_pair(&image->manifest, image->config, err);
}

/**
 * image_load() - read an image's documents
 * @out: released by image_done(); @store is borrowed by it
 *
 * Return: 0 or -errno with @err filled.
 */
int image_load(struct image *out, const struct image_store *store, const struct digest *id,
	       struct err *err)
{
	int r;

	*out = (struct image){ .store = store, .id = *id };
	r = load_documents(out, err);
	if (r < 0)
		image_done(out);
	return r < 0 ? err_wrap(err, r, "image '" DIGEST_PREFIX "%s'", id->hex) : 0;
}

/**
 * image_find() - read the image that a reference means, from the first store that has it
 * @text: as in Image=
 *
 * Return: 0; -ENOENT when no store has it; -errno. @err is filled.
 */
int image_find(struct image *out, const struct image_stores *stores, const char *text,
	       struct err *err)
{
	const struct image_store *store;
	struct image_ref ref;
	struct digest id;
	int r = image_ref_parse(&ref, text, err);

	if (r < 0)
		return r;
	r = image_stores_find(&id, &store, stores, &ref, err);
	if (r == 0)
		return image_load(out, store, &id, err);
	if (r != -ENOENT)
		return r;
	return err_set(err, ENOENT, "image '%.200s' is not in the store '%s'; see podctl image",
		       text, stores->list[0].path);
}

/**
 * image_done() - free what image_load() filled
 */
void image_done(struct image *image)
{
	image_config_free(image->config);
	image->config = NULL;
}

/**
 * image_layer_path() - where layer @i of an image is unpacked, 0 the lowest
 *
 * Return: 0, or -ENAMETOOLONG with @err filled.
 */
int image_layer_path(char *out, size_t size, const struct image *image, unsigned i,
		     struct err *err)
{
	if (snprintf(out, size, "%s/layers/%s", image->store->path,
		     image->config->diff_ids[i].hex) >= (int)size)
		return err_set(err, ENAMETOOLONG, "image store '%s': name too long",
			       image->store->path);
	return 0;
}
