/* SPDX-License-Identifier: MIT */
/* What podd knows about its pod, in memory that outlives podd. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "config/names.h"
#include "supervisor/pod_machine.h"

/*
 * Theory of operation
 *
 * The pause holds the record, as it holds the board. The board says what the
 * processes did, the record what podd has made of it: the machines, and the
 * times that people ask for. It is committed after each step of the machine
 * and before the step's actions are done, so a podd that is killed leaves
 * either no trace of a step or all of what it wanted; the next one finds out
 * from the board which of the actions were done.
 *
 * Two copies and one store that says which counts (as in log_buffer.h). Each
 * copy has a sum: nobody is to write here but podd, and a podd that acted on
 * numbers that somebody else has put here would end a healthy pod.
 *
 * The layout is a contract between podds of possibly different age: whoever
 * changes struct record_state or a structure in it changes RECORD_VERSION. What
 * was unused, and so is 0 from an older podd, may get a meaning that is right
 * when a 0 says nothing.
 */
#define RECORD_MAGIC   UINT64_C(0x64726f6365726470)
#define RECORD_VERSION 5
/* Of a pod with the host's ids. The layout is the same; podds of that version can go on with
 * such a pod, but know no user namespaces, and would start containers as the host's root. */
#define RECORD_VERSION_HOST_IDS 4

/* In the machine's order. */
struct record_member {
	char name[CONFIG_NAME_MAX + 1];
	uint64_t started_realtime_ns;
	uint64_t finished_realtime_ns;
	uint64_t oom_kills;   /* as a member has it */
	uint64_t definition;  /* plan_definition() of what it runs */
	uint32_t place;	      /* its slot, pipes and numbers in the store (supervisor/pause.h) */
	uint32_t logs_stored; /* its pipes came later than the pause: they are in the store */
	int32_t stop_signal;
	uint32_t ended;	      /* generation of its slot whose end was acted on last */
	uint32_t root_proven; /* something ran in its root */
	uint32_t stop_sent;   /* generation that got its stop signal; 0: none, or not noted */
};

struct record_state {
	struct pod_machine machine; /* its pointers mean nothing here */
	uint64_t started_realtime_ns;
	uint64_t definition; /* plan_pod_definition() of what the pod was made as */
	uint64_t broken;     /* a first start failed: the end is a failure */
	struct record_member members[POD_CONTAINERS_MAX];
	/* Set by record_commit(). */
	uint64_t serial; /* of the commit */
	uint64_t sum;	 /* of all that is before it */
};
_Static_assert(sizeof(struct record_state) == 7256, "a new layout: change RECORD_VERSION too");

struct record {
	uint64_t magic;
	uint32_t version;
	uint32_t current;    /* which of @states counts */
	uint64_t commits;    /* 0: the pod never began to run */
	uint64_t events_next; /* number of the next event; moves by itself */
	struct record_state states[2];
};

int record_create(int *memfd_out, struct record **out, struct err *err);
void record_of_host_ids(struct record *rec);
int record_open(int memfd, struct record **out, struct err *err);
void record_close(struct record *rec);
void record_commit(struct record *rec, const struct record_state *state);
const struct record_state *record_current(const struct record *rec);
