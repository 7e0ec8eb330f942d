/* SPDX-License-Identifier: MIT */
/* The table of commands and what they share. */
#include "ctl/ctl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/nearest.h"
#include "ctl/text.h"

static const struct ctl_command commands[] = {
	{ "list", cmd_list, "", "all pods: running, dead and declared", "" },
	{ "status", cmd_status, "[-l] [POD]", "the state of a pod and its containers", "--long" },
	{ "logs", cmd_logs, "[-ft] [--tail N] [-c CONTAINER] POD", "what the containers printed",
	  "--follow --timestamps --tail --container" },
	{ "exec", cmd_exec,
	  "[-it] [-e NAME=VALUE] [-u USER] [-w DIR] POD [CONTAINER] -- COMMAND...",
	  "run a command in a container", "--interactive --tty --env --user --workdir" },
	{ "stop", cmd_stop, "[--no-wait] POD", "stop a pod in order", "--no-wait" },
	{ "restart", cmd_restart, "[--no-wait] POD [CONTAINER]", "restart a container, or all",
	  "--no-wait" },
	{ "reload", cmd_reload, "[--dry-run] POD", "put a changed pod file into force",
	  "--dry-run" },
	{ "pause", cmd_pause, "POD [CONTAINER]", "freeze a container, or all that run", "" },
	{ "unpause", cmd_unpause, "POD [CONTAINER]", "let a paused container go on, or all", "" },
	{ "kill", cmd_kill, "[-s SIGNAL] POD [CONTAINER]", "send a signal to a container, or all",
	  "--signal" },
	{ "inspect", cmd_inspect, "POD", "all that podd knows about a pod, as JSON", "" },
	{ "events", cmd_events, "[-f] [--since SEQ] POD", "what changed", "--follow --since" },
	{ "upgrade", cmd_upgrade, "POD",
	  "replace podd by the one installed now; the pod runs on", "" },
	{ "gc", cmd_gc, "[--dry-run]", "remove what dead pods left", "--dry-run" },
	{ "verify", cmd_verify, "FILE...", "check pod files", "" },
	{ "security", cmd_security, "[--threshold N] POD|FILE",
	  "what a pod's containers may do, with scores", "--threshold" },
	{ "image", cmd_image, "COMMAND", "images: pull, import, list, inspect, remove, ...", "" },
	{ "version", cmd_version, "", "the version of podctl", "" },
	{ "completion", cmd_completion, "[SHELL]",
	  "a completion script for bash, zsh or fish", "" },
	{ "help", cmd_help, "[COMMAND|KEY]",
	  "this list, how a command is used, what a key is", "" },
	{ NULL, NULL, NULL, NULL, NULL },
};

const struct ctl_program ctl_podctl = {
	.name = "podctl",
	.commands = commands,
	.exit_codes = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no such pod or not running;\n"
		      "exec: the command's own, 125 podctl or podd failed, 126 not executable,\n"
		      "127 not found. See podctl(1).\n",
};

/**
 * ctl_usage_error() - tell that the command line is wrong
 *
 * Return: CTL_USAGE.
 */
int ctl_usage_error(struct ctl *ctl, const char *fmt, ...)
{
	va_list ap;

	fputs("podctl: ", ctl->errors);
	va_start(ap, fmt);
	vfprintf(ctl->errors, fmt, ap);
	va_end(ap);
	fputs("; ", ctl->errors);
	if (ctl->command)
		help_print_usage(ctl, ctl->errors, ctl->command);
	else
		fprintf(ctl->errors, "see '%s help'\n", ctl->program->name);
	return CTL_USAGE;
}

/**
 * ctl_fail() - tell what failed, in one line
 * @code: the exit code that it means
 *
 * Return: @code.
 */
int ctl_fail(struct ctl *ctl, int code, const struct err *err)
{
	char text[sizeof(err->msg)];

	fprintf(ctl->errors, "podctl: %s\n", text_clean(text, sizeof(text), err->msg));
	return code;
}

static int common_option(struct ctl *ctl, int c)
{
	switch (c) {
	case CTL_OPT_ROOT:
		ctl->root = optarg;
		return 0;
	case CTL_OPT_JSON:
		ctl->json = true;
		return 0;
	case CTL_OPT_HELP:
		if (ctl->command)
			help_print_command(ctl, ctl->command);
		else
			help_print(ctl);
		ctl->exit_code = CTL_OK;
		return CTL_STOP;
	}
	return c;
}

/**
 * ctl_option() - the next option of a command, the common ones aside
 * @shorts: as getopt(3) has it, starts with ':' (or "+:")
 * @longs: ends with CTL_COMMON_OPTIONS
 *
 * Return: the option; -1 after the last; CTL_STOP when the command is to return
 * @ctl->exit_code, since the command line is wrong or help was asked for.
 */
int ctl_option(struct ctl *ctl, int argc, char **argv, const char *shorts,
	       const struct option *longs)
{
	int c, r = 0;

	opterr = 0;
	while (r == 0) {
		c = getopt_long(argc, argv, shorts, longs, NULL);
		if (c == '?' && optopt == 'h')
			c = CTL_OPT_HELP;
		if (c == '?' || c == ':') {
			char letter[] = { '-', (char)optopt, '\0' };
			const char *name = optopt > 0 && optopt < 256 ? letter : argv[optind - 1];

			ctl->exit_code = c == '?' ?
				ctl_usage_error(ctl, "unknown option '%s'", name) :
				ctl_usage_error(ctl, "option '%s' lacks its value", name);
			return CTL_STOP;
		}
		r = common_option(ctl, c);
	}
	return r;
}

