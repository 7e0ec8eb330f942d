/* SPDX-License-Identifier: MIT */
/* podctl completion: scripts for bash, zsh and fish, made of the tables of commands and keys. */
#include <string.h>

#include "base/fd.h"
#include "config/keys.h"
#include "ctl/ctl.h"
#include "ctl/image_commands.h"

/*
 * Theory of operation
 *
 * Each script is a fixed text around the same tables: the commands, their
 * options, and what their argument is. A command of `podctl image` goes by
 * "image NAME". Names of pods and images are asked for when a key is pressed.
 */
#define COMMAND(name, usage, summary, options) { #name, NULL, usage, summary, options },

static const struct ctl_command image_commands[] = {
	CTL_IMAGE_COMMANDS(COMMAND)
	{ "help", NULL, "[COMMAND]", "this list, or how a command is used", "" },
	{ NULL, NULL, NULL, NULL, NULL },
};

/* What a command takes, by the first word of its usage that is no option. */
static const struct {
	const char *word, *kind;
} kinds[] = {
	{ "POD", "pods" },     { "FILE...", "podfiles" }, { "FILE|", "files" },
	{ "IMAGE", "images" }, { "NAME", "images" },	  { "SHELL", "shells" },
};

static const char *kind_of(const struct ctl_command *c)
{
	const char *at = c->usage;

	while (at[0] == '[' && at[1] == '-') {
		at = strchr(at, ']') + 1;
		at += strspn(at, " ");
	}
	at += strspn(at, "[");
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strncmp(at, kinds[i].word, strlen(kinds[i].word)) == 0)
			return kinds[i].kind;
	return "none";
}

/* A text in single quotes, as zsh has them. */
static void print_quoted(FILE *out, const char *text)
{
	putc('\'', out);
	for (; *text; text++)
		fputs(*text == '\'' ? "'\\''" : (char[]){ *text, '\0' }, out);
	putc('\'', out);
}

/* A key that is in two sections is one for whoever completes. */
static bool is_repeated(size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (strcmp(config_keys[k].name, config_keys[i].name) == 0)
			return true;
	return false;
}

/* ------------------------------------------------------------------------ bash and zsh */

/* Of one command: its options and what its argument is, as a branch of a case. */
static void print_branch(FILE *out, const char *prefix, const struct ctl_command *c)
{
	fprintf(out, "\t'%s%s') options='%s' kind=%s ;;\n", prefix, c->name, c->options,
		strcmp(c->name, "help") == 0  ? *prefix ? "image" : "help" :
		strcmp(c->name, "image") == 0 ? "image" :
						kind_of(c));
}

static void print_branches(FILE *out, const struct ctl_command *commands)
{
	fputs("\tcase $command in\n\t'') kind=commands ;;\n", out);
	for (const struct ctl_command *c = commands; c->name; c++)
		print_branch(out, "", c);
	for (const struct ctl_command *c = image_commands; c->name; c++)
		print_branch(out, "image ", c);
	fputs("\tesac\n", out);
}

static void print_names(FILE *out, const char *variable, const struct ctl_command *commands)
{
	fprintf(out, "%s='", variable);
	for (const struct ctl_command *c = commands; c->name; c++)
		fprintf(out, "%s%s", c == commands ? "" : " ", c->name);
	fputs("'\n", out);
}

static const char bash_head[] =
	"# bash completion for podctl, printed by podctl completion bash\n"
	"_podctl_first() { awk 'NR > 1 && $1 !~ /^</ { print $1 }'; }\n"
	"_podctl()\n"
	"{\n"
	"\tlocal cur=${COMP_WORDS[COMP_CWORD]} command= options= kind=none words= root= i\n";
static const char bash_command[] =
	"\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	"\t\tcase ${COMP_WORDS[i]} in\n"
	"\t\t--root)\n"
	"\t\t\t((i++))\n"
	"\t\t\t[[ ${COMP_WORDS[i]} != = ]] || ((i++)) # a word break: --root=DIR\n"
	"\t\t\troot=${COMP_WORDS[i]}\n"
	"\t\t\t;;\n"
	"\t\t--root=*) root=${COMP_WORDS[i]#*=} ;;\n"
	"\t\t-*) ;;\n"
	"\t\t*)\n"
	"\t\t\tcommand+=${command:+ }${COMP_WORDS[i]}\n"
	"\t\t\t[[ $command == image ]] || break\n"
	"\t\tesac\n"
	"\tdone\n";
