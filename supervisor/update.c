/* SPDX-License-Identifier: MIT */
/* Other images on trial. */
#include "supervisor/update.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"
#include "config/load.h"
#include "config/signal.h"
#include "image/ref.h"
#include "supervisor/admission.h"
#include "supervisor/images.h"
#include "supervisor/plan.h"
#include "supervisor/pod.h"
#include "supervisor/reload.h"
#include "supervisor/say.h"

#define RETRY_NS (1 * NSEC_PER_SEC)

static void publish(struct pod *pod, enum say_level level, const char *state, const char *message)
{
	events_add(&pod->events, &(struct event){ .kind = EVENT_UPDATE, .state = state,
						  .message = message });
	control_events_added(pod->control);
	say(level, "pod '%s': update: %s%s%s", pod->spec->name, state, message ? ": " : "",
	    message ? message : "");
}

/* The pod's file; NULL, @err filled, when there is none or it cannot be read. */
static struct generation *read_file(const struct pod *pod, struct err *err)
{
	struct generation *g = malloc(sizeof(*g));
	int r = g ? generation_read(g, pod->paths->lib, pod->spec->name, err) :
		    err_set(err, ENOMEM, "out of memory");

	if (r == 0)
		return g;
	free(g);
	return NULL;
}

static int write_file(const struct pod *pod, const struct generation *g, struct err *err)
{
	return generation_write(g, pod->paths->lib, pod->spec->name, err);
}

static void warn(const struct pod *pod, const struct err *err)
{
	say(SAY_WARNING, "pod '%s': update: %s, ignoring", pod->spec->name, err->msg);
}

/* ------------------------------------------------------------- names in the store */

static void settled(struct helper *h, int status, const char *last_line)
{
	struct pod *pod = container_of(h, struct pod, update.helper);
	cleanup_free struct generation *g = NULL;
	struct err err = { 0 };

	if (status != 0) { /* the file goes on to say what the names mean */
		say(SAY_WARNING, "pod '%s': update: the names in the image store stay as they were: %s, "
		    "ignoring", pod->spec->name, last_line);
		return;
	}
	fault_kill("update-named");
	g = read_file(pod, &err);
	if (!g || (g->state != GENERATION_KEEPING && g->state != GENERATION_BACK))
		return;
	generation_settle(g);
	if (write_file(pod, g, &err) < 0)
		warn(pod, &err);
	fault_kill("update-settled");
}

static void set_names(struct pod *pod)
{
	const char *root = pod->paths->root[0] ? pod->paths->root : "/";
	char *const argv[] = { (char *)"podctl image", (char *)"--root", (char *)root,
			       (char *)"update", (char *)"--settle", (char *)pod->spec->name, NULL };
	struct err err = { 0 };

	if (!helper_is_busy(&pod->update.helper) &&
	    helper_start(&pod->update.helper, pod->loop, argv, settled, &err) < 0)
		warn(pod, &err);
}

/* --------------------------------------------------------------- what the pod runs */

