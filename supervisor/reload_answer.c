/* SPDX-License-Identifier: MIT */
/* Asked to reload: the file, the plan, and what is said about them. */
#include <errno.h>
#include <stdlib.h>

#include "base/fd.h"
#include "config/load.h"
#include "supervisor/admission.h"
#include "supervisor/images.h"
#include "supervisor/notify.h"
#include "supervisor/origin.h"
#include "supervisor/pod.h"
#include "supervisor/say.h"
#include "supervisor/seccomp_files.h"

#define DOCUMENT_VERSION 1

static json_t *faults(const struct config_diags *diags)
{
	json_t *list = json_array();

	for (size_t i = 0; i < diags->n; i++) {
		const struct config_diag *d = &diags->list[i];

		/* Too short only without memory. */
		(void)json_array_append_new(
			list, json_pack("{s:o, s:i, s:i, s:o}", "file",
					json_text_string(diags->files[d->pos.file]), "line",
					d->pos.line, "column", d->pos.column, "message",
					json_text_string(d->message)));
	}
	return list;
}

static json_t *bad_file(const struct config_diags *diags, const struct err *err)
{
	return json_pack("{s:i, s:s, s:o, s:o}", "version", DOCUMENT_VERSION, "result", "bad-file",
			 "errors", faults(diags), "message", json_text_string(err->msg));
}

/* Names of the keys that changed; @change 0: of all kinds. */
static json_t *keys(const bool key[CONFIG_KEY_N], unsigned change)
{
	json_t *list = json_array();

	for (size_t i = 0; i < CONFIG_KEY_N; i++)
		if (key[i] && (!change || config_keys[i].change == change))
			(void)json_array_append_new(list, json_string(config_keys[i].name));
	return list;
}

static json_t *container_line(const struct plan_container *c)
{
	return json_pack("{s:o, s:s, s:o, s:b}", "name", json_text_string(c->name), "action",
			 plan_action_name(c->action), "keys", keys(c->key, 0), "outdated",
			 c->outdated);
}

static json_t *document(const struct plan *plan, const char *result)
{
	json_t *containers = json_array();

	for (unsigned i = 0; i < plan->n; i++)
		(void)json_array_append_new(containers, container_line(&plan->containers[i]));
	return json_pack("{s:i, s:s, s:{s:o, s:o, s:o, s:b}, s:o}", "version", DOCUMENT_VERSION,
			 "result", result, "pod", "live", keys(plan->key, CONFIG_CHANGE_LIVE),
			 "restart", keys(plan->key, CONFIG_CHANGE_RESTART), "new_pod",
			 keys(plan->key, CONFIG_CHANGE_NEW_POD), "order", plan->order,
			 "containers", containers);
}

static const char *result_of(const struct plan *plan, bool dry_run)
{
	if (plan->new_pod)
		return "needs-new-pod";
	if (!plan->any)
		return "unchanged";
	return dry_run ? "planned" : "applied";
}
static int rehearse(const struct pod *pod, struct pod_spec *spec_take, struct err *err)
{
	int r = reload_rehearse(pod, spec_take, err);

	pod_spec_free(spec_take);
	return r;
}

/* @plan is made, and carried out unless there is nothing to do, or not now. */
static json_t *act(struct pod *pod, struct pod_spec *spec_take, struct plan *plan, bool dry_run,
		   struct err *err)
{
	json_t *answer;
	int r = 0;

	reload_plan(plan, pod, spec_take);
	/* Before it is done: the names are the old spec's too. */
	answer = document(plan, result_of(plan, dry_run));
	if (plan->new_pod || !plan->any)
		pod_spec_free(spec_take);
	else if (dry_run)
		r = rehearse(pod, spec_take, err);
	else
		r = reload_apply(pod, spec_take, err);
	if (r < 0) {
		json_decref(answer);
		return NULL;
	}
	if (!answer)
		(void)err_set(err, ENOMEM, "reload: out of memory");
	return answer;
}

static void tell_fault(const struct pod *pod, const json_t *fault)
{
	say(SAY_ERR, "pod '%s': %s:%lld:%lld: %s", pod->spec->name,
	    json_string_value(json_object_get(fault, "file")),
	    (long long)json_integer_value(json_object_get(fault, "line")),
	    (long long)json_integer_value(json_object_get(fault, "column")),
	    json_string_value(json_object_get(fault, "message")));
}

static void say_answer(const struct pod *pod, const json_t *answer)
{
	const char *message = json_string_value(json_object_get(answer, "message"));
	const json_t *fault;
	size_t i;

	json_array_foreach(json_object_get(answer, "errors"), i, fault)
		tell_fault(pod, fault);
	say(message ? SAY_ERR : SAY_NOTICE, "pod '%s': reload: %s%s%s", pod->spec->name,
	    json_string_value(json_object_get(answer, "result")), message ? ": " : "",
	    message ? message : "");
}

/* @answer_take: or NULL, and @err says why. */
static void tell(struct pod *pod, enum reload_kind kind, json_t *answer_take, const struct err *err)
{
	json_auto_t *answer = answer_take;

	if (kind != RELOAD_DRY_RUN)
		notify_ready(pod);
	if (kind != RELOAD_SIGNAL)
		control_answer(pod->control, CONTROL_WAIT_RELOAD, json_incref(answer), err);
	else if (answer)
		say_answer(pod, answer);
	else
		say(SAY_ERR, "pod '%s': %s", pod->spec->name, err->msg);
}

