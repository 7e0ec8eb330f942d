/* SPDX-License-Identifier: MIT */
/* The man pages and the tables that the programs work by say the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/io.h"
#include "config/keys.h"
#include "config/value.h"
#include "ctl/ctl.h"
#include "ctl/image_commands.h"

#define PAGE_MAX ((size_t)128 * 1024)

/* The build directory is two above this program: BUILD/tests/unit/test_docs. */
static void build_directory(char out[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 1);

	assert_true(n > 0);
	out[n] = '\0';
	for (int i = 0; i < 3; i++)
		*strrchr(out, '/') = '\0';
}

/* To be freed by the caller. */
static char *page(const char *dir, const char *name)
{
	char *text = malloc(PAGE_MAX), path[PATH_MAX + 64];
	struct err err = { 0 };

	assert_non_null(text);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (io_read_file(AT_FDCWD, path, text, PAGE_MAX, &err) < 0)
		fail_msg("%s", err.msg);
	return text;
}

/* The keys that the page of pod files has, one after the other, by section. */
static void podd_pod__keys__are_those_of_the_table(void **state)
{
	char build[PATH_MAX], *text, *rest, *line;
	const char *section = "";
	size_t i = 0;

	(void)state;
	build_directory(build);
	text = rest = page(build, "docs/man/podd.pod.5");
	while ((line = strsep(&rest, "\n"))) {
		if (strncmp(line, ".SH SECTION [", 13) == 0)
			section = line + 13;
		if (strncmp(line, ".BI ", 4) != 0 || !strstr(line, "= \""))
			continue;
		line += 4;
		*strchr(line, '=') = '\0';
		assert_in_range(i, 0, CONFIG_KEY_N - 1);
		assert_string_equal(line, config_keys[i].name);
		assert_memory_equal(section, config_section_names[config_keys[i].section],
				    strlen(config_section_names[config_keys[i].section]));
		i++;
	}
	assert_int_equal(i, CONFIG_KEY_N);
	free(text);
}

static bool is_rlimit(const struct config_key *k)
{
	return k->section == CONFIG_CONTAINER && strncmp(k->name, "Limit", 5) == 0;
}

/* Something holds for each choice and each number, also when nothing is said. */
static bool has_default(const struct config_key *k)
{
	return k->fallback || k->words || is_rlimit(k) ||
	       k->type == &config_type_count || k->type == &config_type_percent;
}

/* What the page says of each key: since when it is there, its default, its unit. */
static void podd_pod__keys__have_all_their_facts(void **state)
{
	char build[PATH_MAX], *text, *entry;

	(void)state;
	build_directory(build);
	text = page(build, "docs/man/podd.pod.5");
	entry = strstr(text, ".SH SECTION [");
	for (size_t i = 0; i < CONFIG_KEY_N; i++) {
		const struct config_key *k = &config_keys[i];
		char start[64], *end;

		snprintf(start, sizeof(start), "\n.BI %s= ", k->name);
		entry = strstr(entry, start) + 1;
		end = strstr(entry, "\n.TP");
		if (end)
			*end = '\0';
		if (!k->since || !strstr(entry, "\nSince podd ") ||
		    (has_default(k) && !strstr(entry, "\nDefault: ")) ||
		    (is_rlimit(k) && !strstr(entry, "infinity")) ||
		    (k->inherit && !strstr(entry, "\nDefault: what [Pod] says.")) ||
		    (k->unit && !strstr(entry, "\nA bare number is in ")) ||
		    (k->min && !strstr(entry, "\nAt least ")) ||
		    (k->max && !strstr(entry, "\nAt most ")))
			fail_msg("of %s= the page says only:\n%s", k->name, entry);
		if (end)
			*end = '\n';
	}
	free(text);
}

