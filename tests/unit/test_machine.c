/* SPDX-License-Identifier: MIT */
/* supervisor/machine: each transition, then what they add up to. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "supervisor/machine.h"

#define SEC        NSEC_PER_SEC
#define NOW        (1000 * SEC)
#define STATUS(n)  ((n) << 8) /* of wait(2): exited with n */

static const struct restart_spec always = { RESTART_ALWAYS, 10 * SEC, 300 * SEC, 600 * SEC };
static const struct restart_spec on_failure = { RESTART_ON_FAILURE, 10 * SEC, 300 * SEC,
						600 * SEC };
static const struct restart_spec never = { RESTART_NEVER, 10 * SEC, 300 * SEC, 600 * SEC };
static const struct restart_spec at_once = { RESTART_ALWAYS, 0, 300 * SEC, 600 * SEC };

static int step(struct machine *m, struct machine_event ev, uint64_t now_ns,
		struct machine_actions *out)
{
	struct machine_actions unused;

	return machine_step(m, &ev, now_ns, out ? out : &unused);
}

/* A step that must be possible; returns its actions. */
static unsigned go(struct machine *m, struct machine_event ev, uint64_t now_ns)
{
	struct machine_actions out;

	assert_int_equal(step(m, ev, now_ns, &out), 0);
	return out.bits;
}

#define EV(t, ...) ((struct machine_event){ .type = MACHINE_EV_##t, ##__VA_ARGS__ })

static void bring_to(struct machine *m, enum machine_state state)
{
	static const enum machine_event_type paths[MACHINE_STATE_N][5] = {
		[MACHINE_STARTING] = { MACHINE_EV_START },
		[MACHINE_RUNNING] = { MACHINE_EV_START, MACHINE_EV_STARTED },
		[MACHINE_BACKOFF] = { MACHINE_EV_START, MACHINE_EV_START_FAILED },
		[MACHINE_STOPPING] = { MACHINE_EV_START, MACHINE_EV_STARTED, MACHINE_EV_STOP },
		[MACHINE_COMPLETED] = { MACHINE_EV_START, MACHINE_EV_STARTED, MACHINE_EV_DRAIN,
					MACHINE_EV_EXITED },
		[MACHINE_FAILED] = { MACHINE_EV_START, MACHINE_EV_DRAIN, MACHINE_EV_START_FAILED },
		[MACHINE_STOPPED] = { MACHINE_EV_START, MACHINE_EV_STOP, MACHINE_EV_EXITED },
	};

	machine_init(m, &always);
	for (const enum machine_event_type *t = paths[state];
	     m->state != state && t < paths[state] + 5; t++)
		(void)go(m, (struct machine_event){ *t, .deadline_ns = NOW + 30 * SEC }, NOW);
	assert_int_equal(m->state, state);
}

#define NO { -EPROTO, MACHINE_STATE_N, 0 }
#define TO(state, bits) { 0, MACHINE_##state, bits }
#define CHANGED MACHINE_CHANGED
#define SPAWN   (MACHINE_SPAWN | MACHINE_CHANGED)
#define KILL    (MACHINE_KILL_GROUP | MACHINE_CHANGED)
#define ARM     MACHINE_ARM_TIMER
#define CLEAR   MACHINE_CLEAR_TIMER
#define FREEZE  MACHINE_FREEZE
#define THAW    MACHINE_THAW
#define SIGNAL  (MACHINE_SIGNAL_STOP | MACHINE_CHANGED)

/* In the order of the events: start started start-failed exited(1) timer stop
 * kill restart drain lost pause unpause. */
