/* SPDX-License-Identifier: MIT */
/* Which image a name is, for this pod, now. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/paths.h"
#include "config/spec.h"
#include "image/generation.h"
#include "image/store.h"
#include "supervisor/images_note.h"

/*
 * Theory of operation
 *
 * Three know what an Image= means, and the first that has a word on it is right:
 *
 *	the note	what a container of a pod that lives runs: asked at an
 *			adoption only, and needs no image (supervisor/images_note.h)
 *	the generations	while an update is under way, what the pod is held to, if
 *			that is there (image/generation.h)
 *	the stores	what the name means to all, the first store that has it
 *
 * One that cannot be read has no word: it is told, and the next one is asked. Nothing
 * is cached: who asks again gets what is true then.
 */
struct image_names {
	struct image_stores stores;
	struct generation *generation; /* or NULL: the pod is held to nothing */
	bool on_trial;
	json_t *noted; /* or NULL */
	bool quiet;    /* of stores that are passed over: somebody else tells of them */
};

/* What a name means. */
struct image_meaning {
	bool is_noted;
	struct images_note_entry note; /* if it is */
	struct image image;	       /* if it is not */
};

int image_names_open(struct image_names *out, const struct pod_spec *spec,
		     const struct paths *paths, struct err *err);
void image_names_take_note(struct image_names *names, const struct pod_spec *spec, int run_fd);
void image_names_close(struct image_names *names);
int image_names_find(struct image_meaning *out, const struct image_names *names,
		     const struct pod_container *c, struct err *err);
void image_meaning_done(struct image_meaning *meaning);
