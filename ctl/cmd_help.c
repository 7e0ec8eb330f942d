/* SPDX-License-Identifier: MIT */
/* podctl help, version, completion: about podctl itself. */
#include <string.h>

#include "ctl/ctl.h"

static const struct option common_only[] = { CTL_COMMON_OPTIONS };

/**
 * help_print() - all commands, the common options and the exit codes
 */
void help_print(const struct ctl *ctl)
{
	fprintf(ctl->out, "usage: %s [--root DIR] COMMAND [ARGUMENT...]\n\n", ctl->program->name);
	for (const struct ctl_command *c = ctl->program->commands; c->name; c++)
		fprintf(ctl->out, "  %-11s %s\n", c->name, c->summary);
	fprintf(ctl->out,
		"\n  --root DIR  podd's directories are under DIR, not under /\n"
		"  --json      facts as JSON, for other programs\n"
		"  --help      how a command is used\n\n%s", ctl->program->exit_codes);
}

/**
 * help_print_usage() - the form of a command, in one line
 */
void help_print_usage(const struct ctl *ctl, FILE *out, const struct ctl_command *command)
{
	fprintf(out, "usage: %s %s%s%s\n", ctl->program->name, command->name,
		*command->usage ? " " : "", command->usage);
}

/**
 * help_print_command() - what --help says about a command
 */
void help_print_command(const struct ctl *ctl, const struct ctl_command *command)
{
	help_print_usage(ctl, ctl->out, command);
	fprintf(ctl->out, "%s\n", command->summary);
}

/* podctl help */
int cmd_help(struct ctl *ctl, int argc, char **argv)
{
	const char *name;
	int code;

	if (ctl_option(ctl, argc, argv, ":", common_only) == CTL_STOP)
		return ctl->exit_code;
	code = ctl_positional(ctl, argc, argv, 0, 1);
	if (code)
		return code;
	if (optind == argc) {
		help_print(ctl);
		return CTL_OK;
	}
	name = argv[optind];
	for (const struct ctl_command *c = ctl->program->commands; c->name; c++) {
		if (strcmp(c->name, name) != 0)
			continue;
		help_print_command(ctl, c);
		return CTL_OK;
	}
	return ctl_usage_error(ctl, "unknown command '%s'", name);
}

/* podctl version */
int cmd_version(struct ctl *ctl, int argc, char **argv)
{
	json_auto_t *document = NULL;
	int code;

	if (ctl_option(ctl, argc, argv, ":", common_only) == CTL_STOP)
		return ctl->exit_code;
	code = ctl_positional(ctl, argc, argv, 0, 0);
	if (code)
		return code;
	if (!ctl->json) {
		fputs("podctl " PODD_VERSION "\n", ctl->out);
		return CTL_OK;
	}
	document = json_pack("{s:i, s:s, s:s}", "version", 1, "name", "podctl", "release",
			     PODD_VERSION);
	ctl_print_json(ctl, document);
	return CTL_OK;
}

/* Names, options and pods come from podctl itself, so the script never lags. */
static const char completion_head[] =
	"# bash completion for podctl\n"
	"_podctl()\n"
	"{\n"
	"\tlocal cur=${COMP_WORDS[COMP_CWORD]} options= i=1\n"
	"\twhile [[ ${COMP_WORDS[i]} == --* && $i -lt $COMP_CWORD ]]; do\n"
	"\t\t[[ ${COMP_WORDS[i]} == --root ]] && ((i++))\n"
	"\t\t((i++))\n"
	"\tdone\n"
	"\tif ((i == COMP_CWORD)); then\n"
	"\t\tCOMPREPLY=($(compgen -W \"--root --json --help";
static const char completion_options[] =
	"\" -- \"$cur\"))\n"
	"\t\treturn\n"
	"\tfi\n"
	"\tcase ${COMP_WORDS[i]} in\n";
static const char completion_tail[] =
	"\tverify) COMPREPLY=($(compgen -f -X '!*.pod' -- \"$cur\")); return ;;\n"
	"\tesac\n"
	"\tif [[ $cur == -* ]]; then\n"
	"\t\tCOMPREPLY=($(compgen -W \"--root --json --help $options\" -- \"$cur\"))\n"
	"\telse\n"
	"\t\tCOMPREPLY=($(compgen -W \"$(podctl list 2>/dev/null | awk 'NR > 1 { print $1 }')\" "
	"-- \"$cur\"))\n"
	"\tfi\n"
	"}\n"
	"complete -F _podctl podctl\n";

/* podctl completion */
int cmd_completion(struct ctl *ctl, int argc, char **argv)
{
	int code;

	if (ctl_option(ctl, argc, argv, ":", common_only) == CTL_STOP)
		return ctl->exit_code;
	code = ctl_positional(ctl, argc, argv, 0, 0);
	if (code)
		return code;
	fputs(completion_head, ctl->out);
	for (const struct ctl_command *c = ctl->program->commands; c->name; c++)
		fprintf(ctl->out, " %s", c->name);
	fputs(completion_options, ctl->out);
	for (const struct ctl_command *c = ctl->program->commands; c->name; c++)
		if (*c->options)
			fprintf(ctl->out, "\t%s) options=\"%s\" ;;\n", c->name, c->options);
	fputs(completion_tail, ctl->out);
	return CTL_OK;
}
