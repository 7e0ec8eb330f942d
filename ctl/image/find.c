/* SPDX-License-Identifier: MIT */
/* Images by name, by digest, or by the first digits of one. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "ctl/image/image.h"

#define DIGITS_MIN 4

/* "a1b2c3", or with "sha256:" in front: what `list` shows. */
static const char *digits_of(const char *text)
{
	if (strncmp(text, DIGEST_PREFIX, strlen(DIGEST_PREFIX)) == 0)
		text += strlen(DIGEST_PREFIX);
	if (strlen(text) < DIGITS_MIN || strspn(text, "0123456789abcdef") != strlen(text))
		return NULL;
	return text;
}

static int find_by_digits(struct found *out, const json_t *index, const char *digits,
			  struct err *err)
{
	struct digest d, found = { "" };
	const json_t *e;
	size_t i;

	json_array_foreach(json_object_get(index, "manifests"), i, e) {
		if (!image_index_digest(e, &d) || strncmp(d.hex, digits, strlen(digits)) != 0)
			continue;
		if (found.hex[0] && !digest_equal(&found, &d))
			return err_set(err, ENOTUNIQ,
				       "'%s' is the beginning of more than one image's digest",
				       digits);
		found = d;
	}
	if (!found.hex[0])
		return -ENOENT;
	*out = (struct found){ .id = found };
	return 0;
}

/* A path is known by its real name, as import has it. */
static int parse_path(struct image_ref *out, const char *text, struct err *err)
{
	char real[PATH_MAX];

	return image_ref_parse(out, realpath(text, real) ? real : text, err);
}

/* By the manifest's digest, or that of the index that it was chosen from. */
static bool entry_has(const json_t *e, const struct digest *id, const struct digest *want)
{
	const char *text = json_string_value(
		json_object_get(json_object_get(e, "annotations"), IMAGE_INDEX_ANNOTATION));
	struct digest index;

	return digest_equal(id, want) ||
	       (text && digest_parse(&index, text) && digest_equal(&index, want));
}

static int find_by_ref(struct found *out, const json_t *index, const struct image_ref *ref)
{
	const json_t *e;
	size_t i;

	json_array_foreach(json_object_get(index, "manifests"), i, e) {
		const char *name = image_index_name(e);

		if (!image_index_digest(e, &out->id))
			continue;
		out->name = ref->digest.hex[0] ? NULL : name;
		if (ref->digest.hex[0] ? entry_has(e, &out->id, &ref->digest) :
					 name && strcmp(name, ref->name) == 0)
			return 0;
	}
	return -ENOENT;
}

/* Return: 0; -ENOENT, -ENOTUNIQ or -EINVAL with @err filled. */
static int find_entry(struct found *out, const json_t *index, const char *text, struct err *err)
{
	const char *digits = digits_of(text);
	struct image_ref ref;
	int r;

	if (digits) {
		r = find_by_digits(out, index, digits, err);
		if (r != -ENOENT)
			return r;
	}
	if (text[0] == '/' || strncmp(text, "./", 2) == 0)
		r = parse_path(&ref, text, err);
	else
		r = image_ref_parse(&ref, text, err);
	/* Else "sha256:" and too few digits to be a reference. */
	if (r == 0 && find_by_ref(out, index, &ref) == 0)
		return 0;
	/* "web" may be a name, and where an image was imported from. */
	if (text[0] != '/' && parse_path(&ref, text, NULL) == 0 && ref.kind == IMAGE_REF_PATH &&
	    find_by_ref(out, index, &ref) == 0)
		return 0;
	if (r < 0 && !digits)
		return r;
	return err_set(err, ENOENT, "no image '%.200s'", text);
}

/**
 * find_stored() - the digest of an image of any store, and which store that is
 * @store: one of @stores
 *
 * As image_stores_find(), a store that cannot be read is passed over.
 *
 * Return: 0 or -errno with @err filled.
 */
int find_stored(struct digest *out, const struct image_store **store,
		const struct image_stores *stores, const char *text, struct err *err)
{
	int ret = -ENOENT;

	for (size_t i = 0; i < IMAGE_STORES_MAX; i++) {
		json_auto_t *index = NULL;
		struct err why = { 0 };
		struct found found;
		int r;

		*store = &stores->list[i];
		r = image_store_index(&index, *store, &why);
		if (r == 0)
			r = find_entry(&found, index, text, &why);
		if (r == 0) {
			*out = found.id;
			return 0;
		}
		if (ret == -ENOENT)
			ret = err_set(err, -r, "%s", why.msg);
	}
	return ret;
}

/**
 * find_changeable() - an image of the store that is written to
 * @out: its name is borrowed from @index
 * @index: that store's
 *
 * Return: 0; -EROFS for an image that only a read-only store has; -ENOENT, -ENOTUNIQ
 * or -EINVAL. @err is filled.
 */
int find_changeable(struct found *out, const json_t *index, const struct image_stores *stores,
		    const char *text, struct err *err)
{
	int r = find_entry(out, index, text, err);

	for (size_t i = 0; r == -ENOENT && i < IMAGE_STORES_MAX; i++) {
		const struct image_store *store = &stores->list[i];
		json_auto_t *other = NULL;
		struct found there;

		if (!store->writable && image_store_index(&other, store, NULL) == 0 &&
		    find_entry(&there, other, text, NULL) == 0)
			return err_set(err, EROFS, "image '%.200s' is in '%s', which is read-only",
				       text, store->path);
	}
	return r;
}

/**
 * find_image() - read an image of any store, by what the operator calls it
 * @out: released by image_done()
 *
 * Return: 0 or -errno with @err filled.
 */
int find_image(struct image *out, const struct image_stores *stores, const char *text,
	       struct err *err)
{
	const struct image_store *store;
	struct digest id;
	int r = find_stored(&id, &store, stores, text, err);

	return r < 0 ? r : image_load(out, store, &id, err);
}
