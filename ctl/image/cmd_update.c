/* SPDX-License-Identifier: MIT */
/* podctl image update: newer images for a pod that runs, with a way back. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "ctl/conn.h"
#include "ctl/image/budget.h"
#include "ctl/image/pull.h"
#include "ctl/text.h"
#include "image/generation.h"
#include "image/settle.h"

#define UPDATE_VERSION 1

enum { OPT_BACK = CTL_OPT_FIRST, OPT_NO_WAIT, OPT_RETRY, OPT_SETTLE, OPT_AUTHFILE };

struct request {
	struct ctl *ctl;
	const char *pod, *authfile;
	bool back, no_wait, retry, settle;
	json_t *failed; /* a name -> the digest that the pod went back from; the caller's */
	struct digest unwanted; /* of the name in hand */
	json_t *images; /* strings NAME@DIGEST, the caller's */
	struct conn conn;
};

/* ---------------------------------------------------------------- what it has now */

static int refuse_busy(const json_t *status, struct err *err)
{
	const json_t *update = json_object_get(status, "update");
	const char *state = json_string_value(json_object_get(update, "state"));
	const char *blocked = json_string_value(json_object_get(update, "blocked"));

	if (!state || strcmp(state, "settled") == 0)
		return 0;
	return blocked ? err_set(err, EBUSY, "an update is under way already: %.400s", blocked) :
			 err_set(err, EBUSY, "an update is under way already: %s", state);
}

static bool is_listed(const json_t *list, const char *name)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
		if (strcmp(json_string_value(item), name) == 0)
			return true;
	return false;
}

/* The names that can come to mean another image, in full. */
static int list_names(json_t *names, const json_t *status, struct err *err)
{
	const json_t *c;
	size_t i;

	json_array_foreach(json_object_get(status, "containers"), i, c) {
		const char *text = json_string_value(
			json_object_get(json_object_get(c, "image"), "name"));
		struct image_ref ref;

		if (!text || image_ref_parse(&ref, text, NULL) < 0 || ref.digest.hex[0] ||
		    is_listed(names, ref.name))
			continue;
		(void)json_array_append_new(names, json_string(ref.name)); /* short: no memory */
	}
	if (json_array_size(names) == 0)
		return err_set(err, ENOENT,
			       "no container has an image by a name that could move");
	return 0;
}

/* What is not tried again unasked. */
static void list_failed(json_t *failed, const json_t *status)
{
	const json_t *m;
	size_t i;

	json_array_foreach(json_object_get(json_object_get(status, "update"), "images"), i, m) {
		const char *name = json_string_value(json_object_get(m, "name"));
		json_t *digest = json_object_get(m, "failed");

		if (name && digest) /* short: no memory */
			(void)json_object_set(failed, name, digest);
	}
}

/* ------------------------------------------------------------------ what is there */

static int look_up_path(struct digest *out, const struct paths *paths, const char *name,
			struct err *err)
{
	const struct image_store *store;
	struct image_stores stores;
	int r = image_stores_open(&stores, paths, err);

	if (r < 0)
		return r;
	r = find_stored(out, &store, &stores, name, err);
	image_stores_close(&stores);
	return r;
}

static int tell_failed(const struct request *q, const char *name)
{
	char clean[IMAGE_NAME_MAX * 4 + 1];

	fprintf(q->ctl->errors, "podctl: pod '%s': '%s' is still the image that it went back from; "
		"--retry tries it again\n", q->pod, text_clean(clean, sizeof(clean), name));
	return 0;
}

static int fetch_one(struct request *q, struct pull *p, const char *name, struct err *err)
{
	const char *failed = json_string_value(json_object_get(q->failed, name));
	bool has_failed = failed && digest_parse(&q->unwanted, failed);
	char digest[DIGEST_TEXT_SIZE];
	struct digest id;
	int r = 0;

	if (name[0] == '/') {
		r = look_up_path(&id, &p->paths, name, err);
		if (r == 0 && has_failed && digest_equal(&id, &q->unwanted))
			r = -EALREADY;
	} else {
		*p->result = (struct import_result){ .n = 0 };
		p->args.unwanted = has_failed ? &q->unwanted : NULL;
		r = pull_one(p, name, err);
		id = p->result->entries[0].id;
	}
	if (r == -EALREADY)
		return tell_failed(q, name);
	if (r < 0)
		return r;
	(void)json_array_append_new(q->images,
				    json_sprintf("%s@%s", name, digest_text(&id, digest)));
	return 0;
}

