/* SPDX-License-Identifier: MIT */
/* supervisor/backoff: the delays, one after another. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/fd.h"
#include "supervisor/backoff.h"

#define SEC NSEC_PER_SEC

static const struct restart_spec kubernetes = { RESTART_ALWAYS, 10 * SEC, 300 * SEC, 600 * SEC };

static void backoff_next__ends_in_a_row__as_kubernetes(void **state)
{
	static const uint64_t want[] = { 0, 10, 20, 40, 80, 160, 300, 300, 300 };
	struct backoff b = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		assert_int_equal(backoff_next(&b, &kubernetes, 599 * SEC), want[i] * SEC);
}

static void backoff_next__long_run__row_forgotten(void **state)
{
	struct backoff b = { 0 };

	(void)state;
	for (int i = 0; i < 4; i++)
		(void)backoff_next(&b, &kubernetes, 0);
	assert_int_equal(backoff_next(&b, &kubernetes, 600 * SEC), 0);
	assert_int_equal(backoff_next(&b, &kubernetes, 0), 10 * SEC);
}

static void backoff_next__first_is_zero__always_at_once(void **state)
{
	static const struct restart_spec spec = { RESTART_ALWAYS, 0, 300 * SEC, 600 * SEC };
	struct backoff b = { 0 };

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(backoff_next(&b, &spec, 0), 0);
}

static void backoff_next__first_above_max__max(void **state)
{
	static const struct restart_spec spec = { RESTART_ALWAYS, 10 * SEC, 3 * SEC, 600 * SEC };
	struct backoff b = { 0 };

	(void)state;
	assert_int_equal(backoff_next(&b, &spec, 0), 0);
	assert_int_equal(backoff_next(&b, &spec, 0), 3 * SEC);
	assert_int_equal(backoff_next(&b, &spec, 0), 3 * SEC);
}

static void backoff_next__infinite_max__doubles_without_overflow(void **state)
{
	static const struct restart_spec spec = { RESTART_ALWAYS, SEC, UINT64_MAX, UINT64_MAX };
	struct backoff b = { 0 };
	uint64_t last = 0;

	(void)state;
	for (int i = 0; i < 200; i++) {
		uint64_t ns = backoff_next(&b, &spec, 0);

		assert_true(ns >= last);
		last = ns;
	}
	assert_true(last == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(backoff_next__ends_in_a_row__as_kubernetes),
		cmocka_unit_test(backoff_next__long_run__row_forgotten),
		cmocka_unit_test(backoff_next__first_is_zero__always_at_once),
		cmocka_unit_test(backoff_next__first_above_max__max),
		cmocka_unit_test(backoff_next__infinite_max__doubles_without_overflow),
	};

	return cmocka_run_group_tests_name("backoff", tests, NULL, NULL);
}
