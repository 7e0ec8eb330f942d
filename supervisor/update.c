/* SPDX-License-Identifier: MIT */
/* The course of a trial: passed, or failed and back. */
#include "supervisor/update_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"
#include "config/load.h"
#include "config/signal.h"
#include "supervisor/images.h"
#include "supervisor/origin.h"
#include "supervisor/seccomp_files.h"
#include "supervisor/reload.h"

/* Between two tries of what is blocked. */
static const struct restart_spec retry = {
	.first_ns = 1 * NSEC_PER_SEC,
	.max_ns = 60 * NSEC_PER_SEC,
	.reset_ns = UINT64_MAX,
};

/**
 * update_publish() - tell of a step of the trial: an event, and a line of podd's
 * @message: why, or NULL
 */
void update_publish(struct pod *pod, enum say_level level, const char *state, const char *message)
{
	events_add(&pod->events, &(struct event){ .kind = EVENT_UPDATE, .state = state,
						  .message = message });
	control_events_added(pod->control);
	say(level, "pod '%s': update: %s%s%s", pod->spec->name, state, message ? ": " : "",
	    message ? message : "");
}

/**
 * update_block() - what is to be done cannot be done now: later again
 * @what: that it is, for the log, which gets each reason once
 */
void update_block(struct pod *pod, const char *what, const char *why)
{
	struct update *u = &pod->update;
	char said[GENERATION_REASON_MAX];

	snprintf(said, sizeof(said), "%s: %.200s", what, why);
	if (strcmp(u->blocked, said) != 0) {
		snprintf(u->blocked, sizeof(u->blocked), "%s", said);
		update_publish(pod, SAY_ERR, "blocked", said);
	}
	if (u->tries.ends == 0)
		u->tries.ends = 1; /* the first one was at once */
	loop_timer_set(pod->loop, &u->timer,
		       clock_boottime_ns() + backoff_next(&u->tries, &retry, 0));
}

/**
 * update_tell_outcome() - whoever waits for it can go on: the names are set, or blocked
 */
void update_tell_outcome(struct pod *pod)
{
	const char *outcome = take_ptr(pod->update.outcome);
	const char *reason = pod->update.reason;

	if (outcome && strcmp(outcome, "kept") == 0)
		update_publish(pod, SAY_NOTICE, outcome, NULL);
	else if (outcome)
		update_publish(pod, SAY_WARNING, outcome, *reason ? reason : NULL);
}

/**
 * update_unblock() - it has been done
 */
void update_unblock(struct pod *pod)
{
	pod->update.blocked[0] = '\0';
	pod->update.tries = (struct backoff){ 0 };
}

/**
 * update_warn() - something failed that ends nothing
 */
void update_warn(const struct pod *pod, const struct err *err)
{
	say(SAY_WARNING, "pod '%s': update: %s, ignoring", pod->spec->name, err->msg);
}

/* ------------------------------------------------------------------- the way back */

/**
 * update_load() - the pod's file as it is now, with the images that the update makes of its names
 * @out: the caller's; set on success only
 *
 * Return: 0 or -errno with @err filled.
 */
int update_load(struct pod_spec **out, const struct pod *pod, struct err *err)
{
	cleanup_free struct config_diags *diags = calloc(1, sizeof(*diags));
	struct pod_spec *spec = NULL;
	char line[sizeof(err->msg)];
	int r;

	if (!diags)
		return err_set(err, ENOMEM, "out of memory");
	r = config_load(&spec, pod->spec->path, NULL, diags, err);
	if (r < 0 && diags->n > 0)
		r = err_set(err, EINVAL, "%s", config_diags_line(diags, 0, line, sizeof(line)));
	config_diags_done(diags);
	if (r == 0)
		r = images_look_up(spec, pod->paths, err);
	if (r == 0)
		r = seccomp_files_load(spec, err);
	if (r == 0) {
		*out = spec;
		return 0;
	}
	if (spec)
		(void)origin_tell(err, r, spec);
	pod_spec_free(spec);
	return r;
}


