/* SPDX-License-Identifier: MIT */
/* From Image= to a root and a program: what a spec gets from the image stores. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/paths.h"
#include "config/spec.h"
#include "image/generation.h"

/*
 * Theory of operation
 *
 * A spec is whole when its images were looked up: each container has lowers and
 * a program then, and the id of its image. A file is looked up each time that it
 * is read, so that a reload sees what a name means now; a pod that runs never
 * changes under its hands: a podd that adopts it takes what the note says
 * (supervisor/images_note.h). Which image a name is, of all who have a word on that, is
 * said by supervisor/image_names.h. Nothing is ever fetched here; what could be is told
 * to supervisor/missing.h.
 *
 * The pin: before anything is mounted, the ids are written to "images" in the
 * pod's run directory, and the images looked for once more. Who removes images
 * takes the name away first and reads the pins then, so one of the two sees the
 * other (image/pins.h). Pins are let go when each container runs what the spec has
 * for it; the pod's generations stay pinned.
 */
bool images_used(const struct pod_spec *spec);
int images_missing(const char *out[POD_CONTAINERS_MAX], const struct pod_spec *spec,
		   const struct paths *paths, struct err *err);
int images_look_up(struct pod_spec *spec, const struct paths *paths, struct err *err);
int images_adopt(struct pod_spec *spec, int run_fd, const struct paths *paths, struct err *err);
int images_check(const char *text, const struct paths *paths, struct err *err);
int images_unpin(const struct pod_spec *spec, const struct generation *g, int run_fd,
		 struct err *err);
int images_pin(const struct pod_spec *spec, int run_fd, const struct paths *paths, bool adopting,
	       struct err *err);
