/* SPDX-License-Identifier: MIT */
/* The container machine: one table, one small function for each transition. */
#include "supervisor/machine.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "supervisor/timer.h"

#define EXIT_CODE_SIGNAL 128 /* plus the signal's number */
#define EXIT_CODE_START  128

/* What a transition works on: the event, the time, and the actions so far. */
struct step {
	const struct machine_event *ev;
	uint64_t now_ns;
	struct machine_actions *out;
};

typedef void action_fn(struct machine *m, struct step *s);

static void thaw(struct machine *m, struct step *s)
{
	if (m->paused)
		s->out->bits |= MACHINE_THAW;
	m->paused = false;
}

static void enter(struct machine *m, struct step *s, enum machine_state state)
{
	if (state != MACHINE_RUNNING && state != MACHINE_BACKOFF)
		thaw(m, s);
	m->state = state;
	s->out->bits |= MACHINE_CHANGED;
}

static void arm_timer(struct machine *m, struct step *s, uint64_t deadline_ns)
{
	m->timer_ns = deadline_ns;
	s->out->bits |= MACHINE_ARM_TIMER;
	s->out->timer_ns = deadline_ns;
}

static void clear_timer(struct machine *m, struct step *s)
{
	if (m->timer_ns)
		s->out->bits |= MACHINE_CLEAR_TIMER;
	m->timer_ns = 0;
}

static void spawn(struct machine *m, struct step *s)
{
	if (m->spawns++ > 0)
		m->restarts++;
	m->start_again = m->killed = false;
	s->out->bits |= MACHINE_SPAWN;
	enter(m, s, MACHINE_STARTING);
}

static struct machine_exit describe_exit(int wait_status, bool oom)
{
	struct machine_exit e = { .exit_code = WEXITSTATUS(wait_status) };

	if (WIFSIGNALED(wait_status)) {
		e.signal = WTERMSIG(wait_status);
		e.exit_code = EXIT_CODE_SIGNAL + e.signal;
	}
	if (!e.exit_code)
		e.reason = EXIT_REASON_COMPLETED;
	else
		e.reason = oom ? EXIT_REASON_OOM_KILLED : EXIT_REASON_ERROR;
	return e;
}

/* No process is left: note how it ended, take what it left behind. */
static void record_exit(struct machine *m, struct step *s)
{
	if (s->ev->type == MACHINE_EV_START_FAILED)
		m->last = (struct machine_exit){ .reason = EXIT_REASON_START_ERROR,
						 .exit_code = EXIT_CODE_START };
	else
		m->last = describe_exit(s->ev->wait_status, s->ev->oom);
	m->last.started_at_ns = m->started_at_ns;
	m->last.finished_at_ns = s->ev->ended_ns ? s->ev->ended_ns : s->now_ns;
	m->started_at_ns = 0;
	s->out->bits |= MACHINE_KILL_GROUP | MACHINE_CHANGED;
}

static bool is_restarted(const struct machine *m)
{
	if (m->draining || m->restart->policy == RESTART_NEVER)
		return false;
	return m->restart->policy == RESTART_ALWAYS || m->last.reason != EXIT_REASON_COMPLETED;
}

static void back_off(struct machine *m, struct step *s)
{
	uint64_t began_ns = m->last.started_at_ns;
	uint64_t ended_ns = m->last.finished_at_ns;
	uint64_t ran_ns = began_ns && ended_ns > began_ns ? ended_ns - began_ns : 0;
	uint64_t delay_ns = backoff_next(&m->backoff, m->restart, ran_ns);

	if (!delay_ns && m->last.reason != EXIT_REASON_START_ERROR && !m->paused) {
		spawn(m, s);
		return;
	}
	arm_timer(m, s, timer_deadline(ended_ns, delay_ns));
	enter(m, s, MACHINE_BACKOFF);
}

/* The operator's word: nothing of what went wrong before counts. */
static void start_over(struct machine *m, struct step *s)
{
	m->backoff = (struct backoff){ 0 };
	spawn(m, s);
}

static void note_started(struct machine *m, struct step *s)
{
	m->started_at_ns = s->now_ns;
	enter(m, s, MACHINE_RUNNING);
}

static void end_run(struct machine *m, struct step *s)
{
	record_exit(m, s);
	if (is_restarted(m))
		back_off(m, s);
	else if (m->last.reason == EXIT_REASON_COMPLETED)
		enter(m, s, MACHINE_COMPLETED);
	else
		enter(m, s, MACHINE_FAILED);
}

static void retry(struct machine *m, struct step *s)
{
	m->timer_ns = 0;
	if (!m->paused) /* else the end of the pause makes up for it */
		spawn(m, s);
}

static void retry_now(struct machine *m, struct step *s)
{
	clear_timer(m, s);
	start_over(m, s);
}

/* Stop where no process lives. */
static void settle(struct machine *m, struct step *s)
{
	clear_timer(m, s);
	enter(m, s, MACHINE_STOPPED);
}

