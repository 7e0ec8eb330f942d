/* SPDX-License-Identifier: MIT */
/* The file of a pod's generations, as its podd reads, writes and shows it. */
#include "supervisor/update_parts.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "image/ref.h"
#include "supervisor/describe.h"
#include "supervisor/images.h"

/**
 * update_file_read() - the pod's file
 *
 * Return: the caller's to free; NULL, @err filled, when there is none (ENOENT) or it
 * cannot be read.
 */
struct generation *update_file_read(const struct pod *pod, struct err *err)
{
	struct generation *g = malloc(sizeof(*g));
	int r = g ? generation_read(g, pod->paths->lib, pod->spec->name, err) :
		    err_set(err, ENOMEM, "out of memory");

	if (r == 0)
		return g;
	free(g);
	return NULL;
}

/**
 * update_file_write() - replace it, through to the disk
 *
 * Return: 0 or -errno with @err filled.
 */
int update_file_write(const struct pod *pod, const struct generation *g, struct err *err)
{
	return generation_write(g, pod->paths->lib, pod->spec->name, err);
}

/**
 * update_file_note() - let @g say what the pod runs now
 *
 * Return: whether it has changed.
 */
bool update_file_note(const struct pod *pod, struct generation *g)
{
	bool changed = false;

	for (size_t i = 0; i < pod->spec->container_n; i++) {
		const struct image_spec *image = &pod->spec->containers[i].image;
		struct image_ref ref;
		struct digest id;

		if (image->name && image_ref_parse(&ref, image->name, NULL) == 0 &&
		    !ref.digest.hex[0] && digest_parse(&id, image->id))
			/* more than fit: the first */
			(void)generation_note(g, ref.name, &id, &changed);
	}
	return changed;
}

/**
 * update_note() - write down which images the pod runs now, and which before
 *
 * It keeps them from prune, no more: that it cannot be written ends nothing.
 */
void update_note(struct pod *pod)
{
	cleanup_free struct generation *g = NULL;
	struct err err = { 0 };

	if (!images_used(pod->spec))
		return;
	g = update_file_read(pod, &err);
	if (!g && err.code != ENOENT && err.code != EBADMSG)
		return;
	if (!g)
		g = calloc(1, sizeof(*g));
	if (!g || g->state != GENERATION_SETTLED || !update_file_note(pod, g))
		return;
	err = (struct err){ 0 };
	if (update_file_write(pod, g, &err) < 0 && err.code != EROFS)
		update_warn(pod, &err);
}

static json_t *describe_images(const struct generation *g)
{
	json_t *images = json_array();

	for (unsigned i = 0; i < g->n; i++) {
		const struct generation_image *m = &g->images[i];
		char now[DIGEST_TEXT_SIZE], before[DIGEST_TEXT_SIZE], trial[DIGEST_TEXT_SIZE];
		char failed[DIGEST_TEXT_SIZE];

		(void)json_array_append_new( /* too short only without memory */
			images,
			json_pack("{s:o, s:s, s:s*, s:s*, s:s*}",
				  "name", json_text_string(m->name),
				  "now", digest_text(&m->now, now),
				  "before",
				  m->before.hex[0] ? digest_text(&m->before, before) : NULL,
				  "trial",
				  m->trial.hex[0] ? digest_text(&m->trial, trial) : NULL,
				  "failed",
				  m->failed.hex[0] ? digest_text(&m->failed, failed) : NULL));
	}
	return images;
}

/* The timer's, which is for @boottime_ns: what the wall clock shows then, as it goes now. */
static json_t *wall_time(uint64_t boottime_ns)
{
	uint64_t now_ns = clock_boottime_ns();

	return describe_time(clock_realtime_ns() +
			     (boottime_ns > now_ns ? boottime_ns - now_ns : 0));
}

static const char *outcome_of(const struct generation *g)
{
	if (g->state == GENERATION_TRIAL)
		return NULL;
	return g->kept ? "kept" : g->reason[0] ? "back" : NULL;
}

static void add_trial(json_t *o, const struct update *u)
{
	uint64_t now_ns = clock_boottime_ns(), at = u->deadline_ns;

	if (!u->on_trial || !at)
		return;
	(void)json_object_set_new( /* both short only without memory */
		o, "settles_in_ms",
		json_integer(at > now_ns ? (json_int_t)((at - now_ns) / NSEC_PER_MSEC) : 0));
	if (at != UINT64_MAX)
		(void)json_object_set_new(o, "settles_at", wall_time(at));
}

/**
 * update_describe() - for status
 *
 * Return: the caller's; NULL when the pod has no images, or never ran any.
 */
json_t *update_describe(const struct pod *pod)
{
	cleanup_free struct generation *g =
		images_used(pod->spec) ? update_file_read(pod, NULL) : NULL;
	const struct update *u = &pod->update;
	const char *reason = g && g->reason[0] ? g->reason : u->failed ? u->reason : NULL;
	json_t *o;

	if (!g)
		return NULL;
	o = json_pack("{s:s, s:s*, s:o, s:o*, s:o}",
		      "state", u->failed ? "failed" : generation_state_name(g->state),
		      "outcome", outcome_of(g), "since", describe_time(g->since_ns),
		      "reason", reason ? json_text_string(reason) : NULL,
		      "images", describe_images(g));
	add_trial(o, u);
	if (u->blocked[0])
		(void)json_object_update_new(
			o, json_pack("{s:o, s:o*}", "blocked", json_text_string(u->blocked),
				     "next_try_at",
				     timer_is_set(&u->timer) ?
					     wall_time(u->timer.deadline_ns) : NULL));
	return o;
}
