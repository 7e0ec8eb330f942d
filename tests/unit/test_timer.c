/* SPDX-License-Identifier: MIT */
/* supervisor/timer: the heap against a plain model. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

#include "supervisor/timer.h"

static uint32_t random_state;

static uint32_t next_random(void)
{
	random_state = random_state * 1664525u + 1013904223u;
	return random_state >> 8;
}

static void fail_fire(struct timer *t)
{
	(void)t;
	fail_msg("the heap called a timer");
}

static void heap__empty__no_root(void **state)
{
	struct timer_heap heap = { 0 };
	struct timer t = { .fn = fail_fire };

	(void)state;
	assert_null(heap.root);
	timer_heap_remove(&heap, &t); /* not set: nothing happens */
	assert_null(heap.root);
	timer_heap_insert(&heap, &t, 5);
	assert_ptr_equal(heap.root, &t);
	assert_true(timer_is_set(&t));
	timer_heap_remove(&heap, &t);
	assert_null(heap.root);
	assert_false(timer_is_set(&t));
}

#define N 10000

static void insert(struct timer_heap *heap, struct timer *t, uint64_t max)
{
	timer_heap_insert(heap, t, 1 + next_random() % max);
}

static void drain_in_order(struct timer_heap *heap, size_t expected)
{
	uint64_t last = 0;
	size_t n = 0;

	for (; heap->root; n++) {
		struct timer *t = heap->root;

		assert_true(t->deadline_ns >= last);
		last = t->deadline_ns;
		timer_heap_remove(heap, t);
	}
	assert_int_equal(n, expected);
}

/* @max small: many of the same deadline. */
static void check_random(uint64_t max)
{
	struct timer_heap heap = { 0 };
	struct timer *t = calloc(N, sizeof(*t));
	size_t set = 0;

	random_state = (uint32_t)max;
	for (int i = 0; i < N; i++)
		insert(&heap, &t[i], max);
	for (int i = 0; i < N; i++) {
		struct timer *any = &t[next_random() % N];

		timer_heap_remove(&heap, any);
		if (next_random() & 1)
			insert(&heap, any, max);
		if (i % 100 == 0 && heap.root)
			timer_heap_remove(&heap, heap.root);
	}
	for (int i = 0; i < N; i++)
		set += timer_is_set(&t[i]);
	assert_true(set > N / 4 && set < N);
	drain_in_order(&heap, set);
	free(t);
}

static void heap__random_inserts_and_removals__in_order(void **state)
{
	(void)state;
	check_random(1000000);
	check_random(7);
	check_random(1);
}

static void heap__every_small_case__first_is_the_earliest(void **state)
{
	/* All orders of inserting six, then of removing any one first. */
	(void)state;
	for (unsigned order = 0; order < 720; order++) {
		for (unsigned victim = 0; victim < 6; victim++) {
			struct timer_heap heap = { 0 };
			struct timer t[6] = { 0 };
			unsigned left[6] = { 1, 2, 3, 4, 5, 6 }, rest = order;
			size_t expected;

			for (unsigned i = 0; i < 6; i++) {
				unsigned k = rest % (6 - i);

				rest /= 6 - i;
				timer_heap_insert(&heap, &t[i], left[k]);
				left[k] = left[5 - i];
			}
			timer_heap_remove(&heap, heap.root); /* gives it some depth */
			expected = timer_is_set(&t[victim]) ? 4 : 5;
			timer_heap_remove(&heap, &t[victim]);
			drain_in_order(&heap, expected);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heap__empty__no_root),
		cmocka_unit_test(heap__random_inserts_and_removals__in_order),
		cmocka_unit_test(heap__every_small_case__first_is_the_earliest),
	};

	return cmocka_run_group_tests_name("timer", tests, NULL, NULL);
}