static const struct {
	int r;
	enum machine_state state;
	unsigned bits;
} table[MACHINE_STATE_N][MACHINE_EVENT_N] = {
	[MACHINE_WAITING] = { TO(STARTING, SPAWN), NO, NO, NO, NO, TO(STOPPED, CHANGED),
			      TO(STOPPED, CHANGED), TO(WAITING, 0), TO(STOPPED, CHANGED),
			      TO(FAILED, CHANGED), NO, NO },
	[MACHINE_STARTING] = { NO, TO(RUNNING, CHANGED), TO(BACKOFF, KILL | ARM),
			       TO(STARTING, KILL | SPAWN), NO, TO(STOPPING, SIGNAL | ARM),
			       TO(STOPPING, KILL), TO(STARTING, 0), TO(STARTING, 0),
			       TO(FAILED, KILL), NO, NO },
	[MACHINE_RUNNING] = { NO, NO, NO, TO(STARTING, KILL | SPAWN), NO,
			      TO(STOPPING, SIGNAL | ARM), TO(STOPPING, KILL),
			      TO(STOPPING, SIGNAL | ARM), TO(RUNNING, 0), TO(FAILED, KILL),
			      TO(RUNNING, FREEZE), TO(RUNNING, 0) },
	[MACHINE_BACKOFF] = { NO, NO, NO, NO, TO(STARTING, SPAWN), TO(STOPPED, CLEAR | CHANGED),
			      TO(STOPPED, CLEAR | CHANGED), TO(STARTING, CLEAR | SPAWN),
			      TO(STOPPED, CLEAR | CHANGED), TO(FAILED, CLEAR | CHANGED),
			      TO(BACKOFF, FREEZE), TO(BACKOFF, 0) },
	[MACHINE_STOPPING] = { NO, TO(STOPPING, SIGNAL), TO(STOPPED, KILL | CLEAR),
			       TO(STOPPED, KILL | CLEAR), TO(STOPPING, KILL),
			       TO(STOPPING, ARM), TO(STOPPING, KILL | CLEAR), TO(STOPPING, 0),
			       TO(STOPPING, 0), TO(FAILED, KILL | CLEAR), NO, NO },
	[MACHINE_COMPLETED] = { NO, NO, NO, NO, NO, TO(COMPLETED, 0), TO(COMPLETED, 0),
				TO(WAITING, CHANGED), TO(COMPLETED, 0), TO(COMPLETED, 0), NO, NO },
	[MACHINE_FAILED] = { NO, NO, NO, NO, NO, TO(FAILED, 0), TO(FAILED, 0),
			     TO(WAITING, CHANGED), TO(FAILED, 0), TO(FAILED, 0), NO, NO },
	[MACHINE_STOPPED] = { NO, NO, NO, NO, NO, TO(STOPPED, 0), TO(STOPPED, 0),
			      TO(WAITING, CHANGED), TO(STOPPED, 0), TO(STOPPED, 0), NO, NO },
};

static void machine__each_state_and_event__as_the_table_says(void **state)
{
	(void)state;
	for (unsigned s = 0; s < MACHINE_STATE_N; s++) {
		for (unsigned e = 0; e < MACHINE_EVENT_N; e++) {
			struct machine_event ev = { .type = e, .wait_status = STATUS(1),
						    .deadline_ns = NOW + 20 * SEC };
			struct machine m, before;
			struct machine_actions out;
			int r;

			bring_to(&m, s);
			before = m;
			r = step(&m, ev, NOW, &out);
			if (r != table[s][e].r || out.bits != table[s][e].bits ||
			    (r == 0 && m.state != table[s][e].state))
				fail_msg("%s, event %u: r %d, state %s, actions %#x",
					 machine_state_name(s), e, r, machine_state_name(m.state),
					 out.bits);
			if (r < 0)
				assert_memory_equal(&m, &before, sizeof(m));
		}
	}
}

