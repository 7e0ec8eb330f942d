/* SPDX-License-Identifier: MIT */
/* podctl events: what changed, and what changes from now on. */
#include <errno.h>

#include "ctl/conn.h"
#include "ctl/ctl.h"
#include "ctl/show.h"

enum { OPT_SINCE = CTL_OPT_FIRST };

static void print_event(struct ctl *ctl, const json_t *event)
{
	if (ctl->json) {
		(void)json_dumpf(event, ctl->out, JSON_COMPACT); /* ctl_main() looks at it */
		fputc('\n', ctl->out);
	} else {
		show_event(ctl->out, event);
	}
	(void)fflush(ctl->out); /* as it happens; ctl_main() tells a failure */
}

/* Until the last reply; when following, until podd ends, which is no failure. */
static int print_events(struct ctl *ctl, struct conn *conn, bool follow)
{
	bool continues = true;
	struct err err;
	int r = 0;

	while (continues && !ferror(ctl->out)) {
		json_auto_t *reply = NULL;
		const json_t *event;

		r = conn_receive(conn, &reply, &continues, &err);
		if (r == -ECONNRESET && follow)
			return CTL_OK;
		if (r < 0)
			return ctl_fail(ctl, conn_exit_code(r), &err);
		event = json_object_get(reply, "event");
		if (event)
			print_event(ctl, event);
	}
	return CTL_OK;
}

/* podctl events */
int cmd_events(struct ctl *ctl, int argc, char **argv)
{
	static const struct option longs[] = { { "follow", no_argument, NULL, 'f' },
					       { "since", required_argument, NULL, OPT_SINCE },
					       CTL_COMMON_OPTIONS };
	bool follow = false;
	long since = 0;
	struct conn conn;
	struct err err;
	int c, code, r = 0;

	while ((c = ctl_option(ctl, argc, argv, ":f", longs)) > 0) {
		if (c == 'f')
			follow = true;
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
	if (follow)
		r = conn_patience(&conn, &err);
	if (r == 0)
		r = conn_send(&conn,
			      json_pack("{s:s, s:b, s:{s:I, s:b}}", "method", "io.podd.Pod.Events",
					"more", 1, "parameters", "since", (json_int_t)since,
					"follow", follow),
			      NULL, 0, &err);
	code = r < 0 ? ctl_fail(ctl, conn_exit_code(r), &err) : print_events(ctl, &conn, follow);
	conn_close(&conn);
	return code;
}