static void terminate(struct machine *m, struct step *s)
{
	s->out->bits |= MACHINE_SIGNAL_STOP;
	arm_timer(m, s, s->ev->deadline_ns);
	enter(m, s, MACHINE_STOPPING);
}

static void terminate_to_restart(struct machine *m, struct step *s)
{
	m->start_again = true;
	terminate(m, s);
}

/* Stop while stopping: no restart after it, and no later than it was. */
static void hasten(struct machine *m, struct step *s)
{
	m->start_again = false;
	if (m->timer_ns && s->ev->deadline_ns < m->timer_ns)
		arm_timer(m, s, s->ev->deadline_ns);
}

static void kill_group(struct machine *m, struct step *s)
{
	clear_timer(m, s);
	m->killed = true;
	s->out->bits |= MACHINE_KILL_GROUP;
	enter(m, s, MACHINE_STOPPING);
}

static void kill_for_good(struct machine *m, struct step *s)
{
	m->start_again = false;
	kill_group(m, s);
}

static void run_out_of_time(struct machine *m, struct step *s)
{
	m->timer_ns = 0;
	kill_group(m, s);
}

/* The start was under way when the stop came: the process may have missed the
 * signal. */
static void stop_again(struct machine *m, struct step *s)
{
	m->started_at_ns = s->now_ns;
	s->out->bits |= (m->killed ? MACHINE_KILL_GROUP : MACHINE_SIGNAL_STOP) | MACHINE_CHANGED;
}

static void end_stop(struct machine *m, struct step *s)
{
	record_exit(m, s);
	clear_timer(m, s);
	if (m->start_again)
		start_over(m, s);
	else
		enter(m, s, MACHINE_STOPPED);
}

static void drain(struct machine *m, struct step *s)
{
	m->draining = true;
	m->start_again = false;
	thaw(m, s); /* those before it in the order may wait for it */
}

static void begin_pause(struct machine *m, struct step *s)
{
	if (!m->paused)
		s->out->bits |= MACHINE_FREEZE;
	m->paused = true;
}

static void end_pause(struct machine *m, struct step *s)
{
	bool overdue = m->paused && m->state == MACHINE_BACKOFF && !m->timer_ns;

	thaw(m, s);
	if (overdue)
		spawn(m, s);
}

static void lose(struct machine *m, struct step *s)
{
	static const struct machine_event killed = { .type = MACHINE_EV_EXITED,
						     .wait_status = SIGKILL };
	struct step as_killed = { &killed, s->now_ns, s->out };

	/* The kernel kills the members of a PID namespace whose first process
	 * is gone (pid_namespaces(7)); nobody is left to tell how they ended. */
	if (machine_has_process(m))
		record_exit(m, &as_killed);
	clear_timer(m, s);
	enter(m, s, MACHINE_FAILED);
}

static void rewind_to_waiting(struct machine *m, struct step *s)
{
	m->backoff = (struct backoff){ 0 };
	m->draining = m->start_again = false;
	enter(m, s, MACHINE_WAITING);
}

static void ignore(struct machine *m, struct step *s)
{
	(void)m;
	(void)s;
}

