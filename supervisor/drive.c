/* SPDX-License-Identifier: MIT */
/* Feeding the pod's machine with what happens, and doing what it says. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"
#include "supervisor/freeze.h"
#include "supervisor/notify.h"
#include "supervisor/origin.h"
#include "supervisor/plan.h"
#include "supervisor/pod.h"
#include "supervisor/reload.h"
#include "supervisor/say.h"

/* ----------------------------------------------------------------- publishing */

static void add_event(struct pod *pod, const struct event *event)
{
	events_add(&pod->events, event);
	control_events_added(pod->control);
}

static void publish_container(struct pod *pod, unsigned i)
{
	const struct machine *c = &pod->machine.containers[i];
	const struct member *m = pod->members[i];
	const char *name = m->spec->run.name;
	bool ended = c->last.reason != EXIT_REASON_NONE && m->pid == 0 &&
		     c->state != MACHINE_STOPPED;
	const struct event event = {
		.kind = EVENT_CONTAINER_STATE,
		.container = name,
		.state = machine_state_name(c->state),
		.reason = ended ? exit_reason_name(c->last.reason) : NULL,
		.message = m->message[0] ? m->message : NULL,
		.pid = m->pid,
		.restarts = (unsigned)c->restarts,
	};

	add_event(pod, &event);
	notify_standing(pod);
	if (pod->broken) /* why is told at the end, and in one line */
		return;
	say(SAY_INFO, "pod '%s': container '%s': %s%s%s", pod->spec->name, name, event.state,
	    event.message ? ": " : "", event.message ? event.message : "");
}

static void publish_pod(struct pod *pod)
{
	const char *state = pod_state_name(pod->machine.state);
	uint32_t a = pod->lease.address;
	char address[32] = "";

	add_event(pod, &(struct event){ .kind = EVENT_POD_STATE, .state = state });
	if (pod->broken)
		return;
	if (pod->machine.state == POD_RUNNING && a)
		snprintf(address, sizeof(address), " at %u.%u.%u.%u", a >> 24, a >> 16 & 255,
			 a >> 8 & 255, a & 255);
	say(pod->broken ? SAY_DEBUG : SAY_NOTICE, "pod '%s': %s%s",
	    pod->spec->name, state, address);
	if (pod->machine.state == POD_RUNNING)
		notify_ready(pod);
	else
		notify_standing(pod);
}

/* --------------------------------------------------------------------- actions */

static void spawn(struct pod *pod, unsigned i)
{
	struct err err = { 0 };
	struct member *m = pod->members[i];
	int r = member_make_root(m, &m->stage, &err);

	/* What it will run is on the record before it runs. */
	if (r == 0) {
		drive_commit(pod);
		fault_kill("defined");
		r = member_spawn(m, &m->stage, &err);
	}
	m->message[0] = '\0';
	if (r < 0) {
		struct err told = err;

		(void)origin_tell(&told, r, pod->spec);
		snprintf(m->message, sizeof(m->message), "stage %s: %s", m->stage, told.msg);
		if (pod->machine.containers[i].spawns == 1 && !pod->broken &&
		    pod->machine.state == POD_STARTING && m->spec->run.argv) {
			pod->broken = true;
			pod->why = err;
			(void)pod_explain(pod, r, &pod->why);
			(void)err_wrap(&pod->why, r, "pod '%s'", pod->spec->name);
			(void)origin_tell(&pod->why, r, pod->spec);
		}
	}
	m->report.pending = true;
	m->report.started = r == 0;
}

/**
 * drive_expect_kill() - podd is about to send SIGKILL to a container
 *
 * On the record before it does, for the podd that sees the end.
 */
void drive_expect_kill(struct pod *pod, struct member *m)
{
	if (m->pidfd < 0)
		return;
	member_expect_kill(m);
	drive_commit(pod);
}

static void kill_group(struct pod *pod, struct member *m)
{
	drive_expect_kill(pod, m);
	member_kill(m);
}

