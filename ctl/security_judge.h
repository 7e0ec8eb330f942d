/* SPDX-License-Identifier: MIT */
/* What the parts of security_judge() share. */
#pragma once

#include "ctl/security.h"

/* The rows that are being written. */
struct judge {
	const struct pod_spec *spec;
	const struct config_origins *origins;
	const char *host_policy;
	const struct pod_container *container; /* NULL: the pod's own rows */
	struct security_subject *subject;
	bool no_memory;
};

static inline bool judge_has_host_ids(const struct judge *j)
{
	return j->spec->userns == POD_USERNS_HOST;
}

__attribute__((format(printf, 6, 7)))
void judge_add(struct judge *j, const char *key, unsigned score, struct config_pos pos,
	       const char *about, const char *fmt, ...);
struct config_pos judge_said(const struct judge *j, enum config_section section, const char *key);

enum root_chance { NO_ROOT, MAYBE_ROOT, SURELY_ROOT };

enum root_chance judge_root_chance(const struct container_spec *run);
/* What of the host is in it: its root; volumes, devices, credentials. */
void judge_root(struct judge *j);
void judge_reach(struct judge *j);
/* How much of the host it can take: logs, limits of groups and of processes. */
void judge_limits(struct judge *j);
