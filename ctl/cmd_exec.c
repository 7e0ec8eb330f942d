/* SPDX-License-Identifier: MIT */
/* podctl exec: a command in a running container. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "ctl/conn.h"
#include "ctl/ctl.h"
#include "ctl/relay.h"
#include "ctl/terminal.h"

struct exec_options {
	bool interactive, tty;
	const char *pod, *user, *cwd;
	const char *container; /* NULL: the pod's only one */
	json_t *argv, *env;
};

/* JSON has no strings but UTF-8: a word that cannot be sent must not be lost. */
static int add_word(struct ctl *ctl, json_t *list, const char *word)
{
	if (json_array_append_new(list, json_string(word)) == 0)
		return 0;
	return ctl_usage_error(ctl, "'%s' is not UTF-8", word);
}

/* Return: 0, or 1: stop with @code. */
static int parse_options(struct ctl *ctl, int argc, char **argv, struct exec_options *o, int *code)
{
	static const struct option longs[] = {
		{ "interactive", no_argument, NULL, 'i' }, { "tty", no_argument, NULL, 't' },
		{ "env", required_argument, NULL, 'e' },   { "user", required_argument, NULL, 'u' },
		{ "workdir", required_argument, NULL, 'w' }, CTL_COMMON_OPTIONS
	};
	int c;

	while ((c = ctl_option(ctl, argc, argv, "+:ite:u:w:", longs)) > 0) {
		if (c == 'i')
			o->interactive = true;
		else if (c == 't')
			o->tty = true;
		else if (c == 'u')
			o->user = optarg;
		else if (c == 'w')
			o->cwd = optarg;
		else if (strchr(optarg, '=') && *optarg != '=')
			*code = add_word(ctl, o->env, optarg);
		else
			*code = ctl_usage_error(ctl, "'%s' is not NAME=VALUE", optarg);
		if (*code)
			return 1;
	}
	if (c == CTL_STOP)
		*code = ctl->exit_code;
	return c == CTL_STOP;
}

static json_t *exec_call(const struct exec_options *o)
{
	struct winsize size = { .ws_row = 24, .ws_col = 80 };

	if (o->tty)
		(void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &size); /* no terminal: 24 by 80 */
	return json_pack("{s:s, s:b, s:{s:s*, s:O, s:O, s:s*, s:s*, s:b, s:i, s:i}}", "method",
			 "io.podd.Pod.Exec", "more", 1, "parameters", "container", o->container,
			 "argv", o->argv, "env", o->env, "cwd", o->cwd, "user", o->user, "tty",
			 o->tty, "rows", size.ws_row, "cols", size.ws_col);
}

/* The command's own exit code, from the last reply. */
static int command_code(const json_t *reply)
{
	const json_t *signal = json_object_get(reply, "signal");

	if (json_is_integer(signal))
		return 128 + (int)json_integer_value(signal);
	return (int)json_integer_value(json_object_get(reply, "exit_code"));
}

/* Why podd could not start the command, as shells and docker number it. */
static int start_failed_code(int r)
{
	switch (r) {
	case -ENOENT:
		return CTL_EXEC_NOT_FOUND;
	case -EACCES:
	case -ENOEXEC:
	case -ENOTDIR:
	case -EISDIR:
		return CTL_EXEC_NOT_EXECUTABLE;
	}
	return CTL_EXEC_FAILED;
}

static int wait_without_tty(struct ctl *ctl, struct conn *conn, struct relay *relay)
{
	json_auto_t *reply = NULL;
	struct err err;
	int r = relay_run(relay, conn, &reply, &err);

	if (r == -ECONNRESET)
		(void)err_wrap(&err, r, "pod '%s'", conn->pod);
	if (r < 0)
		return ctl_fail(ctl, CTL_EXEC_FAILED, &err);
	return command_code(reply);
}