/*
 * On the record as soon as it is done: an app that takes a second stop signal for
 * "at once" is to get one, however often podd is replaced. Who is killed between
 * the two leads to another.
 */
static void send_stop(struct pod *pod, struct member *m)
{
	if (m->spec->stop_signal == SIGKILL)
		drive_expect_kill(pod, m);
	member_signal(m, m->spec->stop_signal);
	fault_kill("signalled");
	m->stop_sent = m->slot->generation;
	drive_commit(pod);
}

static void do_container_actions(struct pod *pod, unsigned i, const struct machine_actions *todo)
{
	struct member *m = pod->members[i];

	if (todo->bits & MACHINE_CLEAR_TIMER)
		loop_timer_clear(pod->loop, &m->timer);
	if (todo->bits & MACHINE_SIGNAL_STOP)
		send_stop(pod, m);
	if (todo->bits & MACHINE_KILL_GROUP)
		kill_group(pod, m);
	if (todo->bits & MACHINE_FREEZE)
		freeze_begin(m);
	if (todo->bits & MACHINE_THAW)
		freeze_end(m);
	if (todo->bits & MACHINE_ARM_TIMER)
		loop_timer_set(pod->loop, &m->timer, todo->timer_ns);
	if (todo->bits & MACHINE_SPAWN)
		spawn(pod, i);
	if (todo->bits & MACHINE_CHANGED && !m->report.pending)
		publish_container(pod, i);
}

static void do_pod_actions(struct pod *pod, const struct machine_actions *todo)
{
	if (todo->bits & MACHINE_CLEAR_TIMER)
		loop_timer_clear(pod->loop, &pod->timer);
	if (todo->bits & MACHINE_ARM_TIMER)
		loop_timer_set(pod->loop, &pod->timer, todo->timer_ns);
	if (todo->bits & MACHINE_CHANGED)
		publish_pod(pod);
}

/**
 * drive_commit() - put the pod on the record as it is now
 *
 * What the machine wants is there before any of it is done.
 */
void drive_commit(struct pod *pod)
{
	struct record_state state = {
		.machine = pod->machine,
		.started_realtime_ns = pod->started_realtime_ns,
		.definition = pod->definition,
		.broken = pod->broken,
	};

	for (unsigned i = 0; i < pod->member_n; i++) {
		const struct member *m = pod->members[i];
		struct record_member *to = &state.members[i];

		*to = (struct record_member){
			.started_realtime_ns = m->started_realtime_ns,
			.finished_realtime_ns = m->finished_realtime_ns,
			.oom_kills = m->oom_kills,
			.definition = m->definition,
			.place = m->place,
			.logs_stored = m->logs_stored,
			.stop_signal = m->spec->stop_signal,
			.ended = m->ended,
			.stop_sent = m->stop_sent,
			.root_proven = m->root_proven,
		};
		snprintf(to->name, sizeof(to->name), "%s", m->spec->run.name);
	}
	record_commit(pod->pause.record, &state);
}

static int step(struct pod *pod, const struct pod_event *ev)
{
	struct pod_actions actions = { 0 };
	int r = pod_machine_step(&pod->machine, ev, clock_boottime_ns(), &actions);

	if (ev->type == POD_EV_EXITED)
		pod->members[ev->container]->ended = pod->members[ev->container]->slot->generation;
	fault_kill("stepped");
	drive_commit(pod);
	fault_kill("committed");
	pod->stepping++;
	if (ev->type == POD_EV_EXITED)
		member_forget_exit(pod->members[ev->container]);
	fault_kill("exit-forgotten");
	for (unsigned i = 0; r == 0 && i < actions.n; i++) {
		const struct pod_action *a = &actions.list[i];

		if (a->container == POD_ITSELF)
			do_pod_actions(pod, &a->todo);
		else
			do_container_actions(pod, a->container, &a->todo);
		fault_kill("acted");
	}
	pod->stepping--;
	return r;
}

/*
 * Tell the machine one outcome of a spawn; false: there is none to tell. A start
 * that broke is given up before its outcome could make the pod "running".
 */
