/* SPDX-License-Identifier: MIT */
/* base/idset: lists of CPUs as people and the kernel write them. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/idset.h"

static void idset_parse__lists__written_back_shorter(void **state)
{
	static const char *const t[][2] = {
		{ "0", "0" },		      { "0-3,8", "0-3,8" },  { "8 0-3", "0-3,8" },
		{ "1,2,3", "1-3" },	      { "0-1\t3 , 4", "0-1,3-4" }, { "5-5", "5" },
		{ "63-64,1023", "63-64,1023" }, { "0-1\n", "0-1" },   { "0-1023", "0-1023" },
	};
	char text[IDSET_TEXT_SIZE];
	const char *bad;

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct idset set = { 0 };

		assert_int_equal(idset_parse(t[i][0], &bad, &set), 0);
		assert_true(set.said);
		idset_format(&set, text, sizeof(text));
		assert_string_equal(text, t[i][1]);
	}
}

static void idset_parse__no_list__the_place_told_and_nothing_changed(void **state)
{
	static const struct {
		const char *text;
		int r;
		size_t at;
	} t[] = {
		{ "a", -EINVAL, 0 },	  { "0-", -EINVAL, 0 },	   { "0,x", -EINVAL, 2 },
		{ "-1", -EINVAL, 0 },	  { "3-1", -ERANGE, 0 },   { "1024", -ERANGE, 0 },
		{ "0 4294967296", -ERANGE, 2 }, { "0-9999", -ERANGE, 0 }, { "1-2-3", -EINVAL, 0 },
		{ "0:2", -EINVAL, 0 },	  { "1.5", -EINVAL, 0 },   { ",1", -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct idset set = { 0 };
		const char *bad = NULL;

		assert_int_equal(idset_parse(t[i].text, &bad, &set), t[i].r);
		assert_ptr_equal(bad, t[i].text + t[i].at);
		assert_true(idset_is_empty(&set) && !set.said);
	}
}

static void idset_within__sets__first_outside_told(void **state)
{
	struct idset a = { 0 }, b = { 0 };
	const char *bad;
	unsigned outside = 0;

	(void)state;
	assert_int_equal(idset_parse("1,70", &bad, &a), 0);
	assert_int_equal(idset_parse("0-69", &bad, &b), 0);
	assert_false(idset_within(&a, &b, &outside));
	assert_int_equal(outside, 70);
	assert_int_equal(idset_parse("70", &bad, &b), 0); /* it adds */
	assert_true(idset_within(&a, &b, NULL));
}

static void idset_format__no_room__cut(void **state)
{
	struct idset set = { 0 };
	const char *bad;
	char text[8];

	(void)state;
	for (int i = 0; i < 40; i += 2) {
		char one[] = { (char)('0' + i / 10), (char)('0' + i % 10), 0 };

		assert_int_equal(idset_parse(one, &bad, &set), 0);
	}
	idset_format(&set, text, sizeof(text));
	assert_string_equal(text, "0,2,4,6");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(idset_parse__lists__written_back_shorter),
		cmocka_unit_test(idset_parse__no_list__the_place_told_and_nothing_changed),
		cmocka_unit_test(idset_within__sets__first_outside_told),
		cmocka_unit_test(idset_format__no_room__cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
