/* SPDX-License-Identifier: MIT */
/* supervisor/pod_machine: the orders, told as a script of what is done. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "supervisor/pod_machine.h"

#define SEC       NSEC_PER_SEC
#define NOW       (1000 * SEC)
#define STATUS(n) ((n) << 8) /* of wait(2): exited with n */

static struct pod_container containers[POD_CONTAINERS_MAX];
static struct pod_machine pod;

static void make_pod(unsigned n, enum restart_policy policy, uint64_t timeout_ns)
{
	struct pod_spec spec = {
		.containers = containers, .container_n = n, .stop_timeout_ns = timeout_ns
	};

	for (unsigned i = 0; i < n; i++)
		containers[i].restart =
			(struct restart_spec){ policy, 10 * SEC, 300 * SEC, 600 * SEC };
	pod_machine_init(&pod, &spec);
}

/* One step's actions as text: "1.signal 1.timer+30 P.timer+28", P is the pod. */
static char text[4096];

static const char *step_at(struct pod_event ev, uint64_t now_ns)
{
	static const struct {
		unsigned bit;
		const char *name;
	} names[] = {
		{ MACHINE_CLEAR_TIMER, "clear" }, { MACHINE_SIGNAL_STOP, "signal" },
		{ MACHINE_KILL_GROUP, "kill" },	  { MACHINE_ARM_TIMER, "timer" },
		{ MACHINE_SPAWN, "spawn" },
	};
	struct pod_actions out;
	size_t len = 0;
	int r = pod_machine_step(&pod, &ev, now_ns, &out);

	text[0] = '\0';
	if (r < 0) {
		assert_int_equal(out.n, 0);
		return r == -EPROTO ? "EPROTO" : r == -ENOENT ? "ENOENT" : "?";
	}
	for (unsigned i = 0; i < out.n; i++) {
		const struct pod_action *a = &out.list[i];
		char who = a->container == POD_ITSELF ? 'P' : (char)('0' + a->container);
		unsigned after_s = (unsigned)((a->todo.timer_ns - now_ns) / SEC);

		for (size_t k = 0; k < ARRAY_SIZE(names); k++) {
			if (!(a->todo.bits & names[k].bit))
				continue;
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%c.%s",
						len ? " " : "", who, names[k].name);
			if (names[k].bit == MACHINE_ARM_TIMER)
				len += (size_t)snprintf(text + len, sizeof(text) - len, "+%u",
							after_s);
		}
	}
	return text;
}

#define EV(t, ...)    ((struct pod_event){ .type = POD_EV_##t, ##__VA_ARGS__ })
#define OF(t, i, ...) EV(t, .container = (i), ##__VA_ARGS__)
#define says(ev, want) assert_string_equal(step_at(ev, NOW), want)

static void start_all(void)
{
	(void)step_at(EV(START), NOW);
	for (unsigned i = 0; i < pod.n; i++)
		(void)step_at(OF(STARTED, i), NOW);
	assert_int_equal(pod.state, POD_RUNNING);
}

static void pod__start__in_the_files_order(void **state)
{
	(void)state;
	make_pod(3, RESTART_ALWAYS, 30 * SEC);
	says(EV(START), "0.spawn");
	assert_false(pod_machine_is_ready(&pod));
	says(EV(START), "EPROTO");
	says(OF(STARTED, 0), "1.spawn");
	says(OF(START_FAILED, 1), "1.kill 1.timer+0 2.spawn");
	says(OF(STARTED, 2), "");
	assert_int_equal(pod.state, POD_RUNNING);
	assert_false(pod_machine_is_ready(&pod));
	says(OF(CONTAINER_TIMER, 1), "1.spawn");
	says(OF(STARTED, 1), "");
	assert_true(pod_machine_is_ready(&pod));
}

static void pod__stop__in_the_reverse_order_within_one_deadline(void **state)
{
	(void)state;
	make_pod(3, RESTART_ALWAYS, 30 * SEC);
	start_all();
	says(EV(STOP), "2.signal 2.timer+30 P.timer+28");
	assert_int_equal(pod.state, POD_STOPPING);
	says(OF(EXITED, 0, .wait_status = STATUS(1)), "0.kill"); /* not restarted */
	assert_string_equal(step_at(OF(EXITED, 2), NOW + 10 * SEC),
			    "2.clear 2.kill 1.signal 1.timer+20");
	assert_string_equal(step_at(OF(EXITED, 1), NOW + 11 * SEC), "1.clear 1.kill P.clear");
	assert_int_equal(pod.state, POD_STOPPED);
	assert_true(pod_machine_is_final(&pod));
	says(EV(STOP), "");
	says(OF(EXITED, 0), "EPROTO");
}

