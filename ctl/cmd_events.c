/* SPDX-License-Identifier: MIT */
/* podctl events: what changed, and what changes from now on. */
#include <errno.h>

#include "ctl/conn.h"
#include "ctl/ctl.h"
#include "ctl/show.h"

#define EVENTS_VERSION 1

enum { OPT_SINCE = CTL_OPT_FIRST };

static void print_event(struct ctl *ctl, json_t *event)
{
	if (ctl->json) {
		(void)json_object_set_new(event, "version", json_integer(EVENTS_VERSION));
		ctl_print_json_line(ctl, event);
	} else {
		show_event(ctl->out, event);
	}
	(void)fflush(ctl->out); /* as it happens; ctl_main() tells a failure */
}

struct query {
	bool follow;
	json_int_t since; /* the number that is wanted next */
};

static int ask(struct conn *conn, const struct query *q, struct err *err)
{
	int r = q->follow ? conn_patience(conn, err) : 0;

	if (r < 0)
		return r;
	return conn_send(conn,
			 json_pack("{s:s, s:b, s:{s:I, s:b}}", "method", "io.podd.Pod.Events",
				   "more", 1, "parameters",
				   "since", q->since, "follow", q->follow),
			 NULL, 0, err);
}

/* Until the last reply, or the connection's end (-ECONNRESET). */
static int print_events(struct ctl *ctl, struct conn *conn, struct query *q, struct err *err)
{
	bool continues = true;
	int r = ask(conn, q, err);

	while (r == 0 && continues && !ferror(ctl->out)) {
		json_auto_t *reply = NULL;
		json_t *event;

		r = conn_receive(conn, &reply, &continues, err);
		if (r < 0)
			break;
		event = json_object_get(reply, "event");
		if (!event)
			continue;
		print_event(ctl, event);
		q->since = json_integer_value(json_object_get(event, "seq")) + 1;
	}
	return r;
}

/* A podd that takes over goes on with the numbers, and so do we. */
static int follow(struct ctl *ctl, struct conn *conn, struct query *q, struct err *err)
{
	int r;

	do {
		r = print_events(ctl, conn, q, err);
		/* Refused: by one that was about to end when we connected. */
		if ((r != -ECONNRESET && r != -ECONNREFUSED) || !q->follow)
			return r;
		r = conn_reopen(conn, &ctl->paths, err);
	} while (r == 0);
	return r == -ESRCH ? 0 : r; /* the pod's end needs no word */
}

/* podctl events */
int cmd_events(struct ctl *ctl, int argc, char **argv)
{
	static const struct option longs[] = { { "follow", no_argument, NULL, 'f' },
					       { "since", required_argument, NULL, OPT_SINCE },
					       CTL_COMMON_OPTIONS };
	struct query q = { .since = 0 };
	long since = 0;
	struct conn conn;
	struct err err;
	int c, code, r;

	while ((c = ctl_option(ctl, argc, argv, ":f", longs)) > 0) {
		if (c == 'f')
			q.follow = true;
		else if (ctl_count(optarg, &since) < 0)
			return ctl_usage_error(ctl, "'%s' is no event number", optarg);
	}
	if (c == CTL_STOP)
		return ctl->exit_code;
	code = ctl_positional(ctl, argc, argv, 1, 1);
	if (code == 0)
		code = ctl_connect(ctl, argv[optind], &conn);
	if (code)
		return code;
	q.since = since;
	r = follow(ctl, &conn, &q, &err);
	code = r < 0 ? ctl_fail(ctl, conn_exit_code(r), &err) : CTL_OK;
	conn_close(&conn);
	return code;
}
