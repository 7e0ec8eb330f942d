/* SPDX-License-Identifier: MIT */
/* What it takes to go from one pod file to another in a running pod. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/keys.h"
#include "config/spec.h"

/*
 * Theory of operation
 *
 * The table of keys says of each key what a change of it takes, so the plan is
 * a comparison of two specs, key by key. Keys that [Pod] sets for all
 * containers show in the containers, which have taken them over.
 *
 * Containers are the same when their names are. What can only change with a
 * new pod is in the plan like all else; that nothing is done then is for the
 * caller to see to.
 *
 * Of a container that an earlier podd has started, only a digest of all that a
 * restart would take is known (plan_definition()). Where it is not that of the
 * old spec, the container runs something else and is restarted, without a key
 * to name.
 */
enum plan_action {
	PLAN_UNCHANGED,
	PLAN_LIVE,    /* what changed takes effect without a restart */
	PLAN_RESTART, /* made anew */
	PLAN_START,   /* new in the file */
	PLAN_STOP,    /* gone from the file */
	PLAN_ACTION_N,
};

struct plan_container {
	const char *name; /* borrowed from one of the specs */
	enum plan_action action;
	bool key[CONFIG_KEY_N]; /* those that changed */
	bool outdated;	        /* it did not run what the old spec says */
};

struct plan {
	bool key[CONFIG_KEY_N]; /* of [Pod] and [Network] */
	bool new_pod;	        /* one of them can only change with a new pod */
	bool order;	        /* containers that stay have changed places */
	bool any;	        /* there is something to do */
	unsigned n;
	/* The new file's, then those that are gone. */
	struct plan_container containers[2 * POD_CONTAINERS_MAX];
};

void plan_make(struct plan *out, const struct pod_spec *old, const struct pod_spec *new,
	       const uint64_t *running);
const char *plan_action_name(enum plan_action action);
uint64_t plan_definition(const struct pod_spec *spec, const struct pod_container *container);
uint64_t plan_pod_definition(const struct pod_spec *spec);
const struct pod_container *plan_find(const struct pod_spec *spec, const char *name);