static bool report_outcome(struct pod *pod)
{
	bool graced;

	if (pod->broken && pod->machine.state == POD_STARTING)
		(void)step(pod, &(struct pod_event){ .type = POD_EV_KILL });
	for (unsigned i = 0; i < pod->member_n; i++) {
		struct member *m = pod->members[i];

		if (!m->report.pending)
			continue;
		m->report.pending = false; /* before the way back, which comes through here */
		graced = !m->report.started && update_start_failed(m);
		(void)step(pod, &(struct pod_event){
					.type = m->report.started ? POD_EV_STARTED :
									  POD_EV_START_FAILED,
					.container = m->index });
		if (graced)
			reload_point_machines(pod);
		return true;
	}
	return false;
}

/* Why it does not run, for whoever waits until it does. */
static void explain_not_running(const struct pod *pod, unsigned i, struct err *err)
{
	const struct member *m = pod->members[i];

	(void)err_set(err, EIO, "container '%s' is %s%s%s", m->spec->run.name,
		      machine_state_name(pod->machine.containers[i].state),
		      m->message[0] ? ": " : "", m->message);
}

/* Answer who waits for a restart: it runs again, or it came to nothing. */
static void finish_restart(struct pod *pod, unsigned i)
{
	enum machine_state state = pod->machine.containers[i].state;
	const char *name = pod->members[i]->spec->run.name;
	struct err err = { 0 };

	if (state == MACHINE_STARTING || state == MACHINE_STOPPING)
		return;
	if (state != MACHINE_RUNNING)
		explain_not_running(pod, i, &err);
	control_finish(pod->control, CONTROL_WAIT_RESTART, name, err.code ? &err : NULL);
}

/* The same for the whole pod, in which one container may have ended already. */
static void finish_restart_of_all(struct pod *pod)
{
	struct err err = { 0 };

	if (pod->machine.state != POD_RUNNING)
		return;
	for (unsigned i = 0; i < pod->member_n && !err.code; i++) {
		const struct machine *c = &pod->machine.containers[i];

		if (c->state != MACHINE_RUNNING && c->last.reason == EXIT_REASON_START_ERROR)
			explain_not_running(pod, i, &err);
	}
	control_finish(pod->control, CONTROL_WAIT_RESTART, NULL, err.code ? &err : NULL);
}

static void finish_waiters(struct pod *pod)
{
	for (unsigned i = 0; i < pod->member_n; i++)
		finish_restart(pod, i);
	finish_restart_of_all(pod);
}

/* Tell the machine what came of its actions, until nothing is left to tell. */
static void settle(struct pod *pod)
{
	while (report_outcome(pod))
		;
	finish_waiters(pod);
	if (!pod->stepping)
		reload_take_out(pod);
	update_check(pod);
	fault_kill("settled");
	if (pod_machine_is_final(&pod->machine))
		loop_quit(pod->loop, drive_status(pod));
}

/**
 * drive_event() - give the machine an event and do all that follows from it
 *
 * A pod whose very first start fails somewhere comes to nothing as a whole:
 * half a pod is no pod.
 *
 * Return: 0, or -EPROTO: the pod is in no state for this event.
 */
int drive_event(struct pod *pod, const struct pod_event *ev)
{
	int r = step(pod, ev);

	settle(pod);
	return r;
}

/**
 * drive_status() - podd's exit status for the state the pod is in
 */
int drive_status(const struct pod *pod)
{
	return pod->broken || pod->machine.state == POD_FAILED ? 1 : 0;
}

/* ---------------------------------------------------------------------- events */

