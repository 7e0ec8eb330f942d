/* SPDX-License-Identifier: MIT */
/* How a trial begins: what is asked for, whether that can be, and the first step. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/json.h"
#include "config/load.h"
#include "image/ref.h"
#include "supervisor/admission.h"
#include "supervisor/images.h"
#include "supervisor/plan.h"
#include "supervisor/reload.h"
#include "supervisor/update_parts.h"

/* "NAME@sha256:...": what the name is to mean. */
static int read_wish(const char *text, char name[IMAGE_NAME_MAX + 1], struct digest *id,
		     struct err *err)
{
	const char *at = strrchr(text, '@');

	if (!at || (size_t)(at - text) > IMAGE_NAME_MAX || !digest_parse(id, at + 1))
		return err_set(err, EINVAL, "'%.200s' is no NAME@sha256:DIGEST", text);
	snprintf(name, IMAGE_NAME_MAX + 1, "%.*s", (int)(at - text), text);
	return 0;
}

/* Return: how many are on trial, or -errno with @err filled. */
static int take_wishes(struct generation *g, const json_t *images, struct err *err)
{
	char name[IMAGE_NAME_MAX + 1];
	const json_t *image;
	struct digest id;
	int n = 0, r = 0;
	size_t i;

	json_array_foreach(images, i, image) {
		const struct generation_image *m;

		r = read_wish(json_string_value(image), name, &id, err);
		if (r < 0)
			return r;
		m = generation_find(g, name);
		if (!m)
			return err_set(err, ENOENT, "no container has the image '%.200s'", name);
		if (digest_equal(&m->now, &id))
			continue;
		(void)generation_try(g, name, &id); /* it is there */
		n++;
	}
	return n;
}

static int take_former(struct generation *g, const struct pod *pod, struct err *err)
{
	int n = 0;

	for (size_t i = 0; i < pod->spec->container_n; i++) {
		const char *text = pod->spec->containers[i].image.name;
		const struct generation_image *m;
		struct image_ref ref;

		if (!text || image_ref_parse(&ref, text, NULL) < 0 || ref.digest.hex[0])
			continue;
		m = generation_find(g, ref.name);
		if (!m || !m->before.hex[0] || m->trial.hex[0])
			continue;
		(void)generation_try(g, m->name, &m->before); /* it is there */
		n++;
	}
	return n > 0 ? n : err_set(err, ENOENT, "no former image of it is known");
}

/* Those on trial: it is known before anything is written that they are there. */
static int check_present(const struct pod *pod, const struct generation *g, struct err *err)
{
	char text[DIGEST_TEXT_SIZE];
	int r = 0;

	for (unsigned i = 0; r == 0 && i < g->n; i++)
		if (g->images[i].trial.hex[0])
			r = images_check(digest_text(&g->images[i].trial, text), pod->paths, err);
	return r;
}

/* With the names held to what runs, the file must say nothing new. */
static int check_file(const struct pod *pod, struct err *err)
{
	cleanup_free struct plan *plan = calloc(1, sizeof(*plan));
	struct pod_spec *spec;
	int r = plan ? update_load(&spec, pod, err) : err_set(err, ENOMEM, "out of memory");

	if (r < 0)
		return r;
	reload_plan(plan, pod, spec);
	pod_spec_free(spec);
	return plan->any ? err_set(err, EBUSY, "'%s' has changed: reload it first", pod->spec->path) :
			   0;
}

static int start_trial(struct pod *pod, struct err *err)
{
	struct update *u = &pod->update;
	struct pod_spec *spec;
	int r = generation_marker_write(&(struct generation_marker){ .failed = false }, pod->run_fd,
					err);

	fault_kill("update-marked");
	if (r == 0)
		r = update_load(&spec, pod, err);
	if (r < 0)
		return r;
	r = admission_ask(spec, pod->paths, err);
	if (r < 0) {
		pod_spec_free(spec);
		return r;
	}
	u->on_trial = true;
	u->deadline_ns = 0;
	r = reload_apply(pod, spec, err);
	if (r < 0)
		u->on_trial = false;
	return r;
}

