/* SPDX-License-Identifier: MIT */
/* A set of pairs, and that of a store. */
#include "image/pairs.h"

#include <errno.h>
#include <stdio.h>

#include "image/writer.h"

#define KEY_SIZE (16 + 2 * (DIGEST_HEX_LEN + 1))

static const char *key_of(char key[KEY_SIZE], const struct image_descriptor *blob,
			  const struct digest *diff_id)
{
	snprintf(key, KEY_SIZE, "%d %s %s", (int)blob->media, blob->digest.hex, diff_id->hex);
	return key;
}

/**
 * image_pairs_add() - a blob whose stream has that diff id
 * @pairs: all zero at first; released by image_pairs_done()
 *
 * Return: 0, or -ENOMEM with @err filled.
 */
int image_pairs_add(struct image_pairs *pairs, const struct image_descriptor *blob,
		    const struct digest *diff_id, struct err *err)
{
	char key[KEY_SIZE];

	if (!pairs->set)
		pairs->set = json_object();
	return json_object_set_new(pairs->set, key_of(key, blob, diff_id), json_true()) < 0 ?
		       err_set(err, ENOMEM, "remember a layer: out of memory") : 0;
}

/**
 * image_pairs_has() - whether a pair is known
 */
bool image_pairs_has(const struct image_pairs *pairs, const struct image_descriptor *blob,
		     const struct digest *diff_id)
{
	char key[KEY_SIZE];

	return json_object_get(pairs->set, key_of(key, blob, diff_id));
}

void image_pairs_done(struct image_pairs *pairs)
{
	json_decref(pairs->set);
	pairs->set = NULL;
}

static int add_image(struct image_pairs *pairs, const struct image_store *store,
		     const struct digest *id, struct err *err)
{
	struct image image;
	int r = 0;

	if (image_load(&image, store, id, NULL) < 0)
		return 0;
	for (unsigned i = 0; r == 0 && i < image.manifest.layer_n; i++)
		r = image_pairs_add(pairs, &image.manifest.layers[i],
				    &image.config->diff_ids[i], err);
	image_done(&image);
	return r;
}

/**
 * image_pairs_add_store() - those of all images that a store has entered
 *
 * Return: 0 or -errno with @err filled.
 */
int image_pairs_add_store(struct image_pairs *pairs, const struct image_store *store,
			  struct err *err)
{
	json_auto_t *index = NULL;
	const json_t *entry;
	struct digest id;
	size_t i;
	int r = image_store_index(&index, store, err);

	json_array_foreach(json_object_get(index, "manifests"), i, entry)
		if (r == 0 && image_index_digest(entry, &id))
			r = add_image(pairs, store, &id, err);
	return r;
}
