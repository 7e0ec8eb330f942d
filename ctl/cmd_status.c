/* SPDX-License-Identifier: MIT */
/* podctl list, status, inspect: facts. */
#include <errno.h>
#include <string.h>

#include "ctl/conn.h"
#include "ctl/ctl.h"
#include "ctl/pods.h"
#include "ctl/show.h"

#define LIST_VERSION 1

static const struct option json_only[] = { CTL_COMMON_OPTIONS };

/* For a command without options of its own. 0: go on. */
static int only_common(struct ctl *ctl, int argc, char **argv, int min, int max, int *code)
{
	if (ctl_option(ctl, argc, argv, ":", json_only) == CTL_STOP) {
		*code = ctl->exit_code;
		return -1;
	}
	*code = ctl_positional(ctl, argc, argv, min, max);
	return *code ? -1 : 0;
}

/* Return: 0, or an exit code having told. */
static int ask(struct ctl *ctl, const char *pod, const char *method, json_t **out)
{
	struct conn conn;
	struct err err;
	int r, code = ctl_connect(ctl, pod, &conn);

	if (code)
		return code;
	r = conn_call(&conn, method, NULL, out, &err);
	if (r < 0)
		code = ctl_fail(ctl, conn_exit_code(r), &err);
	conn_close(&conn);
	return code;
}

static const char *state_without_podd(struct ctl *ctl, const char *pod, int r)
{
	switch (r) {
	case -ESRCH:
		return "stopped";
	case -ECONNREFUSED:
		return conn_is_starting(&ctl->paths, pod) ? "starting" : "dead";
	case -ECONNRESET: /* killed a moment ago: io_uring lets go of its socket later */
		return "dead";
	case -EACCES:
		return "unknown";
	}
	return "no-answer";
}

/* One line of the list. A pod whose podd cannot be asked is told as it is. */
static json_t *list_entry(struct ctl *ctl, const char *pod)
{
	json_auto_t *status = NULL;
	json_int_t running = 0, restarts = 0, paused = 0;
	json_t *containers, *c;
	struct conn conn;
	struct err err;
	size_t i;
	int r = conn_open(&conn, &ctl->paths, pod, &err);

	if (r == 0) {
		r = conn_call(&conn, "io.podd.Pod.Status", NULL, &status, &err);
		conn_close(&conn);
	}
	if (r < 0)
		return json_pack("{s:s, s:s}", "name", pod,
				 "state", state_without_podd(ctl, pod, r));
	containers = json_object_get(status, "containers");
	json_array_foreach(containers, i, c) {
		const char *state = json_string_value(json_object_get(c, "state"));

		running += state && strcmp(state, "running") == 0;
		paused += state && strcmp(state, "running") == 0 &&
			  json_is_true(json_object_get(c, "paused"));
		restarts += json_integer_value(json_object_get(c, "restarts"));
	}
	return json_pack(
		"{s:s, s:O*, s:O*, s:O*, s:I, s:I, s:I, s:I}", "name", pod, "state",
		json_object_get(status, "state"), "ready", json_object_get(status, "ready"),
		"address", json_object_get(status, "address"), "containers",
		(json_int_t)json_array_size(containers), "running", running, "restarts", restarts,
		"paused", paused);
}

/* podctl list */
int cmd_list(struct ctl *ctl, int argc, char **argv)
{
	json_auto_t *names = NULL, *document = NULL;
	json_t *pods = json_array(), *name;
	struct err err;
	int code, r;
	size_t i;

	document = json_pack("{s:i, s:o}", "version", LIST_VERSION, "pods", pods);
	if (only_common(ctl, argc, argv, 0, 0, &code) < 0)
		return code;
	code = ctl_open(ctl);
	if (code)
		return code;
	r = pods_names(&ctl->paths, true, &names, &err);
	if (r < 0)
		return ctl_fail(ctl, CTL_FAILED, &err);
	json_array_foreach(names, i, name)
		(void)json_array_append_new(pods, list_entry(ctl, json_string_value(name)));
	if (ctl->json)
		ctl_print_json(ctl, document);
	else
		show_list(ctl->out, pods, ctl->colour);
	return CTL_OK;
}

static int status_of(struct ctl *ctl, const char *pod, bool in_full, json_t *all)
{
	json_auto_t *status = NULL;
	int code = ask(ctl, pod, "io.podd.Pod.Status", &status);

	if (code)
		return code;
	if (all)
		(void)json_array_append(all, status);
	else if (ctl->json)
		ctl_print_json(ctl, status);
	if (!ctl->json)
		show_status(ctl->out, status, ctl->colour);
	if (!ctl->json && in_full)
		show_pressure(ctl->out, status);
	return CTL_OK;
}

/* The first failure is the exit code; the other pods are shown all the same. */
static int status_of_all(struct ctl *ctl, bool in_full)
{
	json_auto_t *names = NULL, *document = NULL;
	json_t *all = json_array(), *name;
	int code = ctl_open(ctl), one;
	struct err err;
	size_t i;

	document = json_pack("{s:i, s:o}", "version", LIST_VERSION, "pods", all);
	if (code)
		return code;
	if (pods_names(&ctl->paths, false, &names, &err) < 0)
		return ctl_fail(ctl, CTL_FAILED, &err);
	json_array_foreach(names, i, name) {
		if (i > 0 && !ctl->json)
			fputc('\n', ctl->out);
		one = status_of(ctl, json_string_value(name), in_full, all);
		code = code ? code : one;
	}
	if (ctl->json)
		ctl_print_json(ctl, document);
	return code;
}

/* podctl status */
int cmd_status(struct ctl *ctl, int argc, char **argv)
{
	static const struct option longs[] = { { "long", no_argument, NULL, 'l' },
					       CTL_COMMON_OPTIONS };
	bool in_full = false;
	int c, code;

	while ((c = ctl_option(ctl, argc, argv, ":l", longs)) > 0)
		in_full = true;
	if (c == CTL_STOP)
		return ctl->exit_code;
	code = ctl_positional(ctl, argc, argv, 0, 1);
	if (code)
		return code;
	return optind < argc ? status_of(ctl, argv[optind], in_full, NULL) :
			       status_of_all(ctl, in_full);
}

/* podctl inspect */
int cmd_inspect(struct ctl *ctl, int argc, char **argv)
{
	json_auto_t *reply = NULL;
	int code;

	if (only_common(ctl, argc, argv, 1, 1, &code) < 0)
		return code;
	code = ask(ctl, argv[optind], "io.podd.Pod.Inspect", &reply);
	if (code)
		return code;
	ctl_print_json(ctl, json_object_get(reply, "pod"));
	return CTL_OK;
}