static int wait_with_tty(struct ctl *ctl, struct conn *conn, bool interactive)
{
	struct terminal t = { STDIN_FILENO, STDOUT_FILENO, interactive, -EBADF, conn };
	struct varlink_fds master = conn->in.fds;
	struct terminal_result result;
	struct err err;
	int r, code;

	conn->in.fds.n = 0;
	if (master.n != 1) {
		varlink_fds_close(&master);
		err_set(&err, EPROTO, "pod '%s': podd gave no terminal", conn->pod);
		return ctl_fail(ctl, CTL_EXEC_FAILED, &err);
	}
	t.master = master.fd[0];
	r = terminal_run(&t, &result, &err);
	varlink_fds_close(&master);
	if (r < 0)
		return ctl_fail(ctl, CTL_EXEC_FAILED, &err);
	code = CTL_EXEC_FAILED;
	if (result.end == TERMINAL_DONE)
		code = command_code(result.reply);
	else if (result.end == TERMINAL_SIGNAL)
		code = 128 + result.signal;
	json_decref(result.reply);
	return code;
}

static int call_and_wait(struct ctl *ctl, struct conn *conn, const struct exec_options *o,
			 struct relay *relay)
{
	const struct relay_end *e = relay->ends;
	const int fds[3] = { e[0].passed, e[1].passed, e[2].passed };
	json_auto_t *started = NULL;
	bool continues;
	struct err err;
	int r = conn_patience(conn, &err);

	if (r == 0)
		r = conn_send(conn, exec_call(o), fds, o->tty ? 0 : 3, &err);
	relay_passed(relay);
	if (r < 0)
		return ctl_fail(ctl, CTL_EXEC_FAILED, &err);
	r = conn_receive(conn, &started, &continues, &err);
	if (r < 0)
		return ctl_fail(ctl, start_failed_code(r), &err);
	return o->tty ? wait_with_tty(ctl, conn, o->interactive) :
			wait_without_tty(ctl, conn, relay);
}

static int run_on(struct ctl *ctl, struct conn *conn, const struct exec_options *o)
{
	struct relay relay;
	struct err err;
	int code;

	if (relay_open(&relay, o->interactive, &err) < 0)
		code = ctl_fail(ctl, CTL_EXEC_FAILED, &err);
	else
		code = call_and_wait(ctl, conn, o, &relay);
	relay_close(&relay);
	return code;
}

/* POD CONTAINER [--] COMMAND..., or POD -- COMMAND... */
static int parse_words(struct ctl *ctl, int argc, char **argv, struct exec_options *o)
{
	const char *term = getenv("TERM");
	int code = ctl_positional(ctl, argc, argv, 3, argc), first = optind + 1;

	if (code)
		return code;
	o->pod = argv[optind];
	if (strcmp(argv[first], "--") != 0)
		o->container = argv[first++];
	if (strcmp(argv[first], "--") == 0)
		first++;
	if (first == argc)
		return ctl_usage_error(ctl, "no command");
	for (int i = first; code == 0 && i < argc; i++)
		code = add_word(ctl, o->argv, argv[i]);
	/* In front: what -e says comes later and wins. */
	if (o->tty && term)
		(void)json_array_insert_new(o->env, 0,
					    json_sprintf("TERM=%s", term)); /* else dumb */
	if (code == 0 && o->tty && o->interactive && !isatty(STDIN_FILENO))
		code = ctl_usage_error(ctl, "-it needs a terminal on standard input");
	return code;
}

static int run(struct ctl *ctl, const struct exec_options *o)
{
	struct conn conn;
	int code;

	if (ctl_connect(ctl, o->pod, &conn) != 0)
		return CTL_EXEC_FAILED;
	code = run_on(ctl, &conn, o);
	conn_close(&conn);
	return code;
}

/* podctl exec: what fails before the command runs is 125, 126 or 127 */
int cmd_exec(struct ctl *ctl, int argc, char **argv)
{
	struct exec_options o = { .argv = json_array(), .env = json_array() };
	int code = CTL_OK;

	if (!parse_options(ctl, argc, argv, &o, &code))
		code = parse_words(ctl, argc, argv, &o) ? CTL_EXEC_FAILED : run(ctl, &o);
	else if (code)
		code = CTL_EXEC_FAILED;
	json_decref(o.argv);
	json_decref(o.env);
	return code;
}
