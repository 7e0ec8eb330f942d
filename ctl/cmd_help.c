/* SPDX-License-Identifier: MIT */
/* podctl help, version: about podctl itself, and about the keys of pod files. */
#include <string.h>

#include "config/keys.h"
#include "ctl/ctl.h"
#include "version.h"

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

/* What podd.pod(5) says of a key, in each section that has it. */
static bool print_key(const struct ctl *ctl, const char *name)
{
	bool found = false;

	for (enum config_section section = 0; section < CONFIG_SECTION_N; section++) {
		const struct config_key *k = config_key_find(section, name);

		if (!k)
			continue;
		found = true;
		fprintf(ctl->out, "[%s] %s=%s\n  %s\n", config_section_names[section], k->name,
			k->form, k->about);
		if (k->unit)
			fprintf(ctl->out, "  A bare number is in %s\n", k->unit);
		if (config_key_default(k))
			fprintf(ctl->out, "  Default: %s\n", config_key_default(k));
	}
	return found;
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
	if (print_key(ctl, name))
		return CTL_OK;
	return ctl_usage_error(ctl, "unknown command or key '%s'", name);
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
