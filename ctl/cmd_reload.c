/* SPDX-License-Identifier: MIT */
/* podctl reload: put a changed pod file into force, and say what that does. */
#include <string.h>

#include "ctl/conn.h"
#include "ctl/ctl.h"
#include "ctl/text.h"

enum { OPT_DRY_RUN = CTL_OPT_FIRST };

static void print_text(FILE *out, const char *s)
{
	char text[512];

	fputs(text_clean(text, sizeof(text), s ? s : ""), out);
}

static void print_keys(struct ctl *ctl, const char *before, const json_t *keys)
{
	json_t *key;
	size_t i;

	json_array_foreach(keys, i, key) {
		fputs(i ? ", " : before, ctl->out);
		print_text(ctl->out, json_string_value(key));
	}
}

static void print_pod_line(struct ctl *ctl, const json_t *keys, const char *what)
{
	if (json_array_size(keys) == 0)
		return;
	fputs("pod: ", ctl->out);
	fputs(what, ctl->out);
	print_keys(ctl, ": ", keys);
	fputc('\n', ctl->out);
}

static void print_pod(struct ctl *ctl, const json_t *pod)
{
	print_pod_line(ctl, json_object_get(pod, "new_pod"), "needs podctl stop and start");
	print_pod_line(ctl, json_object_get(pod, "restart"), "restart of all");
	print_pod_line(ctl, json_object_get(pod, "live"), "live change");
	if (json_is_true(json_object_get(pod, "order")))
		fputs("pod: live change: order of the containers\n", ctl->out);
}

static void print_container(struct ctl *ctl, const json_t *c)
{
	const char *action = json_string_value(json_object_get(c, "action"));

	print_text(ctl->out, json_string_value(json_object_get(c, "name")));
	fputs(": ", ctl->out);
	print_text(ctl->out, action && strcmp(action, "live") == 0 ? "live change" : action);
	print_keys(ctl, ": ", json_object_get(c, "keys"));
	if (json_is_true(json_object_get(c, "outdated")))
		fputs(" (it runs what an earlier file said)", ctl->out);
	fputc('\n', ctl->out);
}

static void print_faults(struct ctl *ctl, const json_t *document)
{
	const json_t *faults = json_object_get(document, "errors");
	json_t *fault;
	size_t i;

	json_array_foreach(faults, i, fault) {
		print_text(ctl->errors, json_string_value(json_object_get(fault, "file")));
		fprintf(ctl->errors, ":%lld:%lld: ",
			(long long)json_integer_value(json_object_get(fault, "line")),
			(long long)json_integer_value(json_object_get(fault, "column")));
		print_text(ctl->errors, json_string_value(json_object_get(fault, "message")));
		fputc('\n', ctl->errors);
	}
	if (json_array_size(faults) > 0) /* they say it all */
		return;
	fputs("podctl: ", ctl->errors);
	print_text(ctl->errors, json_string_value(json_object_get(document, "message")));
	fputc('\n', ctl->errors);
}

static void print_plan(struct ctl *ctl, const json_t *document)
{
	json_t *c;
	size_t i;

	print_pod(ctl, json_object_get(document, "pod"));
	json_array_foreach(json_object_get(document, "containers"), i, c)
		print_container(ctl, c);
}

static int print(struct ctl *ctl, const json_t *document)
{
	const char *result = json_string_value(json_object_get(document, "result"));
	bool bad = result && strcmp(result, "bad-file") == 0;

	if (ctl->json)
		ctl_print_json(ctl, document);
	else if (bad)
		print_faults(ctl, document);
	else
		print_plan(ctl, document);
	if (bad)
		return CTL_USAGE;
	if (!result || strcmp(result, "needs-new-pod") != 0)
		return CTL_OK;
	if (!ctl->json)
		fputs("podctl: nothing was changed: a part needs podctl stop and a new start\n",
		      ctl->errors);
	return CTL_NEEDS_NEW_POD;
}

/* podctl reload */
int cmd_reload(struct ctl *ctl, int argc, char **argv)
{
	static const struct option longs[] = { { "dry-run", no_argument, NULL, OPT_DRY_RUN },
					       CTL_COMMON_OPTIONS };
	json_auto_t *document = NULL;
	bool dry_run = false;
	struct conn conn;
	struct err err;
	int c, code, r;

	while ((c = ctl_option(ctl, argc, argv, ":", longs)) > 0)
		dry_run = true;
	if (c == CTL_STOP)
		return ctl->exit_code;
	code = ctl_positional(ctl, argc, argv, 1, 1);
	if (code == 0)
		code = ctl_connect(ctl, argv[optind], &conn);
	if (code)
		return code;
	r = conn_patience(&conn, &err);
	if (r == 0)
		r = conn_call(&conn, "io.podd.Pod.Reload", json_pack("{s:b}", "dry_run", dry_run),
			      &document, &err);
	conn_close(&conn);
	return r < 0 ? ctl_fail(ctl, conn_exit_code(r), &err) : print(ctl, document);
}