static const char bash_tail[] =
	"\tif [[ $cur == -* ]]; then\n"
	"\t\twords=\"--root --json --help $options\"\n"
	"\telse\n"
	"\t\tcase $kind in\n"
	"\t\tcommands) words=$commands ;;\n"
	"\t\thelp) words=\"$commands $keys\" ;;\n"
	"\t\timage) words=$image_commands ;;\n"
	"\t\tshells) words='bash zsh fish' ;;\n"
	"\t\tpods) words=$(podctl ${root:+--root \"$root\"} list 2>/dev/null | _podctl_first) ;;\n"
	"\t\timages) words=$(podctl ${root:+--root \"$root\"} image list "
	"2>/dev/null | _podctl_first) ;;\n"
	"\t\tpodfiles) COMPREPLY=($(compgen -f -X '!*.pod' -- \"$cur\")); return ;;\n"
	"\t\tfiles) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n"
	"\t\tesac\n"
	"\tfi\n"
	"\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
	"}\n"
	"complete -F _podctl podctl\n";

static void print_bash(FILE *out, const struct ctl_command *commands)
{
	fputs(bash_head, out);
	print_names(out, "\tlocal commands", commands);
	print_names(out, "\tlocal image_commands", image_commands);
	fputs("\tlocal keys='", out);
	for (size_t i = 0; i < CONFIG_KEY_N; i++)
		if (!is_repeated(i))
			fprintf(out, "%s%s", i ? " " : "", config_keys[i].name);
	fputs("'\n", out);
	fputs(bash_command, out);
	print_branches(out, commands);
	fputs(bash_tail, out);
}

/* With what each is, in the form that _describe takes. */
static void print_described(FILE *out, const char *variable, const struct ctl_command *commands)
{
	fprintf(out, "\tlocal -a %s=(\n", variable);
	for (const struct ctl_command *c = commands; c->name; c++) {
		fprintf(out, "\t\t%s:", c->name);
		print_quoted(out, c->summary);
		putc('\n', out);
	}
	fputs("\t)\n", out);
}

static const char zsh_head[] =
	"#compdef podctl podd\n"
	"# zsh completion for podctl and podd, printed by podctl completion zsh\n"
	"_podctl_first() { awk 'NR > 1 && $1 !~ /^</ { print $1 }'; }\n"
	"_podctl() {\n"
	"\tlocal command= options= kind=none root= i\n"
	"\tif [[ $service == podd ]]; then\n"
	"\t\t_files -g '*.pod'\n"
	"\t\treturn\n"
	"\tfi\n";
static const char zsh_command[] =
	"\tfor ((i = 2; i < CURRENT; i++)); do\n"
	"\t\tcase $words[i] in\n"
	"\t\t--root) ((i++)); root=${(Q)words[i]} ;;\n"
	"\t\t--root=*) root=${(Q)${words[i]#*=}} ;;\n"
	"\t\t-*) ;;\n"
	"\t\t*)\n"
	"\t\t\tcommand+=${command:+ }$words[i]\n"
	"\t\t\t[[ $command == image ]] || break\n"
	"\t\tesac\n"
	"\tdone\n";
static const char zsh_tail[] =
	"\tif [[ $words[CURRENT] == -* ]]; then\n"
	"\t\tcompadd -- --root --json --help ${=options}\n"
	"\t\treturn\n"
	"\tfi\n"
	"\tcase $kind in\n"
	"\tcommands) _describe command commands ;;\n"
	"\thelp) _describe command commands; _describe key keys ;;\n"
	"\timage) _describe command image_commands ;;\n"
	"\tshells) compadd -- bash zsh fish ;;\n"
	"\tpods) compadd -- ${(f)\"$(podctl ${root:+--root} ${root:+\"$root\"} list "
	"2>/dev/null | _podctl_first)\"} ;;\n"
	"\timages) compadd -- ${(f)\"$(podctl ${root:+--root} ${root:+\"$root\"} image list "
	"2>/dev/null | _podctl_first)\"} ;;\n"
	"\tpodfiles) _files -g '*.pod' ;;\n"
	"\tfiles) _files ;;\n"
	"\tesac\n"
	"}\n"
	"compdef _podctl podctl podd 2>/dev/null\n"
	"[[ ${funcstack[1]:-} != _podctl ]] || _podctl \"$@\"\n";

static void print_zsh(FILE *out, const struct ctl_command *commands)
{
	fputs(zsh_head, out);
	print_described(out, "commands", commands);
	print_described(out, "image_commands", image_commands);
	fputs("\tlocal -a keys=(\n", out);
	for (size_t i = 0; i < CONFIG_KEY_N; i++) {
		if (is_repeated(i))
			continue;
		fprintf(out, "\t\t%s:", config_keys[i].name);
		print_quoted(out, config_keys[i].about);
		putc('\n', out);
	}
	fputs("\t)\n", out);
	fputs(zsh_command, out);
	print_branches(out, commands);
	fputs(zsh_tail, out);
}

/* -------------------------------------------------------------------------------- fish */

