/* SPDX-License-Identifier: MIT */
/* Setting the store's names after an update. */
#include "image/settle.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"

/* The entry of that name, or NULL. */
static json_t *entry_of_name(const json_t *index, const char *name)
{
	json_t *e;
	size_t i;

	json_array_foreach(json_object_get(index, "manifests"), i, e) {
		const char *has = image_index_name(e);

		if (has && strcmp(has, name) == 0)
			return e;
	}
	return NULL;
}

/* What the store knows of an image, whatever it is called there. */
static bool describe(struct image_entry *out, const json_t *index, const struct digest *id)
{
	struct digest d;
	const json_t *e;
	size_t i;

	json_array_foreach(json_object_get(index, "manifests"), i, e) {
		const char *from = json_string_value(
			json_object_get(json_object_get(e, "annotations"), IMAGE_INDEX_ANNOTATION));

		if (!image_index_digest(e, &d) || !digest_equal(&d, id))
			continue;
		*out = (struct image_entry){ .id = d };
		out->size = (uint64_t)json_integer_value(json_object_get(e, "size"));
		if (from)
			(void)digest_parse(&out->index, from); /* else it stays empty */
		return true;
	}
	return false;
}

static bool is_a_generation(const struct generation_image *m, const struct digest *d)
{
	return digest_equal(d, &m->before) || digest_equal(d, &m->trial);
}

/* Return: whether the index has changed, or -errno with @err filled. */
static int settle_name(json_t *index, const struct generation *g, const struct generation_image *m,
		       struct err *err)
{
	json_t *entry = entry_of_name(index, m->name);
	struct image_entry now;
	struct digest d;
	int r;

	if (!m->trial.hex[0] || (entry && !image_index_digest(entry, &d)) ||
	    (entry && (digest_equal(&d, &m->now) || !is_a_generation(m, &d))))
		return 0;
	if (!describe(&now, index, &m->now)) {
		/* It is in another store, whose names come to sight again. */
		return entry && json_object_del(json_object_get(entry, "annotations"),
						IMAGE_REF_NAME_ANNOTATION) == 0;
	}
	if (!entry && g->state != GENERATION_KEEPING)
		return 0;
	snprintf(now.name, sizeof(now.name), "%s", m->name);
	r = image_index_enter(index, &now, true, err);
	return r < 0 ? r : 1;
}

/**
 * image_settle() - let the store's names mean what a pod runs after an update
 * @w: open
 * @g: GENERATION_BACK or GENERATION_KEEPING; else nothing is done
 *
 * Return: 0 or -errno with @err filled; no name has moved then.
 */
int image_settle(struct image_writer *w, const struct generation *g, struct err *err)
{
	json_auto_t *index = NULL;
	bool changed = false;
	int r;

	if (g->state != GENERATION_BACK && g->state != GENERATION_KEEPING)
		return 0;
	r = image_store_index(&index, &w->store, err);
	for (unsigned i = 0; r >= 0 && i < g->n; i++) {
		r = settle_name(index, g, &g->images[i], err);
		changed |= r > 0;
	}
	if (r < 0)
		return r;
	return changed ? image_writer_replace_index(w, index, err) : 0;
}
