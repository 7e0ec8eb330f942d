/* SPDX-License-Identifier: MIT */
/* Finding and removing what pods left that nobody could end. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/paths.h"
#include "cgroup/cgroup.h"

/*
 * Theory of operation
 *
 * A pod is alive while a podd holds the lock of its run directory, or its pause
 * that of "alive" in there (supervisor/pod.h). Of a pod that is not, and whose
 * lock gc holds meanwhile, so that no podd starts it, all goes that has its
 * name: control group, writable layers, run directory. A group in which a
 * process lives is left alone, whoever put it there, and all else of that pod
 * with it. Networks have locks of their own (netns/lease.h) and are collected as
 * a whole. Those locks are files that somebody may have removed, so no link goes
 * of a pod that lives by its run directory or by its group.
 *
 * Logs stay. Groups below a unit of systemd's go with the unit.
 */
struct gc_report {
	/* One thing that is removed, or could not be: then @failed says why. */
	void (*found)(void *ctx, const char *kind, const char *name, const struct err *failed);
	void *ctx;
	bool dry_run; /* remove nothing */
};

bool gc_pod_lives(const struct paths *paths, const struct cgroup_root *cgroups, const char *pod);
int gc_run(const struct paths *paths, const struct gc_report *report, struct err *err);
