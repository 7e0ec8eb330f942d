/* SPDX-License-Identifier: MIT */
/* What a pod's containers got from their images, kept as long as the pod lives. */
#pragma once

#include <jansson.h>

#include "base/err.h"
#include "config/spec.h"
#include "image/store.h"

/*
 * Theory of operation
 *
 * A container that runs needs nothing of the store any more: its root is mounted,
 * in a namespace that the pause keeps. What a podd needs to go on with it, and to
 * start its program again, is in the note: the words of the image's config that
 * podd follows, beside "images" (image/pins.h) in the pod's run directory. So the
 * image's name may move, or the image go, and a podd that is killed can be
 * replaced all the same.
 *
 * The note is of the images alone: what the pod file says stays the file's.
 */
#define IMAGES_NOTE_FILE "images.json"

/* One container's part of a note. */
struct images_note_entry {
	struct image_config *config; /* owned; without the ids of its layers */
	char **lowers;		     /* owned; the topmost first */
	char id[DIGEST_TEXT_SIZE];
};

json_t *images_note_make(const struct pod_container *container, const struct image *image);
int images_note_read(json_t **out, int run_fd, struct err *err);
int images_note_write(const json_t *entries, int run_fd, struct err *err);
json_t *images_note_find(const json_t *entries, const struct pod_container *container);
int images_note_parse(struct images_note_entry *out, const json_t *entry, struct err *err);
void images_note_entry_done(struct images_note_entry *entry);
int images_note_lowers(char ***out, const struct image *image, struct err *err);