/* Of a paused one: the same as the table, and a thaw by whatever leaves the two states. */
static void machine__paused__thawed_by_whatever_leads_away(void **state)
{
	static const struct {
		enum machine_state from, to;
		enum machine_event_type ev;
		unsigned bits;
	} t[] = {
		{ MACHINE_RUNNING, MACHINE_RUNNING, MACHINE_EV_PAUSE, 0 },
		{ MACHINE_RUNNING, MACHINE_RUNNING, MACHINE_EV_UNPAUSE, THAW },
		{ MACHINE_RUNNING, MACHINE_RUNNING, MACHINE_EV_DRAIN, THAW },
		{ MACHINE_RUNNING, MACHINE_STOPPING, MACHINE_EV_STOP, SIGNAL | THAW | ARM },
		{ MACHINE_RUNNING, MACHINE_STOPPING, MACHINE_EV_KILL, KILL | THAW },
		{ MACHINE_RUNNING, MACHINE_STOPPING, MACHINE_EV_RESTART, SIGNAL | THAW | ARM },
		{ MACHINE_RUNNING, MACHINE_FAILED, MACHINE_EV_LOST, KILL | THAW },
		{ MACHINE_RUNNING, MACHINE_BACKOFF, MACHINE_EV_EXITED, KILL | ARM },
		{ MACHINE_BACKOFF, MACHINE_BACKOFF, MACHINE_EV_TIMER, 0 },
		{ MACHINE_BACKOFF, MACHINE_BACKOFF, MACHINE_EV_UNPAUSE, THAW },
		{ MACHINE_BACKOFF, MACHINE_STARTING, MACHINE_EV_RESTART, CLEAR | THAW | SPAWN },
		{ MACHINE_BACKOFF, MACHINE_STOPPED, MACHINE_EV_STOP, CLEAR | THAW | CHANGED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct machine m;
		unsigned bits;

		bring_to(&m, t[i].from);
		assert_int_equal(go(&m, EV(PAUSE), NOW), FREEZE);
		bits = go(&m, (struct machine_event){ .type = t[i].ev, .wait_status = STATUS(1),
						      .deadline_ns = NOW + SEC }, NOW);
		if (m.state != t[i].to || bits != t[i].bits || m.paused == !!(bits & THAW))
			fail_msg("row %zu: state %s, actions %#x", i, machine_state_name(m.state),
				 bits);
		assert_int_equal(machine_serves(&m), m.state == MACHINE_RUNNING && !m.paused);
	}
}

static void machine__paused_in_backoff__starts_when_that_ends(void **state)
{
	struct machine m;

	(void)state;
	bring_to(&m, MACHINE_BACKOFF);
	(void)go(&m, EV(PAUSE), NOW);
	(void)go(&m, EV(TIMER), NOW + 10 * SEC);
	assert_int_equal(m.state, MACHINE_BACKOFF);
	assert_int_equal(m.timer_ns, 0);
	assert_int_equal(go(&m, EV(UNPAUSE), NOW + 60 * SEC), THAW | SPAWN);
	assert_int_equal(m.state, MACHINE_STARTING);
}

static uint64_t end_run(struct machine *m, int status, uint64_t now_ns)
{
	struct machine_actions out;

	assert_int_equal(step(m, EV(EXITED, .wait_status = status), now_ns, &out), 0);
	return out.bits & ARM ? out.timer_ns - now_ns : 0;
}

static void machine__fails_again_and_again__kubernetes_delays(void **state)
{
	static const uint64_t want[] = { 0, 10, 20, 40, 80, 160, 300, 300 };
	struct machine m;
	uint64_t now = NOW;

	(void)state;
	machine_init(&m, &always);
	(void)go(&m, EV(START), now);
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		(void)go(&m, EV(STARTED), now);
		now += SEC;
		assert_int_equal(end_run(&m, STATUS(1), now), want[i] * SEC);
		now += want[i] * SEC;
		if (want[i])
			assert_int_equal(go(&m, EV(TIMER), now), SPAWN);
		assert_int_equal(m.restarts, i + 1);
	}
	/* A run that is long enough forgets them. */
	(void)go(&m, EV(STARTED), now);
	assert_int_equal(end_run(&m, STATUS(1), now + 600 * SEC), 0);
	assert_int_equal(m.state, MACHINE_STARTING);
}

static void machine__success_under_always__backs_off_too(void **state)
{
	struct machine m;

	(void)state;
	bring_to(&m, MACHINE_RUNNING);
	assert_int_equal(end_run(&m, 0, NOW), 0);
	(void)go(&m, EV(STARTED), NOW);
	assert_int_equal(end_run(&m, 0, NOW), 10 * SEC);
	assert_int_equal(m.state, MACHINE_BACKOFF);
	assert_int_equal(m.last.reason, EXIT_REASON_COMPLETED);
}

static void machine__restart_sec_zero__always_at_once(void **state)
{
	struct machine m;

	(void)state;
	machine_init(&m, &at_once);
	(void)go(&m, EV(START), NOW);
	for (unsigned i = 1; i <= 100; i++) {
		(void)go(&m, EV(STARTED), NOW);
		assert_int_equal(go(&m, EV(EXITED, .wait_status = STATUS(3)), NOW), KILL | SPAWN);
		assert_int_equal(m.restarts, i);
	}
}

static void machine__start_fails_with_restart_sec_zero__timer_due_now(void **state)
{
	struct machine_actions out;
	struct machine m;

	(void)state;
	machine_init(&m, &at_once);
	(void)go(&m, EV(START), NOW);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(step(&m, EV(START_FAILED), NOW, &out), 0);
		assert_int_equal(out.bits, KILL | ARM);
		assert_int_equal(out.timer_ns, NOW);
		assert_int_equal(m.last.reason, EXIT_REASON_START_ERROR);
		assert_int_equal(m.last.exit_code, 128);
		assert_int_equal(m.last.started_at_ns, 0);
		(void)go(&m, EV(TIMER), NOW);
	}
}

