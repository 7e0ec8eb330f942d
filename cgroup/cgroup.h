/* SPDX-License-Identifier: MIT */
/* Control groups, version 2: find, create, limit, watch, kill, remove. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "cgroup/limits.h"

/*
 * Theory of operation
 *
 * The hierarchy is found through /proc/self/mountinfo, wherever it is mounted.
 * podd never leaves its caller's group unless that group was delegated to it
 * (systemd's Delegate=yes). What there is then:
 *
 *	delegated:  UNIT/supervisor           podd itself
 *	            UNIT/pod-NAME/pause       the pod: its limits are on pod-NAME
 *	            UNIT/pod-NAME/c-CONTAINER
 *	otherwise:  podd[-TAG]/NAME/pause     at the root of the hierarchy
 *	            podd[-TAG]/NAME/c-CONTAINER
 *
 * A pod stays where it was made for as long as it lives: the podd that takes it
 * over follows it there (cgroup_root_follow()).
 *
 * UNIT's own limits stay systemd's: it writes them again on each reload, and a
 * pod that eats its memory must not take its supervisor along. Processes are
 * only ever in leaves: a group with domain controllers enabled for its children
 * may have none of its own (cgroups(7), "no internal processes").
 *
 * A process gets into a group by CLONE_INTO_CGROUP with @dirfd, never by a
 * write to cgroup.procs: that waits for an RCU grace period (12 ms). With
 * CLONE_NEWCGROUP in the same call the group is the root of the new namespace,
 * so a container cloned like that sees itself in "/" and nothing of the host.
 *
 * Controllers are enabled on the way down as the limits need them, and memory
 * always, so that an OOM kill is told from any other SIGKILL; containers have a
 * limit of tasks always, where they can (LIMIT_STANDARD). Enabling is best
 * effort: whether a limit holds is decided where it is written
 * (cgroup_limits_apply()), and there the missing controller has its name.
 *
 * A group is a kernel object: cgroup_close() closes the descriptor, only
 * cgroup_remove() removes the group.
 */

/* Before a container's name, for its group: so none is taken for the pause's. */
#define CGROUP_CONTAINER_PREFIX "c-"

/* Bits of a set of controllers. */
enum cgroup_controller {
	CGROUP_CPU = 1 << 0,
	CGROUP_IO = 1 << 1,
	CGROUP_MEMORY = 1 << 2,
	CGROUP_PIDS = 1 << 3,
	CGROUP_CPUSET = 1 << 4,
	CGROUP_HUGETLB = 1 << 5,
};

/* Rows of the table of limits; a set of them is a mask of 1 << row. */
enum cgroup_limit {
	CGROUP_LIMIT_MEMORY_MAX,
	CGROUP_LIMIT_MEMORY_HIGH,
	CGROUP_LIMIT_CPU_QUOTA,
	CGROUP_LIMIT_CPU_WEIGHT,
	CGROUP_LIMIT_TASKS_MAX,
	CGROUP_LIMIT_IO_WEIGHT,
	CGROUP_LIMIT_OOM_GROUP,
	CGROUP_LIMIT_CPUS,
	CGROUP_LIMIT_MEMORY_NODES,
	CGROUP_LIMIT_HUGE,
	CGROUP_LIMIT_N,
};

struct cgroup {
	int dirfd; /* owned; goes into clone_args.cgroup as it is */
};

/* Where the pods' groups go. */
struct cgroup_root {
	int dirfd;       /* owned; the delegated group, or the hierarchy's root */
	bool in_leaf;    /* podd is where it may stay */
	char parent[64]; /* group in @dirfd for all pods; "": @dirfd itself, delegated */
};

/* One cgroup2 line of /proc/self/mountinfo; points into that line. */
struct cgroup_mount {
	char *root;  /* the group that is mounted */
	char *point; /* where */
};

#define CGROUP_STAT_ABSENT UINT64_MAX /* the controller is not there */

struct cgroup_stats {
	uint64_t memory_bytes;
	uint64_t cpu_usec; /* user and system, since the group was made */
	uint64_t throttled_usec; /* in which tasks waited for the next period of CPUQuota= */
	uint64_t tasks;    /* threads count too */
};

/* Pressure stall information, Documentation/accounting/psi.rst. */
enum cgroup_resource { CGROUP_PRESSURE_CPU, CGROUP_PRESSURE_MEMORY, CGROUP_PRESSURE_IO,
		       CGROUP_RESOURCE_N };
