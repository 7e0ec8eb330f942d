/* SPDX-License-Identifier: MIT */
/* supervisor/events: numbers, what is kept, gaps. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "supervisor/events.h"

static int setup(void **state)
{
	static struct events ev;
	struct err err;

	*state = &ev;
	return events_init(&ev, NULL, &err);
}

static int teardown(void **state)
{
	events_done(*state);
	return 0;
}

static void add(struct events *ev, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		events_add(ev, &(struct event){ .kind = EVENT_WARNING, .message = "disk is full" });
}

static json_int_t number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static const char *text(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static void read__nothing_yet__null(void **state)
{
	uint64_t seq = 0;

	assert_null(events_read(*state, &seq));
	assert_int_equal(seq, 1);
	assert_null(events_read(*state, &seq));
}

static void read__exit__members_that_are_set(void **state)
{
	struct events *ev = *state;
	char reason[] = "OOMKilled", message[] = "copied";
	uint64_t seq = 0;
	json_t *o;

	events_add(ev, &(struct event){ .kind = EVENT_CONTAINER_EXIT, .container = "web", .pid = 42,
					.exited = true, .wait_status = SIGKILL, .reason = reason,
					.message = message });
	memset(message, 'x', sizeof(message) - 1);
	o = events_read(ev, &seq);
	assert_non_null(o);
	assert_int_equal(number(o, "seq"), 1);
	assert_string_equal(text(o, "kind"), "container-exit");
	assert_string_equal(text(o, "container"), "web");
	assert_int_equal(number(o, "pid"), 42);
	assert_int_equal(number(o, "signal"), SIGKILL);
	assert_string_equal(text(o, "reason"), "OOMKilled");
	assert_string_equal(text(o, "message"), "copied");
	assert_int_equal(strlen(text(o, "boot_id")), 36);
	assert_int_equal(strlen(text(o, "time")), 30);
	assert_true(number(o, "boottime_ns") > 0);
	assert_null(json_object_get(o, "exit_code"));
	assert_null(json_object_get(o, "state"));
	assert_null(json_object_get(o, "restarts"));
	json_decref(o);
	assert_int_equal(seq, 2);
}

static void read__exit_code_zero__is_there(void **state)
{
	struct events *ev = *state;
	uint64_t seq = 0;
	json_t *o;

	events_add(ev, &(struct event){ .kind = EVENT_EXEC_ENDED, .exited = true });
	o = events_read(ev, &seq);
	assert_true(json_is_integer(json_object_get(o, "exit_code")));
	assert_int_equal(number(o, "exit_code"), 0);
	json_decref(o);
}

static void read__ring_overran__gap_then_the_kept(void **state)
{
	struct events *ev = *state;
	uint64_t seq = 1;
	json_t *o;

	add(ev, 10 * EVENTS_KEPT + 5);
	o = events_read(ev, &seq);
	assert_string_equal(text(o, "kind"), "gap");
	assert_int_equal(number(o, "lost"), 9 * EVENTS_KEPT + 5);
	json_decref(o);
	for (unsigned i = 0; i < EVENTS_KEPT; i++) {
		o = events_read(ev, &seq);
		assert_string_equal(text(o, "kind"), "warning");
		assert_int_equal(number(o, "seq"), 9 * EVENTS_KEPT + 6 + i);
		json_decref(o);
	}
	assert_null(events_read(ev, &seq));
}

static void read__exactly_the_kept__no_gap(void **state)
{
	struct events *ev = *state;
	uint64_t seq = 1;
	json_t *o;

	add(ev, EVENTS_KEPT);
	o = events_read(ev, &seq);
	assert_string_equal(text(o, "kind"), "warning");
	json_decref(o);
}

static void read__number_not_reached__told_that_they_started_again(void **state)
{
	struct events *ev = *state;
	uint64_t seq = 500;
	json_t *o;

	add(ev, 2);
	o = events_read(ev, &seq);
	assert_string_equal(text(o, "kind"), "gap");
	assert_string_equal(text(o, "message"), "the numbers started again");
	assert_null(json_object_get(o, "lost"));
	json_decref(o);
	assert_int_equal(seq, 1);
	/* The next number is no gap: it is what comes next. */
	seq = 3;
	assert_null(events_read(ev, &seq));
	assert_int_equal(seq, 3);
}

static void init__continued__numbers_go_on(void **state)
{
	struct events ev;
	struct err err;
	uint64_t seq = 0, first = 1000;
	json_t *o;

	(void)state;
	assert_int_equal(events_init(&ev, &first, &err), 0);
	add(&ev, 1);
	o = events_read(&ev, &seq);
	assert_int_equal(number(o, "seq"), 1000);
	json_decref(o);
	seq = 990;
	o = events_read(&ev, &seq);
	assert_int_equal(number(o, "lost"), 10);
	json_decref(o);
	events_done(&ev);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(read__nothing_yet__null),
		T(read__exit__members_that_are_set),
		T(read__exit_code_zero__is_there),
		T(read__ring_overran__gap_then_the_kept),
		T(read__exactly_the_kept__no_gap),
		T(read__number_not_reached__told_that_they_started_again),
		T(init__continued__numbers_go_on),
	};

	return cmocka_run_group_tests_name("events", tests, NULL, NULL);
}
