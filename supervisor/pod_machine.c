/* SPDX-License-Identifier: MIT */
/* The pod machine: start in order, stop in the reverse one. */
#include "supervisor/pod_machine.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/fd.h"
#include "supervisor/timer.h"

struct step {
	const struct pod_event *ev;
	uint64_t now_ns;
	struct pod_actions *out;
};

typedef int action_fn(struct pod_machine *pod, struct step *s);

static void push(struct step *s, unsigned container, struct machine_actions todo)
{
	if (!todo.bits)
		return;
	assert(s->out->n < POD_ACTIONS_MAX);
	s->out->list[s->out->n++] = (struct pod_action){ container, todo };
}

static int tell(struct pod_machine *pod, struct step *s, unsigned i, struct machine_event ev)
{
	struct machine_actions todo;
	int r = machine_step(&pod->containers[i], &ev, s->now_ns, &todo);

	push(s, i, todo);
	return r;
}

/* For events that have a place in every state. */
static void tell_all(struct pod_machine *pod, struct step *s, enum machine_event_type type)
{
	for (unsigned i = pod->n; i-- > 0;)
		(void)tell(pod, s, i, (struct machine_event){ .type = type });
}

static void arm_timer(struct pod_machine *pod, struct step *s, uint64_t deadline_ns)
{
	pod->timer_ns = deadline_ns;
	push(s, POD_ITSELF, (struct machine_actions){ MACHINE_ARM_TIMER, deadline_ns });
}

/* Every change of state: only an orderly stop has a timer, and sets it next. */
static void enter(struct pod_machine *pod, struct step *s, enum pod_state state)
{
	unsigned bits = MACHINE_CHANGED | (pod->timer_ns ? MACHINE_CLEAR_TIMER : 0);

	pod->state = state;
	pod->timer_ns = 0;
	push(s, POD_ITSELF, (struct machine_actions){ .bits = bits });
}

static bool all_final(const struct pod_machine *pod)
{
	for (unsigned i = 0; i < pod->n; i++)
		if (!machine_is_final(&pod->containers[i]))
			return false;
	return true;
}

static void end_if_all_final(struct pod_machine *pod, struct step *s)
{
	enum pod_state end = POD_COMPLETED;

	if (!all_final(pod))
		return;
	for (unsigned i = 0; i < pod->n; i++)
		if (pod->containers[i].state != MACHINE_COMPLETED && !pod->containers[i].leaving)
			end = POD_FAILED;
	enter(pod, s, end);
}

static void start_next(struct pod_machine *pod, struct step *s)
{
	if (pod->next > 0 && pod->containers[pod->next - 1].state == MACHINE_STARTING)
		return;
	while (pod->next < pod->n && pod->containers[pod->next].leaving)
		pod->next++;
	if (pod->next < pod->n) {
		(void)tell(pod, s, pod->next, (struct machine_event){ .type = MACHINE_EV_START });
		pod->next++;
		return;
	}
	enter(pod, s, POD_RUNNING);
	end_if_all_final(pod, s);
}

/* What a stop keeps back of its time for those that it did not come to. */
static uint64_t last_grace(const struct pod_machine *pod)
{
	uint64_t half_ns = pod->stop_timeout_ns / 2;

	return half_ns < POD_LAST_GRACE_NS ? half_ns : POD_LAST_GRACE_NS;
}

/* The deadline, if this step is not late itself: the host may have slept. */
static uint64_t kill_time(const struct pod_machine *pod, uint64_t now_ns)
{
	uint64_t at_ns = timer_deadline(now_ns, last_grace(pod));

	return at_ns > pod->deadline_ns ? at_ns : pod->deadline_ns;
}

static void end_stop(struct pod_machine *pod, struct step *s)
{
	if (!pod->start_again) {
		enter(pod, s, POD_STOPPED);
		return;
	}
	for (unsigned i = pod->n; i-- > 0;) /* final as they are: to waiting */
		if (!pod->containers[i].leaving)
			(void)tell(pod, s, i, (struct machine_event){ .type = MACHINE_EV_RESTART });
	pod->start_again = false;
	pod->next = 0;
	enter(pod, s, POD_STARTING);
	start_next(pod, s);
}

static void stop_next(struct pod_machine *pod, struct step *s)
{
	struct machine_event stop = { .type = MACHINE_EV_STOP,
				      .deadline_ns = kill_time(pod, s->now_ns) };

	for (unsigned i = pod->n; i-- > 0;) {
		struct machine *m = &pod->containers[i];

		if (machine_is_final(m))
			continue;
		if (m->state != MACHINE_STOPPING)
			(void)tell(pod, s, i, stop);
		if (!pod->all_at_once)
			return;
	}
	if (all_final(pod))
		end_stop(pod, s);
}

static int begin_stop(struct pod_machine *pod, struct step *s)
{
	pod->all_at_once = false;
	pod->deadline_ns = timer_deadline(s->now_ns, pod->stop_timeout_ns);
	enter(pod, s, POD_STOPPING);
	tell_all(pod, s, MACHINE_EV_DRAIN);
	stop_next(pod, s);
	if (pod->state == POD_STOPPING)
		arm_timer(pod, s,
			  timer_deadline(s->now_ns, pod->stop_timeout_ns - last_grace(pod)));
	return 0;
}