static json_t *document(const struct pod *pod, const struct generation *g, const char *result)
{
	json_t *images = json_array();

	for (unsigned i = 0; i < g->n; i++) {
		const struct generation_image *m = &g->images[i];
		char now[DIGEST_TEXT_SIZE], trial[DIGEST_TEXT_SIZE];

		if (m->trial.hex[0]) /* too short only without memory */
			(void)json_array_append_new(
				images, json_pack("{s:o, s:s, s:s}", "name", json_text_string(m->name),
						  "former", digest_text(&m->now, now), "new",
						  digest_text(&m->trial, trial)));
	}
	return json_pack("{s:i, s:s, s:I, s:I, s:o}", "version", 1, "result", result, "settle_ms",
			 (json_int_t)(pod->spec->update_settle_ns / NSEC_PER_MSEC), "seq",
			 (json_int_t)pod->events.next, "images", images);
}

static int check_now(const struct pod *pod, const struct generation *g, struct err *err)
{
	if (g->state != GENERATION_SETTLED)
		return err_set(err, EBUSY, "the names in the image store are not yet as the update "
			       "before has left them");
	return reload_check(pod, err);
}

/* @g is written as it was if nothing came of it. */
static int try_new(struct pod *pod, struct generation *g, const json_t *images, bool back,
		   struct err *err)
{
	cleanup_free struct generation *was = malloc(sizeof(*was));
	struct err second = { 0 };
	int r, n = 0;

	if (!was)
		return err_set(err, ENOMEM, "out of memory");
	(void)update_file_note(pod, g); /* what is true whatever comes */
	*was = *g;
	r = check_now(pod, g, err);
	if (r == 0)
		n = r = back ? take_former(g, pod, err) : take_wishes(g, images, err);
	if (r > 0)
		r = check_present(pod, g, err);
	if (r < 0 || n == 0)
		return r;
	r = update_file_write(pod, g, err);
	fault_kill("update-written");
	if (r == 0)
		r = check_file(pod, err);
	if (r == 0)
		r = start_trial(pod, err);
	if (r < 0) {
		(void)generation_marker_remove(pod->run_fd, NULL);
		if (update_file_write(pod, was, &second) < 0)
			update_warn(pod, &second);
	}
	return r < 0 ? r : n;
}

static json_t *begin(struct pod *pod, const json_t *images, bool back, struct err *err)
{
	cleanup_free struct generation *g = update_file_read(pod, err);
	json_t *answer;
	int n;

	if (!g && err->code == ENOENT)
		g = calloc(1, sizeof(*g));
	if (!g)
		return NULL;
	n = try_new(pod, g, images, back, err);
	if (n < 0)
		return NULL;
	answer = document(pod, g, n == 0 ? "unchanged" : "trial");
	if (n > 0) {
		update_publish(pod, SAY_NOTICE, "trial", NULL);
		update_check(pod);
	}
	return answer;
}

/**
 * update_begin() - put other images on trial
 * @images: strings "NAME@sha256:DIGEST", the name in full
 * @back: those that the pod had before, instead; during a trial, end that
 *
 * Begun means that the containers have been told.
 *
 * Return: a document of the caller's; NULL with @err filled when it failed, and then
 * nothing has changed.
 */
json_t *update_begin(struct pod *pod, const json_t *images, bool back, struct err *err)
{
	struct update *u = &pod->update;
	json_t *answer = NULL;

	if (u->on_trial && back) {
		answer = json_pack("{s:i, s:s, s:I}", "version", 1, "result", "back", "seq",
				   (json_int_t)pod->events.next);
		update_fail(pod, "asked to");
		return answer;
	}
	if (u->on_trial || u->failed)
		(void)err_set(err, EBUSY, "an update is %s", u->failed ? "going back" : "on trial");
	else
		answer = begin(pod, images, back, err);
	if (!answer && !err->code)
		(void)err_set(err, ENOMEM, "out of memory");
	if (!answer)
		(void)err_wrap(err, -err->code, "update");
	return answer;
}