/* Return: whether @g has changed. */
static bool note_images(const struct pod *pod, struct generation *g)
{
	bool changed = false;

	for (size_t i = 0; i < pod->spec->container_n; i++) {
		const struct image_spec *image = &pod->spec->containers[i].image;
		struct image_ref ref;
		struct digest id;

		if (image->name && image_ref_parse(&ref, image->name, NULL) == 0 &&
		    !ref.digest.hex[0] && digest_parse(&id, image->id))
			(void)generation_note(g, ref.name, &id, &changed); /* more than fit: the first */
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
	g = read_file(pod, &err);
	if (!g && err.code != ENOENT && err.code != EBADMSG)
		return;
	if (!g)
		g = calloc(1, sizeof(*g));
	if (!g || g->state != GENERATION_SETTLED || !note_images(pod, g))
		return;
	err = (struct err){ 0 };
	if (write_file(pod, g, &err) < 0 && err.code != EROFS)
		warn(pod, &err);
}

/* ------------------------------------------------------------------- the way back */

static int load(struct pod_spec **out, const struct pod *pod, struct err *err)
{
	cleanup_free struct config_diags *diags = calloc(1, sizeof(*diags));
	struct pod_spec *spec = NULL;
	char line[sizeof(err->msg)];
	int r;

	if (!diags)
		return err_set(err, ENOMEM, "out of memory");
	r = config_load(&spec, pod->spec->path, NULL, diags, err);
	if (r < 0 && diags->n > 0)
		r = err_set(err, EINVAL, "%s", config_diags_line(diags, 0, line, sizeof(line)));
	config_diags_done(diags);
	if (r == 0)
		r = images_look_up(spec, pod->paths, err);
	if (r < 0)
		pod_spec_free(spec);
	else
		*out = spec;
	return r;
}

static void retry_later(struct pod *pod, const struct err *why)
{
	struct update *u = &pod->update;

	if (!u->told)
		say(SAY_ERR, "pod '%s': update: cannot go back yet: %s", pod->spec->name, why->msg);
	u->told = true;
	loop_timer_set(pod->loop, &u->timer, clock_boottime_ns() + RETRY_NS);
}

static void end_trial(struct pod *pod)
{
	struct update *u = &pod->update;
	struct err err = { 0 };

	if (generation_marker_remove(pod->run_fd, &err) < 0)
		warn(pod, &err);
	fault_kill("update-unmarked");
	u->on_trial = u->failed = u->told = false;
	u->deadline_ns = 0;
	loop_timer_clear(pod->loop, &u->timer);
}

/* The containers are told. Without the file's word a next podd comes to the same. */
static void finish_way_back(struct pod *pod)
{
	struct err err = { 0 };
	cleanup_free struct generation *g = read_file(pod, &err);
	char reason[GENERATION_REASON_MAX];
	bool written = false;

	snprintf(reason, sizeof(reason), "%s", pod->update.reason);
	if (g && g->state == GENERATION_TRIAL) {
		generation_go_back(g, reason);
		written = write_file(pod, g, &err) == 0;
	}
	if (!written)
		warn(pod, &err);
	fault_kill("update-back");
	end_trial(pod);
	publish(pod, SAY_WARNING, "back", reason);
	if (written)
		set_names(pod);
}

static void restart_outdated(struct pod *pod)
{
	for (unsigned i = 0; i < POD_CONTAINERS_MAX; i++) {
		const struct member *m = &pod->pool[i];

		if (m->host && m->outdated && !pod->machine.containers[m->index].leaving)
			(void)drive_event(pod, &(struct pod_event){ .type = POD_EV_RESTART,
								    .container = m->index });
	}
}

static void go_back(struct pod *pod)
{
	struct pod_spec *spec;
	struct err err = { 0 };
	int r = load(&spec, pod, &err);

	if (r == 0)
		r = reload_apply(pod, spec, &err);
	if (r < 0) {
		retry_later(pod, &err);
		return;
	}
	fault_kill("update-returned");
	finish_way_back(pod);
}

static void fail(struct pod *pod, const char *reason)
{
	struct update *u = &pod->update;
	struct generation_marker m = { .failed = true };
	struct err err = { 0 };

	fault_kill("update-failing");
	snprintf(u->reason, sizeof(u->reason), "%s", reason);
	snprintf(m.reason, sizeof(m.reason), "%s", reason);
	u->on_trial = false;
	u->failed = true;
	loop_timer_clear(pod->loop, &u->timer);
	/* Either says that it is over; a full tmpfs lets go at least. */
	if (generation_marker_write(&m, pod->run_fd, &err) < 0)
		(void)generation_marker_remove(pod->run_fd, NULL);
	fault_kill("update-failed");
	publish(pod, SAY_WARNING, "failed", reason);
	if (u->begun) /* else update_started() does it */
		go_back(pod);
}

/* ---------------------------------------------------------------------- failures */

/* The end of one on trial is never the end of its pod. */
static void start_again(struct pod *pod, unsigned i)
{
	static const struct restart_spec at_once = { .policy = RESTART_ALWAYS };

	pod->machine.containers[i].restart = &at_once;
}

/**
 * update_exited() - a process has ended, and the machine does not know of it yet
 *
 * Return: whether reload_point_machines() is due when it does.
 */
bool update_exited(struct member *m, int wait_status, bool oom)
{
	struct pod *pod = pod_of(m);
	const struct machine *c = &pod->machine.containers[m->index];
	char reason[GENERATION_REASON_MAX], name[SIGNAL_NAME_SIZE];

	if (!pod->update.on_trial || (c->state != MACHINE_RUNNING && c->state != MACHINE_STARTING) ||
	    pod->machine.state == POD_STOPPING)
		return false;
	if (wait_status == 0 && m->spec->restart.policy != RESTART_ALWAYS)
		return false;
	if (WIFSIGNALED(wait_status))
		snprintf(reason, sizeof(reason), "container '%s' was ended by %s%s", m->spec->run.name,
			 signal_name(WTERMSIG(wait_status), name), oom ? ", out of memory" : "");
	else
		snprintf(reason, sizeof(reason), "container '%s' exited with status %d",
			 m->spec->run.name, WEXITSTATUS(wait_status));
	fail(pod, reason);
	start_again(pod, m->index);
	return true;
}

/**
 * update_start_failed() - a start has failed, and the machine does not know of it yet
 *
 * Return: as update_exited().
 */
bool update_start_failed(struct member *m)
{
	struct pod *pod = pod_of(m);
	char reason[GENERATION_REASON_MAX];

	if (!pod->update.on_trial || pod->machine.state == POD_STOPPING)
		return false;
	snprintf(reason, sizeof(reason), "container '%s' cannot be started: %.180s",
		 m->spec->run.name, m->message);
	fail(pod, reason);
	start_again(pod, m->index);
	return true;
}

/* ------------------------------------------------------------------------- success */

static void keep(struct pod *pod)
{
	struct err err = { 0 };
	cleanup_free struct generation *g = read_file(pod, &err);
	int r = -EBADMSG;

	if (g && g->state == GENERATION_TRIAL) {
		generation_keep(g);
		fault_kill("update-passed");
		r = write_file(pod, g, &err);
	}
	if (r < 0) { /* not on the disk is not kept */
		char reason[GENERATION_REASON_MAX];

		snprintf(reason, sizeof(reason), "it passed, but: %.200s", err.msg);
		fail(pod, reason);
		return;
	}
	fault_kill("update-kept");
	end_trial(pod);
	publish(pod, SAY_NOTICE, "kept", NULL);
	set_names(pod);
}

static void on_timer(struct timer *timer)
{
	struct pod *pod = container_of(timer, struct pod, update.timer);

	if (pod->update.failed)
		go_back(pod);
	else if (pod->update.on_trial)
		keep(pod);
}

/* Whatever is to run runs, from what is in force. */
static bool is_ready(const struct pod *pod)
{
	for (unsigned i = 0; i < pod->machine.n; i++) {
		const struct machine *c = &pod->machine.containers[i];

		if (c->leaving)
			continue;
		if ((c->state != MACHINE_RUNNING && c->state != MACHINE_COMPLETED) ||
		    pod->members[i]->outdated)
			return false;
	}
	return pod->machine.state == POD_RUNNING;
}

/**
 * update_check() - start or stop the clock of a trial, after each step of the machine
 */
void update_check(struct pod *pod)
{
	struct update *u = &pod->update;
	struct err err = { 0 };
	bool ready;

	if (!u->on_trial || !u->begun || pod->stepping)
		return;
	ready = is_ready(pod);
	if (ready == (u->deadline_ns != 0))
		return;
	u->deadline_ns = ready ? timer_deadline(clock_boottime_ns(), pod->spec->update_settle_ns) : 0;
	if (generation_marker_write(&(struct generation_marker){ .deadline_ns = u->deadline_ns },
				    pod->run_fd, &err) < 0)
		warn(pod, &err); /* then a next podd counts anew, or not at all */
	fault_kill("update-clock");
	if (ready)
		loop_timer_set(pod->loop, &u->timer, u->deadline_ns);
	else
		loop_timer_clear(pod->loop, &u->timer);
}

/* --------------------------------------------------------------------- beginning */

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
	int r = plan ? load(&spec, pod, err) : err_set(err, ENOMEM, "out of memory");

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
		r = load(&spec, pod, err);
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
	(void)note_images(pod, g); /* what is true whatever comes */
	*was = *g;
	r = check_now(pod, g, err);
	if (r == 0)
		n = r = back ? take_former(g, pod, err) : take_wishes(g, images, err);
	if (r > 0)
		r = check_present(pod, g, err);
	if (r < 0 || n == 0)
		return r;
	r = write_file(pod, g, err);
	fault_kill("update-written");
	if (r == 0)
		r = check_file(pod, err);
	if (r == 0)
		r = start_trial(pod, err);
	if (r < 0) {
		(void)generation_marker_remove(pod->run_fd, NULL);
		if (write_file(pod, was, &second) < 0)
			warn(pod, &second);
	}
	return r < 0 ? r : n;
}

