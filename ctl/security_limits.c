/* SPDX-License-Identifier: MIT */
/* How much of the host a container can take. */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/fd.h"
#include "ctl/security_judge.h"

/* Above, a size is worth a score: more than a host may have to spare. */
#define MEMORY_HUGE_BYTES (UINT64_C(1) << 30)
#define DISK_HUGE_BYTES	  (UINT64_C(10) << 30)

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

static bool is_bounded(uint64_t own, uint64_t pod)
{
	return own < LIMIT_STANDARD || pod < LIMIT_STANDARD;
}

/*
 * Files in memory: the limit of memory counts them, wherever they are. @bytes 0: as the
 * kernel has it, half of the host's memory.
 */
static void judge_files(struct judge *j, const char *key, struct config_pos pos,
			const char *target, uint64_t bytes)
{
	bool bounded = is_bounded(j->container->limits.memory_max_bytes,
				  j->spec->limits.memory_max_bytes);
	bool huge = bytes == 0 || bytes > MEMORY_HUGE_BYTES;
	char size[32] = "";

	if (bytes)
		snprintf(size, sizeof(size), "%s%llu", *target ? ":size=" : "",
			 (unsigned long long)bytes);
	judge_add(j, key, huge && !bounded ? 3 : 0, pos,
		  !huge	  ? "files in memory, bounded" :
		  bounded ? "files in memory, bounded by MemoryMax=" :
			    "files can take the memory that the host has", "%s%s", target, size);
}

static void judge_tmpfs(struct judge *j)
{
	const struct container_spec *run = &j->container->run;
	struct config_pos pos = judge_said(j, CONFIG_CONTAINER, "WritableSize");

	for (size_t i = 0; i < run->tmpfs_n; i++)
		judge_files(j, "Tmpfs",
			    config_origin_nth(j->origins, run->name, "Tmpfs", i),
			    run->tmpfs[i].target, run->tmpfs[i].size_bytes);
	if (pos.line && run->writable == CONTAINER_WRITABLE_TMPFS)
		judge_files(j, "WritableSize", pos, "", run->writable_size_bytes);
}

/* All files of it together; the journal bounds itself. */
static void judge_log_size(struct judge *j)
{
	const struct log_spec *log = &j->container->log;
	struct config_pos pos = judge_said(j, CONFIG_CONTAINER, "LogMaxSize");
	char size[24] = "infinity";

	if (log->driver == LOG_JOURNALD || log->driver == LOG_PASSTHROUGH ||
	    log->max_bytes <= DISK_HUGE_BYTES / log->max_files)
		return;
	if (log->max_bytes != UINT64_MAX)
		snprintf(size, sizeof(size), "%llu", (unsigned long long)log->max_bytes);
	if (!pos.line)
		pos = config_origin_of(j->origins, CONFIG_POD, NULL, "LogMaxSize");
	judge_add(j, "LogMaxSize", 4, pos, "its log can fill the disk", "%s", size);
}

/* Return: how many sizes of pages have a limit; they are added to @text. */
static unsigned huge_limits(char text[256], const struct cgroup_huge *huge)
{
	unsigned n = 0;

	for (size_t i = 0; i < CGROUP_HUGE_MAX && huge[i].page_bytes; i++) {
		if (huge[i].max_bytes == LIMIT_MAX)
			continue;
		snprintf(text + strlen(text), 256 - strlen(text), "%s%llu:%llu",
			 *text ? " " : "", (unsigned long long)huge[i].page_bytes,
			 (unsigned long long)huge[i].max_bytes);
		n++;
	}
	return n;
}

/* The limit of memory does not count them. */
static void judge_huge_pages(struct judge *j)
{
	struct config_pos pos = judge_said(j, CONFIG_CONTAINER, "HugetlbMax");
	char text[256] = "";
	bool bounded = huge_limits(text, j->container->limits.huge) > 0;

	if (!bounded && huge_limits(text, j->spec->limits.huge) > 0) {
		bounded = true;
		pos = config_origin_of(j->origins, CONFIG_POD, NULL, "HugetlbMax");
	}
	judge_add(j, "HugetlbMax", bounded ? 0 : 1, pos,
		  bounded ? "bounded, for these sizes of huge pages" :
			    "can take the huge pages that the host has set aside", "%s",
		  bounded ? text : "infinity");
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
	judge_huge_pages(j);
	judge_tmpfs(j);
	judge_log_size(j);
	judge_rlimits(j);
}
