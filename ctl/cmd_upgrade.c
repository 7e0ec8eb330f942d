/* SPDX-License-Identifier: MIT */
/* podctl upgrade: another podd in place of the one that runs. */
#include <errno.h>
#include <time.h>

#include "base/clock.h"
#include "ctl/conn.h"
#include "ctl/ctl.h"

/* For the new podd to listen: it takes some milliseconds. */
#define LISTEN_TIMEOUT_NS (10 * NSEC_PER_SEC)

static int ask(struct ctl *ctl, const char *pod, json_t **info, json_t **status, struct err *err)
{
	struct conn conn;
	int r = conn_open(&conn, &ctl->paths, pod, err);

	if (r < 0)
		return r;
	r = conn_call(&conn, "org.varlink.service.GetInfo", NULL, info, err);
	if (r == 0)
		r = conn_call(&conn, "io.podd.Pod.Status", NULL, status, err);
	conn_close(&conn);
	return r;
}

/*
 * The socket is the old podd's for a moment, which resets who comes, then
 * nobody's, then the new one's. Nothing tells when that is so.
 */
static int ask_new(struct ctl *ctl, const char *pod, json_t **info, json_t **status,
		   struct err *err)
{
	const struct timespec pause = { .tv_nsec = (long)(2 * NSEC_PER_MSEC) };
	uint64_t end = clock_boottime_ns() + LISTEN_TIMEOUT_NS;
	int r = ask(ctl, pod, info, status, err);

	while ((r == -ECONNRESET || r == -ECONNREFUSED) && clock_boottime_ns() < end) {
		(void)nanosleep(&pause, NULL); /* cut short is fine */
		r = ask(ctl, pod, info, status, err);
	}
	return r < 0 ? err_wrap(err, r, "podd was replaced, and the new one does not answer") : 0;
}

/* Which podd it is now, and in which state the pod is. */
static int tell_new(struct ctl *ctl, const char *pod, struct err *err)
{
	json_auto_t *info = NULL, *status = NULL, *document = NULL;
	const char *podd, *state;
	int r = ask_new(ctl, pod, &info, &status, err);

	if (r < 0)
		return r;
	podd = json_string_value(json_object_get(info, "version"));
	state = json_string_value(json_object_get(status, "state"));
	if (!podd || !state)
		return err_set(err, EPROTO, "pod '%s': podd does not say its version", pod);
	document = json_pack("{s:i, s:s, s:s, s:s}", "version", 1, "name", pod, "podd", podd,
			     "state", state);
	if (ctl->json)
		ctl_print_json(ctl, document);
	else
		fprintf(ctl->out, "pod '%s': podd %s, %s\n", pod, podd, state);
	return 0;
}

/* podctl upgrade */
int cmd_upgrade(struct ctl *ctl, int argc, char **argv)
{
	static const struct option longs[] = { CTL_COMMON_OPTIONS };
	json_auto_t *reply = NULL;
	const char *pod;
	struct conn conn;
	struct err err = { 0 };
	int code, r;

	if (ctl_option(ctl, argc, argv, ":", longs) == CTL_STOP)
		return ctl->exit_code;
	code = ctl_positional(ctl, argc, argv, 1, 1);
	if (code)
		return code;
	pod = argv[optind];
	code = ctl_connect(ctl, pod, &conn);
	if (code)
		return code;
	r = conn_call(&conn, "io.podd.Pod.Upgrade", NULL, &reply, &err);
	conn_close(&conn);
	/* It does not answer that it is gone. */
	/* It ended without a word: that is how a podd that is replaced answers. */
	if (r == -ECONNRESET || r == -ECONNREFUSED)
		r = tell_new(ctl, pod, &err);
	return r < 0 ? ctl_fail(ctl, CTL_FAILED, &err) : CTL_OK;
}