static json_t *begin(struct pod *pod, const json_t *images, bool back, struct err *err)
{
	cleanup_free struct generation *g = read_file(pod, err);
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
		publish(pod, SAY_NOTICE, "trial", NULL);
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
		fail(pod, "asked to");
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

/**
 * update_is_under_way() - whether a trial, a way back or the setting of names goes on
 */
bool update_is_under_way(const struct pod *pod)
{
	return pod->update.on_trial || pod->update.failed || helper_is_busy(&pod->update.helper);
}

/* ------------------------------------------------------------------ start and end */

/**
 * update_open() - what an earlier podd has left of a trial
 *
 * Before the images are looked up, and when it is known whether the pod lives:
 * without the pod there is no trial.
 *
 * Return: 0 or -errno with @err filled.
 */
int update_open(struct pod *pod, struct err *err)
{
	struct update *u = &pod->update;
	struct generation_marker m;

	u->timer.fn = on_timer;
	if (!pod->adopting)
		return generation_marker_remove(pod->run_fd, err);
	if (generation_marker_read(&m, pod->run_fd) == -ENOENT)
		return 0;
	u->on_trial = !m.failed;
	u->failed = m.failed;
	u->deadline_ns = m.deadline_ns;
	snprintf(u->reason, sizeof(u->reason), "%s", m.reason);
	return 0;
}

/* The trial is gone with its pod, or its podd had only begun with it. */
static void come_back(struct pod *pod)
{
	snprintf(pod->update.reason, sizeof(pod->update.reason), "it was cut short");
	finish_way_back(pod);
}

/* Return: what the file says; SETTLED when there is nothing to do. */
static enum generation_state state_of(const struct pod *pod)
{
	cleanup_free struct generation *g = images_used(pod->spec) ? read_file(pod, NULL) : NULL;

	return g ? g->state : GENERATION_SETTLED;
}

/**
 * update_started() - the pod runs, or was taken over: go on with what there was
 */
void update_started(struct pod *pod)
{
	struct update *u = &pod->update;
	enum generation_state state = state_of(pod);

	u->begun = true;
	if (state != GENERATION_TRIAL && (u->on_trial || u->failed))
		end_trial(pod); /* all but that was done */
	if (state == GENERATION_SETTLED) {
		update_note(pod);
		return;
	}
	if (u->on_trial)
		restart_outdated(pod); /* podd was killed before it did */
	if (state != GENERATION_TRIAL)
		set_names(pod);
	else if (u->on_trial && u->deadline_ns)
		loop_timer_set(pod->loop, &u->timer, u->deadline_ns);
	else if (u->failed)
		go_back(pod);
	else if (!u->on_trial)
		come_back(pod);
	update_check(pod);
}

/**
 * update_close() - let go: the pod ends, or podd does
 */
void update_close(struct pod *pod)
{
	loop_timer_clear(pod->loop, &pod->update.timer);
	helper_end(&pod->update.helper);
}

/**
 * update_describe() - for status
 *
 * Return: the caller's; NULL when the pod has no images, or never ran any.
 */
json_t *update_describe(const struct pod *pod)
{
	cleanup_free struct generation *g = images_used(pod->spec) ? read_file(pod, NULL) : NULL;
	const struct update *u = &pod->update;
	json_t *images;
	uint64_t now_ns = clock_boottime_ns();

	if (!g)
		return NULL;
	images = json_array();
	for (unsigned i = 0; i < g->n; i++) {
		const struct generation_image *m = &g->images[i];
		char now[DIGEST_TEXT_SIZE], before[DIGEST_TEXT_SIZE], trial[DIGEST_TEXT_SIZE];

		(void)json_array_append_new( /* too short only without memory */
			images,
			json_pack("{s:o, s:s, s:s*, s:s*}", "name", json_text_string(m->name), "now",
				  digest_text(&m->now, now), "before",
				  m->before.hex[0] ? digest_text(&m->before, before) : NULL, "trial",
				  m->trial.hex[0] ? digest_text(&m->trial, trial) : NULL));
	}
	return json_pack("{s:s, s:s*, s:o*, s:o*, s:o}", "state",
			 u->failed ? "failed" : generation_state_name(g->state), "outcome",
			 g->state == GENERATION_TRIAL ? NULL :
			 g->kept ? "kept" : g->reason[0] ? "back" : NULL,
			 "reason", g->reason[0] ? json_text_string(g->reason) :
				   u->failed	? json_text_string(u->reason) : NULL,
			 "settles_in_ms",
			 u->on_trial && u->deadline_ns ?
				 json_integer(u->deadline_ns > now_ns ?
					      (json_int_t)((u->deadline_ns - now_ns) / NSEC_PER_MSEC) : 0) : NULL,
			 "images", images);
}