static void pod__stop_deadline__the_rest_signalled_2_s_before(void **state)
{
	uint64_t end = NOW + 30 * SEC;

	(void)state;
	make_pod(4, RESTART_ALWAYS, 30 * SEC);
	start_all();
	(void)step_at(EV(STOP), NOW);
	(void)step_at(OF(EXITED, 3), end - 3 * SEC);
	assert_string_equal(text, "3.clear 3.kill 2.signal 2.timer+3");
	assert_string_equal(step_at(EV(TIMER), end - 2 * SEC),
			    "1.signal 1.timer+2 0.signal 0.timer+2");
	for (unsigned i = 0; i < 3; i++) {
		(void)step_at(OF(CONTAINER_TIMER, i), end);
		(void)step_at(OF(EXITED, i, .wait_status = 9), end);
	}
	assert_int_equal(pod.state, POD_STOPPED);
}

static void pod__short_stop_timeout__half_of_it_for_the_rest(void **state)
{
	(void)state;
	make_pod(2, RESTART_ALWAYS, 2 * SEC);
	start_all();
	says(EV(STOP), "1.signal 1.timer+2 P.timer+1");
	assert_string_equal(step_at(EV(TIMER), NOW + SEC), "0.signal 0.timer+1");
}

/* A host that slept, or a podd that was dead: nobody is killed unasked. */
static void pod__timer_comes_late__the_rest_still_has_its_time(void **state)
{
	(void)state;
	make_pod(2, RESTART_ALWAYS, 30 * SEC);
	start_all();
	(void)step_at(EV(STOP), NOW);
	assert_string_equal(step_at(EV(TIMER), NOW + 99 * SEC), "0.signal 0.timer+2");
}

static void pod__stop_timeout_zero__no_grace(void **state)
{
	(void)state;
	make_pod(2, RESTART_ALWAYS, 0);
	start_all();
	says(EV(STOP), "1.signal 1.timer+0 P.timer+0");
	says(EV(TIMER), "0.signal 0.timer+0");
	says(OF(CONTAINER_TIMER, 0), "0.kill");
	says(OF(CONTAINER_TIMER, 1), "1.kill");
}

static void pod__infinite_stop_timeout__no_overflow(void **state)
{
	(void)state;
	make_pod(1, RESTART_ALWAYS, UINT64_MAX);
	start_all();
	(void)step_at(EV(STOP), NOW);
	assert_true(pod.timer_ns == UINT64_MAX);
	assert_true(pod.containers[0].timer_ns == UINT64_MAX);
}

static void pod__second_stop__kills(void **state)
{
	(void)state;
	make_pod(3, RESTART_ALWAYS, 30 * SEC);
	start_all();
	(void)step_at(EV(STOP), NOW);
	says(EV(STOP), "P.clear 2.clear 2.kill 1.kill 0.kill");
	says(OF(EXITED, 1, .wait_status = 9), "1.kill");
	says(OF(EXITED, 0, .wait_status = 9), "0.kill");
	says(OF(EXITED, 2, .wait_status = 9), "2.kill");
	assert_int_equal(pod.state, POD_STOPPED);
}

static void pod__stop_while_starting__the_others_never_start(void **state)
{
	(void)state;
	make_pod(3, RESTART_ALWAYS, 30 * SEC);
	(void)step_at(EV(START), NOW);
	(void)step_at(OF(START_FAILED, 0), NOW); /* 0 backs off, 1 is starting */
	says(EV(STOP), "0.clear 1.signal 1.timer+30 P.timer+28");
	assert_int_equal(pod.containers[2].state, MACHINE_STOPPED);
	says(OF(STARTED, 1), "1.signal"); /* it may have missed the first */
	says(OF(EXITED, 1), "1.clear 1.kill P.clear");
	assert_int_equal(pod.state, POD_STOPPED);
}

static void pod__stop_before_start__stopped(void **state)
{
	(void)state;
	make_pod(2, RESTART_ALWAYS, 30 * SEC);
	says(EV(STOP), "");
	assert_int_equal(pod.state, POD_STOPPED);
	says(EV(START), "EPROTO");
}

static void pod__all_containers_end__completed_or_failed(void **state)
{
	(void)state;
	for (int status = 0; status < 2; status++) {
		make_pod(2, RESTART_NEVER, 30 * SEC);
		start_all();
		says(OF(EXITED, 0), "0.kill");
		assert_int_equal(pod.state, POD_RUNNING);
		says(OF(EXITED, 1, .wait_status = STATUS(status)), "1.kill");
		assert_int_equal(pod.state, status ? POD_FAILED : POD_COMPLETED);
	}
}

