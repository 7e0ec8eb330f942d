/* SPDX-License-Identifier: MIT */
/* What a pod file opens, row by row with a score. */
#pragma once

#include "config/origin.h"
#include "config/spec.h"

/*
 * Theory of operation
 *
 * Each row is one key and what its value opens, from 0 (nothing) to 10 (the host),
 * counted in tenths. A row is judged together with what takes its sting away: a
 * capability is worth less in a pod with ids of its own, where it is good for
 * the pod's namespaces only.
 *
 * The exposure of a container is 10 * (1 - product of (1 - row / 10)), over its rows and
 * the pod's: each row takes its share of what the others have left, so that one wide
 * open door counts as such, however many others are shut, and doors add up. That of
 * a pod is its most exposed container's: they share the network and each other's signals.
 *
 * Of the host it looks only at what the file names: a profile of system calls, where the
 * links of a volume, root, device or credential lead to, and what node that is.
 *
 * The words for an exposure and their bounds are those of systemd-analyze(1).
 */
#define SECURITY_ROW_MAX 100 /* tenths: nothing is left to open */

struct security_row {
	const char *key;	/* of podd.pod(5) */
	char *value;		/* what is in force */
	unsigned score;		/* tenths */
	struct config_pos pos;	/* of the line that says so; line 0: nobody said it */
	const char *about;	/* what it opens, or keeps shut */
};

struct security_subject {
	const char *name; /* of the container, borrowed from the spec; NULL: the pod */
	struct security_row *rows;
	size_t n;
	unsigned exposure; /* tenths */
};

struct security_report {
	struct security_subject pod; /* what holds for all containers */
	struct security_subject containers[POD_CONTAINERS_MAX];
	size_t container_n;
};

int security_judge(struct security_report *out, const struct pod_spec *spec,
		   const struct config_origins *origins, const char *host_policy);
const char *security_level(unsigned exposure);
void security_report_done(struct security_report *r);