static int kill_all(struct pod_machine *pod, struct step *s)
{
	pod->all_at_once = true;
	pod->start_again = false;
	enter(pod, s, POD_STOPPING);
	tell_all(pod, s, MACHINE_EV_KILL);
	stop_next(pod, s);
	return 0;
}

static int stop_again(struct pod_machine *pod, struct step *s)
{
	if (!pod->start_again)
		return kill_all(pod, s);
	pod->start_again = false; /* the first stop: what runs is a restart */
	return 0;
}

static int stop_the_rest(struct pod_machine *pod, struct step *s)
{
	pod->timer_ns = 0;
	pod->all_at_once = true;
	stop_next(pod, s);
	return 0;
}

static int restart_one(struct pod_machine *pod, struct step *s)
{
	unsigned i = s->ev->container;
	struct machine_event ev = { .type = MACHINE_EV_RESTART,
				    .deadline_ns = timer_deadline(s->now_ns,
								  pod->stop_timeout_ns) };

	if (i >= pod->n)
		return -ENOENT;
	if (machine_is_final(&pod->containers[i]))
		pod->containers[i].leaving = false; /* it comes back */
	(void)tell(pod, s, i, ev); /* has a place in every state */
	/* It was final; one that has yet to be started for the first time is. */
	if (pod->containers[i].state == MACHINE_WAITING && i < pod->next)
		(void)tell(pod, s, i, (struct machine_event){ .type = MACHINE_EV_START });
	return 0;
}

static int restart(struct pod_machine *pod, struct step *s)
{
	if (s->ev->container != POD_ITSELF)
		return restart_one(pod, s);
	pod->start_again = true;
	return begin_stop(pod, s);
}

static int remove_one(struct pod_machine *pod, struct step *s)
{
	unsigned i = s->ev->container;

	if (i >= pod->n)
		return -ENOENT;
	pod->containers[i].leaving = true;
	(void)tell(pod, s, i, (struct machine_event){
				.type = MACHINE_EV_STOP,
				.deadline_ns = timer_deadline(s->now_ns, pod->stop_timeout_ns) });
	end_if_all_final(pod, s);
	return 0;
}

/* Of one container, or of all that have a process or wait for their next. */
static int pause_or_unpause(struct pod_machine *pod, struct step *s)
{
	struct machine_event ev = { .type = s->ev->type == POD_EV_PAUSE ? MACHINE_EV_PAUSE :
									   MACHINE_EV_UNPAUSE };
	int r = -ESRCH;

	if (s->ev->container != POD_ITSELF && s->ev->container >= pod->n)
		return -ENOENT;
	for (unsigned i = 0; i < pod->n; i++)
		if ((s->ev->container == i || s->ev->container == POD_ITSELF) &&
		    tell(pod, s, i, ev) == 0)
			r = 0;
	return r;
}

static int start(struct pod_machine *pod, struct step *s)
{
	if (pod->next > 0)
		return -EPROTO;
	start_next(pod, s);
	return 0;
}

static int lose(struct pod_machine *pod, struct step *s)
{
	tell_all(pod, s, MACHINE_EV_LOST);
	enter(pod, s, POD_FAILED);
	return 0;
}

static int pass_on(struct pod_machine *pod, struct step *s)
{
	static const enum machine_event_type types[POD_EVENT_N] = {
		[POD_EV_STARTED] = MACHINE_EV_STARTED,
		[POD_EV_START_FAILED] = MACHINE_EV_START_FAILED,
		[POD_EV_EXITED] = MACHINE_EV_EXITED,
		[POD_EV_CONTAINER_TIMER] = MACHINE_EV_TIMER,
	};
	struct machine_event ev = { .type = types[s->ev->type],
				    .wait_status = s->ev->wait_status,
				    .oom = s->ev->oom,
				    .ended_ns = s->ev->ended_ns };
	int r;

	if (s->ev->container >= pod->n)
		return -ENOENT;
	r = tell(pod, s, s->ev->container, ev);
	if (r < 0)
		return r;
	if (pod->state == POD_STARTING)
		start_next(pod, s);
	else if (pod->state == POD_STOPPING)
		stop_next(pod, s);
	else
		end_if_all_final(pod, s);
	return 0;
}

static int ignore(struct pod_machine *pod, struct step *s)
{
	(void)pod;
	(void)s;
	return 0;
}

