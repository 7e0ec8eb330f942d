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
#include "ctl/ctl.h"

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

/* Completions know a key once, whatever sections it is in. */
static void completions__keys__are_those_of_the_table(void **state)
{
	char build[PATH_MAX], entry[96], *text;

	(void)state;
	build_directory(build);
	text = page(build, "docs/completions/_podctl");
	for (size_t i = 0; i < CONFIG_KEY_N; i++) {
		const char *at;

		snprintf(entry, sizeof(entry), "\t\"%s:", config_keys[i].name);
		at = strstr(text, entry);
		if (!at)
			fail_msg("no completion of '%s'", config_keys[i].name);
		assert_null(strstr(at + 1, entry));
	}
	free(text);
}

static void podctl__commands__are_those_of_the_table(void **state)
{
	char *text = page("docs/man", "podctl.1");
	char entry[64], *at;

	(void)state;
	for (const struct ctl_command *c = ctl_podctl.commands; c->name; c++) {
		snprintf(entry, sizeof(entry), "\n.It Cm %s", c->name);
		at = strstr(text, entry);
		if (!at || !strchr(" \n", at[strlen(entry)]))
			fail_msg("podctl.1 has no command '%s'", c->name);
	}
	free(text);
}

static void podd__version__is_that_of_the_program(void **state)
{
	char *text = page("docs/man", "podd.8");

	(void)state;
	if (!strstr(text, "\"podd " PODD_VERSION "\""))
		fail_msg("podd.8 is not of version " PODD_VERSION);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(podd_pod__keys__are_those_of_the_table),
		cmocka_unit_test(completions__keys__are_those_of_the_table),
		cmocka_unit_test(podctl__commands__are_those_of_the_table),
		cmocka_unit_test(podd__version__is_that_of_the_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