void drive_member_exited(struct member *m, int wait_status, bool oom)
{
	struct pod *pod = pod_of(m);
	const struct event event = {
		.kind = EVENT_CONTAINER_EXIT,
		.container = m->spec->run.name,
		.exited = true,
		.wait_status = wait_status,
		.reason = oom && wait_status ? exit_reason_name(EXIT_REASON_OOM_KILLED) : NULL,
		.realtime_ns = m->slot->exited_realtime_ns,
		.boottime_ns = m->slot->exited_boottime_ns,
	};

	bool graced;

	m->message[0] = '\0';
	add_event(pod, &event);
	if (WIFSIGNALED(wait_status))
		say(pod->broken ? SAY_DEBUG : SAY_INFO,
		    "pod '%s': container '%s': ended by signal %d%s",
		    pod->spec->name, event.container, WTERMSIG(wait_status),
		    oom ? ", out of memory" : "");
	else
		say(SAY_INFO, "pod '%s': container '%s': exited with status %d", pod->spec->name,
		    event.container, WEXITSTATUS(wait_status));
	graced = update_exited(m, wait_status, oom);
	(void)drive_event(pod, &(struct pod_event){ .type = POD_EV_EXITED,
						    .container = m->index,
						    .wait_status = wait_status,
						    .oom = oom,
						    .ended_ns = m->slot->exited_boottime_ns });
	if (graced)
		reload_point_machines(pod);
}

/**
 * drive_log_dropped() - lines of a container do not get into its log
 * @lost: with its errno
 */
void drive_log_dropped(struct member *m, const struct log_lost *lost)
{
	struct pod *pod = pod_of(m);
	const char *name = m->spec->run.name;
	struct err err;

	if (lost->journal)
		(void)err_set(&err, lost->why, "journal: %s: lines are dropped and counted",
			      log_lost_reason(lost));
	else
		(void)err_set(&err, lost->why, "log '%s/%s.log': %s: lines are dropped and counted",
			      pod->spec->name, name, log_lost_reason(lost));
	add_event(pod, &(struct event){
			       .kind = EVENT_LOG_DROPPED, .container = name, .message = err.msg });
	say(SAY_WARNING, "pod '%s': container '%s': %s", pod->spec->name, name, err.msg);
}

void drive_member_timer(struct member *m)
{
	(void)drive_event(pod_of(m), &(struct pod_event){ .type = POD_EV_CONTAINER_TIMER,
							   .container = m->index });
}

static void on_pod_timer(struct timer *timer)
{
	struct pod *pod = container_of(timer, struct pod, timer);

	(void)drive_event(pod, &(struct pod_event){ .type = POD_EV_TIMER });
}

/* By place: an end may be what takes a container out of the order. */
static void check_exits(struct pod *pod)
{
	for (unsigned i = 0; i < POD_CONTAINERS_MAX; i++)
		if (pod->pool[i].host)
			(void)member_check_exit(&pod->pool[i]);
}

/* The pause has recorded an exit, or several. */
static void on_exits(struct watch *watch, uint32_t events)
{
	struct pod *pod = container_of(watch, struct pod, exits_watch);
	uint64_t n;

	(void)events;
	if (read(watch->fd, &n, sizeof(n)) < 0)
		return; /* EAGAIN: another turn has seen them */
	fault_kill("exits-read");
	check_exits(pod);
	answer_session_exits(pod);
}

static void on_lost(struct watch *watch, uint32_t events)
{
	struct pod *pod = container_of(watch, struct pod, lost_watch);

	(void)events;
	loop_watch_remove(pod->loop, watch);
	say(SAY_ERR, "pod '%s': the pause is gone, and all processes with it", pod->spec->name);
	(void)drive_event(pod, &(struct pod_event){ .type = POD_EV_LOST });
}

static int watch_pause(struct pod *pod, struct err *err)
{
	int r;

	pod->exits_watch.fn = on_exits;
	pod->lost_watch.fn = on_lost;
	pod->timer.fn = on_pod_timer;
	r = loop_watch_add(pod->loop, &pod->exits_watch, pod->pause.event_fd, EPOLLIN, err);
	if (r == 0)
		r = loop_watch_add(pod->loop, &pod->lost_watch, pod->pause.pidfd, EPOLLIN, err);
	return r;
}

/**
 * drive_begin() - watch the pause and start the first container
 *
 * Return: 0 or -errno with @err filled.
 */
