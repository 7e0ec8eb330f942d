/* SPDX-License-Identifier: MIT */
/* supervisor/pod_machine: random histories against a model of the host. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "supervisor/pod_machine.h"

/*
 * Each history is made from one number: the first is PODD_TEST_SEED or taken
 * from the clock, and printed; the next one's is one more. To see a failure
 * again: PODD_TEST_SEED=<its seed> PODD_TEST_HISTORIES=1.
 *
 * The model knows what is true on the host: which process lives, which group
 * may hold others, which timer is armed. It does what the machine says, checks
 * that it makes sense, and chooses what happens next among what can happen.
 */
#define HISTORIES 100000
#define MAX_N     4
#define SEC       NSEC_PER_SEC

enum process { NONE, ASKED, ALIVE }; /* ASKED: the outcome is not reported yet */

struct host_container {
	struct restart_spec restart;
	enum process process;
	bool group_used;  /* something may be left in the group */
	bool killed;      /* the process is sure to end */
	bool stubborn;    /* ignores the stop signal */
	bool signalled;   /* since the spawn */
	bool frozen;
	uint64_t signalled_ns;
	uint64_t timer_ns; /* 0: not armed */
	uint64_t spawned_ns, run_ns;
	uint64_t spawns;
	unsigned row; /* ends answered by the restart policy, one after another */
	uint64_t last_delay_ns;
};

struct host {
	struct pod_machine pod;
	struct host_container c[MAX_N];
	unsigned n;
	uint64_t now_ns;
	uint64_t timer_ns; /* the pod's */
	uint64_t seed, random;
	uint64_t stop_ns;    /* when the running stop was asked for; 0: none runs */
	uint64_t stop_until_ns; /* its deadline */
	bool killing;
	int steps;
	struct pod_event ev;           /* of the step that is checked */
	enum machine_state was[MAX_N]; /* before it */
};

/* How often what is worth seeing was seen, over all histories. */
static struct {
	unsigned long long steps, spawns, kills, ends[POD_STATE_N], backoffs, at_once, ordered,
		pauses, held;
} seen;

