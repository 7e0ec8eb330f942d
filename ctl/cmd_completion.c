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
 * Each script is a fixed text around the same tables: the commands, their options, and
 * what their arguments are, which their usage tells. A command of `podctl image` goes by
 * "image NAME". Names of pods, containers and images are asked for when a key is pressed.
 */
#define COMMAND(name, usage, summary, options) { #name, NULL, usage, summary, options },

static const struct ctl_command image_commands[] = {
	CTL_IMAGE_COMMANDS(COMMAND)
	{ "help", NULL, "[COMMAND]", "this list, or how a command is used", "" },
	{ NULL, NULL, NULL, NULL, NULL },
};

/* Options that take a value: of a command, and of all. */
#define OPTIONS_MAX 16
#define VALUES_MAX  64

/* Of podd itself (supervisor/main.c). */
#define PODD_OPTIONS "--root --stop --help --version --adopts"

struct kind {
	const char *word, *kind;
};

/* What an argument is, by its word in the usage. */
static const struct kind argument_kinds[] = {
	{ "POD", "pods" },	{ "CONTAINER", "containers" }, { "POD|FILE", "pods-podfiles" },
	{ "FILE", "podfiles" }, { "FILE|-", "files" },	       { "FILE|DIR|-", "files" },
	{ "IMAGE", "images" },	{ "NAME", "images" },	       { "SHELL", "shells" },
	{ "COMMAND", "image" }, { "COMMAND|KEY", "help" },
};

/* And what the value of an option is. */
static const struct kind value_kinds[] = {
	{ "CONTAINER", "containers" },
	{ "FILE", "files" },
	{ "POLICY", "files" },
};

static const char *find_kind(const struct kind *list, size_t n, const char *word, size_t length)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(list[i].word) == length && strncmp(word, list[i].word, length) == 0)
			return list[i].kind;
	return "none";
}

struct value {
	const char *option; /* as it is on a command line, of @length bytes */
	int length;
	const char *kind;
};

/*
 * The options of a command that take a value, by its usage; a short one as the long one
 * that begins with its letter, too.
 *
 * Return: how many.
 */
static size_t find_values(struct value out[OPTIONS_MAX], const struct ctl_command *c)
{
	const char *at = c->usage, *end;
	size_t n = 0;

	for (; at[0] == '[' && at[1] == '-'; at = end + 1 + strspn(end + 1, " ")) {
		const char *blank = strchr(at, ' ');
		struct value v = { .option = at + 1 };

		end = strchr(at, ']');
		if (!blank || blank > end || n + 2 > OPTIONS_MAX)
			continue;
		v.length = (int)(blank - v.option);
		v.kind = find_kind(value_kinds, ARRAY_SIZE(value_kinds), blank + 1,
				   (size_t)(end - blank - 1));
		out[n++] = v;
		v.option = strstr(c->options, (char[]){ '-', '-', at[2], '\0' });
		if (v.length > 2 || !v.option)
			continue;
		v.length = (int)strcspn(v.option, " ");
		out[n++] = v;
	}
	return n;
}

static bool takes_value(const struct value *values, size_t n, const char *option, size_t length)
{
	for (size_t i = 0; i < n; i++)
		if ((size_t)values[i].length == length &&
		    strncmp(values[i].option, option, length) == 0)
			return true;
	return false;
}

static size_t add_values(struct value out[VALUES_MAX], size_t n, const struct ctl_command *commands)
{
	struct value of[OPTIONS_MAX];

	for (const struct ctl_command *c = commands; c->name; c++) {
		size_t of_n = find_values(of, c);

		for (size_t i = 0; i < of_n && n < VALUES_MAX; i++)
			if (!takes_value(out, n, of[i].option, (size_t)of[i].length))
				out[n++] = of[i];
	}
	return n;
}

/* Of all commands: an option that takes a value is of one kind in each. */
static size_t collect_values(struct value out[VALUES_MAX], const struct ctl_command *commands)
{
	return add_values(out, add_values(out, 0, commands), image_commands);
}

