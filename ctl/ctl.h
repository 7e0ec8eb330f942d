/* SPDX-License-Identifier: MIT */
/* What the commands of podctl share: options, output, exit codes. */
#pragma once

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"
#include "base/json.h"
#include "base/paths.h"
#include "ctl/conn.h"

/*
 * Theory of operation
 *
 * podctl is a table of commands (ctl/ctl.c). Each parses its own options,
 * asks podd or reads files, and prints either one JSON document or text. Text is
 * aligned by spaces and the same whether it goes to a terminal or not, but for
 * the colours.
 *
 * Strings that podd hands on may come out of a container: whatever is printed as
 * text goes through text_clean() first, so that it cannot drive the terminal.
 */
enum ctl_exit {
	CTL_OK = 0,
	CTL_FAILED = 1,
	CTL_USAGE = 2,
	CTL_NO_POD = 3, /* no such pod, or it is not running */
	CTL_NEEDS_NEW_POD = 4, /* podctl reload only */
	/* podctl exec only, as docker and podman have them */
	CTL_EXEC_FAILED = 125,
	CTL_EXEC_NOT_EXECUTABLE = 126,
	CTL_EXEC_NOT_FOUND = 127,
};

struct ctl_command;

/* podctl, or one of its commands that has commands of its own. */
struct ctl_program {
	const char *name; /* as it is typed */
	const struct ctl_command *commands; /* ends with a NULL name */
	const char *exit_codes;		    /* for help */
};

struct ctl {
	FILE *out, *errors;
	const struct ctl_program *program;
	const struct ctl_command *command;
	const char *root; /* of --root, or NULL */
	bool json;
	bool terminal;    /* @out is one */
	bool colour;      /* of @out */
	struct paths paths; /* once ctl_open() succeeded */
	bool opened;
	int exit_code; /* when ctl_option() says stop */
};

struct ctl_command {
	const char *name;
	int (*fn)(struct ctl *ctl, int argc, char **argv); /* returns the exit code */
	const char *usage;   /* what comes after the name */
	const char *summary; /* one line, lower case */
	const char *options; /* for completion, beside the common ones */
};

extern const struct ctl_program ctl_podctl;

int ctl_main(const struct ctl_program *program, int argc, char **argv, FILE *out, FILE *errors);

/* Every command's table of long options ends with these. */
enum { CTL_OPT_ROOT = 1000, CTL_OPT_JSON, CTL_OPT_HELP, CTL_OPT_FIRST };
#define CTL_COMMON_OPTIONS                                         \
	{ "root", required_argument, NULL, CTL_OPT_ROOT },         \
		{ "json", no_argument, NULL, CTL_OPT_JSON },       \
		{ "help", no_argument, NULL, CTL_OPT_HELP },       \
	{                                                          \
		NULL, 0, NULL, 0                                   \
	}
#define CTL_STOP (-2)

int ctl_option(struct ctl *ctl, int argc, char **argv, const char *shorts,
	       const struct option *longs);
int ctl_positional(struct ctl *ctl, int argc, char **argv, int min, int max);
int ctl_open(struct ctl *ctl);
int ctl_usage_error(struct ctl *ctl, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int ctl_fail(struct ctl *ctl, int code, const struct err *err);
int conn_exit_code(int r);
int ctl_connect(struct ctl *ctl, const char *pod, struct conn *out);
void ctl_print_json(struct ctl *ctl, const json_t *document);
void ctl_print_json_line(struct ctl *ctl, const json_t *document);
int ctl_count(const char *text, long *out);
void help_print(const struct ctl *ctl);
void help_print_command(const struct ctl *ctl, const struct ctl_command *command);
void help_print_usage(const struct ctl *ctl, FILE *out, const struct ctl_command *command);

int cmd_list(struct ctl *ctl, int argc, char **argv);
int cmd_status(struct ctl *ctl, int argc, char **argv);
int cmd_logs(struct ctl *ctl, int argc, char **argv);
int cmd_exec(struct ctl *ctl, int argc, char **argv);
int cmd_stop(struct ctl *ctl, int argc, char **argv);
int cmd_restart(struct ctl *ctl, int argc, char **argv);
int cmd_pause(struct ctl *ctl, int argc, char **argv);
int cmd_unpause(struct ctl *ctl, int argc, char **argv);
int cmd_reload(struct ctl *ctl, int argc, char **argv);
int cmd_kill(struct ctl *ctl, int argc, char **argv);
int cmd_inspect(struct ctl *ctl, int argc, char **argv);
int cmd_events(struct ctl *ctl, int argc, char **argv);
int cmd_upgrade(struct ctl *ctl, int argc, char **argv);
int cmd_gc(struct ctl *ctl, int argc, char **argv);
int cmd_verify(struct ctl *ctl, int argc, char **argv);
int cmd_security(struct ctl *ctl, int argc, char **argv);
int cmd_image(struct ctl *ctl, int argc, char **argv);
int cmd_version(struct ctl *ctl, int argc, char **argv);
int cmd_help(struct ctl *ctl, int argc, char **argv);
int cmd_completion(struct ctl *ctl, int argc, char **argv);