#define check(h, cond)                                                            \
	do {                                                                      \
		if (!(cond))                                                      \
			fail_msg("history %" PRIu64 ", step %d: %s", (h)->seed,   \
				 (h)->steps, #cond);                              \
	} while (0)

static uint32_t next_random(struct host *h)
{
	/* splitmix64: any seed is a good one */
	uint64_t z = (h->random += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)(z >> 32);
}

static bool one_in(struct host *h, uint32_t n)
{
	return next_random(h) % n == 0;
}

/* By the policy: not by the pod's order, nor by the operator. */
static bool is_retry(const struct host *h, unsigned i)
{
	if (h->ev.type == POD_EV_UNPAUSE) /* it was overdue */
		return true;
	if (h->ev.container != i)
		return false;
	return h->ev.type == POD_EV_CONTAINER_TIMER ||
	       (h->ev.type == POD_EV_EXITED && h->was[i] != MACHINE_STOPPING);
}

static void check_spawn(struct host *h, unsigned i)
{
	struct host_container *c = &h->c[i];

	check(h, c->process == NONE);
	check(h, !c->frozen);
	seen.held += h->ev.type == POD_EV_UNPAUSE;
	check(h, !c->group_used);
	check(h, !c->timer_ns);
	check(h, !h->stop_ns);
	/* In order: whoever has never run waits for those before it. */
	for (unsigned k = 0; k < i && !c->spawns; k++)
		check(h, h->c[k].spawns && (h->c[k].process != ASKED || h->c[k].spawns > 1));
	c->process = ASKED;
	c->killed = c->signalled = false;
	c->stubborn = one_in(h, 3);
	if (!is_retry(h, i))
		c->row = 0;
	c->spawns++;
	seen.spawns++;
}

/* What a stop keeps back of the grace period for those it did not come to. */
static uint64_t last_grace(const struct host *h)
{
	uint64_t half_ns = h->pod.stop_timeout_ns / 2;

	return half_ns < POD_LAST_GRACE_NS ? half_ns : POD_LAST_GRACE_NS;
}

static void check_stop_signal(struct host *h, unsigned i)
{
	struct host_container *c = &h->c[i];

	check(h, c->process != NONE);
	check(h, !c->killed);
	/* The reverse order, as long as there is time. */
	for (unsigned k = i + 1; k < h->n; k++) {
		if (!h->stop_ns || h->now_ns >= h->stop_until_ns - last_grace(h) || h->killing)
			break;
		check(h, h->c[k].process == NONE);
		seen.ordered++;
	}
	if (!c->signalled)
		c->signalled_ns = h->now_ns;
	c->signalled = true;
}

/* A living process is killed on demand, or after a grace period. */
static void check_kill(struct host *h, unsigned i)
{
	const struct host_container *c = &h->c[i];

	if (c->process == NONE || c->killed || h->killing)
		return;
	check(h, c->signalled);
	check(h, h->ev.type == POD_EV_CONTAINER_TIMER && h->ev.container == i);
	check(h, h->now_ns >= c->signalled_ns + last_grace(h));
	/* Its own restart may have been under way before, with a deadline of its own. */
	check(h, c->signalled_ns < h->stop_ns || h->now_ns >= h->stop_until_ns || !h->stop_ns);
}

static void apply_container(struct host *h, const struct pod_action *a)
{
	struct host_container *c = &h->c[a->container];
	unsigned bits = a->todo.bits;

	check(h, a->container < h->n);
	if (bits & MACHINE_CLEAR_TIMER) {
		check(h, c->timer_ns);
		c->timer_ns = 0;
	}
	if (bits & MACHINE_SIGNAL_STOP)
		check_stop_signal(h, a->container);
	if (bits & MACHINE_KILL_GROUP) {
		check_kill(h, a->container);
		c->group_used = false;
		c->killed = c->process != NONE;
		seen.kills++;
	}
	if (bits & MACHINE_FREEZE) {
		check(h, !c->frozen && (c->process == ALIVE || c->timer_ns));
		c->frozen = true;
		seen.pauses++;
	}
	if (bits & MACHINE_THAW) {
		check(h, c->frozen);
		c->frozen = false;
	}
	if (bits & MACHINE_ARM_TIMER) {
		check(h, a->todo.timer_ns >= h->now_ns && a->todo.timer_ns > 0);
		c->timer_ns = a->todo.timer_ns;
	}
	if (bits & MACHINE_SPAWN)
		check_spawn(h, a->container);
}

static void apply(struct host *h, const struct pod_actions *out)
{
	for (unsigned i = 0; i < out->n; i++) {
		const struct pod_action *a = &out->list[i];

		check(h, a->todo.bits);
		if (a->container != POD_ITSELF) {
			apply_container(h, a);
			continue;
		}
		check(h, !(a->todo.bits & ~(MACHINE_CLEAR_TIMER | MACHINE_ARM_TIMER |
					    MACHINE_CHANGED)));
		if (a->todo.bits & MACHINE_CLEAR_TIMER) {
			check(h, h->timer_ns);
			h->timer_ns = 0;
		}
		if (a->todo.bits & MACHINE_ARM_TIMER)
			h->timer_ns = a->todo.timer_ns;
	}
}

/* What is true between any two steps. */
static void check_container(struct host *h, unsigned i)
{
	const struct machine *m = &h->pod.containers[i];
	const struct host_container *c = &h->c[i];

	check(h, machine_has_process(m) == (c->process != NONE));
	check(h, m->state != MACHINE_RUNNING || c->process == ALIVE);
	check(h, c->timer_ns == m->timer_ns);
	check(h, !c->timer_ns || m->state == MACHINE_BACKOFF || m->state == MACHINE_STOPPING);
	check(h, m->state != MACHINE_BACKOFF || c->timer_ns || c->frozen);
	check(h, m->paused == c->frozen);
	check(h, !c->frozen || m->state == MACHINE_BACKOFF || m->state == MACHINE_RUNNING);
	/* A stop ends: a process that shall not live is killed, or will be. */
	check(h, m->state != MACHINE_STOPPING || !c->timer_ns == c->killed);
	/* Whose turn came was started, whatever the operator restarted since. */
	check(h, h->pod.state == POD_STOPPING || pod_machine_is_final(&h->pod) ||
			 (m->state == MACHINE_WAITING) == (i >= h->pod.next));
	check(h, m->restarts == (c->spawns ? c->spawns - 1 : 0));
	check(h, c->process != NONE || !c->group_used);
	check(h, !machine_is_final(m) || (!c->timer_ns && c->process == NONE));
	check(h, m->state != MACHINE_COMPLETED || m->last.exit_code == 0);
}

static void check_pod(struct host *h)
{
	const struct pod_machine *pod = &h->pod;
	bool ready = pod->state == POD_RUNNING, completed = true;

	for (unsigned i = 0; i < h->n; i++) {
		check_container(h, i);
		check(h, !pod_machine_is_final(pod) || machine_is_final(&pod->containers[i]));
		ready = ready && h->c[i].process == ALIVE && !h->c[i].frozen &&
			pod->containers[i].state == MACHINE_RUNNING;
		completed = completed && pod->containers[i].state == MACHINE_COMPLETED;
	}
	check(h, pod->state != POD_COMPLETED || completed);
	check(h, pod->state != POD_FAILED || !completed || h->ev.type == POD_EV_LOST);
	check(h, pod->state != POD_RUNNING || pod->next == h->n);
	check(h, h->timer_ns == pod->timer_ns);
	check(h, !h->timer_ns || pod->state == POD_STOPPING);
	check(h, pod_machine_is_ready(pod) == ready);
}

static int step(struct host *h, struct pod_event ev)
{
	struct pod_machine before = h->pod;
	struct pod_actions out;
	int r;

	h->ev = ev;
	for (unsigned i = 0; i < h->n; i++)
		h->was[i] = h->pod.containers[i].state;
	r = pod_machine_step(&h->pod, &ev, h->now_ns, &out);
	h->steps++;
	seen.steps++;
	if (r < 0) {
		check(h, out.n == 0);
		check(h, !memcmp(&before, &h->pod, sizeof(before)));
	}
	check(h, !pod_machine_is_final(&before) || out.n == 0);
	if (h->pod.state != POD_STOPPING || h->pod.start_again)
		h->stop_ns = 0;
	apply(h, &out);
	check_pod(h);
	return r;
}

static void ended(struct host_container *c)
{
	c->process = NONE;
	c->group_used = true;
}

static uint64_t expected_delay(struct host_container *c)
{
	uint64_t ns = c->restart.first_ns;

	if (c->run_ns >= c->restart.reset_ns)
		c->row = 0;
	if (c->row++ == 0)
		return 0;
	for (unsigned i = 2; i < c->row && ns < c->restart.max_ns; i++)
		ns *= 2;
	return ns < c->restart.max_ns ? ns : c->restart.max_ns;
}

/* How the machine answered an end: final, at once or after a delay. */
static void check_backoff(struct host *h, unsigned i, bool failed_start)
{
	const struct machine *m = &h->pod.containers[i];
	struct host_container *c = &h->c[i];
	uint64_t delay_ns = 0;

	if (machine_is_final(m)) {
		check(h, c->restart.policy != RESTART_ALWAYS || h->pod.state == POD_STOPPING ||
				 h->pod.state == POD_STOPPED);
		check(h, c->restart.policy == RESTART_NEVER || !m->last.exit_code ||
				 h->pod.state == POD_STOPPING || h->pod.state == POD_STOPPED);
		check(h, m->state == (m->last.exit_code ? MACHINE_FAILED : MACHINE_COMPLETED));
		return;
	}
	check(h, m->state == MACHINE_BACKOFF || (m->state == MACHINE_STARTING && !failed_start));
	check(h, c->restart.policy != RESTART_NEVER);
	check(h, c->restart.policy != RESTART_ON_FAILURE || m->last.exit_code);
	if (m->state == MACHINE_BACKOFF)
		delay_ns = c->timer_ns - h->now_ns;
	check(h, delay_ns == expected_delay(c));
	check(h, delay_ns <= c->restart.max_ns);
	check(h, c->row == 1 || delay_ns >= c->last_delay_ns);
	c->last_delay_ns = delay_ns;
	seen.backoffs += delay_ns > 0;
	seen.at_once += m->state == MACHINE_STARTING;
}

static void report_start(struct host *h, unsigned i)
{
	struct host_container *c = &h->c[i];
	bool stopping = h->pod.containers[i].state == MACHINE_STOPPING;

	if (one_in(h, 5)) {
		ended(c);
		c->run_ns = 0;
		check(h, step(h, (struct pod_event){ POD_EV_START_FAILED, i, 0, 0, 0 }) == 0);
		check(h, h->pod.containers[i].last.reason == EXIT_REASON_START_ERROR);
		if (!stopping)
			check_backoff(h, i, true);
		return;
	}
	c->process = ALIVE;
	c->spawned_ns = h->now_ns;
	check(h, step(h, (struct pod_event){ POD_EV_STARTED, i, 0, 0, 0 }) == 0);
}

static void end_process(struct host *h, unsigned i)
{
	static const int statuses[] = { 0, 0, 1 << 8, 255 << 8, SIGSEGV, SIGTERM };
	struct host_container *c = &h->c[i];
	int status = c->killed ? SIGKILL : statuses[next_random(h) % ARRAY_SIZE(statuses)];
	bool oom = one_in(h, 8), stopping = h->pod.containers[i].state == MACHINE_STOPPING;
	struct machine_exit *last = &h->pod.containers[i].last;

	ended(c);
	c->run_ns = h->now_ns - c->spawned_ns;
	check(h, step(h, (struct pod_event){ POD_EV_EXITED, i, status, oom, 0 }) == 0);
	check(h, last->exit_code == (status & 0x7f ? 128 + status : status >> 8));
	check(h, (last->reason == EXIT_REASON_OOM_KILLED) == (oom && status));
	if (!stopping)
		check_backoff(h, i, false);
}

static void fire(struct host *h, uint64_t *timer_ns, struct pod_event ev)
{
	if (*timer_ns > h->now_ns)
		h->now_ns = *timer_ns;
	*timer_ns = 0;
	check(h, step(h, ev) == 0);
}

/* The timer that is due first; false if none is armed. */
static bool fire_first(struct host *h)
{
	uint64_t *first = h->timer_ns ? &h->timer_ns : NULL;
	struct pod_event ev = { .type = POD_EV_TIMER };

	for (unsigned i = 0; i < h->n; i++) {
		uint64_t *t = &h->c[i].timer_ns;

		if (!*t || (first && *first <= *t))
			continue;
		first = t;
		ev = (struct pod_event){ .type = POD_EV_CONTAINER_TIMER, .container = i };
	}
	if (first)
		fire(h, first, ev);
	return first != NULL;
}

static void stop(struct host *h)
{
	if (!h->stop_ns && h->pod.state != POD_STOPPING && !pod_machine_is_final(&h->pod)) {
		h->stop_ns = h->now_ns;
		h->stop_until_ns = h->now_ns + h->pod.stop_timeout_ns;
	} else if (h->pod.state == POD_STOPPING && !h->pod.start_again) {
		h->killing = true;
	}
	check(h, step(h, (struct pod_event){ .type = POD_EV_STOP }) == 0);
	for (unsigned i = 0; i < h->n && h->killing; i++)
		check(h, h->c[i].process == NONE || h->c[i].killed);
}

static void operate(struct host *h)
{
	unsigned i = next_random(h) % (h->n + 2);
	int r;

	if (one_in(h, 12)) {
		stop(h);
	} else if (one_in(h, 30)) {
		h->killing = true;
		h->stop_ns = h->now_ns;
		check(h, step(h, (struct pod_event){ .type = POD_EV_KILL }) == 0);
	} else if (one_in(h, 2)) {
		r = step(h, (struct pod_event){
				    .type = one_in(h, 2) ? POD_EV_PAUSE : POD_EV_UNPAUSE,
				    .container = i == h->n ? POD_ITSELF : i });
		check(h, r == 0 || r == -EPROTO || r == -ESRCH || i > h->n);
	} else if (one_in(h, 60)) {
		for (unsigned k = 0; k < h->n; k++) {
			h->c[k].process = NONE;
			h->c[k].group_used = false;
		}
		check(h, step(h, (struct pod_event){ .type = POD_EV_LOST }) == 0);
	} else {
		r = step(h, (struct pod_event){ .type = POD_EV_RESTART,
						.container = i == h->n ? POD_ITSELF : i });
		check(h, r == 0 || r == -EPROTO || i > h->n);
	}
}

/* What cannot have happened is refused, and changes nothing. */
static void lie(struct host *h)
{
	unsigned i = next_random(h) % h->n;

	if (h->c[i].process == NONE)
		check(h, step(h, (struct pod_event){ .type = POD_EV_EXITED, .container = i }) ==
				 -EPROTO);
	if (h->c[i].process != ASKED && h->pod.containers[i].state != MACHINE_STOPPING)
		check(h, step(h, (struct pod_event){ .type = POD_EV_STARTED, .container = i }) ==
				 -EPROTO);
	check(h, step(h, (struct pod_event){ .type = POD_EV_START }) == -EPROTO);
}

static bool will_end(const struct host_container *c)
{
	return c->killed || (c->signalled && !c->stubborn);
}

static bool happen(struct host *h)
{
	unsigned i = next_random(h) % h->n;
	struct host_container *c = &h->c[i];

	if (c->process == ASKED) {
		report_start(h, i);
		return true;
	}
	if (c->process == ALIVE && (will_end(c) || one_in(h, 6))) {
		end_process(h, i);
		return true;
	}
	return false;
}

/* From here nobody asks for more: everything ends, and in time. */
static void finish(struct host *h)
{
	uint64_t limit_ns;

	if (h->pod.state == POD_STOPPING && h->pod.start_again)
		stop(h); /* the restart is called off, its deadline stays */
	if (h->pod.state != POD_STOPPING)
		stop(h);
	limit_ns = h->now_ns + h->pod.stop_timeout_ns;
	for (int i = 0; i < 400 && !pod_machine_is_final(&h->pod); i++) {
		bool quiet = true;

		for (unsigned k = 0; k < h->n; k++) {
			struct host_container *c = &h->c[k];

			if (c->process == ASKED)
				report_start(h, k);
			else if (c->process == ALIVE && will_end(c))
				end_process(h, k);
			else
				continue;
			quiet = false;
		}
		if (quiet)
			check(h, fire_first(h));
	}
	check(h, pod_machine_is_final(&h->pod));
	check(h, h->now_ns <= limit_ns);
	check(h, h->pod.state != POD_COMPLETED);
}

static void begin(struct host *h, uint64_t seed)
{
	static const uint64_t timeouts[] = { 0, SEC, 10 * SEC, 90 * SEC };
	static const uint64_t max[] = { 5 * SEC, 25 * SEC, 300 * SEC, UINT64_MAX };
	struct pod_container spec[MAX_N] = { 0 };
	struct pod_spec pod = { .containers = spec };

	*h = (struct host){ .seed = seed, .random = seed, .now_ns = 1 };
	h->n = 1 + next_random(h) % MAX_N;
	for (unsigned i = 0; i < h->n; i++) {
		h->c[i].restart = (struct restart_spec){
			.policy = next_random(h) % 3,
			.first_ns = one_in(h, 4) ? 0 : 10 * SEC,
			.max_ns = max[next_random(h) % ARRAY_SIZE(max)],
			.reset_ns = 600 * SEC,
		};
		spec[i].restart = h->c[i].restart;
	}
	pod.container_n = h->n;
	pod.stop_timeout_ns = timeouts[next_random(h) % ARRAY_SIZE(timeouts)];
	pod_machine_init(&h->pod, &pod);
	for (unsigned i = 0; i < h->n; i++)
		h->pod.containers[i].restart = &h->c[i].restart; /* outlives @spec */
}

static void live(struct host *h)
{
	unsigned length = next_random(h) % 80;

	check_pod(h);
	if (one_in(h, 50))
		operate(h); /* before the start */
	if (h->pod.state == POD_STARTING && h->pod.next == 0)
		check(h, step(h, (struct pod_event){ .type = POD_EV_START }) == 0);
	for (unsigned i = 0; i < length; i++) {
		h->now_ns += one_in(h, 8) ? next_random(h) % 1500 * SEC : next_random(h) % SEC;
		while (h->timer_ns && h->timer_ns < h->now_ns)
			if (!fire_first(h))
				break;
		if (one_in(h, 9))
			operate(h);
		else if (one_in(h, 9))
			lie(h);
		else if (!happen(h) && one_in(h, 2))
			(void)fire_first(h);
	}
}

static uint64_t number(const char *name, uint64_t otherwise)
{
	const char *s = getenv(name);

	return s ? strtoull(s, NULL, 0) : otherwise;
}

static void pod__random_histories__every_rule_kept(void **state)
{
	uint64_t seed = number("PODD_TEST_SEED", clock_realtime_ns() / NSEC_PER_USEC);
	uint64_t n = number("PODD_TEST_HISTORIES", HISTORIES);

	(void)state;
	print_message("%" PRIu64 " histories from PODD_TEST_SEED=%" PRIu64 "\n", n, seed);
	for (uint64_t i = 0; i < n; i++) {
		struct host h;

		begin(&h, seed + i);
		live(&h);
		if (!pod_machine_is_final(&h.pod))
			finish(&h);
		seen.ends[h.pod.state]++;
	}
	print_message("%llu steps, %llu spawns, %llu kills, %llu delays, %llu restarts at once, "
		      "%llu ordered stops; %llu stopped, %llu completed, %llu failed\n",
		      seen.steps, seen.spawns, seen.kills, seen.backoffs, seen.at_once,
		      seen.ordered, seen.ends[POD_STOPPED], seen.ends[POD_COMPLETED],
		      seen.ends[POD_FAILED]);
	/* The histories went everywhere. */
	if (n >= 1000)
		assert_true(seen.backoffs && seen.at_once && seen.ordered && seen.kills &&
			    seen.pauses && seen.held &&
			    seen.ends[POD_STOPPED] && seen.ends[POD_COMPLETED] &&
			    seen.ends[POD_FAILED]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pod__random_histories__every_rule_kept),
	};

	return cmocka_run_group_tests_name("machine histories", tests, NULL, NULL);
}
