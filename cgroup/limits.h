/* SPDX-License-Identifier: MIT */
/* What a control group may use: plain numbers, as cgroup v2 names them. */
#pragma once

#include <stdint.h>
#include <string.h>

#include "base/idset.h"

/* Not said in the file: the kernel's default stays. */
#define LIMIT_UNSET UINT64_MAX
/* Said as "infinity": written as "max". */
#define LIMIT_MAX (UINT64_MAX - 1)
/* Not said in the file: podd's own, in a group that has the controller. */
#define LIMIT_STANDARD (UINT64_MAX - 2)

/* Of a container, processes and threads: more than services have, and no fork bomb. */
#define CGROUP_TASKS_STANDARD 2048 /* as the table of keys has it, in text */

/* Of one size of huge pages. x86 has two, arm64 with 4 KiB pages four: none has more. */
#define CGROUP_HUGE_MAX 4
struct cgroup_huge {
	uint64_t page_bytes; /* 0: no more of them */
	uint64_t max_bytes;  /* a multiple, or LIMIT_MAX */
};

/* Every number starts as LIMIT_UNSET, the others as nothing: cgroup_limits_init(). */
struct cgroup_limits {
	uint64_t memory_max_bytes;  /* memory.max */
	uint64_t memory_high_bytes; /* memory.high */
	uint64_t cpu_quota_usec;    /* cpu.max: CPU time per second of wall time, all CPUs */
	uint64_t cpu_weight;        /* cpu.weight, 1 to 10000 */
	uint64_t tasks_max;         /* pids.max; LIMIT_STANDARD for a container */
	uint64_t io_weight;         /* io.weight, 1 to 10000 */
	uint64_t oom_group;         /* memory.oom.group, 0 or 1; of a container only */
	struct idset cpus;          /* cpuset.cpus */
	struct idset memory_nodes;  /* cpuset.mems */
	struct cgroup_huge huge[CGROUP_HUGE_MAX]; /* hugetlb.SIZE.max and .rsvd.max */
};

static inline void cgroup_limits_init(struct cgroup_limits *l)
{
	memset(l, 0, sizeof(*l)); /* padding too: they are compared by their bytes */
	l->memory_max_bytes = l->memory_high_bytes = l->cpu_quota_usec = l->cpu_weight =
		l->tasks_max = l->io_weight = l->oom_group = LIMIT_UNSET;
}
