/* SPDX-License-Identifier: MIT */
/* The life of one container as a table. Pure: no descriptor, no clock. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/spec.h"
#include "supervisor/backoff.h"

/*
 * Theory of operation
 *
 * (state, event, now) -> (state, actions). The caller does the actions in the
 * order of their bits, the lowest first, and then reports what came of them.
 *
 *   waiting --start--> starting --started--> running --exited--> backoff --+
 *                         ^                     |                          |
 *                         +----------------- timer or at once -------------+
 *
 * Stop and kill lead through stopping to stopped; from waiting and backoff,
 * where nothing runs, straight there. Without a restart an exit leads to
 * completed (status 0) or failed. In those three final states only the
 * operator's restart does anything: back to waiting. A start that it leads to
 * has no failures behind it.
 *
 * A process and its group: spawn asks for one first process. It lives until
 * MACHINE_EV_EXITED or MACHINE_EV_START_FAILED is reported, and each of these
 * is answered by MACHINE_KILL_GROUP, which takes what it left behind, before
 * any next spawn.
 *
 * A failed start is never tried again in the same step but by the timer, even
 * if that is due at once: the loop gets its turn, and the operator's stop its
 * chance, however fast starts fail.
 *
 * Paused is no state but a mark on two of them: on running, where the processes
 * are frozen, and on backoff, where the next start waits for the end of the pause.
 * Whatever leads to another state thaws, since nothing can be spawned into a frozen
 * group, nor end there but by SIGKILL.
 */
enum machine_state {
	MACHINE_WAITING,
	MACHINE_STARTING, /* a spawn was asked for, its outcome is not reported */
	MACHINE_RUNNING,
	MACHINE_BACKOFF,
	MACHINE_STOPPING,  /* the process lives, and shall not */
	MACHINE_COMPLETED, /* final from here: ended by itself with status 0 */
	MACHINE_FAILED,
	MACHINE_STOPPED, /* as asked */
	MACHINE_STATE_N,
};

enum machine_event_type {
	MACHINE_EV_START,
	MACHINE_EV_STARTED,      /* execve succeeded */
	MACHINE_EV_START_FAILED, /* no process is left of the attempt */
	MACHINE_EV_EXITED,       /* the first process; @wait_status, @oom */
	MACHINE_EV_TIMER,        /* the deadline that was armed last has passed */
	MACHINE_EV_STOP,         /* signal, and kill at @deadline_ns */
	MACHINE_EV_KILL,
	MACHINE_EV_RESTART, /* by the operator: stop as above, then start at once */
	MACHINE_EV_DRAIN,   /* the pod stops: run on, but never start again */
	MACHINE_EV_LOST,    /* the pod's PID namespace is gone, with all processes */
	MACHINE_EV_PAUSE,
	MACHINE_EV_UNPAUSE,
	MACHINE_EVENT_N,
};

struct machine_event {
	enum machine_event_type type;
	int wait_status; /* as wait(2) gives it */
	bool oom;        /* the kernel killed for memory in the group since the start */
	uint64_t ended_ns; /* of EXITED: when, if that was before now; else 0 */
	uint64_t deadline_ns;
};

/* In this order. */
enum machine_action {
	MACHINE_CLEAR_TIMER = 1 << 0,
	MACHINE_SIGNAL_STOP = 1 << 1, /* the stop signal to the first process, if there is one */
	MACHINE_KILL_GROUP = 1 << 2,  /* cgroup.kill */
	MACHINE_FREEZE = 1 << 3,      /* cgroup.freeze */
	MACHINE_THAW = 1 << 4,
	MACHINE_ARM_TIMER = 1 << 5, /* replaces one that is armed */
	MACHINE_SPAWN = 1 << 6,
	MACHINE_CHANGED = 1 << 7, /* state, restarts or last exit: publish */
};

struct machine_actions {
	unsigned bits;
	uint64_t timer_ns; /* with MACHINE_ARM_TIMER: CLOCK_BOOTTIME */
};

enum exit_reason {
	EXIT_REASON_NONE, /* it has not ended yet */
	EXIT_REASON_COMPLETED,
	EXIT_REASON_ERROR,
	EXIT_REASON_OOM_KILLED,
	EXIT_REASON_START_ERROR,
	EXIT_REASON_N,
};

/* A signal's end has exit_code 128 + signal, a start that failed 128, as the
 * container engines have it. */
struct machine_exit {
	enum exit_reason reason;
	int exit_code;
	int signal;             /* 0: it exited */
	uint64_t started_at_ns; /* CLOCK_BOOTTIME; 0: it never ran */
	uint64_t finished_at_ns;
};

/* Plain data, read by anybody, changed by machine_step() only. */
struct machine {
	const struct restart_spec *restart; /* borrowed */
	enum machine_state state;
	struct backoff backoff;
	uint64_t timer_ns;      /* armed for; 0: not */
	uint64_t started_at_ns; /* of the process that runs; 0: none does */
	uint64_t spawns;
	uint64_t restarts;        /* spawns after the first */
	struct machine_exit last; /* how the run before this one ended */
	bool start_again;         /* stopping for a restart */
	bool draining;            /* never start again */
	bool killed;              /* stopping, and beyond signals */
	bool leaving;             /* not the pod's any more once it is final */
	bool paused;              /* running or in backoff, and frozen or about to be */
};

void machine_init(struct machine *m, const struct restart_spec *restart);
int machine_step(struct machine *m, const struct machine_event *ev, uint64_t now_ns,
		 struct machine_actions *out);
bool machine_is_final(const struct machine *m);
bool machine_has_process(const struct machine *m);
bool machine_serves(const struct machine *m);
const char *machine_state_name(enum machine_state state);
const char *exit_reason_name(enum exit_reason reason);