static void pod__only_container_fails_to_start__failed(void **state)
{
	(void)state;
	make_pod(1, RESTART_NEVER, 30 * SEC);
	(void)step_at(EV(START), NOW);
	says(OF(START_FAILED, 0), "0.kill");
	assert_int_equal(pod.state, POD_FAILED);
	assert_int_equal(pod.containers[0].last.reason, EXIT_REASON_START_ERROR);
}

static void pod__restart_one__only_that_one(void **state)
{
	(void)state;
	make_pod(2, RESTART_ON_FAILURE, 30 * SEC);
	start_all();
	says(OF(RESTART, 1), "1.signal 1.timer+30");
	says(OF(EXITED, 1), "1.clear 1.kill 1.spawn");
	says(OF(STARTED, 1), "");
	assert_int_equal(pod.containers[1].restarts, 1);
	/* One that has completed runs again. */
	says(OF(EXITED, 0), "0.kill");
	assert_int_equal(pod.containers[0].state, MACHINE_COMPLETED);
	says(OF(RESTART, 0), "0.spawn");
	says(OF(RESTART, 2), "ENOENT");
	says(OF(EXITED, 2), "ENOENT");
}

static void pod__restart__a_stop_and_a_start_in_order(void **state)
{
	(void)state;
	make_pod(2, RESTART_ALWAYS, 30 * SEC);
	start_all();
	says(OF(RESTART, POD_ITSELF), "1.signal 1.timer+30 P.timer+28");
	says(OF(RESTART, 0), "EPROTO");
	says(OF(EXITED, 1), "1.clear 1.kill 0.signal 0.timer+30");
	says(OF(EXITED, 0), "0.clear 0.kill P.clear 0.spawn");
	assert_int_equal(pod.state, POD_STARTING);
	says(OF(STARTED, 0), "1.spawn");
	says(OF(STARTED, 1), "");
	assert_int_equal(pod.state, POD_RUNNING);
	assert_int_equal(pod.containers[0].restarts, 1);
	assert_int_equal(pod.containers[1].restarts, 1);
}

static void pod__stop_during_restart__stopped(void **state)
{
	(void)state;
	make_pod(1, RESTART_ALWAYS, 30 * SEC);
	start_all();
	(void)step_at(OF(RESTART, POD_ITSELF), NOW);
	says(EV(STOP), "");
	says(OF(EXITED, 0), "0.clear 0.kill P.clear");
	assert_int_equal(pod.state, POD_STOPPED);
}

static void pod__pause_lost__failed_and_all_killed(void **state)
{
	(void)state;
	make_pod(3, RESTART_ALWAYS, 30 * SEC);
	start_all();
	(void)step_at(OF(EXITED, 0), NOW);
	(void)step_at(OF(START_FAILED, 0), NOW);
	says(EV(LOST), "2.kill 1.kill 0.clear");
	assert_int_equal(pod.state, POD_FAILED);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(pod.containers[i].state, MACHINE_FAILED);
	says(EV(LOST), "");
}

/* The longest list of actions that there is. */
static void pod__biggest_pod_that_backs_off__restarted(void **state)
{
	(void)state;
	make_pod(POD_CONTAINERS_MAX, RESTART_ALWAYS, 30 * SEC);
	(void)step_at(EV(START), NOW);
	for (unsigned i = 0; i < POD_CONTAINERS_MAX; i++)
		(void)step_at(OF(START_FAILED, i), NOW);
	(void)step_at(OF(RESTART, POD_ITSELF), NOW);
	assert_int_equal(pod.state, POD_STARTING);
	assert_int_equal(pod.containers[0].state, MACHINE_STARTING);
	assert_int_equal(pod.containers[1].state, MACHINE_WAITING);
}

static void names__all__the_words_users_know(void **state)
{
	static const char *const want[] = { "starting", "running",   "stopping",
					    "stopped",	"completed", "failed" };

	(void)state;
	for (unsigned i = 0; i < POD_STATE_N; i++)
		assert_string_equal(pod_state_name(i), want[i]);
}

