/* SPDX-License-Identifier: MIT */
/* Asked to reload: the file, the plan, and what is said about them. */
#include <errno.h>
#include <stdlib.h>

#include "base/fd.h"
#include "config/load.h"
#include "supervisor/admission.h"
#include "supervisor/images.h"
#include "supervisor/reload.h"
#include "supervisor/say.h"

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

/* @plan is made, and carried out unless there is nothing to do, or not now. */
static json_t *act(struct pod *pod, struct pod_spec *spec_take, struct plan *plan, bool dry_run,
		   struct err *err)
{
	json_t *answer;

	reload_plan(plan, pod, spec_take);
	if (plan->any && admission_ask(spec_take, pod->paths, err) < 0) {
		pod_spec_free(spec_take);
		return NULL;
	}
	/* Before it is done: the names are the old spec's too. */
	answer = document(plan, result_of(plan, dry_run));
	if (dry_run || plan->new_pod || !plan->any) {
		pod_spec_free(spec_take);
	} else if (reload_apply(pod, spec_take, err) < 0) {
		json_decref(answer);
		return NULL;
	}
	if (!answer)
		(void)err_set(err, ENOMEM, "reload: out of memory");
	return answer;
}

/**
 * reload_answer() - read the pod's file again, and put it into force
 * @dry_run: only say what that would do
 *
 * Done means begun: containers that have to stop first may take their time.
 *
 * Return: a document of the caller's, whose "result" says what came of it; NULL
 * with @err filled when it failed, and then nothing is changed.
 */
json_t *reload_answer(struct pod *pod, bool dry_run, struct err *err)
{
	cleanup_free struct config_diags *diags = calloc(1, sizeof(*diags));
	cleanup_free struct plan *plan = calloc(1, sizeof(*plan));
	struct pod_spec *spec = NULL;
	json_t *answer = NULL;

	if (!diags || !plan) {
		(void)err_set(err, ENOMEM, "reload: out of memory");
		return NULL;
	}
	if (update_is_under_way(pod) && !dry_run) {
		(void)err_set(err, EBUSY, "reload: an update of its images is under way");
		return NULL;
	}
	if (config_load(&spec, pod->spec->path, NULL, diags, err) < 0)
		answer = bad_file(diags, err);
	else if (images_look_up(spec, pod->paths, err) == 0)
		answer = act(pod, take_ptr(spec), plan, dry_run, err);
	else
		(void)err_wrap(err, -err->code, "reload");
	pod_spec_free(spec);
	config_diags_done(diags);
	return answer;
}

static void say_fault(const struct pod *pod, const json_t *fault)
{
	say(SAY_ERR, "pod '%s': %s:%lld:%lld: %s", pod->spec->name,
	    json_string_value(json_object_get(fault, "file")),
	    (long long)json_integer_value(json_object_get(fault, "line")),
	    (long long)json_integer_value(json_object_get(fault, "column")),
	    json_string_value(json_object_get(fault, "message")));
}

/**
 * reload_by_signal() - SIGHUP: as podctl reload, with the outcome in the log
 */
void reload_by_signal(struct pod *pod)
{
	struct err err = { 0 };
	json_t *answer = reload_answer(pod, false, &err), *fault;
	const char *message = json_string_value(json_object_get(answer, "message"));
	size_t i;

	json_array_foreach(json_object_get(answer, "errors"), i, fault)
		say_fault(pod, fault);
	if (answer)
		say(message ? SAY_ERR : SAY_NOTICE, "pod '%s': reload: %s%s%s", pod->spec->name,
		    json_string_value(json_object_get(answer, "result")), message ? ": " : "",
		    message ? message : "");
	else
		say(SAY_ERR, "pod '%s': %s", pod->spec->name, err.msg);
	json_decref(answer);
}