static const char fish_head[] =
	"# fish completion for podctl and podd, printed by podctl completion fish\n"
	"function __podctl_first\n"
	"\tawk 'NR > 1 && $1 !~ /^</ { print $1 }'\n"
	"end\n"
	"# The --root of the line, if it has one.\n"
	"function __podctl_root\n"
	"\tset -l words (commandline -opc)\n"
	"\tset -l at (contains -i -- --root $words)\n"
	"\tif set -q at[1]\n"
	"\t\tprintf '%s\\n' --root $words[(math $at + 1)]\n"
	"\telse\n"
	"\t\tstring match -- '--root=*' $words\n"
	"\tend\n"
	"end\n"
	"function __podctl_pods\n"
	"\tpodctl (__podctl_root) list 2>/dev/null | __podctl_first\n"
	"end\n"
	"function __podctl_images\n"
	"\tpodctl (__podctl_root) image list 2>/dev/null | __podctl_first\n"
	"end\n"
	"# Whether this command is on the line, and no other yet.\n"
	"function __podctl_at\n"
	"\tset -l words (commandline -opc)\n"
	"\tset -e words[1]\n"
	"\tset -l command\n"
	"\twhile set -q words[1]\n"
	"\t\tswitch $words[1]\n"
	"\t\tcase --root\n"
	"\t\t\tset -e words[1]\n"
	"\t\tcase '-*'\n"
	"\t\tcase '*'\n"
	"\t\t\tset -a command $words[1]\n"
	"\t\t\ttest \"$command\" = image; or break\n"
	"\t\tend\n"
	"\t\tset -e words[1]\n"
	"\tend\n"
	"\ttest \"$command\" = \"$argv\"\n"
	"end\n"
	"complete -c podd -k -xa '(__fish_complete_suffix .pod)'\n"
	"complete -c podctl -f\n"
	"complete -c podctl -l root -x -a '(__fish_complete_directories)'\n"
	"complete -c podctl -l json -d 'facts as JSON'\n"
	"complete -c podctl -l help -d 'how a command is used'\n";

static const struct {
	const char *kind, *complete;
} fish_kinds[] = {
	{ "pods", "-a '(__podctl_pods)'" },
	{ "images", "-a '(__podctl_images)'" },
	{ "shells", "-a 'bash zsh fish'" },
	{ "files", "-F" },
	{ "podfiles", "-k -xa '(__fish_complete_suffix .pod)'" },
};

/* Names below the command @at. Double quotes: no text has "$" or a backslash. */
static void print_fish_names(FILE *out, const char *at, const struct ctl_command *commands)
{
	for (const struct ctl_command *c = commands; c->name; c++)
		fprintf(out, "complete -c podctl -n '__podctl_at %s' -a %s -d \"%s\"\n", at,
			c->name, c->summary);
}

static void print_fish_command(FILE *out, const char *prefix, const struct ctl_command *c)
{
	const char *kind = kind_of(c), *at = c->options;

	while (*at) {
		size_t n = strcspn(at, " ");

		fprintf(out, "complete -c podctl -n '__podctl_at %s%s' -l %.*s\n", prefix, c->name,
			(int)n - 2, at + 2);
		at += n + strspn(at + n, " ");
	}
	for (size_t i = 0; i < ARRAY_SIZE(fish_kinds); i++)
		if (strcmp(kind, fish_kinds[i].kind) == 0)
			fprintf(out, "complete -c podctl -n '__podctl_at %s%s' %s\n", prefix,
				c->name, fish_kinds[i].complete);
}

static void print_fish(FILE *out, const struct ctl_command *commands)
{
	fputs(fish_head, out);
	print_fish_names(out, "", commands);
	print_fish_names(out, "help", commands);
	print_fish_names(out, "image", image_commands);
	print_fish_names(out, "image help", image_commands);
	for (const struct ctl_command *c = commands; c->name; c++)
		print_fish_command(out, "", c);
	for (const struct ctl_command *c = image_commands; c->name; c++)
		print_fish_command(out, "image ", c);
	for (size_t i = 0; i < CONFIG_KEY_N; i++)
		if (!is_repeated(i))
			fprintf(out, "complete -c podctl -n '__podctl_at help' -a %s -d \"%s\"\n",
				config_keys[i].name, config_keys[i].about);
}

static const struct {
	const char *name;
	void (*print)(FILE *out, const struct ctl_command *commands);
} shells[] = {
	{ "bash", print_bash },
	{ "zsh", print_zsh },
	{ "fish", print_fish },
};

/* podctl completion */
int cmd_completion(struct ctl *ctl, int argc, char **argv)
{
	static const struct option common_only[] = { CTL_COMMON_OPTIONS };
	const char *name = "bash";
	int code;

	if (ctl_option(ctl, argc, argv, ":", common_only) == CTL_STOP)
		return ctl->exit_code;
	code = ctl_positional(ctl, argc, argv, 0, 1);
	if (code)
		return code;
	if (optind < argc)
		name = argv[optind];
	for (size_t i = 0; i < ARRAY_SIZE(shells); i++) {
		if (strcmp(name, shells[i].name) == 0) {
			shells[i].print(ctl->out, ctl->program->commands);
			return CTL_OK;
		}
	}
	return ctl_usage_error(ctl, "no completion for '%s': it is for bash, zsh and fish", name);
}
