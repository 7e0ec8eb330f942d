/* SPDX-License-Identifier: MIT */
/* What a control group may use: plain numbers, as cgroup v2 names them. */
#pragma once

#include <stdint.h>

/* Not said in the file: the kernel's default stays. */
#define LIMIT_UNSET UINT64_MAX
/* Said as "infinity": written as "max". */
#define LIMIT_MAX (UINT64_MAX - 1)

/* Every member starts as LIMIT_UNSET: cgroup_limits_init(). */
struct cgroup_limits {
	uint64_t memory_max_bytes;  /* memory.max */
	uint64_t memory_high_bytes; /* memory.high */
	uint64_t cpu_quota_usec;    /* cpu.max: CPU time per second of wall time, all CPUs */
	uint64_t cpu_weight;        /* cpu.weight, 1 to 10000 */
	uint64_t tasks_max;         /* pids.max */
	uint64_t io_weight;         /* io.weight, 1 to 10000 */
};

static inline void cgroup_limits_init(struct cgroup_limits *l)
{
	*l = (struct cgroup_limits){ LIMIT_UNSET, LIMIT_UNSET, LIMIT_UNSET,
				     LIMIT_UNSET, LIMIT_UNSET, LIMIT_UNSET };
}