/**
 * ctl_positional() - check how many arguments are left after the options
 *
 * Return: 0, or CTL_USAGE having told.
 */
int ctl_positional(struct ctl *ctl, int argc, char **argv, int min, int max)
{
	int n = argc - optind;

	if (n < min)
		return ctl_usage_error(ctl, "'%s' lacks an argument", ctl->command->name);
	if (n > max)
		return ctl_usage_error(ctl, "'%s' is too much", argv[optind + max]);
	return 0;
}

/**
 * ctl_open() - open podd's directories, as far as they are there, once
 *
 * Return: 0, or an exit code having told.
 */
int ctl_open(struct ctl *ctl)
{
	struct err err;

	if (ctl->opened)
		return CTL_OK;
	if (paths_open(&ctl->paths, ctl->root, PATHS_FIND, &err) < 0)
		return ctl_fail(ctl, CTL_FAILED, &err);
	ctl->opened = true;
	return 0;
}

/**
 * ctl_connect() - open podd's directories and the connection to one pod
 * @out: to be closed with conn_close()
 *
 * Return: 0, or an exit code having told.
 */
int ctl_connect(struct ctl *ctl, const char *pod, struct conn *out)
{
	struct err err;
	int r = ctl_open(ctl);

	if (r)
		return r;
	r = conn_open(out, &ctl->paths, pod, &err);
	if (r < 0)
		return ctl_fail(ctl, r == -ESRCH ? CTL_NO_POD : conn_exit_code(r), &err);
	return CTL_OK;
}

/**
 * conn_exit_code() - podctl's exit code for a call that failed
 * @r: what a function of ctl/conn.h returned
 *
 * No podd is no pod, however late that shows. What podd itself answers is never
 * taken for that.
 */
int conn_exit_code(int r)
{
	return r == -ECONNREFUSED ? CTL_NO_POD : CTL_FAILED;
}

/* A terminal acts on more than JSON has to escape. */
static void print_json(struct ctl *ctl, const json_t *document, size_t flags)
{
	if (ctl->terminal)
		flags |= JSON_ENSURE_ASCII;
	/* ctl_main() looks at the stream. */
	(void)json_dumpf(document, ctl->out, flags | JSON_TEXT_REALS);
	fputc('\n', ctl->out);
}

/**
 * ctl_print_json() - one document for other programs
 */
void ctl_print_json(struct ctl *ctl, const json_t *document)
{
	print_json(ctl, document, JSON_INDENT(2));
}

/**
 * ctl_print_json_line() - one of many documents, a line each
 */
void ctl_print_json_line(struct ctl *ctl, const json_t *document)
{
	print_json(ctl, document, JSON_COMPACT);
}

/**
 * ctl_count() - a number of things, from the command line
 *
 * Return: 0, or -EINVAL.
 */
int ctl_count(const char *text, long *out)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	if (errno || end == text || *end || n < 0)
		return -EINVAL;
	*out = n;
	return 0;
}

static const struct ctl_command *find_command(struct ctl *ctl, const char *name)
{
	struct nearest best = { .word = name };

	for (const struct ctl_command *c = ctl->program->commands; c->name; c++) {
		if (strcmp(c->name, name) == 0)
			return c;
		nearest_try(&best, c->name);
	}
	if (best.found)
		fprintf(ctl->errors, "podctl: unknown command '%s'; did you mean '%s'?\n", name,
			best.found);
	else
		(void)ctl_usage_error(ctl, "unknown command '%s'", name);
	return NULL;
}

static int run_command(struct ctl *ctl, int argc, char **argv)
{
	static const struct option longs[] = { CTL_COMMON_OPTIONS };
	int c, first;

	optind = 0; /* 0, not 1: both libcs forget an earlier scan then */
	c = ctl_option(ctl, argc, argv, "+:", longs);
	if (c == CTL_STOP)
		return ctl->exit_code;
	first = optind;
	if (first == argc)
		return ctl_usage_error(ctl, "no command");
	ctl->command = find_command(ctl, argv[first]);
	if (!ctl->command)
		return CTL_USAGE;
	optind = 0;
	return ctl->command->fn(ctl, argc - first, argv + first);
}

/**
 * ctl_main() - podctl, or a program that is one of its commands
 *
 * Return: the exit code (enum ctl_exit, or the command's own of exec).
 */
int ctl_main(const struct ctl_program *program, int argc, char **argv, FILE *out, FILE *errors)
{
	const char *no_color = getenv("NO_COLOR"); /* no-color.org: set and not empty */
	struct ctl ctl = { .out = out, .errors = errors, .program = program };
	int code;

	ctl.terminal = fileno(out) >= 0 && isatty(fileno(out));
	ctl.colour = ctl.terminal && !(no_color && *no_color);
	code = run_command(&ctl, argc, argv);
	if (ctl.opened)
		paths_close(&ctl.paths);
	errno = 0;
	if (fflush(out) != 0 || ferror(out)) {
		if (errno == EPIPE || errno == 0) /* the reader has had enough */
			return code;
		fprintf(errors, "podctl: write output: %s\n", strerror(errno));
		return code ? code : CTL_FAILED;
	}
	return code;
}
