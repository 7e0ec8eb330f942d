/* SPDX-License-Identifier: MIT */
/* How a trial begins: what is asked for, whether that can be, and the first step. */
#include "supervisor/update_parts.h"

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
#include "supervisor/images.h"
#include "supervisor/plan.h"
#include "supervisor/reload.h"

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
		struct generation_image *m;
		struct image_ref ref;

		if (!text || image_ref_parse(&ref, text, NULL) < 0 || ref.digest.hex[0])
			continue;
		m = generation_find(g, ref.name);
		if (!m || !m->before.hex[0] || m->trial.hex[0])
			continue;
		generation_try_former(g, m);
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
	if (plan->any)
		return err_set(err, EBUSY, "'%s' has changed: reload it first", pod->spec->path);
	return 0;
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
				images, json_pack("{s:o, s:s, s:s}",
						  "name", json_text_string(m->name),
						  "former", digest_text(&m->now, now),
						  "new", digest_text(&m->trial, trial)));
	}
	return json_pack("{s:i, s:s, s:I, s:I, s:o}", "version", 1, "result", result, "settle_ms",
			 (json_int_t)(pod->spec->update_settle_ns / NSEC_PER_MSEC), "seq",
			 (json_int_t)pod->events.next, "images", images);
}

static int check_now(const struct pod *pod, const struct generation *g, struct err *err)
{
	if (g->state != GENERATION_SETTLED && pod->update.blocked[0])
		return err_set(err, EBUSY, "the one before has not ended: %s", pod->update.blocked);
	if (g->state != GENERATION_SETTLED)
		return err_set(err, EBUSY, "the names in the image store are not yet as the update "
			       "before has left them");
	return reload_check(pod, err);
}

/* -------------------------------------------------------------- after the word on it */

/* The file is written as it was if nothing came of it. */
static int carry_out(struct pod *pod, const struct update_request *q, struct err *err)
{
	struct err second = { 0 };
	int r = reload_check(pod, err); /* time has passed */

	if (r < 0)
		return r;
	r = update_file_write(pod, &q->g, err);
	fault_kill("update-written");
	if (r == 0)
		r = check_file(pod, err);
	if (r == 0)
		r = start_trial(pod, err);
	if (r == 0)
		return 0;
	(void)generation_marker_remove(pod->run_fd, NULL);
	if (update_file_write(pod, &q->was, &second) < 0)
		update_warn(pod, &second);
	return r;
}

/* @answer_take: or NULL: it failed, and @err says why, but for what the call is. */
static void tell(struct pod *pod, json_t *answer_take, struct err *err)
{
	if (!answer_take && !err->code)
		(void)err_set(err, ENOMEM, "out of memory");
	if (!answer_take)
		(void)err_wrap(err, -err->code, "update");
	control_answer(pod->control, CONTROL_WAIT_UPDATE, answer_take, err);
}

static void admitted(struct admission *a, const struct err *refusal)
{
	struct pod *pod = container_of(a, struct pod, admission);
	cleanup_free struct update_request *q = take_ptr(pod->update.request);
	struct err err = refusal ? *refusal : (struct err){ 0 };
	json_t *answer;

	if (refusal || carry_out(pod, q, &err) < 0) {
		tell(pod, NULL, &err);
		return;
	}
	answer = document(pod, &q->g, "trial");
	update_publish(pod, SAY_NOTICE, "trial", NULL);
	update_check(pod);
	tell(pod, answer, &err);
}

/* -------------------------------------------------------------------------- before it */

/* Return: how many images are to be tried, or -errno with @err filled. */
static int prepare(const struct pod *pod, struct update_request *q, const json_t *images, bool back,
		   struct err *err)
{
	int r, n;

	(void)update_file_note(pod, &q->g); /* what is true whatever comes */
	q->was = q->g;
	r = check_now(pod, &q->g, err);
	if (r < 0)
		return r;
	n = back ? take_former(&q->g, pod, err) : take_wishes(&q->g, images, err);
	q->g.since_ns = clock_realtime_ns();
	r = n > 0 ? check_present(pod, &q->g, err) : 0;
	return r < 0 ? r : n;
}

static int begin(struct pod *pod, const json_t *images, bool back, struct err *err)
{
	cleanup_free struct update_request *q = calloc(1, sizeof(*q));
	const struct admission_question question = { pod->spec, pod->paths, q ? &q->g : NULL };
	int n, r = q ? generation_read(&q->g, pod->paths->lib, pod->spec->name, err) :
		       err_set(err, ENOMEM, "out of memory");

	if (r < 0 && r != -ENOENT)
		return r;
	*err = (struct err){ 0 };
	n = prepare(pod, q, images, back, err);
	if (n < 0)
		return n;
	if (n == 0) {
		tell(pod, document(pod, &q->g, "unchanged"), err);
		return 0;
	}
	pod->update.request = take_ptr(q);
	admission_begin(&pod->admission, pod->loop, &question, admitted);
	return 0;
}

static int check_busy(const struct pod *pod, struct err *err)
{
	const struct update *u = &pod->update;

	if (u->on_trial || u->failed)
		return err_set(err, EBUSY, "an update is %s",
			       u->failed ? "going back" : "on trial");
	if (admission_is_busy(&pod->admission))
		return err_set(err, EBUSY, "its images are being looked at already");
	return 0;
}

/**
 * update_begin() - put other images on trial
 * @images: strings "NAME@sha256:DIGEST", the name in full
 * @back: those that the pod had before, instead; during a trial, end that
 *
 * Begun means that the containers have been told. With a failure nothing has changed.
 *
 * Return: 0: control_answer() is called, now or from the loop; or -errno with @err
 * filled.
 */
int update_begin(struct pod *pod, const json_t *images, bool back, struct err *err)
{
	json_int_t seq = (json_int_t)pod->events.next;
	bool ends = back && (pod->update.on_trial || pod->update.failed);
	int r;

	if (pod->update.blocked[0]) /* he may have seen to it */
		update_go_on(pod);
	if (ends && pod->update.on_trial)
		update_fail(pod, "asked to");
	if (ends) {
		tell(pod, json_pack("{s:i, s:s, s:I}", "version", 1, "result", "back", "seq", seq),
		     err);
		return 0;
	}
	r = check_busy(pod, err);
	if (r == 0)
		r = begin(pod, images, back, err);
	return r < 0 ? err_wrap(err, r, "update") : 0;
}