static void machine__policies__who_is_restarted(void **state)
{
	static const struct {
		const struct restart_spec *spec;
		int status;
		enum machine_state want;
	} cases[] = {
		{ &always, 0, MACHINE_STARTING },
		{ &always, STATUS(1), MACHINE_STARTING },
		{ &on_failure, 0, MACHINE_COMPLETED },
		{ &on_failure, STATUS(1), MACHINE_STARTING },
		{ &on_failure, SIGTERM, MACHINE_STARTING },
		{ &never, 0, MACHINE_COMPLETED },
		{ &never, STATUS(1), MACHINE_FAILED },
		{ &never, SIGKILL, MACHINE_FAILED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct machine m;

		machine_init(&m, cases[i].spec);
		(void)go(&m, EV(START), NOW);
		(void)go(&m, EV(STARTED), NOW);
		assert_true(go(&m, EV(EXITED, .wait_status = cases[i].status), NOW) &
			    MACHINE_KILL_GROUP);
		assert_int_equal(m.state, cases[i].want);
	}
}

static void machine__exit__code_signal_reason_times(void **state)
{
	static const struct {
		int status;
		bool oom;
		struct machine_exit want;
	} cases[] = {
		{ 0, false, { EXIT_REASON_COMPLETED, 0, 0, NOW, NOW + SEC } },
		{ 0, true, { EXIT_REASON_COMPLETED, 0, 0, NOW, NOW + SEC } },
		{ STATUS(7), false, { EXIT_REASON_ERROR, 7, 0, NOW, NOW + SEC } },
		{ SIGSEGV | 0x80, false, { EXIT_REASON_ERROR, 139, SIGSEGV, NOW, NOW + SEC } },
		{ SIGKILL, true, { EXIT_REASON_OOM_KILLED, 137, SIGKILL, NOW, NOW + SEC } },
		{ STATUS(1), true, { EXIT_REASON_OOM_KILLED, 1, 0, NOW, NOW + SEC } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct machine_exit *want = &cases[i].want;
		struct machine m;

		bring_to(&m, MACHINE_RUNNING);
		(void)go(&m, EV(EXITED, .wait_status = cases[i].status, .oom = cases[i].oom),
			 NOW + SEC);
		assert_int_equal(m.last.reason, want->reason);
		assert_int_equal(m.last.exit_code, want->exit_code);
		assert_int_equal(m.last.signal, want->signal);
		assert_int_equal(m.last.started_at_ns, want->started_at_ns);
		assert_int_equal(m.last.finished_at_ns, want->finished_at_ns);
	}
}

static void machine__operator_restart__at_once_and_forgiven(void **state)
{
	struct machine_actions out;
	struct machine m;

	(void)state;
	bring_to(&m, MACHINE_RUNNING);
	(void)end_run(&m, STATUS(1), NOW); /* one failure so far: at once */
	(void)go(&m, EV(STARTED), NOW);
	assert_int_equal(step(&m, EV(RESTART, .deadline_ns = NOW + SEC), NOW, &out), 0);
	assert_int_equal(out.bits, SIGNAL | ARM);
	assert_int_equal(out.timer_ns, NOW + SEC);
	assert_int_equal(go(&m, EV(EXITED, .wait_status = SIGTERM), NOW), CLEAR | KILL | SPAWN);
	assert_int_equal(m.restarts, 2);
	(void)go(&m, EV(STARTED), NOW);
	assert_int_equal(end_run(&m, STATUS(1), NOW), 0); /* the first again */
}

static void machine__stop_while_restarting__stopped(void **state)
{
	struct machine m;

	(void)state;
	bring_to(&m, MACHINE_RUNNING);
	(void)go(&m, EV(RESTART, .deadline_ns = NOW + SEC), NOW);
	/* Later than the deadline that there is: that one stays. */
	assert_int_equal(go(&m, EV(STOP, .deadline_ns = NOW + 9 * SEC), NOW), 0);
	assert_int_equal(m.timer_ns, NOW + SEC);
	(void)go(&m, EV(EXITED), NOW);
	assert_int_equal(m.state, MACHINE_STOPPED);
}

static void machine__kill_while_starting__killed_again_when_started(void **state)
{
	struct machine m;

	(void)state;
	bring_to(&m, MACHINE_STARTING);
	assert_int_equal(go(&m, EV(KILL), NOW), KILL);
	assert_int_equal(go(&m, EV(STARTED), NOW), KILL);
	assert_int_equal(go(&m, EV(EXITED, .wait_status = SIGKILL), NOW), KILL);
	assert_int_equal(m.state, MACHINE_STOPPED);
}

static void machine__drained__ends_by_itself_without_restart(void **state)
{
	struct machine m;

	(void)state;
	bring_to(&m, MACHINE_RUNNING);
	assert_int_equal(go(&m, EV(DRAIN), NOW), 0);
	(void)go(&m, EV(EXITED, .wait_status = STATUS(1)), NOW);
	assert_int_equal(m.state, MACHINE_FAILED);
}

static void machine__lost__failed_as_if_killed(void **state)
{
	struct machine m;

	(void)state;
	bring_to(&m, MACHINE_RUNNING);
	(void)go(&m, EV(LOST), NOW + SEC);
	assert_int_equal(m.last.signal, SIGKILL);
	assert_int_equal(m.last.exit_code, 137);
	assert_int_equal(m.last.finished_at_ns, NOW + SEC);
}

static void machine__infinite_delay__saturates(void **state)
{
	static const struct restart_spec spec = { RESTART_ALWAYS, UINT64_MAX, UINT64_MAX,
						  600 * SEC };
	struct machine m;

	(void)state;
	machine_init(&m, &spec);
	(void)go(&m, EV(START), NOW);
	(void)go(&m, EV(STARTED), NOW);
	(void)go(&m, EV(EXITED), NOW);
	(void)go(&m, EV(STARTED), NOW);
	(void)go(&m, EV(EXITED), NOW);
	assert_true(m.timer_ns == UINT64_MAX);
}

/* As after an adoption: the pod ran without a podd for an hour. */
static void machine__exit_told_late__run_and_delay_from_its_own_time(void **state)
{
	const struct machine_event late = EV(EXITED, .wait_status = 1 << 8,
					     .ended_ns = NOW + 5 * SEC);
	struct machine m;

	(void)state;
	machine_init(&m, &always);
	bring_to(&m, MACHINE_RUNNING);
	(void)go(&m, EV(EXITED, .wait_status = 1 << 8), NOW + SEC); /* the first: at once */
	(void)go(&m, EV(STARTED), NOW + SEC);
	assert_true(go(&m, late, NOW + 3600 * SEC) & MACHINE_ARM_TIMER);
	assert_int_equal(m.state, MACHINE_BACKOFF);
	assert_int_equal(m.last.finished_at_ns, NOW + 5 * SEC);
	assert_int_equal(m.timer_ns, NOW + 15 * SEC); /* it is over */
}

static void names__all__the_words_users_know(void **state)
{
	static const char *const states[] = { "waiting",  "starting",  "running", "backoff",
					      "stopping", "completed", "failed",  "stopped" };
	static const char *const reasons[] = { NULL, "Completed", "Error", "OOMKilled",
					       "StartError" };

	(void)state;
	for (unsigned i = 0; i < MACHINE_STATE_N; i++)
		assert_string_equal(machine_state_name(i), states[i]);
	assert_null(exit_reason_name(EXIT_REASON_NONE));
	for (unsigned i = 1; i < EXIT_REASON_N; i++)
		assert_string_equal(exit_reason_name(i), reasons[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(machine__each_state_and_event__as_the_table_says),
		cmocka_unit_test(machine__paused__thawed_by_whatever_leads_away),
		cmocka_unit_test(machine__paused_in_backoff__starts_when_that_ends),
		cmocka_unit_test(machine__fails_again_and_again__kubernetes_delays),
		cmocka_unit_test(machine__success_under_always__backs_off_too),
		cmocka_unit_test(machine__restart_sec_zero__always_at_once),
		cmocka_unit_test(machine__start_fails_with_restart_sec_zero__timer_due_now),
		cmocka_unit_test(machine__policies__who_is_restarted),
		cmocka_unit_test(machine__exit__code_signal_reason_times),
		cmocka_unit_test(machine__operator_restart__at_once_and_forgiven),
		cmocka_unit_test(machine__stop_while_restarting__stopped),
		cmocka_unit_test(machine__kill_while_starting__killed_again_when_started),
		cmocka_unit_test(machine__drained__ends_by_itself_without_restart),
		cmocka_unit_test(machine__lost__failed_as_if_killed),
		cmocka_unit_test(machine__infinite_delay__saturates),
		cmocka_unit_test(machine__exit_told_late__run_and_delay_from_its_own_time),
		cmocka_unit_test(names__all__the_words_users_know),
	};

	return cmocka_run_group_tests_name("machine", tests, NULL, NULL);
}
