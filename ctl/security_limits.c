/* SPDX-License-Identifier: MIT */
/* How much of the host a container can take. */
#include <stdio.h>
#include <sys/resource.h>

#include "base/fd.h"
#include "ctl/security_judge.h"

/* Bounded by its own limit, or with all the others by the pod's. */
static void judge_limit(struct judge *j, const char *key, uint64_t own, uint64_t pod)
{
	bool is_own = own < LIMIT_STANDARD;
	struct config_pos pos = is_own ? judge_said(j, CONFIG_CONTAINER, key) :
		config_origin_of(j->origins, CONFIG_POD, NULL, key);

	if (is_own || pod < LIMIT_STANDARD)
		judge_add(j, key, 0, pos, is_own ? "bounded" : "bounded, with the whole pod",
			  "%llu", (unsigned long long)(is_own ? own : pod));
	else if (own == LIMIT_STANDARD)
		judge_add(j, key, 0, pos, "bounded, where the host has the controller", "%u",
			  CGROUP_TASKS_STANDARD);
	else
		judge_add(j, key, 5, own == LIMIT_MAX ? judge_said(j, CONFIG_CONTAINER, key) : pos,
			  "can take what the host has", "infinity");
}

/* What podd's own stdout and stderr are, as whoever started it has opened them. */
static void judge_log(struct judge *j)
{
	if (j->container->log.driver == LOG_PASSTHROUGH)
		judge_add(j, "LogDriver", judge_has_host_ids(j) ? 10 : 5,
			  judge_said(j, CONFIG_CONTAINER, "LogDriver"),
			  "descriptors of the host: podd's own output", "passthrough");
}

/* A hard limit above @most is worth a score; below, it bounds. */
static const struct {
	unsigned resource;
	const char *key;
	uint64_t most;
	unsigned score;
	const char *above;
} rlimits[] = {
	{ RLIMIT_CPU, "LimitCPU", UINT64_MAX, 0, "" },
	{ RLIMIT_FSIZE, "LimitFSIZE", UINT64_MAX, 0, "" },
	{ RLIMIT_DATA, "LimitDATA", UINT64_MAX, 0, "" },
	{ RLIMIT_STACK, "LimitSTACK", UINT64_MAX, 0, "" },
	{ RLIMIT_CORE, "LimitCORE", UINT64_MAX, 0, "" },
	{ RLIMIT_NOFILE, "LimitNOFILE", 1 << 20, 1, "more files than a service of the host has" },
	{ RLIMIT_AS, "LimitAS", UINT64_MAX, 0, "" },
	{ RLIMIT_NPROC, "LimitNPROC", UINT64_MAX, 0, "" },
	{ RLIMIT_MEMLOCK, "LimitMEMLOCK", 64 << 20, 2, "memory that cannot be reclaimed" },
	{ RLIMIT_SIGPENDING, "LimitSIGPENDING", 1 << 20, 1,
	  "signals queued in the kernel's memory" },
	{ RLIMIT_MSGQUEUE, "LimitMSGQUEUE", 64 << 20, 1, "messages in the kernel's memory" },
	{ RLIMIT_RTPRIO, "LimitRTPRIO", 0, 10,
	  "real-time priority: others on its CPUs can starve" },
};

static const char *number_text(char text[24], uint64_t n)
{
	if (n == CONTAINER_RLIMIT_INFINITY)
		return "infinity";
	snprintf(text, 24, "%llu", (unsigned long long)n);
	return text;
}

/* Those that the file gives: the others have defaults that open nothing. */
static void judge_rlimits(struct judge *j)
{
	char soft[24], hard[24];

	for (size_t i = 0; i < ARRAY_SIZE(rlimits); i++) {
		const struct container_rlimit *l = &j->container->run.rlimits[rlimits[i].resource];
		bool above = l->hard > rlimits[i].most;

		if (l->said)
			judge_add(j, rlimits[i].key, above ? rlimits[i].score : 0,
				  judge_said(j, CONFIG_CONTAINER, rlimits[i].key),
				  above ? rlimits[i].above : "bounded", "%s:%s",
				  number_text(soft, l->soft), number_text(hard, l->hard));
	}
}

/**
 * judge_limits() - the rows of logs and of the limits of groups and processes
 */
void judge_limits(struct judge *j)
{
	const struct cgroup_limits *own = &j->container->limits, *pod = &j->spec->limits;

	judge_log(j);
	judge_limit(j, "MemoryMax", own->memory_max_bytes, pod->memory_max_bytes);
	judge_limit(j, "TasksMax", own->tasks_max, pod->tasks_max);
	judge_rlimits(j);
}
