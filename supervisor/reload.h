/* SPDX-License-Identifier: MIT */
/* Another pod file for a pod that runs: who comes, goes, changes and stays. */
#pragma once

#include "base/err.h"
#include "base/json.h"
#include "supervisor/plan.h"

/*
 * Theory of operation
 *
 * A reload reads the file again, compares it with what is in force (plan.h) and
 * puts the difference into force. All that can fail comes first and is undone
 * when it does: new containers' kernel objects, limits. Then the new spec takes
 * the old one's place, the machines are put into its order, and that is on the
 * record before the first container is told anything. From there nothing fails:
 * what is new is started, what is gone stopped, what must is restarted. A file
 * that is bad, or that only a new pod could follow, changes nothing.
 *
 * A container that goes stays in the order, last, until it is final; then it is
 * taken out, from the record first. The old spec is kept for it.
 *
 * The same is done for a pod that was adopted, since its file may have changed,
 * or a reload may have been cut short: what the record has and the file has not
 * is stopped, what the file has and the record has not is started. But nothing
 * is restarted: a container that runs what an earlier file said runs on, until
 * a reload is asked for or its own restart puts the new definition into force.
 */
struct pod;

/* Who asks, and for what. */
enum reload_kind {
	RELOAD_CALL,	/* the control socket: control_answer() has what came of it */
	RELOAD_DRY_RUN, /* it too, and nothing is done */
	RELOAD_SIGNAL,	/* the log has it */
};

/* One that waits for its images (supervisor/missing.h), or the word on them (admission.h). */
struct reload {
	struct pod_spec *spec; /* of the latter; or NULL */
	enum reload_kind kind;
};

int reload_check(const struct pod *pod, struct err *err);
int reload_rehearse(const struct pod *pod, const struct pod_spec *spec, struct err *err);
int reload_apply(struct pod *pod, struct pod_spec *spec_take, struct err *err);
void reload_plan(struct plan *out, const struct pod *pod, const struct pod_spec *new);
void reload_take_out(struct pod *pod);
void reload_point_machines(struct pod *pod);
int reload_find_members(struct pod *pod, struct err *err);
int reload_adopted(struct pod *pod, struct err *err);

/* reload_answer.c */
int reload_begin(struct pod *pod, enum reload_kind kind, struct err *err);
void reload_by_signal(struct pod *pod);
void reload_close(struct pod *pod);