struct cgroup_pressure {
	/* Of the last 10 s, in hundredths of a percent: some tasks waited for it; all did. */
	unsigned some_avg10, full_avg10;
	uint64_t some_usec, full_usec; /* since the group was made */
};

/* root.c: where the groups go */
bool cgroup_mount_parse(char *line, struct cgroup_mount *out);
char *cgroup_own_parse(char *line);
char *cgroup_of_process(pid_t pid);
int cgroup_root_open(struct cgroup_root *out, const char *tag, struct err *err);
void cgroup_root_close(struct cgroup_root *root);
int cgroup_root_enter_leaf(struct cgroup_root *root, struct err *err);
unsigned cgroup_root_controllers(const struct cgroup_root *root);
int cgroup_pod_create(struct cgroup *out, const struct cgroup_root *root, const char *name,
		      unsigned controllers, struct err *err);
int cgroup_pod_enable(const struct cgroup_root *root, unsigned controllers, struct err *err);
int cgroup_pod_open(struct cgroup *out, const struct cgroup_root *root, const char *name,
		    struct err *err);
int cgroup_root_follow(struct cgroup_root *root, const char *tag, const char *name, pid_t pause,
		       struct err *err);
bool cgroup_container_has(pid_t pause, const char *container, pid_t pid);
int cgroup_pod_remove(const struct cgroup_root *root, const char *name, unsigned timeout_ms,
		      struct err *err);

/* group.c: one group */
int cgroup_create(struct cgroup *out, int parent_fd, const char *name, struct err *err);
int cgroup_open(struct cgroup *out, int parent_fd, const char *name, struct err *err);
int cgroup_container_create(struct cgroup *out, const struct cgroup *pod, const char *container,
			    struct err *err);
int cgroup_container_open(struct cgroup *out, const struct cgroup *pod, const char *container,
			  struct err *err);
void cgroup_containers_prune(const struct cgroup *pod,
			     bool (*stays)(const char *container, const void *ctx),
			     const void *ctx);
int cgroup_container_remove(const struct cgroup *pod, const char *container, unsigned timeout_ms,
			    struct err *err);
void cgroup_close(struct cgroup *cg);
int cgroup_path(const struct cgroup *cg, char *buf, size_t size);
unsigned cgroup_controllers(int group_fd);
void cgroup_enable(int group_fd, unsigned controllers);
int cgroup_kill(const struct cgroup *cg, struct err *err);
int cgroup_freeze(const struct cgroup *cg, bool frozen, struct err *err);
int cgroup_events_open(const struct cgroup *cg, struct err *err);
int cgroup_events_populated(int events_fd, struct err *err);
int cgroup_events_frozen(int events_fd, struct err *err);
bool cgroup_is_frozen(const struct cgroup *cg);
bool cgroup_freeze_asked(const struct cgroup *cg);
int cgroup_wait_empty(const struct cgroup *cg, unsigned timeout_ms, struct err *err);
int cgroup_remove(int parent_fd, const char *name, unsigned timeout_ms, struct err *err);

/* control.c: limits */
unsigned cgroup_limits_controllers(const struct cgroup_limits *limits);
int cgroup_limits_check(const struct cgroup *cg, const struct cgroup_limits *limits,
			unsigned available, struct err *err);
int cgroup_limits_apply(const struct cgroup *cg, const struct cgroup_limits *limits,
			unsigned *missing, struct err *err);
void cgroup_limits_dropped(struct cgroup_limits *out, const struct cgroup_limits *old,
			   const struct cgroup_limits *new);
void cgroup_limits_reset(const struct cgroup *cg, const struct cgroup_limits *keep);
int cgroup_limit_missing(const struct cgroup *cg, const struct cgroup_limits *limits,
			 enum cgroup_limit limit, struct err *err);

/* stats.c: what is counted */
int cgroup_highs(const struct cgroup *cg, uint64_t *count, struct err *err);
int cgroup_oom_kills(const struct cgroup *cg, uint64_t *count, struct err *err);
int cgroup_ooms(const struct cgroup *cg, uint64_t *count, struct err *err);
void cgroup_stats(const struct cgroup *cg, struct cgroup_stats *out);
uint64_t cgroup_memory_held(const struct cgroup *cg);
bool cgroup_pressure(const struct cgroup *cg, enum cgroup_resource resource,
		     struct cgroup_pressure *out);
