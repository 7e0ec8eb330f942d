/* SPDX-License-Identifier: MIT */
/* The limits of a pod that runs: those of another file put into its groups. */
#pragma once

#include "base/err.h"
#include "supervisor/pod.h"

/*
 * Theory of operation
 *
 * A pod that starts gets its limits as its groups are made (pod.c, member.c). Here
 * they change under processes that live: by a reload, which knows what was in force,
 * and by an adoption, which does not, and must change nothing before all else that
 * can refuse the pod has been done (limits_check() first, limits_adopt() last).
 */
unsigned limits_controllers(const struct pod_spec *spec);
int limits_enable(struct pod *pod, const struct pod_spec *spec, struct err *err);
int limits_change(struct pod *pod, const struct pod_spec *from, const struct pod_spec *to,
		  struct err *err);
int limits_check_memory(const struct pod *pod, const struct pod_spec *to, struct err *err);
int limits_check(const struct pod *pod, const struct pod_spec *spec, struct err *err);
int limits_adopt(struct pod *pod, struct err *err);
