/* SPDX-License-Identifier: MIT */
/* Asking the note, the generations and the stores. */
#include "supervisor/image_names.h"

#include <errno.h>
#include <stdlib.h>

#include "base/fd.h"
#include "image/ref.h"
#include "supervisor/say.h"

/* What the stores say that a name means, the first one that has it; empty: none has. */
static int find_stored(struct digest *out, const struct image_names *names,
		       const struct image_ref *ref, struct err *err)
{
	const struct image_store *store;
	int r = image_stores_find(out, &store, &names->stores, ref, err);

	if (r == -ENOENT)
		out->hex[0] = '\0';
	return r == -ENOENT ? 0 : r;
}

/* The image that the pod is held to. Return: 0; -ENOENT: it is to none, or that is gone. */
static int find_held(struct image *out, const struct image_names *names, const char *name,
		     struct err *err)
{
	const struct digest *held;
	char text[DIGEST_TEXT_SIZE];
	struct image_ref ref;
	struct digest stored;
	int r = names->generation ? image_ref_parse(&ref, name, err) : -ENOENT;

	if (r < 0)
		return r;
	if (ref.digest.hex[0])
		return -ENOENT;
	r = find_stored(&stored, names, &ref, err);
	if (r < 0)
		return r;
	held = generation_held(names->generation, names->on_trial, ref.name, &stored);
	return held ? image_find(out, &names->stores, digest_text(held, text), err) : -ENOENT;
}

/* A store before the image's that cannot be read may have another one of that name. */
static void warn_passed_over(const struct pod_container *c, const struct image_names *names,
			     const struct image *image)
{
	for (const struct image_store *s = names->stores.list; s != image->store; s++) {
		json_auto_t *index = NULL;
		struct err why = { 0 };

		if (image_store_index(&index, s, &why) < 0)
			say(SAY_WARNING, "container '%s': image '%s' is that of '%s': %s, ignoring",
			    c->run.name, c->image.name, image->store->path, why.msg);
	}
}

/* Return: 0; -ENOENT: there is none that can be read; -ENOMEM with @err filled. */
static int find_noted(struct images_note_entry *out, const struct image_names *names,
		      const struct pod_container *c, struct err *err)
{
	const json_t *entry = names->noted ? images_note_find(names->noted, c) : NULL;
	int r = entry ? images_note_parse(out, entry, err) : -ENOENT;

	if (r != -EBADMSG)
		return r;
	say(SAY_WARNING, "container '%s': %s, ignoring", c->run.name, err->msg);
	return -ENOENT;
}

/**
 * image_names_find() - which image a container's Image= is
 * @out: released by image_meaning_done() after success
 *
 * Return: 0; -ENOENT when it is in no store; -errno. @err is filled.
 */
int image_names_find(struct image_meaning *out, const struct image_names *names,
		     const struct pod_container *c, struct err *err)
{
	int r = find_noted(&out->note, names, c, err);

	out->is_noted = r == 0;
	if (r != -ENOENT)
		return r;
	r = find_held(&out->image, names, c->image.name, err);
	if (r == -ENOENT)
		r = image_find(&out->image, &names->stores, c->image.name, err);
	if (r == 0 && !names->quiet)
		warn_passed_over(c, names, &out->image);
	return r;
}

/**
 * image_meaning_done() - free what image_names_find() filled
 */
void image_meaning_done(struct image_meaning *meaning)
{
	if (meaning->is_noted)
		images_note_entry_done(&meaning->note);
	else
		image_done(&meaning->image);
}

/**
 * image_names_open() - ask the generations and the stores, as for a pod that starts
 * @out: released by image_names_close() after success
 *
 * A file of generations that cannot be read holds the pod to nothing: it is to start
 * all the same.
 *
 * Return: 0 or -errno with @err filled.
 */
int image_names_open(struct image_names *out, const struct pod_spec *spec,
		     const struct paths *paths, struct err *err)
{
	struct err why = { 0 };
	int r;

	*out = (struct image_names){ .generation = malloc(sizeof(*out->generation)) };
	if (!out->generation)
		return err_set(err, ENOMEM, "out of memory");
	r = generation_read(out->generation, paths->lib, spec->name, &why);
	if (r < 0 && r != -ENOENT)
		say(SAY_WARNING, "pod '%s': %s, ignoring", spec->name, why.msg);
	if (r < 0 || out->generation->state == GENERATION_SETTLED)
		free(take_ptr(out->generation));
	out->on_trial = generation_on_trial(paths->run, spec->name);
	r = image_stores_open(&out->stores, paths, err);
	if (r < 0)
		free(take_ptr(out->generation));
	return r;
}

/**
 * image_names_take_note() - ask the note first, since the pod lives
 * @run_fd: its run directory
 *
 * Without a note, images are looked up by their names, as for a start.
 */
void image_names_take_note(struct image_names *names, const struct pod_spec *spec, int run_fd)
{
	struct err err = { 0 };
	int r = images_note_read(&names->noted, run_fd, &err);

	if (r < 0 && r != -ENOENT)
		say(SAY_WARNING, "pod '%s': %s, ignoring", spec->name, err.msg);
}

void image_names_close(struct image_names *names)
{
	image_stores_close(&names->stores);
	free(take_ptr(names->generation));
	json_decref(names->noted);
	names->noted = NULL;
}
