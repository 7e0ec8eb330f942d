/* SPDX-License-Identifier: MIT */
/* What podd gives up of itself when its pod is there. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "config/spec.h"

struct pod;

/*
 * Theory of operation
 *
 * podd may be started with all that root can do. A step of its start, before the first
 * container runs and a byte of its or of a client's is looked at, leaves podd what the pod
 * takes: the capabilities of the unit's CapabilityBoundingSet=, and those that
 * a container is to have of the host's; and a filter of system calls that no container of
 * the pod can make either (supervisor/own_filter.h). Nothing of it comes back: what is executed
 * from then on (workers, another podd at an upgrade) has no more, and a reload that
 * asks for more is refused.
 */
uint64_t confine_capabilities(const struct pod_spec *spec, bool own_userns);
int confine_self(struct pod *pod, struct err *err);
int confine_check(const struct pod *pod, const struct pod_spec *spec, struct err *err);