static void end_trial(struct pod *pod)
{
	struct update *u = &pod->update;
	struct err err = { 0 };

	if (generation_marker_remove(pod->run_fd, &err) < 0)
		update_warn(pod, &err);
	fault_kill("update-unmarked");
	u->on_trial = u->failed = false;
	u->deadline_ns = 0;
	loop_timer_clear(pod->loop, &u->timer);
	update_unblock(pod);
}

/* The containers are told. Without the file's word a next podd comes to the same. */
static void finish_way_back(struct pod *pod)
{
	struct err err = { 0 };
	cleanup_free struct generation *g = update_file_read(pod, &err);
	const char *reason = pod->update.reason;

	if (g && g->state == GENERATION_TRIAL) {
		generation_go_back(g, reason, clock_realtime_ns());
		(void)update_file_write(pod, g, &err); /* update_set_names() does it again */
	}
	fault_kill("update-back");
	end_trial(pod);
	pod->update.outcome = "back";
	update_set_names(pod);
}

static void restart_outdated(struct pod *pod)
{
	for (unsigned i = 0; i < POD_CONTAINERS_MAX; i++) {
		const struct member *m = &pod->pool[i];

		if (m->host && m->outdated && !pod->machine.containers[m->index].leaving)
			(void)drive_event(pod, &(struct pod_event){ .type = POD_EV_RESTART,
								    .container = m->index });
	}
}

static void go_back(struct pod *pod)
{
	struct pod_spec *spec;
	struct err err = { 0 };
	int r = update_load(&spec, pod, &err);

	if (r == 0)
		r = reload_apply(pod, spec, &err);
	if (r < 0) {
		update_block(pod, "cannot go back yet", err.msg);
		return;
	}
	fault_kill("update-returned");
	finish_way_back(pod);
}

static void note_failure(struct pod *pod, const char *reason)
{
	struct update *u = &pod->update;
	struct generation_marker m = { .failed = true };

	fault_kill("update-failing");
	snprintf(u->reason, sizeof(u->reason), "%s", reason);
	snprintf(m.reason, sizeof(m.reason), "%s", reason);
	u->on_trial = false;
	u->failed = true;
	loop_timer_clear(pod->loop, &u->timer);
	/* Either says that it is over; a full tmpfs lets go at least. */
	if (generation_marker_write(&m, pod->run_fd, NULL) < 0)
		(void)generation_marker_remove(pod->run_fd, NULL);
	fault_kill("update-failed");
}

/**
 * update_fail() - the trial is over, and was no success: go back
 */
void update_fail(struct pod *pod, const char *reason)
{
	note_failure(pod, reason);
	update_publish(pod, SAY_WARNING, "failed", reason);
	if (pod->update.begun) /* else update_started() does it */
		go_back(pod);
}

/* ---------------------------------------------------------------------- failures */

/* The end of one on trial is never the end of its pod. */
static void start_again(struct pod *pod, unsigned i)
{
	static const struct restart_spec at_once = { .policy = RESTART_ALWAYS };

	pod->machine.containers[i].restart = &at_once;
}

/**
 * update_exited() - a process has ended, and the machine does not know of it yet
 *
 * Return: whether reload_point_machines() is due when it does.
 */
bool update_exited(struct member *m, int wait_status, bool oom)
{
	struct pod *pod = pod_of(m);
	const struct machine *c = &pod->machine.containers[m->index];
	char reason[GENERATION_REASON_MAX], name[SIGNAL_NAME_SIZE];

	if (!pod->update.on_trial ||
	    (c->state != MACHINE_RUNNING && c->state != MACHINE_STARTING) ||
	    pod->machine.state == POD_STOPPING)
		return false;
	if (wait_status == 0 && m->spec->restart.policy != RESTART_ALWAYS)
		return false;
	if (WIFSIGNALED(wait_status))
		snprintf(reason, sizeof(reason), "container '%s' was ended by %s%s",
			 m->spec->run.name, signal_name(WTERMSIG(wait_status), name),
			 oom ? ", out of memory" : "");
	else
		snprintf(reason, sizeof(reason), "container '%s' exited with status %d",
			 m->spec->run.name, WEXITSTATUS(wait_status));
	update_fail(pod, reason);
	start_again(pod, m->index);
	return true;
}