int drive_begin(struct pod *pod, struct err *err)
{
	int r = watch_pause(pod, err);

	if (r < 0)
		return r;
	pod_machine_init(&pod->machine, pod->spec);
	(void)drive_event(pod, &(struct pod_event){ .type = POD_EV_START });
	return 0;
}

/* The signal was not sent; or its process had begun to start, and may have missed it. */
static bool lacks_stop(const struct member *m, const struct machine *c)
{
	return m->stop_sent != m->slot->generation || !c->started_at_ns;
}

/*
 * What the former podd wanted of one container, compared with what the board
 * says came of it. Everything here may have been done already and is right to
 * do again. Ends on the board are looked at afterwards, all together.
 */
static void resume_container(struct pod *pod, unsigned i)
{
	struct machine *c = &pod->machine.containers[i];
	struct member *m = pod->members[i];
	bool ran = m->slot->state == BOARD_RUNNING || m->slot->state == BOARD_EXITED;

	freeze_resume(pod, i);
	if (c->state == MACHINE_BACKOFF && !c->timer_ns && !c->paused)
		c->timer_ns = clock_boottime_ns(); /* the pause that held it is over */
	if (c->timer_ns)
		loop_timer_set(pod->loop, &m->timer, c->timer_ns);
	if (c->state == MACHINE_STARTING && ran) {
		m->started_realtime_ns = clock_realtime_ns();
		m->report.pending = m->report.started = true;
	} else if (c->state == MACHINE_STARTING) {
		kill_group(pod, m);
		spawn(pod, i);
	} else if (c->state == MACHINE_STOPPING && !ran) {
		/* Its start had failed, and the machine was not told any more. */
		kill_group(pod, m);
		m->report.pending = true;
		m->report.started = false;
	} else if (c->state == MACHINE_STOPPING && c->killed) {
		kill_group(pod, m);
	} else if (c->state == MACHINE_STOPPING) {
		if (lacks_stop(m, c))
			send_stop(pod, m);
	} else if (c->state != MACHINE_RUNNING) {
		kill_group(pod, m);
	}
}

/**
 * drive_resume() - go on where the podd that was killed has stopped
 *
 * Return: 0 or -errno with @err filled; the pod runs on then, without us.
 */
int drive_resume(struct pod *pod, struct err *err)
{
	const struct record_state *former = record_current(pod->pause.record);
	int r = watch_pause(pod, err);

	pod->machine = former->machine;
	pod->started_realtime_ns = former->started_realtime_ns;
	reload_point_machines(pod);
	pod->broken = former->broken;
	if (pod->broken)
		(void)err_set(&pod->why, EIO,
			      "pod '%s': its start failed, and podd was killed then",
			      pod->spec->name);
	for (unsigned i = 0; r == 0 && i < pod->machine.n; i++)
		r = member_resume(pod->members[i], &former->members[i], err);
	if (r < 0)
		return r;
	add_event(pod, &(struct event){ .kind = EVENT_ADOPTED });
	say(SAY_NOTICE, "pod '%s': adopted, %s", pod->spec->name,
	    pod_state_name(pod->machine.state));
	if (pod->machine.timer_ns)
		loop_timer_set(pod->loop, &pod->timer, pod->machine.timer_ns);
	for (unsigned i = 0; i < pod->machine.n; i++)
		resume_container(pod, i);
	settle(pod);
	r = pod->stop_only ? 0 : reload_adopted(pod, err);
	if (r < 0)
		return r;
	/* The former podd may have taken the word of these off the eventfd. */
	check_exits(pod);
	answer_session_exits(pod);
	notify_ready(pod);
	return 0;
}

/**
 * drive_stop() - stop the pod; asked a second time, kill it
 */
void drive_stop(struct pod *pod)
{
	(void)drive_event(pod, &(struct pod_event){ .type = POD_EV_STOP });
	/* Only here: a restart of the pod stops it, too, and podd goes on. */
	if (pod->machine.state == POD_STOPPING)
		notify_stopping(pod);
}