/* Every one of @words, options, is in @text. */
static void assert_has_options(const char *text, const char *words, const char *of)
{
	char entry[64];

	while (*words) {
		size_t n = strcspn(words, " ");

		/* "--tail" is "Fl -tail" or ", -tail" in a page. */
		snprintf(entry, sizeof(entry), " %.*s", (int)n - 1, words + 1);
		if (!strstr(text, entry))
			fail_msg("%s: no option '%.*s'", of, (int)n, words);
		words += n + strspn(words + n, " ");
	}
}

/* Of a page, what it says of one command; to be freed by the caller. */
static char *section_of(const char *text, const char *command)
{
	static const char *const starts[] = { "\n.It Cm %s", "\n.Cm %s" };
	char entry[64];
	const char *at = NULL, *end;

	for (size_t i = 0; i < ARRAY_SIZE(starts) && !at; i++) {
		snprintf(entry, sizeof(entry), starts[i], command);
		at = strstr(text, ".Sh COMMANDS") ? strstr(strstr(text, ".Sh COMMANDS"), entry) :
						    strstr(text, entry);
		if (at && !strchr(" \n", at[strlen(entry)]))
			at = NULL;
	}
	if (!at) {
		fail_msg("no command '%s'", command);
		return NULL; /* it has not returned; the compiler does not know */
	}
	end = strstr(at + 1, "\n.It Cm ");
	return end ? strndup(at, (size_t)(end - at)) : strdup(at);
}

static void assert_page_has(const char *name, const struct ctl_command *commands)
{
	char *text = page("docs/man", name);

	for (const struct ctl_command *c = commands; c->name; c++) {
		char *section = section_of(text, c->name);

		assert_has_options(section, c->options, c->name);
		free(section);
	}
	free(text);
}

/* podctl image, without the functions that do it */
#define COMMAND(name, usage, summary, options) { #name, NULL, usage, summary, options },
static const struct ctl_command image_commands[] = {
	CTL_IMAGE_COMMANDS(COMMAND)
	{ NULL, NULL, NULL, NULL, NULL },
};

static void podctl__commands__are_those_of_the_table(void **state)
{
	(void)state;
	assert_page_has("podctl.1", ctl_podctl.commands);
	assert_page_has("podctl-image.1", image_commands);
}

/* What completions offer is what getopt takes, and what the usage line shows. */
static void podctl__options__are_those_it_takes(void **state)
{
	(void)state;
	for (const struct ctl_command *c = ctl_podctl.commands; c->name; c++) {
		const char *at = c->options;

		while (*at) {
			char option[32], *said = NULL;
			size_t n = strcspn(at, " "), size;
			FILE *out = open_memstream(&said, &size);
			char *argv[] = { (char *)"podctl", (char *)"--root", (char *)"/nowhere",
					 (char *)c->name, option, (char *)"--help", NULL };

			snprintf(option, sizeof(option), "%.*s", (int)n, at);
			(void)ctl_main(&ctl_podctl, 6, argv, out, out);
			fclose(out);
			if (strstr(said, "unknown option"))
				fail_msg("%s: %s", c->name, said);
			free(said);
			at += n + strspn(at + n, " ");
		}
	}
}

static void podctl__usage__has_no_option_that_is_not_offered(void **state)
{
	const struct ctl_command *const tables[] = { ctl_podctl.commands, image_commands };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		for (const struct ctl_command *c = tables[i]; c->name; c++) {
			for (const char *at = c->usage; (at = strstr(at, "--")); at += 2) {
				char option[32];

				snprintf(option, sizeof(option), "%.*s",
					 (int)strcspn(at, " ]"), at);
				if (option[2] && !strstr(c->options, option))
					fail_msg("%s: '%s' is not completed", c->name, option);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(podd_pod__keys__are_those_of_the_table),
		cmocka_unit_test(podd_pod__keys__have_all_their_facts),
		cmocka_unit_test(podctl__commands__are_those_of_the_table),
		cmocka_unit_test(podctl__options__are_those_it_takes),
		cmocka_unit_test(podctl__usage__has_no_option_that_is_not_offered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