/**
 * update_start_failed() - a start has failed, and the machine does not know of it yet
 *
 * Return: as update_exited().
 */
bool update_start_failed(struct member *m)
{
	struct pod *pod = pod_of(m);
	char reason[GENERATION_REASON_MAX];

	if (!pod->update.on_trial || pod->machine.state == POD_STOPPING)
		return false;
	snprintf(reason, sizeof(reason), "container '%s' cannot be started: %.180s",
		 m->spec->run.name, m->message);
	update_fail(pod, reason);
	start_again(pod, m->index);
	return true;
}

/* ------------------------------------------------------------------------- success */

static void keep(struct pod *pod)
{
	struct err err = { 0 };
	cleanup_free struct generation *g = update_file_read(pod, &err);
	int r = -EBADMSG;

	if (g && g->state == GENERATION_TRIAL) {
		generation_keep(g, clock_realtime_ns());
		fault_kill("update-passed");
		r = update_file_write(pod, g, &err);
	}
	if (r < 0) { /* not on the disk is not kept */
		char reason[GENERATION_REASON_MAX];

		snprintf(reason, sizeof(reason), "it passed, but: %.200s", err.msg);
		update_fail(pod, reason);
		return;
	}
	fault_kill("update-kept");
	end_trial(pod);
	pod->update.outcome = "kept";
	update_set_names(pod);
}

/**
 * update_go_on() - try what is blocked once more
 */
void update_go_on(struct pod *pod)
{
	if (pod->update.failed)
		go_back(pod);
	else
		update_set_names(pod);
}

static void on_timer(struct timer *timer)
{
	struct pod *pod = container_of(timer, struct pod, update.timer);

	if (pod->update.on_trial)
		keep(pod);
	else
		update_go_on(pod);
}

/* Whatever is to run runs, from what is in force. */
static bool is_ready(const struct pod *pod)
{
	for (unsigned i = 0; i < pod->machine.n; i++) {
		const struct machine *c = &pod->machine.containers[i];

		if (c->leaving)
			continue;
		if ((!machine_serves(c) && c->state != MACHINE_COMPLETED) ||
		    pod->members[i]->outdated)
			return false;
	}
	return pod->machine.state == POD_RUNNING;
}

static bool all_current(const struct pod *pod)
{
	for (unsigned i = 0; i < pod->machine.n; i++)
		if (pod->machine.containers[i].leaving || pod->members[i]->outdated)
			return false;
	return true;
}

/**
 * update_let_go() - unpin the images that no container has any more
 *
 * Where it cannot be told which these are, or that cannot be written, they stay.
 */
void update_let_go(struct pod *pod)
{
	struct update *u = &pod->update;
	struct err err = { 0 };
	cleanup_free struct generation *g = NULL;

	if (!u->overpinned || !u->begun || pod->stepping || !all_current(pod))
		return;
	u->overpinned = false;
	if (!images_used(pod->spec))
		return;
	g = update_file_read(pod, &err);
	if (!g && err.code != ENOENT)
		return;
	err = (struct err){ 0 };
	if (images_unpin(pod->spec, g, pod->run_fd, &err) < 0)
		update_warn(pod, &err);
}

/**
 * update_check() - start or stop the clock of a trial, after each step of the machine
 */
void update_check(struct pod *pod)
{
	struct update *u = &pod->update;
	struct err err = { 0 };
	bool ready;

	update_let_go(pod);

	if (!u->on_trial || !u->begun || pod->stepping)
		return;
	ready = is_ready(pod);
	if (ready == (u->deadline_ns != 0))
		return;
	u->deadline_ns = ready ?
			 timer_deadline(clock_boottime_ns(), pod->spec->update_settle_ns) : 0;
	if (generation_marker_write(&(struct generation_marker){ .deadline_ns = u->deadline_ns },
				    pod->run_fd, &err) < 0)
		update_warn(pod, &err); /* then a next podd counts anew, or not at all */
	fault_kill("update-clock");
	if (ready)
		loop_timer_set(pod->loop, &u->timer, u->deadline_ns);
	else
		loop_timer_clear(pod->loop, &u->timer);
}