/* The pod may be another by now: what the reload does is found out (again). */
static void admitted(struct admission *a, const struct err *refusal)
{
	struct pod *pod = container_of(a, struct pod, admission);
	cleanup_free struct plan *plan = calloc(1, sizeof(*plan));
	struct pod_spec *spec = take_ptr(pod->reload.spec);
	struct err err = { .code = ENOMEM, .msg = "reload: out of memory" };
	json_t *answer = NULL;

	if (refusal)
		err = *refusal;
	if (refusal || !plan)
		pod_spec_free(spec);
	else
		answer = act(pod, spec, plan, pod->reload.kind == RELOAD_DRY_RUN, &err);
	tell(pod, pod->reload.kind, answer, &err);
}

static void ask(struct pod *pod, struct pod_spec *spec_take, enum reload_kind kind)
{
	const struct admission_question question = { .spec = spec_take, .paths = pod->paths };

	pod->reload = (struct reload){ .spec = spec_take, .kind = kind };
	admission_begin(&pod->admission, pod->loop, &question, admitted);
}

static int check_busy(const struct pod *pod, enum reload_kind kind, struct err *err)
{
	if (update_is_under_way(pod) && kind != RELOAD_DRY_RUN)
		return err_set(err, EBUSY, "reload: an update of its images is under way");
	if (admission_is_busy(&pod->admission))
		return err_set(err, EBUSY, "reload: its images are being looked at already");
	if (missing_is_busy(pod))
		return err_set(err, EBUSY, "reload: images for an earlier one are being pulled");
	return 0;
}

static void fetched(struct pod *pod, const struct err *why);

/* @r: why its images cannot be looked up. Return: 0: they may be, later; or -errno. */
static int fetch(struct pod *pod, const struct pod_spec *spec, enum reload_kind kind, int r,
		 struct err *err)
{
	int n = kind == RELOAD_DRY_RUN ? 0 : missing_fetch(pod, spec, fetched, err);

	if (n > 0)
		pod->reload = (struct reload){ .kind = kind };
	return n > 0 ? 0 : n < 0 ? n : r;
}

/* @r: 0, and nothing is refused. Return: @r. */
static int refuse(struct pod_spec *spec_take, int r, struct err *err)
{
	if (r < 0) {
		(void)err_wrap(err, r, "reload");
		(void)origin_tell(err, r, spec_take);
	}
	pod_spec_free(spec_take);
	return r;
}

/*
 * @may_fetch: images that are in no store, as Pull= has it.
 *
 * Return: 0: it is told, now or from the loop; or -errno with @err filled.
 */
static int begin(struct pod *pod, enum reload_kind kind, bool may_fetch, struct err *err)
{
	cleanup_free struct config_diags *diags = calloc(1, sizeof(*diags));
	cleanup_free struct plan *plan = calloc(1, sizeof(*plan));
	struct pod_spec *spec = NULL;
	int r;

	if (!diags || !plan)
		return err_set(err, ENOMEM, "reload: out of memory");
	if (config_load(&spec, pod->spec->path, NULL, diags, err) < 0) {
		tell(pod, kind, bad_file(diags, err), err);
		config_diags_done(diags);
		return 0;
	}
	config_diags_done(diags);
	r = seccomp_files_load(spec, err);
	if (r < 0)
		return refuse(spec, r, err);
	r = images_look_up(spec, pod->paths, err);
	if (r < 0) {
		r = may_fetch ? fetch(pod, spec, kind, r, err) : r;
		return refuse(spec, r, err);
	}
	reload_plan(plan, pod, spec);
	if (plan->any)
		ask(pod, spec, kind);
	else
		tell(pod, kind, act(pod, spec, plan, kind == RELOAD_DRY_RUN, err), err);
	return 0;
}

/* A missing_fn: the file may be another by now, and is read once more. */
static void fetched(struct pod *pod, const struct err *why)
{
	enum reload_kind kind = pod->reload.kind;
	struct err err = { 0 };
	int r = why ? err_set(&err, why->code, "reload: %s", why->msg) :
		check_busy(pod, kind, &err);

	if (r == 0)
		r = begin(pod, kind, false, &err);
	if (r < 0)
		tell(pod, kind, NULL, &err);
}

/**
 * reload_begin() - read the pod's file again, and put it into force
 *
 * Done means begun: containers that have to stop first may take their time. What
 * came of it is a document whose "result" says that; with a failure nothing is
 * changed. Images that are missing are fetched first (Pull=), unless nothing is to
 * be done.
 *
 * Return: 0: it is told, as @kind has it, now or from the loop; or -errno with
 * @err filled, and nobody is told.
 */
int reload_begin(struct pod *pod, enum reload_kind kind, struct err *err)
{
	int r = check_busy(pod, kind, err);

	if (r < 0)
		return r;
	if (kind != RELOAD_DRY_RUN)
		notify_reloading(pod);
	r = begin(pod, kind, true, err);
	if (r < 0 && kind != RELOAD_DRY_RUN)
		notify_ready(pod);
	return r;
}

/**
 * reload_by_signal() - SIGHUP: as podctl reload, with the outcome in the log
 */
void reload_by_signal(struct pod *pod)
{
	struct err err = { 0 };

	if (reload_begin(pod, RELOAD_SIGNAL, &err) < 0)
		say(SAY_ERR, "pod '%s': %s", pod->spec->name, err.msg);
}

/**
 * reload_close() - let go: the pod ends, or podd does
 */
void reload_close(struct pod *pod)
{
	pod_spec_free(take_ptr(pod->reload.spec));
}