/* No name moves: that is for the pod to decide, at its trial's end. */
static int fetch(struct request *q, const json_t *names, const char *policy, struct err *err)
{
	const json_t *name;
	struct pull p;
	size_t i;
	int r;

	pull_init(&p, q->ctl);
	p.authfile = q->authfile;
	p.policy = policy;
	p.args.nameless = true;
	r = pull_begin(&p, err);
	json_array_foreach(names, i, name)
		if (r == 0)
			r = fetch_one(q, &p, json_string_value(name), err);
	pull_end(&p);
	return r;
}

/* --------------------------------------------------------------------- the outcome */

static int ask_events(struct conn *conn, json_int_t since, struct err *err)
{
	int r = conn_patience(conn, err);

	return r < 0 ? r : conn_send(conn, json_pack("{s:s, s:b, s:{s:I, s:b}}", "method",
						     "io.podd.Pod.Events", "more", 1, "parameters",
						     "since", since, "follow", 1), NULL, 0, err);
}

/* "kept" and "back" are the end of it; what blocks that is told meanwhile. */
static bool is_outcome(struct request *q, const json_t *event)
{
	const char *kind = json_string_value(json_object_get(event, "kind"));
	const char *state = json_string_value(json_object_get(event, "state"));
	const char *message = json_string_value(json_object_get(event, "message"));
	char clean[1024];

	if (!kind || !state || strcmp(kind, "update") != 0)
		return false;
	if (strcmp(state, "blocked") == 0)
		fprintf(q->ctl->errors, "podctl: pod '%s': %s\n", q->pod,
			text_clean(clean, sizeof(clean), message ? message : "?"));
	return strcmp(state, "kept") == 0 || strcmp(state, "back") == 0;
}

/* Until an event says how it ended: *out is that; or the connection's end. */
static int hear(struct request *q, json_int_t *since, json_t **out, struct err *err)
{
	bool continues = true;
	int r = ask_events(&q->conn, *since, err);

	while (r == 0 && continues) {
		json_auto_t *reply = NULL;
		json_t *event;

		r = conn_receive(&q->conn, &reply, &continues, err);
		event = r < 0 ? NULL : json_object_get(reply, "event");
		if (!event)
			continue;
		*since = json_integer_value(json_object_get(event, "seq")) + 1;
		if (is_outcome(q, event)) {
			*out = json_incref(event);
			return 0;
		}
	}
	return r < 0 ? r : err_set(err, ECONNRESET, "podd ended");
}

/* A podd that is killed is waited for: the next one goes on with the trial. */
static int wait_outcome(struct request *q, json_int_t since, json_t **out, struct err *err)
{
	int r;

	do {
		r = hear(q, &since, out, err);
		if (r != -ECONNRESET && r != -ECONNREFUSED)
			return r;
		r = conn_reopen(&q->conn, &q->ctl->paths, err);
	} while (r == 0);
	if (r == -ESRCH)
		return err_set(err, ESRCH,
			       "pod '%s' has ended during the trial: it will start with its "
			       "former images", q->pod);
	return r;
}

static void print_images(struct ctl *ctl, const json_t *images)
{
	const json_t *m;
	size_t i;

	json_array_foreach(images, i, m) {
		const char *name = json_string_value(json_object_get(m, "name"));
		char clean[IMAGE_NAME_MAX * 4 + 1];

		fprintf(ctl->out, "%s: %.19s -> %.19s\n", text_clean(clean, sizeof(clean), name),
			json_string_value(json_object_get(m, "former")),
			json_string_value(json_object_get(m, "new")));
	}
	(void)fflush(ctl->out);
}

/* Return: the exit code. */
static int print_outcome(struct request *q, json_t *answer, const char *result, const char *reason)
{
	char clean[1024];
	bool back = strcmp(result, "back") == 0;

	if (result != json_string_value(json_object_get(answer, "result")))
		(void)json_object_set_new(answer, "result", json_string(result));
	if (reason)
		(void)json_object_set_new(answer, "reason", json_string(reason));
	if (q->ctl->json)
		ctl_print_json(q->ctl, answer);
	else if (back)
		fprintf(q->ctl->errors, "podctl: pod '%s' went back to its former images: %s\n",
			q->pod, text_clean(clean, sizeof(clean), reason ? reason : "?"));
	else
		fprintf(q->ctl->out, "%s: %s\n", q->pod, result);
	return back ? CTL_FAILED : CTL_OK;
}

