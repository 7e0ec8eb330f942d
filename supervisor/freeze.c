/* SPDX-License-Identifier: MIT */
/* Pause and unpause: the groups of containers frozen, and let go on. */
#include "supervisor/freeze.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/fault.h"
#include "supervisor/notify.h"
#include "supervisor/say.h"

#define FREEZE_TIMEOUT_NS (10 * NSEC_PER_SEC)

static void publish(struct pod *pod, const struct member *m, const char *state)
{
	const char *name = m->spec->run.name;

	events_add(&pod->events, &(struct event){ .kind = EVENT_CONTAINER_PAUSED,
						  .container = name, .state = state });
	control_events_added(pod->control);
	notify_standing(pod);
	say(SAY_NOTICE, "pod '%s': container '%s': %s", pod->spec->name, name, state);
}

static void stop_waiting(struct member *m)
{
	loop_watch_remove(m->host->loop, &m->freezer.watch);
	loop_timer_clear(m->host->loop, &m->freezer.timer);
	close_fd(&m->freezer.events_fd);
}

/* It stands still, or does not yet. */
static void look(struct member *m)
{
	struct pod *pod = pod_of(m);

	if (m->freezer.frozen || cgroup_events_frozen(m->freezer.events_fd, NULL) <= 0)
		return;
	stop_waiting(m);
	m->freezer.frozen = true;
	publish(pod, m, "paused");
	fault_kill("frozen");
	freeze_answer(pod);
}

static void on_group_event(struct watch *watch, uint32_t events)
{
	(void)events;
	look(container_of(watch, struct member, freezer.watch));
}

/* Not frozen in time, or not at all: it goes on. */
static void give_up(struct timer *timer)
{
	struct member *m = container_of(timer, struct member, freezer.timer);
	struct pod *pod = pod_of(m);
	const char *name = m->spec->run.name;
	struct err err;

	if (m->freezer.why.code)
		err = m->freezer.why;
	else
		(void)err_set(&err, ETIMEDOUT, "not all of its processes stand still after %u s: "
			      "it runs on", (unsigned)(FREEZE_TIMEOUT_NS / NSEC_PER_SEC));
	(void)err_wrap(&err, -err.code, "pause container '%s'", name);
	control_finish(pod->control, CONTROL_WAIT_PAUSE, name, &err);
	control_finish(pod->control, CONTROL_WAIT_PAUSE, NULL, &err);
	(void)drive_event(pod,
			  &(struct pod_event){ .type = POD_EV_UNPAUSE, .container = m->index });
}

/**
 * freeze_begin() - freeze the group of a container; what comes of it is told later
 */
void freeze_begin(struct member *m)
{
	struct loop *loop = m->host->loop;
	struct err *why = &m->freezer.why;
	int r;

	*why = (struct err){ 0 };
	m->freezer.watch.fn = on_group_event;
	m->freezer.timer.fn = give_up;
	r = cgroup_freeze(&m->cgroup, true, why);
	fault_kill("freezing");
	if (r == 0)
		r = m->freezer.events_fd = cgroup_events_open(&m->cgroup, why);
	if (r >= 0)
		r = loop_watch_add(loop, &m->freezer.watch, m->freezer.events_fd, EPOLLPRI, why);
	/* In the loop's next turn when it failed: this is the midst of a step. */
	loop_timer_set(loop, &m->freezer.timer,
		       clock_boottime_ns() + (r < 0 ? 0 : FREEZE_TIMEOUT_NS));
	if (r == 0)
		look(m);
}

/**
 * freeze_end() - let a container go on, frozen or about to be
 */
void freeze_end(struct member *m)
{
	static const struct err gone = { .code = ECANCELED,
					 .msg = "it was let go on before it stood still" };
	struct pod *pod = pod_of(m);
	bool was = m->freezer.frozen;

	stop_waiting(m);
	m->freezer.frozen = false;
	(void)cgroup_freeze(&m->cgroup, false, NULL); /* a group that is gone is not frozen */
	fault_kill("thawed");
	if (was) {
		publish(pod, m, "unpaused");
		return;
	}
	control_finish(pod->control, CONTROL_WAIT_PAUSE, m->spec->run.name, &gone);
	control_finish(pod->control, CONTROL_WAIT_PAUSE, NULL, &gone);
}

/**
 * freeze_answer() - answer those who wait for a pause that is complete
 */
void freeze_answer(struct pod *pod)
{
	bool all = true;

	for (unsigned i = 0; i < pod->member_n; i++) {
		const struct member *m = pod->members[i];

		if (!pod->machine.containers[i].paused)
			continue;
		if (m->freezer.frozen)
			control_finish(pod->control, CONTROL_WAIT_PAUSE, m->spec->run.name, NULL);
		all = all && m->freezer.frozen;
	}
	if (all)
		control_finish(pod->control, CONTROL_WAIT_PAUSE, NULL, NULL);
}

/**
 * freeze_resume() - a container of a pod that is adopted: paused if its group is frozen
 *
 * Before anything is started. One whose former podd was about to thaw it for good
 * (a stop, a restart) is thawed; a pause that was only asked for has not begun.
 */
void freeze_resume(struct pod *pod, unsigned i)
{
	struct machine *c = &pod->machine.containers[i];
	struct member *m = pod->members[i];
	bool frozen = cgroup_freeze_asked(&m->cgroup);

	c->paused = frozen && (c->state == MACHINE_RUNNING || c->state == MACHINE_BACKOFF);
	if (frozen && !c->paused)
		(void)cgroup_freeze(&m->cgroup, false, NULL);
	if (c->paused)
		freeze_begin(m);
}