static action_fn *const on[MACHINE_STATE_N][MACHINE_EVENT_N] = { /* NULL: refused */
	[MACHINE_WAITING] = {
		[MACHINE_EV_START]        = spawn,
		[MACHINE_EV_STOP]         = settle,
		[MACHINE_EV_KILL]         = settle,
		[MACHINE_EV_RESTART]      = ignore, /* it is about to start */
		[MACHINE_EV_DRAIN]        = settle,
		[MACHINE_EV_LOST]         = lose,
	},
	[MACHINE_STARTING] = {
		[MACHINE_EV_STARTED]      = note_started,
		[MACHINE_EV_START_FAILED] = end_run,
		[MACHINE_EV_EXITED]       = end_run, /* faster than its report */
		[MACHINE_EV_STOP]         = terminate,
		[MACHINE_EV_KILL]         = kill_for_good,
		[MACHINE_EV_RESTART]      = ignore, /* it does start */
		[MACHINE_EV_DRAIN]        = drain,
		[MACHINE_EV_LOST]         = lose,
	},
	[MACHINE_RUNNING] = {
		[MACHINE_EV_EXITED]       = end_run,
		[MACHINE_EV_STOP]         = terminate,
		[MACHINE_EV_KILL]         = kill_for_good,
		[MACHINE_EV_RESTART]      = terminate_to_restart,
		[MACHINE_EV_DRAIN]        = drain,
		[MACHINE_EV_LOST]         = lose,
		[MACHINE_EV_PAUSE]        = begin_pause,
		[MACHINE_EV_UNPAUSE]      = end_pause,
	},
	[MACHINE_BACKOFF] = {
		[MACHINE_EV_TIMER]        = retry,
		[MACHINE_EV_STOP]         = settle,
		[MACHINE_EV_KILL]         = settle,
		[MACHINE_EV_RESTART]      = retry_now,
		[MACHINE_EV_DRAIN]        = settle,
		[MACHINE_EV_LOST]         = lose,
		[MACHINE_EV_PAUSE]        = begin_pause,
		[MACHINE_EV_UNPAUSE]      = end_pause,
	},
	[MACHINE_STOPPING] = {
		[MACHINE_EV_STARTED]      = stop_again,
		[MACHINE_EV_START_FAILED] = end_stop,
		[MACHINE_EV_EXITED]       = end_stop,
		[MACHINE_EV_TIMER]        = run_out_of_time,
		[MACHINE_EV_STOP]         = hasten,
		[MACHINE_EV_KILL]         = kill_for_good,
		[MACHINE_EV_RESTART]      = ignore, /* a stop is not taken back */
		[MACHINE_EV_DRAIN]        = drain,
		[MACHINE_EV_LOST]         = lose,
	},
	[MACHINE_COMPLETED] = {
		[MACHINE_EV_STOP]         = ignore,
		[MACHINE_EV_KILL]         = ignore,
		[MACHINE_EV_RESTART]      = rewind_to_waiting,
		[MACHINE_EV_DRAIN]        = ignore,
		[MACHINE_EV_LOST]         = ignore,
	},
	[MACHINE_FAILED] = {
		[MACHINE_EV_STOP]         = ignore,
		[MACHINE_EV_KILL]         = ignore,
		[MACHINE_EV_RESTART]      = rewind_to_waiting,
		[MACHINE_EV_DRAIN]        = ignore,
		[MACHINE_EV_LOST]         = ignore,
	},
	[MACHINE_STOPPED] = {
		[MACHINE_EV_STOP]         = ignore,
		[MACHINE_EV_KILL]         = ignore,
		[MACHINE_EV_RESTART]      = rewind_to_waiting,
		[MACHINE_EV_DRAIN]        = ignore,
		[MACHINE_EV_LOST]         = ignore,
	},
};

/**
 * machine_init() - a container that waits for its start
 * @restart: borrowed for the machine's life
 */
void machine_init(struct machine *m, const struct restart_spec *restart)
{
	*m = (struct machine){ .restart = restart, .state = MACHINE_WAITING };
}

/**
 * machine_step() - let an event happen
 * @now_ns: CLOCK_BOOTTIME, never less than in the step before
 * @out: what to do now, in the order of enum machine_action; nothing on error
 *
 * Return: 0; -EPROTO if the event has no place in this state, which changes
 * nothing.
 */
int machine_step(struct machine *m, const struct machine_event *ev, uint64_t now_ns,
		 struct machine_actions *out)
{
	action_fn *act = on[m->state][ev->type];
	struct step s = { ev, now_ns, out };

	*out = (struct machine_actions){ 0 };
	if (!act)
		return -EPROTO;
	act(m, &s);
	return 0;
}

/**
 * machine_is_final() - whether only the operator can start it again
 */
bool machine_is_final(const struct machine *m)
{
	return m->state >= MACHINE_COMPLETED;
}

/**
 * machine_has_process() - whether a first process lives, or may
 */
bool machine_has_process(const struct machine *m)
{
	return m->state == MACHINE_STARTING || m->state == MACHINE_RUNNING ||
	       m->state == MACHINE_STOPPING;
}

/**
 * machine_serves() - whether it runs, and is not paused
 */
bool machine_serves(const struct machine *m)
{
	return m->state == MACHINE_RUNNING && !m->paused;
}

/**
 * machine_state_name() - the state's word in status, events and JSON
 */
const char *machine_state_name(enum machine_state state)
{
	static const char *const names[] = {
		[MACHINE_WAITING] = "waiting",   [MACHINE_STARTING] = "starting",
		[MACHINE_RUNNING] = "running",   [MACHINE_BACKOFF] = "backoff",
		[MACHINE_STOPPING] = "stopping", [MACHINE_COMPLETED] = "completed",
		[MACHINE_FAILED] = "failed",     [MACHINE_STOPPED] = "stopped",
	};

	static_assert(ARRAY_SIZE(names) == MACHINE_STATE_N, "a name for each state");
	return names[state];
}

/**
 * exit_reason_name() - Kubernetes' word for how a container ended
 *
 * Return: the word; NULL for EXIT_REASON_NONE.
 */
const char *exit_reason_name(enum exit_reason reason)
{
	static const char *const names[] = {
		[EXIT_REASON_NONE] = NULL,
		[EXIT_REASON_COMPLETED] = "Completed",
		[EXIT_REASON_ERROR] = "Error",
		[EXIT_REASON_OOM_KILLED] = "OOMKilled",
		[EXIT_REASON_START_ERROR] = "StartError",
	};

	static_assert(ARRAY_SIZE(names) == EXIT_REASON_N, "a name for each reason");
	return names[reason];
}