static action_fn *const on[POD_STATE_N][POD_EVENT_N] = { /* NULL: refused */
	[POD_STARTING] = {
		[POD_EV_START]           = start,
		[POD_EV_STARTED]         = pass_on,
		[POD_EV_START_FAILED]    = pass_on,
		[POD_EV_EXITED]          = pass_on,
		[POD_EV_CONTAINER_TIMER] = pass_on,
		[POD_EV_STOP]            = begin_stop,
		[POD_EV_KILL]            = kill_all,
		[POD_EV_RESTART]         = restart,
		[POD_EV_LOST]            = lose,
	},
	[POD_RUNNING] = {
		[POD_EV_STARTED]         = pass_on,
		[POD_EV_START_FAILED]    = pass_on,
		[POD_EV_EXITED]          = pass_on,
		[POD_EV_CONTAINER_TIMER] = pass_on,
		[POD_EV_STOP]            = begin_stop,
		[POD_EV_KILL]            = kill_all,
		[POD_EV_RESTART]         = restart,
		[POD_EV_REMOVE]          = remove_one,
		[POD_EV_LOST]            = lose,
		[POD_EV_PAUSE]           = pause_or_unpause,
		[POD_EV_UNPAUSE]         = pause_or_unpause,
	},
	[POD_STOPPING] = {
		[POD_EV_STARTED]         = pass_on,
		[POD_EV_START_FAILED]    = pass_on,
		[POD_EV_EXITED]          = pass_on,
		[POD_EV_CONTAINER_TIMER] = pass_on,
		[POD_EV_TIMER]           = stop_the_rest,
		[POD_EV_STOP]            = stop_again,
		[POD_EV_KILL]            = kill_all,
		[POD_EV_LOST]            = lose,
	},
	[POD_STOPPED] = {
		[POD_EV_STOP]            = ignore,
		[POD_EV_KILL]            = ignore,
		[POD_EV_LOST]            = ignore,
	},
	[POD_COMPLETED] = {
		[POD_EV_STOP]            = ignore,
		[POD_EV_KILL]            = ignore,
		[POD_EV_LOST]            = ignore,
	},
	[POD_FAILED] = {
		[POD_EV_STOP]            = ignore,
		[POD_EV_KILL]            = ignore,
		[POD_EV_LOST]            = ignore,
	},
};

/**
 * pod_machine_init() - a pod that waits for POD_EV_START
 * @spec: its containers' restart settings are borrowed for the pod's life
 */
void pod_machine_init(struct pod_machine *pod, const struct pod_spec *spec)
{
	assert(spec->container_n <= POD_CONTAINERS_MAX);
	*pod = (struct pod_machine){
		.state = POD_STARTING,
		.n = (unsigned)spec->container_n,
		.stop_timeout_ns = spec->stop_timeout_ns,
	};
	for (unsigned i = 0; i < pod->n; i++)
		machine_init(&pod->containers[i], &spec->containers[i].restart);
}

/**
 * pod_machine_arrange() - give the pod other containers, or another order
 * @from: for each one the index it has had, or POD_ITSELF: it is new, and waits
 * @n: at most POD_CONTAINERS_MAX
 *
 * Between two steps only, and not while the pod starts. The caller sets each
 * one's @restart before the next step.
 */
void pod_machine_arrange(struct pod_machine *pod, const unsigned *from, unsigned n)
{
	struct machine before[POD_CONTAINERS_MAX];

	assert(n <= POD_CONTAINERS_MAX);
	memcpy(before, pod->containers, pod->n * sizeof(before[0]));
	for (unsigned i = 0; i < n; i++) {
		if (from[i] == POD_ITSELF)
			machine_init(&pod->containers[i], NULL);
		else
			pod->containers[i] = before[from[i]];
	}
	pod->n = pod->next = n;
}

/**
 * pod_machine_step() - let an event happen
 * @now_ns: CLOCK_BOOTTIME, never less than in the step before
 * @out: what to do now, in this order; empty on error
 *
 * Return: 0; -EPROTO if the event has no place in this state, which changes
 * nothing; -ENOENT if there is no such container; -ESRCH if none that the event is
 * for has a place for it.
 */
int pod_machine_step(struct pod_machine *pod, const struct pod_event *ev, uint64_t now_ns,
		     struct pod_actions *out)
{
	action_fn *act = on[pod->state][ev->type];
	struct step s = { ev, now_ns, out };

	out->n = 0;
	if (!act)
		return -EPROTO;
	return act(pod, &s);
}

/**
 * pod_machine_is_final() - whether it is over, and only the teardown is left
 */
bool pod_machine_is_final(const struct pod_machine *pod)
{
	return pod->state >= POD_STOPPED;
}

/**
 * pod_machine_is_ready() - whether every container runs, and none is paused
 */
bool pod_machine_is_ready(const struct pod_machine *pod)
{
	for (unsigned i = 0; i < pod->n; i++)
		if (!machine_serves(&pod->containers[i]) && !pod->containers[i].leaving)
			return false;
	return pod->state == POD_RUNNING;
}

/**
 * pod_state_name() - the state's word in status, events and JSON
 */
const char *pod_state_name(enum pod_state state)
{
	static const char *const names[] = {
		[POD_STARTING] = "starting", [POD_RUNNING] = "running",
		[POD_STOPPING] = "stopping", [POD_STOPPED] = "stopped",
		[POD_COMPLETED] = "completed", [POD_FAILED] = "failed",
	};

	static_assert(ARRAY_SIZE(names) == POD_STATE_N, "a name for each state");
	return names[state];
}
