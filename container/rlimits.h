/* SPDX-License-Identifier: MIT */
/* Limits of a container's processes: what is asked for, and podd's own defaults. */
#pragma once

#include "base/err.h"
#include "container/spec.h"

int rlimits_check(const struct container_rlimit asked[CONTAINER_RLIMIT_N], struct err *err);
int rlimits_set(const struct container_rlimit asked[CONTAINER_RLIMIT_N], struct err *err);
