/* SPDX-License-Identifier: MIT */
/* ctl/show and ctl/text: exact output, and nothing that drives a terminal. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "ctl/ctl.h"
#include "ctl/show.h"
#include "ctl/text.h"

enum what { STATUS, LIST, EVENT };

/* The caller frees it. */
static char *shown(enum what what, const char *json, bool colour)
{
	json_t *v = json_loads(json, JSON_DECODE_ANY, NULL);
	char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	assert_non_null(v);
	assert_non_null(out);
	if (what == STATUS)
		show_status(out, v, colour);
	else if (what == LIST)
		show_list(out, v, colour);
	else
		show_event(out, v);
	fclose(out);
	json_decref(v);
	return text;
}

static void assert_shown(enum what what, const char *json, bool colour, const char *expected)
{
	cleanup_free char *text = shown(what, json, colour);

	assert_string_equal(text, expected);
}

static void text_clean__escapes__question_marks(void **state)
{
	char buf[32];

	(void)state;
	assert_string_equal(text_clean(buf, sizeof(buf), "a\033[31mb\r\nc\x7f"), "a?[31mb??c?");
	assert_string_equal(text_clean(buf, sizeof(buf), "\xc2\x9b" "31m"), "?31m");
	assert_string_equal(text_clean(buf, sizeof(buf), "caf\xc3\xa9"), "caf\xc3\xa9");
	assert_string_equal(text_clean(buf, 4, "abcdef"), "abc");
}

static void status__colour__only_the_states(void **state)
{
	(void)state;
	assert_shown(STATUS,
		     "{\"name\":\"web\",\"state\":\"running\",\"ready\":true,\"containers\":["
		     "{\"name\":\"running\",\"type\":\"main\",\"state\":\"failed\",\"restarts\":1,"
		     "\"ready\":false,\"last\":{\"exit_code\":2,\"signal\":null,\"reason\":"
		     "\"Error\"}}]}",
		     true,
		     "pod web: \033[32mrunning\033[0m, ready\n"
		     "CONTAINER  TYPE  STATE   READY  PID  RESTARTS  STARTED  LAST\n"
		     "running    main  \033[31mfailed\033[0m  no     -    1         -        "
		     "Error (exit 2)\n");
}

static void status__warnings_and_hostile_text__clean_lines(void **state)
{
	(void)state;
	assert_shown(STATUS,
		     "{\"name\":\"w\\u001b[2J\",\"state\":\"degraded\",\"ready\":false,"
		     "\"warnings\":[\"no controller\\nmemory\"],\"containers\":[]}",
		     true,
		     "pod w?[2J: degraded, not ready\n"
		     "warning: no controller?memory\n"
		     "CONTAINER  TYPE  STATE  READY  PID  RESTARTS  STARTED  LAST\n");
}

static void status__wrong_types__dashes_not_a_crash(void **state)
{
	(void)state;
	assert_shown(STATUS, "{\"name\":7,\"state\":[],\"containers\":[{},{\"last\":\"x\"}]}",
		     false,
		     "pod : , not ready\n"
		     "CONTAINER  TYPE  STATE  READY  PID  RESTARTS  STARTED  LAST\n"
		     "-          -     -      -      -    -         -        -\n"
		     "-          -     -      -      -    -         -        -\n");
}

static void assert_update(const char *update, const char *expected)
{
	char json[1024], text[1024];

	snprintf(json, sizeof(json),
		 "{\"name\":\"web\",\"state\":\"running\",\"ready\":true,\"update\":%s}", update);
	snprintf(text, sizeof(text), "pod web: running, ready\n%s"
		 "CONTAINER  TYPE  STATE  READY  PID  RESTARTS  STARTED  LAST\n", expected);
	assert_shown(STATUS, json, false, text);
}

static void status__update__a_line_unless_it_is_settled(void **state)
{
	(void)state;
	assert_update("{\"state\":\"settled\",\"outcome\":\"kept\","
		      "\"since\":\"2026-11-22T05:00:00.1Z\"}", "");
	assert_update("{\"state\":\"trial\",\"since\":\"2026-11-22T05:00:00.1Z\"}",
		      "update: on trial since 2026-11-22T05:00:00Z, not ready yet\n");
	assert_update("{\"state\":\"trial\",\"since\":\"2026-11-22T05:00:00.1Z\","
		      "\"settles_at\":\"2026-11-22T05:01:00.1Z\"}",
		      "update: on trial since 2026-11-22T05:00:00Z, "
		      "kept at 2026-11-22T05:01:00Z\n");
	assert_update("{\"state\":\"failed\",\"since\":\"2026-11-22T05:00:00.1Z\","
		      "\"reason\":\"r\\n\","
		      "\"blocked\":\"cannot\",\"next_try_at\":\"2026-11-22T05:02:00.1Z\"}",
		      "update: going back, on trial since 2026-11-22T05:00:00Z: r?\n"
		      "update: cannot; next try at 2026-11-22T05:02:00Z\n");
	assert_update("{\"state\":\"settled\",\"outcome\":\"back\","
		      "\"since\":\"2026-11-22T05:00:00.1Z\",\"reason\":\"why\"}",
		      "update: went back at 2026-11-22T05:00:00Z: why\n");
	assert_update("{\"state\":\"keeping\",\"outcome\":\"kept\",\"blocked\":\"full\"}",
		      "update: kept\nupdate: full\n");
	assert_update("{\"state\":7,\"blocked\":[]}", "");
}

static void list__states__aligned(void **state)
{
	(void)state;
	assert_shown(LIST,
		     "[{\"name\":\"a\",\"state\":\"no-answer\"},{\"name\":\"long-name\",\"state\":"
		     "\"running\",\"ready\":true,\"running\":2,\"containers\":2,\"restarts\":0}]",
		     false,
		     "POD        STATE      READY  RUNNING  RESTARTS  ADDRESS\n"
		     "a          no-answer  -      -        -         -\n"
		     "long-name  running    yes    2/2      0         -\n");
}

static void event__kinds__one_line_each(void **state)
{
	(void)state;
	assert_shown(EVENT,
		     "{\"seq\":9,\"boot_id\":\"x\",\"time\":\"2026-11-22T05:00:00.000000001Z\","
		     "\"kind\":\"container-exit\",\"container\":\"web\",\"pid\":12,\"exit_code\":1,"
		     "\"reason\":\"Error\",\"message\":\"bad\\tnews\"}",
		     false,
		     "2026-11-22T05:00:00Z 9 container-exit web pid 12 exit 1 Error: bad?news\n");
	assert_shown(EVENT, "{\"seq\":4,\"kind\":\"gap\",\"lost\":3}", false, "- 4 gap - lost 3\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_clean__escapes__question_marks),
		cmocka_unit_test(status__colour__only_the_states),
		cmocka_unit_test(status__warnings_and_hostile_text__clean_lines),
		cmocka_unit_test(status__wrong_types__dashes_not_a_crash),
		cmocka_unit_test(status__update__a_line_unless_it_is_settled),
		cmocka_unit_test(list__states__aligned),
		cmocka_unit_test(event__kinds__one_line_each),
	};

	return cmocka_run_group_tests_name("ctl_show", tests, NULL, NULL);
}