/* As a reload that takes 0 out, brings a new one and changes the order. */
static void pod__other_containers__states_go_along(void **state)
{
	const unsigned from[] = { 2, POD_ITSELF, 1, 0 };

	(void)state;
	make_pod(3, RESTART_ALWAYS, 30 * SEC);
	start_all();
	(void)step_at(OF(EXITED, 1, .wait_status = STATUS(1)), NOW);
	(void)step_at(OF(STARTED, 1), NOW);
	pod_machine_arrange(&pod, from, 4);
	for (unsigned i = 0; i < 4; i++)
		pod.containers[i].restart = &containers[0].restart;
	assert_int_equal(pod.n, 4);
	assert_int_equal(pod.containers[1].state, MACHINE_WAITING);
	assert_int_equal(pod.containers[2].restarts, 1);
	assert_false(pod_machine_is_ready(&pod));
	says(OF(RESTART, 1), "1.spawn");
	says(OF(STARTED, 1), "");
	assert_int_equal(pod.containers[1].restarts, 0);
	assert_true(pod_machine_is_ready(&pod));
	says(EV(STOP), "3.signal 3.timer+30 P.timer+28");
}

static void pod__remove__stopped_for_good_and_counts_for_nothing(void **state)
{
	(void)state;
	make_pod(2, RESTART_ALWAYS, 30 * SEC);
	start_all();
	says(OF(REMOVE, 2), "ENOENT");
	says(OF(REMOVE, 1), "1.signal 1.timer+30");
	assert_true(pod.containers[1].leaving);
	assert_true(pod_machine_is_ready(&pod));
	says(OF(RESTART, 1), ""); /* a stop is not taken back */
	assert_true(pod.containers[1].leaving);
	says(OF(EXITED, 1, .wait_status = STATUS(1)), "1.clear 1.kill");
	assert_int_equal(pod.containers[1].state, MACHINE_STOPPED);
	assert_int_equal(pod.state, POD_RUNNING);
	/* The pod's own restart passes it over. */
	(void)step_at((struct pod_event){ .type = POD_EV_RESTART, .container = POD_ITSELF }, NOW);
	says(OF(EXITED, 0), "0.clear 0.kill P.clear 0.spawn");
	says(OF(STARTED, 0), "");
	assert_int_equal(pod.state, POD_RUNNING);
	assert_int_equal(pod.containers[1].state, MACHINE_STOPPED);
	/* Asked for now that it is final, it comes back. */
	says(OF(RESTART, 1), "1.spawn");
	assert_false(pod.containers[1].leaving);
}

static void pod__remove_the_last_that_runs__ends_as_the_others_did(void **state)
{
	(void)state;
	make_pod(2, RESTART_ON_FAILURE, 30 * SEC);
	start_all();
	says(OF(EXITED, 0), "0.kill");
	says(OF(REMOVE, 1), "1.signal 1.timer+30");
	says(OF(EXITED, 1, .wait_status = STATUS(1)), "1.clear 1.kill");
	assert_int_equal(pod.state, POD_COMPLETED);
	says(OF(REMOVE, 1), "EPROTO");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pod__start__in_the_files_order),
		cmocka_unit_test(pod__stop__in_the_reverse_order_within_one_deadline),
		cmocka_unit_test(pod__stop_deadline__the_rest_signalled_2_s_before),
		cmocka_unit_test(pod__short_stop_timeout__half_of_it_for_the_rest),
		cmocka_unit_test(pod__timer_comes_late__the_rest_still_has_its_time),
		cmocka_unit_test(pod__stop_timeout_zero__no_grace),
		cmocka_unit_test(pod__infinite_stop_timeout__no_overflow),
		cmocka_unit_test(pod__second_stop__kills),
		cmocka_unit_test(pod__stop_while_starting__the_others_never_start),
		cmocka_unit_test(pod__stop_before_start__stopped),
		cmocka_unit_test(pod__all_containers_end__completed_or_failed),
		cmocka_unit_test(pod__only_container_fails_to_start__failed),
		cmocka_unit_test(pod__restart_one__only_that_one),
		cmocka_unit_test(pod__restart__a_stop_and_a_start_in_order),
		cmocka_unit_test(pod__stop_during_restart__stopped),
		cmocka_unit_test(pod__pause_lost__failed_and_all_killed),
		cmocka_unit_test(pod__biggest_pod_that_backs_off__restarted),
		cmocka_unit_test(names__all__the_words_users_know),
		cmocka_unit_test(pod__other_containers__states_go_along),
		cmocka_unit_test(pod__remove__stopped_for_good_and_counts_for_nothing),
		cmocka_unit_test(pod__remove_the_last_that_runs__ends_as_the_others_did),
	};

	return cmocka_run_group_tests_name("pod machine", tests, NULL, NULL);
}
