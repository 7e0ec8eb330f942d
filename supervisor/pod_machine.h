/* SPDX-License-Identifier: MIT */
/* The life of a pod: the order of its containers. Pure, as they are. */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "supervisor/machine.h"

/*
 * Theory of operation
 *
 * The pod owns its containers' machines and passes their events on, so one
 * step yields all there is to do, as a list. The caller works the list off in
 * its order, each entry's bits in theirs, and only then reports what came of
 * it, a step for each report: a spawn is answered by STARTED or START_FAILED.
 *
 * Start: in the file's order, the next one when the one before has started or
 * failed to; what fails later is its own machine's affair. Running pods end by
 * themselves when every container is final.
 *
 * Stop: all containers stop being restarted at once, then they are stopped in
 * the reverse order, one when the one before is gone, all within one deadline.
 * POD_LAST_GRACE_NS before it, or after half of the time if that is short, all
 * that were not asked yet are asked together. So whoever is there at the deadline
 * is killed, and nobody sooner after its signal than that. (Kubernetes asks the
 * rest when the time is over, and adds 2 s: KEP-753. Here the time is a bound.) A
 * second stop kills.
 *
 * Restart of the pod is a stop, and a start when all are gone.
 *
 * A pod that runs can be given other containers (pod_machine_arrange()): a new
 * one waits for its POD_EV_RESTART, one that shall go is stopped first
 * (POD_EV_REMOVE) and counts for nothing from then on.
 */
#define POD_LAST_GRACE_NS UINT64_C(2000000000)
#define POD_ITSELF        UINT_MAX /* in place of a container's index */

enum pod_state {
	POD_STARTING,
	POD_RUNNING,
	POD_STOPPING,
	POD_STOPPED, /* final from here: as asked */
	POD_COMPLETED,
	POD_FAILED,
	POD_STATE_N,
};

enum pod_event_type {
	POD_EV_START,
	POD_EV_STARTED,         /* these four: of @container */
	POD_EV_START_FAILED,    /* no process is left of the attempt */
	POD_EV_EXITED,          /* @wait_status, @oom */
	POD_EV_CONTAINER_TIMER, /* the one armed last for it */
	POD_EV_TIMER,           /* the pod's own */
	POD_EV_STOP,
	POD_EV_KILL,
	POD_EV_RESTART, /* of @container, or of POD_ITSELF */
	POD_EV_REMOVE,  /* @container is stopped for good; whoever asked takes it out then */
	POD_EV_LOST,    /* the pause is gone, and the PID namespace with it */
	POD_EV_PAUSE,   /* of @container, or of all that run: those of POD_ITSELF */
	POD_EV_UNPAUSE,
	POD_EVENT_N,
};

struct pod_event {
	enum pod_event_type type;
	unsigned container; /* index in the file's order */
	int wait_status;    /* as wait(2) gives it */
	bool oom;           /* the kernel killed for memory in the group since the start */
	uint64_t ended_ns;  /* of EXITED: when, if that was before now; else 0 */
};

struct pod_action {
	unsigned container; /* or POD_ITSELF: its timer, its state changed */
	struct machine_actions todo;
};

/* At most, when a pod that all backs off is restarted: each container settles
 * and is rewound, the first one starts, and the pod changes twice. */
#define POD_ACTIONS_MAX (2 * POD_CONTAINERS_MAX + 3)

struct pod_actions {
	unsigned n;
	struct pod_action list[POD_ACTIONS_MAX];
};

/* Plain data, read by anybody, changed by pod_machine_step() only. */
struct pod_machine {
	enum pod_state state;
	unsigned n;
	unsigned next; /* container to start next; n: all were */
	uint64_t stop_timeout_ns;
	uint64_t deadline_ns; /* of the stop */
	uint64_t timer_ns;    /* the pod's timer is armed for; 0: not */
	bool all_at_once;     /* stopping, and past the order */
	bool start_again;     /* stopping for a restart */
	struct machine containers[POD_CONTAINERS_MAX];
};

void pod_machine_init(struct pod_machine *pod, const struct pod_spec *spec);
void pod_machine_arrange(struct pod_machine *pod, const unsigned *from, unsigned n);
int pod_machine_step(struct pod_machine *pod, const struct pod_event *ev, uint64_t now_ns,
		     struct pod_actions *out);
bool pod_machine_is_final(const struct pod_machine *pod);
bool pod_machine_is_ready(const struct pod_machine *pod);
const char *pod_state_name(enum pod_state state);
