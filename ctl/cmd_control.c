/* SPDX-License-Identifier: MIT */
/* podctl stop, restart, pause, unpause, kill: what changes a running pod. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/program.h"
#include "config/load.h"
#include "config/signal.h"
#include "ctl/conn.h"
#include "ctl/ctl.h"
#include "ctl/pods.h"

#define STOP "io.podd.Pod.Stop"

enum { OPT_NO_WAIT = CTL_OPT_FIRST };

/* A pod whose podd was killed is stopped by another one, which is executed in our place. */
static int stop_without_podd(struct ctl *ctl, const char *pod)
{
	char *args[] = { (char *)"podd", (char *)"--stop", NULL, NULL, NULL, NULL };
	char program[PATH_MAX], file[PATH_MAX];
	struct err err = { 0 };
	int n = 2;

	if (ctl->root) {
		args[n++] = (char *)"--root";
		args[n++] = (char *)ctl->root;
	}
	/* By hand or by a script of another service manager it is stopped for good. */
	if (access("/run/systemd/system", F_OK) == 0)
		fprintf(ctl->errors,
			"podctl: pod '%s': its podd is gone: if a unit of systemd is about to "
			"start the next one, only 'systemctl stop' keeps it from that\n", pod);
	args[n] = file;
	if (!pods_file(&ctl->paths, pod, file)) /* podd can do without, but for the name */
		snprintf(file, sizeof(file), "%s" CONFIG_DIR "/%s.pod", ctl->paths.root, pod);
	if (program_find(program, "podd", &err) == 0) {
		(void)execv(program, args);
		(void)err_sys(&err, "execute '%s'", program);
	}
	return ctl_fail(ctl, CTL_FAILED, &err);
}

/* Calls and throws the empty answer away. */
static int command(struct ctl *ctl, const char *pod, const char *method, json_t *parameters_take,
		   bool wait)
{
	json_auto_t *parameters = parameters_take, *reply = NULL;
	struct conn conn;
	struct err err;
	int code = ctl_open(ctl), r;

	if (code)
		return code;
	r = conn_open(&conn, &ctl->paths, pod, &err);
	if (r < 0 && r != -ECONNREFUSED)
		return ctl_fail(ctl, r == -ESRCH ? CTL_NO_POD : CTL_FAILED, &err);
	if (r == 0) {
		if (wait)
			r = conn_patience(&conn, &err);
		if (r == 0)
			r = conn_call(&conn, method, json_incref(parameters), &reply, &err);
		conn_close(&conn);
	}
	if (r == -ECONNREFUSED && strcmp(method, STOP) == 0 && !conn_is_starting(&ctl->paths, pod))
		return stop_without_podd(ctl, pod);
	return r < 0 ? ctl_fail(ctl, conn_exit_code(r), &err) : CTL_OK;
}

/* stop and restart have the same form. */
static int stop_or_restart(struct ctl *ctl, int argc, char **argv, const char *method,
			   bool takes_container)
{
	static const struct option longs[] = { { "no-wait", no_argument, NULL, OPT_NO_WAIT },
					       CTL_COMMON_OPTIONS };
	bool wait = true;
	const char *container;
	int c, code;

	while ((c = ctl_option(ctl, argc, argv, ":", longs)) > 0)
		wait = false;
	if (c == CTL_STOP)
		return ctl->exit_code;
	code = ctl_positional(ctl, argc, argv, 1, takes_container ? 2 : 1);
	if (code)
		return code;
	container = takes_container ? argv[optind + 1] : NULL;
	return command(ctl, argv[optind], method,
		       json_pack("{s:b, s:s*}", "wait", wait, "container", container), wait);
}

/* podctl stop */
int cmd_stop(struct ctl *ctl, int argc, char **argv)
{
	return stop_or_restart(ctl, argc, argv, STOP, false);
}

/* podctl restart */
int cmd_restart(struct ctl *ctl, int argc, char **argv)
{
	return stop_or_restart(ctl, argc, argv, "io.podd.Pod.Restart", true);
}

static int pause_or_unpause(struct ctl *ctl, int argc, char **argv, const char *method)
{
	static const struct option longs[] = { CTL_COMMON_OPTIONS };
	int code;

	if (ctl_option(ctl, argc, argv, ":", longs) == CTL_STOP)
		return ctl->exit_code;
	code = ctl_positional(ctl, argc, argv, 1, 2);
	if (code)
		return code;
	return command(ctl, argv[optind], method,
		       json_pack("{s:s*}", "container", argv[optind + 1]), true);
}

/* podctl pause */
int cmd_pause(struct ctl *ctl, int argc, char **argv)
{
	return pause_or_unpause(ctl, argc, argv, "io.podd.Pod.Pause");
}

/* podctl unpause */
int cmd_unpause(struct ctl *ctl, int argc, char **argv)
{
	return pause_or_unpause(ctl, argc, argv, "io.podd.Pod.Unpause");
}

/* podctl kill */
int cmd_kill(struct ctl *ctl, int argc, char **argv)
{
	static const struct option longs[] = { { "signal", required_argument, NULL, 's' },
					       CTL_COMMON_OPTIONS };
	int c, code, signal = SIGTERM;

	while ((c = ctl_option(ctl, argc, argv, ":s:", longs)) > 0) {
		signal = signal_parse(optarg);
		if (signal < 0)
			return ctl_usage_error(ctl, "'%s' is no signal, such as TERM or 15",
					       optarg);
	}
	if (c == CTL_STOP)
		return ctl->exit_code;
	code = ctl_positional(ctl, argc, argv, 1, 2);
	if (code)
		return code;
	return command(ctl, argv[optind], "io.podd.Pod.Kill",
		       json_pack("{s:i, s:s*}", "signal", signal, "container", argv[optind + 1]),
		       false);
}