/**
 * update_is_under_way() - whether a trial is prepared, or it, a way back or the setting of
 * names goes on
 */
bool update_is_under_way(const struct pod *pod)
{
	const struct update *u = &pod->update;

	return u->request || u->on_trial || u->failed || helper_is_busy(&u->helper);
}

/* ------------------------------------------------------------------ start and end */

/**
 * update_open() - what an earlier podd has left of a trial
 *
 * Before the images are looked up, and when it is known whether the pod lives:
 * without the pod there is no trial.
 *
 * Return: 0 or -errno with @err filled.
 */
int update_open(struct pod *pod, struct err *err)
{
	struct update *u = &pod->update;
	struct generation_marker m;

	u->timer.fn = on_timer;
	if (!pod->adopting)
		return generation_marker_remove(pod->run_fd, err);
	if (generation_marker_read(&m, pod->run_fd) == -ENOENT)
		return 0;
	u->on_trial = !m.failed;
	u->failed = m.failed;
	u->deadline_ns = m.deadline_ns;
	snprintf(u->reason, sizeof(u->reason), "%s", m.reason);
	return 0;
}

/**
 * update_refused() - a pod to adopt has images on trial that its policy refuses by now
 * @err: why; without another failure it is no error any more
 *
 * A trial that has failed: the former ones ran, and the pod goes back to them.
 *
 * Return: 0 or -errno with @err filled.
 */
int update_refused(struct pod *pod, struct err *err)
{
	struct pod_spec *spec;
	char reason[GENERATION_REASON_MAX];
	int r;

	snprintf(reason, sizeof(reason), "%.250s", err->msg);
	*err = (struct err){ 0 };
	note_failure(pod, reason);
	say(SAY_WARNING, "pod '%s': update: failed: %s", pod->spec->name, reason);
	r = update_load(&spec, pod, err);
	if (r < 0)
		return r;
	pod->spec = pod->own_spec = spec; /* the first one is the caller's, and stays */
	return images_pin(spec, pod->run_fd, pod->paths, true, err);
}

/* The trial is gone with its pod, or its podd had only begun with it. */
static void come_back(struct pod *pod)
{
	snprintf(pod->update.reason, sizeof(pod->update.reason), "it was cut short");
	finish_way_back(pod);
}

/* Return: what the file says; SETTLED when there is nothing to do. */
static enum generation_state state_of(const struct pod *pod)
{
	cleanup_free struct generation *g =
		images_used(pod->spec) ? update_file_read(pod, NULL) : NULL;

	return g ? g->state : GENERATION_SETTLED;
}

/**
 * update_started() - the pod runs, or was taken over: go on with what there was
 */
void update_started(struct pod *pod)
{
	struct update *u = &pod->update;
	enum generation_state state = state_of(pod);

	u->begun = u->overpinned = true;
	if (state != GENERATION_TRIAL && (u->on_trial || u->failed))
		end_trial(pod); /* all but that was done */
	if (state == GENERATION_SETTLED) {
		update_note(pod);
		update_let_go(pod);
		return;
	}
	if (u->on_trial)
		restart_outdated(pod); /* podd was killed before it did */
	if (state != GENERATION_TRIAL) {
		u->outcome = state == GENERATION_KEEPING ? "kept" : "back";
		update_set_names(pod);
	} else if (u->on_trial && u->deadline_ns) {
		loop_timer_set(pod->loop, &u->timer, u->deadline_ns);
	} else if (u->failed) {
		go_back(pod);
	} else if (!u->on_trial) {
		come_back(pod);
	}
	update_check(pod);
}

/**
 * update_close() - let go: the pod ends, or podd does
 */
void update_close(struct pod *pod)
{
	loop_timer_clear(pod->loop, &pod->update.timer);
	helper_end(&pod->update.helper);
	free(take_ptr(pod->update.request));
}
