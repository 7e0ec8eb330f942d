/* SPDX-License-Identifier: MIT */
/* Fills the key table into a template: the man page's key lists. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "config/keys.h"
#include "version.h"

/*
 * Theory of operation
 *
 *   keydoc <TEMPLATE >FILE
 *
 * A line of the template that is a marker of the table below is replaced by
 * what its function prints; all others are copied. Runs at build time only.
 */
static void print_troff(const char *s)
{
	for (; *s; s++) {
		if (*s == '\\')
			fputs("\\e", stdout);
		else if (*s == '-')
			fputs("\\-", stdout);
		else
			putchar(*s);
	}
}

static void print_fact(const char *label, const char *s)
{
	if (!s)
		return;
	fputs(label, stdout);
	print_troff(s);
	fputs(".\n", stdout);
}

/* What podctl reload does about a change of it. */
static const char *const changes[] = {
	[CONFIG_CHANGE_LIVE] = "takes effect without a restart",
	[CONFIG_CHANGE_RESTART] = "restarts the container",
	[CONFIG_CHANGE_NEW_POD] = "is refused: needs podctl stop and a new start",
};

static void print_man(enum config_section section)
{
	for (size_t i = 0; i < CONFIG_KEY_N; i++) {
		const struct config_key *k = &config_keys[i];

		if (k->section != section)
			continue;
		printf(".TP\n.BI %s= \"", k->name);
		print_troff(k->form);
		printf("\"\n");
		print_troff(k->about);
		printf("\n%s%s", k->required ? "Must be given.\n" : "",
		       k->list ? "May be given more than once; empty, it starts over.\n" : "");
		print_fact("A bare number is in ", k->unit);
		print_fact("At least ", k->min);
		print_fact("At most ", k->max);
		print_fact("Default: ", config_key_default(k));
		print_fact("A change of it, reloaded, ", k->section == CONFIG_NETWORK &&
			   k->change == CONFIG_CHANGE_RESTART ? "restarts all containers" :
								changes[k->change]);
		print_fact("A change from or to it restarts the container: ",
			   k->restart_word ? k->words[k->restart_word] : NULL);
		print_fact("Since podd ", k->since);
	}
}

static void print_version(enum config_section section)
{
	(void)section;
	printf(".TH PODD.POD 5 \"2026-11-22\" \"podd " PODD_VERSION "\" \"File formats\"\n");
}

static const struct {
	const char *line;
	void (*print)(enum config_section section);
	enum config_section section;
} markers[] = {
	{ ".\\\" @TITLE@\n", print_version, 0 },
	{ ".\\\" @KEYS Pod@\n", print_man, CONFIG_POD },
	{ ".\\\" @KEYS Network@\n", print_man, CONFIG_NETWORK },
	{ ".\\\" @KEYS Container@\n", print_man, CONFIG_CONTAINER },
};

static void fill(const char *line)
{
	for (size_t i = 0; i < ARRAY_SIZE(markers); i++) {
		if (strcmp(line, markers[i].line) == 0) {
			markers[i].print(markers[i].section);
			return;
		}
	}
	fputs(line, stdout);
}

int main(void)
{
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, stdin) > 0)
		fill(line);
	free(line);
	if (ferror(stdin) || fflush(stdout) == EOF) {
		perror("keydoc");
		return 1;
	}
	return 0;
}