/*
 * Step to the next argument of a usage.
 *
 * @at: the usage, at first
 * @many: whether it may be given more than once
 *
 * Return: its kind, or NULL when there is no more; what follows "--" is none.
 */
static const char *next_argument(const char **at, bool *many)
{
	const char *word;
	size_t n;

	while ((*at)[0] == '[' && (*at)[1] == '-') {
		*at = strchr(*at, ']') + 1;
		*at += strspn(*at, " ");
	}
	word = *at + strspn(*at, "[");
	n = strcspn(word, "]. ");
	*at = word + strcspn(word, " ");
	*at += strspn(*at, " ");
	*many = word[n] == '.';
	return n && strncmp(word, "--", 2) != 0 ?
		       find_kind(argument_kinds, ARRAY_SIZE(argument_kinds), word, n) : NULL;
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

/* Of one command: its options and what its arguments are, as a branch of a case. */
static void print_branch(FILE *out, const char *prefix, const struct ctl_command *c)
{
	const char *at = c->usage, *kind;
	bool many;

	fprintf(out, "\t'%s%s') options='%s' args='", prefix, c->name, c->options);
	while ((kind = next_argument(&at, &many)))
		fprintf(out, "%s%s ", kind, many ? "+" : "");
	fputs("' ;;\n", out);
}

static void print_branches(FILE *out, const struct ctl_command *commands)
{
	fputs("\tcase $command in\n\t'') args=commands ;;\n", out);
	for (const struct ctl_command *c = commands; c->name; c++)
		print_branch(out, "", c);
	for (const struct ctl_command *c = image_commands; c->name; c++)
		print_branch(out, "image ", c);
	fputs("\tesac\n", out);
}

static void print_values(FILE *out, const struct ctl_command *commands)
{
	struct value values[VALUES_MAX];
	size_t n = collect_values(values, commands);

	fputs("\tlocal values=' --root=dirs ", out);
	for (size_t i = 0; i < n; i++)
		fprintf(out, "%.*s=%s ", values[i].length, values[i].option, values[i].kind);
	fputs("'\n", out);
}

static void print_names(FILE *out, const char *variable, const struct ctl_command *commands)
{
	fprintf(out, "%s='", variable);
	for (const struct ctl_command *c = commands; c->name; c++)
		fprintf(out, "%s%s", c == commands ? "" : " ", c->name);
	fputs("'\n", out);
}

static const char bash_head[] =
	"# bash completion for podctl and podd, printed by podctl completion bash\n"
	"_podctl_first() { awk 'NR > 1 && $1 !~ /^</ { print $1 }'; }\n"
	"_podctl_containers() {\n"
	"\tawk '$2 == \"TYPE\" { on = 1 } on && $2 == \"main\" { print $1 }'\n"
	"}\n"
	"# Files whose names begin so, directories with a slash; $2: of this name only.\n"
	"_podctl_files()\n"
	"{\n"
	"\tlocal name=$1\n"
	"\tif [[ $name == [\\\"\\']* ]]; then name=${name:1}; else name=${name//\\\\/}; fi\n"
	"\tcase $2 in\n"
	"\tdirs) compgen -d -- \"$name\" ;;\n"
	"\tpodfiles) compgen -d -- \"$name\"; compgen -f -X '!*.pod' -- \"$name\" ;;\n"
	"\t*) compgen -f -- \"$name\" ;;\n"
	"\tesac | sort -u\n"
	"}\n"
	"_podd()\n"
	"{\n"
	"\tlocal cur=${COMP_WORDS[COMP_CWORD]} last=${COMP_WORDS[COMP_CWORD - 1]}\n"
	"\t[[ $last != = ]] || last=${COMP_WORDS[COMP_CWORD - 2]}\n"
	"\tif [[ $last == --root ]]; then\n"
	"\t\tcompopt -o filenames 2>/dev/null\n"
	"\t\tmapfile -t COMPREPLY < <(_podctl_files \"${cur#=}\" dirs)\n"
	"\telif [[ $cur == -* ]]; then\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -W '" PODD_OPTIONS "' -- \"$cur\")\n"
	"\telse\n"
	"\t\tcompopt -o filenames 2>/dev/null\n"
	"\t\tmapfile -t COMPREPLY < <(_podctl_files \"$cur\" podfiles)\n"
	"\tfi\n"
	"}\n"
	"_podctl()\n"
	"{\n"
	"\tlocal cur last had command= options= args= kind= words= root= pod= i at=0 n=0\n"
	"\tlocal -a w=() list=() call=(podctl)\n";
static const char bash_command[] =
	"\t# The words as they were typed: bash breaks them at = and :.\n"
	"\tfor ((i = 0; i <= COMP_CWORD; i++)); do\n"
	"\t\tif ((i > 1)) && [[ ${COMP_WORDS[i]} == [=:] || ${COMP_WORDS[i - 1]} == [=:] ]]; then\n"
	"\t\t\tw[${#w[@]} - 1]+=${COMP_WORDS[i]}\n"
	"\t\telse\n"
	"\t\t\tw+=(\"${COMP_WORDS[i]}\")\n"
	"\t\tfi\n"
	"\tdone\n"
	"\tlast=$((${#w[@]} - 1)) cur=${w[last]}\n"
	"\tfor ((i = 1; i < last; i++)); do\n"
	"\t\tcase ${w[i]} in\n"
	"\t\t--root) root=${w[++i]} ;;\n"
	"\t\t--root=*) root=${w[i]#*=} ;;\n"
	"\t\t-*) ;;\n"
	"\t\t*)\n"
	"\t\t\tcommand+=${command:+ }${w[i]} at=$i\n"
	"\t\t\t[[ $command == image ]] || break\n"
	"\t\tesac\n"
	"\tdone\n";
static const char bash_tail[] =
	"\t# Its arguments; a value that an option takes is none of them.\n"
	"\tfor ((i = at ? at + 1 : i; i < last; i++)); do\n"
	"\t\tcase ${w[i]} in\n"
	"\t\t--) args=none options= n=0; break ;;\n"
	"\t\t--root) root=${w[++i]} ;;\n"
	"\t\t--root=*) root=${w[i]#*=} ;;\n"
	"\t\t-*) [[ $values != *\" ${w[i]}=\"* ]] || ((i++)) ;;\n"
	"\t\t*) ((n++)) || pod=${w[i]} ;;\n"
	"\t\tesac\n"
	"\tdone\n"
	"\tlist=($args)\n"
	"\tkind=${list[n]:-none}\n"
	"\t((n < ${#list[@]})) || [[ $args != *'+ ' ]] || kind=${list[${#list[@]} - 1]}\n"
	"\tif ((i > last)); then\n"
	"\t\tkind=${values#*\" ${w[last - 1]}=\"} kind=${kind%% *}\n"
	"\telif [[ $cur == --*=* ]]; then\n"
	"\t\tkind=none\n"
	"\t\tif [[ $values == *\" ${cur%%=*}=\"* ]]; then\n"
	"\t\t\tkind=${values#*\" ${cur%%=*}=\"} kind=${kind%% *}\n"
	"\t\tfi\n"
	"\t\tcur=${cur#*=}\n"
	"\telif [[ $cur == -* ]]; then\n"
	"\t\tkind=options\n"
	"\tfi\n"
	"\t[[ -z $root ]] || call+=(--root \"$root\")\n"
	"\tkind=${kind%+}\n"
	"\tcase $kind in\n"
	"\toptions) words=\"--root --json --help $options\" ;;\n"
	"\tcommands) words=$commands ;;\n"
	"\thelp) words=\"$commands $keys\" ;;\n"
	"\timage) words=$image_commands ;;\n"
	"\tshells) words='bash zsh fish' ;;\n"
	"\tpods*) words=$(\"${call[@]}\" list 2>/dev/null | _podctl_first) ;;\n"
	"\tcontainers)\n"
	"\t\t[[ -z $pod ]] || words=$(\"${call[@]}\" status \"$pod\" 2>/dev/null |\n"
	"\t\t\t_podctl_containers)\n"
	"\t\t;;\n"
	"\timages) words=$(\"${call[@]}\" image list 2>/dev/null | _podctl_first) ;;\n"
	"\tesac\n"
	"\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
	"\tif [[ $kind == *files || $kind == dirs ]]; then\n"
	"\t\tcompopt -o filenames 2>/dev/null\n"
	"\t\tmapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(_podctl_files \"$cur\" \"${kind#*-}\")\n"
	"\tfi\n"
	"\t# What is in front of the last colon, bash has already.\n"
	"\tif [[ $cur == *:* && $COMP_WORDBREAKS == *:* ]]; then\n"
	"\t\thad=${cur%\"${cur##*:}\"}\n"
	"\t\tCOMPREPLY=(\"${COMPREPLY[@]#\"$had\"}\")\n"
	"\tfi\n"
	"}\n"
	"complete -F _podctl podctl\n"
	"complete -F _podd podd\n";

static void print_bash(FILE *out, const struct ctl_command *commands)
{
	fputs(bash_head, out);
	print_names(out, "\tlocal commands", commands);
	print_names(out, "\tlocal image_commands", image_commands);
	print_values(out, commands);
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
	"_podctl_containers() {\n"
	"\tawk '$2 == \"TYPE\" { on = 1 } on && $2 == \"main\" { print $1 }'\n"
	"}\n"
	"_podctl() {\n"
	"\tlocal command= options= args= kind= pod= i at=0 n=0\n"
	"\tlocal -a list call=(podctl)\n"
	"\tif [[ $service == podd ]]; then\n"
	"\t\tif [[ $words[CURRENT-1] == --root ]]; then\n"
	"\t\t\t_files -/\n"
	"\t\telif [[ $words[CURRENT] == -* ]]; then\n"
	"\t\t\tcompadd -- " PODD_OPTIONS "\n"
	"\t\telse\n"
	"\t\t\t_files -g '*.pod'\n"
	"\t\tfi\n"
	"\t\treturn\n"
	"\tfi\n";
static const char zsh_command[] =
	"\tfor ((i = 2; i < CURRENT; i++)); do\n"
	"\t\tcase $words[i] in\n"
	"\t\t--root) ((i++)); call=(podctl --root ${(Q)words[i]}) ;;\n"
	"\t\t--root=*) call=(podctl --root ${(Q)${words[i]#*=}}) ;;\n"
	"\t\t-*) ;;\n"
	"\t\t*)\n"
	"\t\t\tcommand+=${command:+ }$words[i] at=$i\n"
	"\t\t\t[[ $command == image ]] || break\n"
	"\t\tesac\n"
	"\tdone\n";
static const char zsh_tail[] =
	"\tfor ((i = at ? at + 1 : i; i < CURRENT; i++)); do\n"
	"\t\tcase $words[i] in\n"
	"\t\t--) args=none options= n=0; break ;;\n"
	"\t\t--root) ((i++)); call=(podctl --root ${(Q)words[i]}) ;;\n"
	"\t\t--root=*) call=(podctl --root ${(Q)${words[i]#*=}}) ;;\n"
	"\t\t-*) [[ $values != *\" $words[i]=\"* ]] || ((i++)) ;;\n"
	"\t\t*) ((n++)) || pod=${(Q)words[i]} ;;\n"
	"\t\tesac\n"
	"\tdone\n"
	"\tlist=(${=args})\n"
	"\tkind=${list[n+1]:-none}\n"
	"\t((n < $#list)) || [[ $args != *'+ ' ]] || kind=$list[-1]\n"
	"\tif ((i > CURRENT)); then\n"
	"\t\tkind=${values#*\" $words[CURRENT-1]=\"}\n"
	"\t\tkind=${kind%% *}\n"
	"\telif [[ $words[CURRENT] == --*=* ]]; then\n"
	"\t\tkind=none\n"
	"\t\tif [[ $values == *\" ${words[CURRENT]%%=*}=\"* ]]; then\n"
	"\t\t\tkind=${values#*\" ${words[CURRENT]%%=*}=\"}\n"
	"\t\t\tkind=${kind%% *}\n"
	"\t\tfi\n"
	"\t\tcompset -P 1 '*='\n"
	"\telif [[ $words[CURRENT] == -* ]]; then\n"
	"\t\tcompadd -- --root --json --help ${=options}\n"
	"\t\treturn\n"
	"\tfi\n"
	"\tkind=${kind%+}\n"
	"\tcase $kind in\n"
	"\tcommands) _describe command commands ;;\n"
	"\thelp) _describe command commands; _describe key keys ;;\n"
	"\timage) _describe command image_commands ;;\n"
	"\tshells) compadd -- bash zsh fish ;;\n"
	"\tpods*) compadd -- ${(f)\"$($call list 2>/dev/null | _podctl_first)\"} ;;\n"
	"\tcontainers)\n"
	"\t\t[[ -z $pod ]] || compadd -- ${(f)\"$($call status $pod 2>/dev/null |\n"
	"\t\t\t_podctl_containers)\"}\n"
	"\t\t;;\n"
	"\timages) compadd -- ${(f)\"$($call image list 2>/dev/null | _podctl_first)\"} ;;\n"
	"\tdirs) _files -/ ;;\n"
	"\tesac\n"
	"\tcase $kind in\n"
	"\t*podfiles) _files -g '*.pod' ;;\n"
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
	print_values(out, commands);
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
	"# Of the pod that is on the line.\n"
	"function __podctl_containers\n"
	"\tset -l words (__podctl_words)\n"
	"\tset -q words[2]; or return\n"
	"\tpodctl (__podctl_root) status $words[2] 2>/dev/null |\n"
	"\t\tawk '$2 == \"TYPE\" { on = 1 } on && $2 == \"main\" { print $1 }'\n"
	"end\n"
	"# The command of the line, and one by one its arguments; nothing after --.\n"
	"function __podctl_words\n"
	"\tset -l words (commandline -opc)\n"
	"\tset -e words[1]\n"
	"\tset -l command\n"
	"\tset -l args\n"
	"\twhile set -q words[1]\n"
	"\t\tswitch $words[1]\n"
	"\t\tcase --\n"
	"\t\t\tset command --\n"
	"\t\t\tbreak\n"
	"\t\tcase $__podctl_valued\n"
	"\t\t\tset -e words[1]\n"
	"\t\tcase '-*'\n"
	"\t\tcase '*'\n"
	"\t\t\tif test -z \"$command\" -o \"$command\" = image\n"
	"\t\t\t\tset -a command $words[1]\n"
	"\t\t\telse\n"
	"\t\t\t\tset -a args $words[1]\n"
	"\t\t\tend\n"
	"\t\tend\n"
	"\t\tset -e words[1]\n"
	"\tend\n"
	"\tprintf '%s\\n' \"$command\" $args\n"
	"end\n"
	"# Whether this command is on the line, and no other yet.\n"
	"function __podctl_at\n"
	"\tset -l words (__podctl_words)\n"
	"\ttest \"$words[1]\" = \"$argv\"\n"
	"end\n"
	"# Whether argument $argv[1] of the command that follows is next; N+: or a later one.\n"
	"function __podctl_next\n"
	"\tset -l words (__podctl_words)\n"
	"\ttest \"$words[1]\" = \"$argv[2..-1]\"; or return\n"
	"\tif string match -q '*+' $argv[1]\n"
	"\t\ttest (count $words) -ge (string trim -c + $argv[1])\n"
	"\telse\n"
	"\t\ttest (count $words) -eq $argv[1]\n"
	"\tend\n"
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
	{ "pods-podfiles", "-a '(__podctl_pods)'" },
	{ "containers", "-a '(__podctl_containers)'" },
	{ "images", "-a '(__podctl_images)'" },
	{ "shells", "-a 'bash zsh fish'" },
	{ "files", "-F" },
	{ "podfiles", "-k -xa '(__fish_complete_suffix .pod)'" },
	{ "pods-podfiles", "-k -xa '(__fish_complete_suffix .pod)'" },
};

/* Names below the command @at. Double quotes: no text has "$" or a backslash. */
static void print_fish_names(FILE *out, const char *at, const struct ctl_command *commands)
{
	for (const struct ctl_command *c = commands; c->name; c++)
		fprintf(out, "complete -c podctl -n '__podctl_at %s' -a %s -d \"%s\"\n", at,
			c->name, c->summary);
}

/* " -c -l container" for "-c" and "--container". */
static void print_fish_option(FILE *out, const char *option, int length)
{
	if (length == 2)
		fprintf(out, " -s %c", option[1]);
	else
		fprintf(out, " -l %.*s", length - 2, option + 2);
}

static void print_fish_value(FILE *out, const char *condition, const struct value *v)
{
	fprintf(out, "complete -c podctl -n '%s'", condition);
	print_fish_option(out, v->option, v->length);
	fputs(strcmp(v->kind, "files") == 0	 ? " -r -F\n" :
	      strcmp(v->kind, "containers") == 0 ? " -x -a '(__podctl_containers)'\n" :
						   " -x\n", out);
}

static void print_fish_options(FILE *out, const char *prefix, const struct ctl_command *c)
{
	struct value values[OPTIONS_MAX];
	size_t n = find_values(values, c);
	char condition[64];

	snprintf(condition, sizeof(condition), "__podctl_at %s%s", prefix, c->name);
	for (size_t i = 0; i < n; i++)
		print_fish_value(out, condition, &values[i]);
	for (const char *at = c->options; *at; at += strspn(at, " ")) {
		size_t length = strcspn(at, " ");

		if (!takes_value(values, n, at, length)) {
			fprintf(out, "complete -c podctl -n '%s'", condition);
			print_fish_option(out, at, (int)length);
			putc('\n', out);
		}
		at += length;
	}
}

static void print_fish_command(FILE *out, const char *prefix, const struct ctl_command *c)
{
	const char *at = c->usage, *kind;
	unsigned n = 0;
	bool many;

	print_fish_options(out, prefix, c);
	while ((kind = next_argument(&at, &many))) {
		n++;
		for (size_t i = 0; i < ARRAY_SIZE(fish_kinds); i++)
			if (strcmp(kind, fish_kinds[i].kind) == 0)
				fprintf(out, "complete -c podctl -n '__podctl_next %u%s %s%s' %s\n",
					n, many ? "+" : "", prefix, c->name,
					fish_kinds[i].complete);
	}
}

/* For who counts the arguments of a line. */
static void print_fish_valued(FILE *out, const struct ctl_command *commands)
{
	struct value values[VALUES_MAX];
	size_t n = collect_values(values, commands);

	fputs("set -g __podctl_valued --root", out);
	for (size_t i = 0; i < n; i++)
		fprintf(out, " %.*s", values[i].length, values[i].option);
	putc('\n', out);
}

static void print_fish(FILE *out, const struct ctl_command *commands)
{
	fputs(fish_head, out);
	for (const char *at = PODD_OPTIONS; *at; at += strcspn(at, " "), at += strspn(at, " "))
		fprintf(out, "complete -c podd -l %.*s%s\n", (int)strcspn(at, " ") - 2, at + 2,
			strncmp(at, "--root", 6) == 0 ? " -x -a '(__fish_complete_directories)'" :
							"");
	print_fish_valued(out, commands);
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
