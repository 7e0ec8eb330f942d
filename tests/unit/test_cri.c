/* SPDX-License-Identifier: MIT */
/* base/cri: heads of fixed form, parsing. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cri.h"
#include "base/fd.h"

static int parse(struct cri_line *out, const char *line)
{
	return cri_parse(out, line, strlen(line));
}

static void cri_head__known_time__form_of_the_specification(void **state)
{
	char head[CRI_HEAD_SIZE];

	(void)state;
	cri_head(head, UINT64_C(1475713029669794202), CRI_STDOUT, false);
	assert_memory_equal(head, "2016-10-06T00:17:09.669794202Z stdout F ", CRI_HEAD_SIZE);
	cri_head(head, UINT64_C(1475713029000000002), CRI_STDERR, true);
	assert_memory_equal(head, "2016-10-06T00:17:09.000000002Z stderr P ", CRI_HEAD_SIZE);
}

static void cri_parse__own_record__all_members(void **state)
{
	static const char line[] = "2016-10-06T00:17:09.669794202Z stderr P a b\0c";
	struct cri_line l;

	(void)state;
	assert_int_equal(cri_parse(&l, line, sizeof(line) - 1), 0);
	assert_int_equal(l.realtime_ns, UINT64_C(1475713029669794202));
	assert_int_equal(l.stream, CRI_STDERR);
	assert_true(l.partial);
	assert_int_equal(l.stamp_n, 30);
	assert_int_equal(l.text_n, 5);
	assert_memory_equal(l.text, "a b\0c", 5);
}

static void cri_parse__other_runtimes_forms__accepted(void **state)
{
	struct cri_line l;

	(void)state;
	assert_int_equal(parse(&l, "2016-10-06T02:17:09.5+02:00 stdout F:tag:more x"), 0);
	assert_int_equal(l.realtime_ns, UINT64_C(1475713029500000000));
	assert_int_equal(l.stream, CRI_STDOUT);
	assert_false(l.partial);
	assert_int_equal(l.text_n, 1);
	assert_int_equal(parse(&l, "2016-10-05T22:17:09-02:00 stdout F "), 0);
	assert_int_equal(l.realtime_ns, UINT64_C(1475713029000000000));
	assert_int_equal(l.text_n, 0);
}

static void cri_parse__malformed__einval_and_output_untouched(void **state)
{
	static const char *const bad[] = {
		"",
		"x",
		"2016-10-06T00:17:09.669794202Z",
		"2016-10-06T00:17:09.669794202Z stdout",
		"2016-10-06T00:17:09.669794202Z stdout F",
		"2016-10-06T00:17:09.669794202Z stdin F x",
		"2016-10-06T00:17:09.669794202Z stdout G x",
		"2016-10-06T00:17:09.669794202Z stdoutF x",
		"2016-10-06T00:17:09.669794202 stdout F x",
		"2016-10-06T00:17:09.Z stdout F x",
		"2016-10-06 00:17:09Z stdout F x",
		"2016-00-06T00:17:09Z stdout F x",
		"2016-10-32T00:17:09Z stdout F x",
		"2016-10-06T24:17:09Z stdout F x",
		"1969-12-31T23:59:59Z stdout F x",
		"1970-01-01T00:00:00+00:01 stdout F x",
		"2554-12-31T00:00:00Z stdout F x",
		"2555-01-01T00:00:00Z stdout F x",
		" 2016-10-06T00:17:09Z stdout F x",
	};
	struct cri_line l = { .text_n = 77 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(parse(&l, bad[i]), -EINVAL);
		assert_int_equal(l.text_n, 77);
	}
}

static void cri_parse__every_prefix_of_a_record__in_bounds(void **state)
{
	static const char line[] = "2016-10-06T00:17:09.669794202Z stdout F text";
	struct cri_line l;

	(void)state;
	for (size_t n = 0; n < sizeof(line); n++) {
		char *exact = malloc(n + 1); /* ASan sees a read past it */
		int r;

		assert_non_null(exact);
		memmove(exact, line + sizeof(line) - 1 - n, n);
		(void)cri_parse(&l, exact, n); /* tails: only bounds matter */
		memmove(exact, line, n);
		r = cri_parse(&l, exact, n);
		assert_int_equal(r, n >= CRI_HEAD_SIZE ? 0 : -EINVAL);
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cri_head__known_time__form_of_the_specification),
		cmocka_unit_test(cri_parse__own_record__all_members),
		cmocka_unit_test(cri_parse__other_runtimes_forms__accepted),
		cmocka_unit_test(cri_parse__malformed__einval_and_output_untouched),
		cmocka_unit_test(cri_parse__every_prefix_of_a_record__in_bounds),
	};

	return cmocka_run_group_tests_name("cri", tests, NULL, NULL);
}
