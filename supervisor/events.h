/* SPDX-License-Identifier: MIT */
/* What changed, in order: a small ring of numbered events. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/json.h"

/*
 * Theory of operation
 *
 * Each change of a pod or a container is one event with a number; numbers go up
 * by one. The last EVENTS_KEPT are kept. A reader says from which number on it
 * wants them and pulls them one by one as its socket takes them, so that a slow
 * reader costs no memory: when the ring has overrun it, the next thing that it
 * reads is a gap event that says how many it missed.
 *
 * Only changes are events: nothing is added while nothing happens.
 */
#define EVENTS_KEPT 128

enum event_kind {
	EVENT_POD_STATE,       /* state, reason, message */
	EVENT_CONTAINER_STATE, /* container, state, pid, restarts, reason, message */
	EVENT_CONTAINER_EXIT,  /* container, pid, wait_status, reason */
	EVENT_CONTAINER_PAUSED, /* container, state "paused" or "unpaused" */
	EVENT_CONTAINER_READY, /* container, state "ready" or "unready", message */
	EVENT_LOG_DROPPED,     /* container, message */
	EVENT_EXEC_STARTED,    /* container, pid */
	EVENT_EXEC_ENDED,      /* container, pid, wait_status */
	EVENT_ADOPTED,         /* a new podd took over the running pod */
	EVENT_UPDATE,          /* state "trial", "kept", "failed" or "back", message */
	EVENT_WARNING,         /* message */
	EVENT_KIND_N,
};

/* NULL, 0 and -1 members are left out. */
struct event {
	enum event_kind kind;
	const char *container; /* copied by events_add() */
	const char *state;     /* a constant */
	const char *reason;    /* a constant, as "OOMKilled" */
	const char *message;   /* copied by events_add() */
	pid_t pid;             /* as the host numbers it */
	unsigned restarts;
	bool exited;           /* wait_status is there */
	int wait_status;       /* as wait(2) gives it */
	uint64_t realtime_ns, boottime_ns; /* when it happened; 0: now */
};

struct events {
	char boot_id[37];
	uint64_t next;	   /* number of the next event */
	uint64_t *outlives; /* the same, where a later podd finds it; or NULL */
	uint64_t count; /* of those kept, at most EVENTS_KEPT */
	struct event *kept;
};

int events_init(struct events *ev, uint64_t *outlives, struct err *err);
void events_done(struct events *ev);
void events_add(struct events *ev, const struct event *event);
json_t *events_read(const struct events *ev, uint64_t *seq);