static int run(struct request *q, json_t *answer, struct err *err)
{
	const char *result = json_string_value(json_object_get(answer, "result"));
	json_auto_t *event = NULL;
	bool back;
	int r;

	if (!q->ctl->json)
		print_images(q->ctl, json_object_get(answer, "images"));
	if (!result || strcmp(result, "unchanged") == 0 || q->no_wait)
		return print_outcome(q, answer,
				     result && strcmp(result, "back") == 0 ? "going back" :
				     result ? result : "?", NULL);
	back = strcmp(result, "back") == 0;
	r = wait_outcome(q, json_integer_value(json_object_get(answer, "seq")), &event, err);
	if (r < 0)
		return ctl_fail(q->ctl, conn_exit_code(r), err);
	r = print_outcome(q, answer, json_string_value(json_object_get(event, "state")),
			  json_string_value(json_object_get(event, "message")));
	/* Going back from a trial was what was asked for. */
	return back ? CTL_OK : r;
}

/* All names, by the pod's policy; without one, the host's counts. */
static int fetch_all(struct request *q, struct err *err)
{
	json_auto_t *names = json_array(), *reply = NULL;
	int r = conn_call(&q->conn, "io.podd.Pod.Inspect", NULL, &reply, err);
	const json_t *pod = json_object_get(reply, "pod");

	conn_close(&q->conn); /* a pull may take long */
	if (r == 0)
		r = refuse_busy(pod, err);
	if (r == 0)
		r = list_names(names, pod, err);
	if (!q->retry)
		list_failed(q->failed, pod);
	if (r < 0)
		return r;
	return fetch(q, names, json_string_value(json_object_get(pod, "image_policy")), err);
}

static int update(struct request *q)
{
	json_auto_t *images = json_array(), *failed = json_object(), *answer = NULL;
	struct err err = { 0 };
	int code = ctl_connect(q->ctl, q->pod, &q->conn), r = 0;

	if (code)
		return code;
	q->images = images;
	q->failed = failed;
	if (!q->back) {
		r = fetch_all(q, &err);
		if (r < 0)
			return ctl_fail(q->ctl, CTL_FAILED, &err);
		code = ctl_connect(q->ctl, q->pod, &q->conn);
		if (code)
			return code;
	}
	r = conn_call(&q->conn, "io.podd.Pod.Update",
		      json_pack("{s:O, s:b}", "images", images, "back", q->back), &answer, &err);
	/* What is on trial is written down by now. */
	if (!q->back)
		budget_enforce(q->ctl, NULL);
	code = r < 0 ? ctl_fail(q->ctl, conn_exit_code(r), &err) : run(q, answer, &err);
	conn_close(&q->conn);
	return code;
}

/* What podd has done at a trial's end: the names in the store. */
static int settle(struct request *q)
{
	struct generation *g = malloc(sizeof(*g));
	struct image_writer w = IMAGE_WRITER_EMPTY;
	struct paths paths;
	struct err err = { 0 };
	int r = g ? paths_open(&paths, q->ctl->root, PATHS_CREATE, &err) :
		    err_set(&err, ENOMEM, "out of memory");

	if (r == 0) {
		r = writer_open(&w, q->ctl, &paths, &err);
		if (r == 0)
			r = generation_read(g, paths.lib, q->pod, &err);
		if (r == 0)
			r = image_settle(&w, g, &err);
		image_writer_close(&w);
		paths_close(&paths);
	}
	free(g);
	return r < 0 ? ctl_fail(q->ctl, CTL_FAILED, &err) : CTL_OK;
}

/* podctl image update */
int cmd_image_update(struct ctl *ctl, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "back", no_argument, NULL, OPT_BACK },
		{ "no-wait", no_argument, NULL, OPT_NO_WAIT },
		{ "retry", no_argument, NULL, OPT_RETRY },
		{ "settle", no_argument, NULL, OPT_SETTLE },
		{ "authfile", required_argument, NULL, OPT_AUTHFILE },
		CTL_COMMON_OPTIONS
	};
	struct request q = { .ctl = ctl };
	int c, code;

	while ((c = ctl_option(ctl, argc, argv, ":", longs)) > 0) {
		q.back |= c == OPT_BACK;
		q.no_wait |= c == OPT_NO_WAIT;
		q.retry |= c == OPT_RETRY;
		q.settle |= c == OPT_SETTLE;
		if (c == OPT_AUTHFILE)
			q.authfile = optarg;
	}
	if (c == CTL_STOP)
		return ctl->exit_code;
	code = ctl_positional(ctl, argc, argv, 1, 1);
	if (code)
		return code;
	q.pod = argv[optind];
	return q.settle ? settle(&q) : update(&q);
}
