/* SPDX-License-Identifier: MIT */
/* One container of a running pod: its kernel objects, its log, its process. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "cgroup/cgroup.h"
#include "config/spec.h"
#include "container/container.h"
#include "supervisor/log.h"
#include "supervisor/loop.h"
#include "supervisor/pause.h"
#include "supervisor/recorder.h"

/*
 * Theory of operation
 *
 * A member does what the machine says and reports what happened; it decides
 * nothing. Its control group is made before its first process, its root with
 * that, and both stay until its end: a restart is one clone. Only when a reload
 * has changed what it is, its root is built anew, with nothing written to it.
 *
 * An end has two halves: the first process is gone (the board says so), and
 * its group is empty. What it left behind is killed at once, and the end is
 * reported when the group is empty, so that no new process can meet an old one.
 */
struct member;

/* Lines are being dropped. */
typedef void member_log_dropped_fn(struct member *m, const struct log_lost *lost);
typedef void member_exited_fn(struct member *m, int wait_status, bool oom);
typedef void member_timer_fn(struct member *m);

/* The pod's side, the same for all members; borrowed. */
struct member_host {
	struct loop *loop;
	struct pause *pause;
	const struct cgroup *pod_cgroup;
	const struct container_files *files;
	struct log_shared *log_shared;
	int log_dirfd;
	int scratch_dirfd;
	int disk_dirfd; /* of the pod: a directory for each container */
	const struct pod_spec *pod_spec;
	bool best_effort;
	bool adopting; /* the kernel objects are there already */
	member_exited_fn *exited;
	member_log_dropped_fn *log_dropped;
	member_timer_fn *timer_passed;
};

struct member_stream {
	struct watch watch;
	struct timer timer;
	struct member *member;
	enum cri_stream id;
};

/* supervisor/freeze.h */
struct member_freezer {
	struct watch watch; /* until the group is frozen */
	struct timer timer;
	int events_fd;
	bool frozen;	/* the kernel has said so */
	struct err why; /* it could not be asked to */
};

struct member {
	const struct pod_container *spec;
	const struct member_host *host;
	unsigned place; /* as long as it lives: see supervisor/pause.h */
	unsigned index; /* in the pod's order, which a reload may change */
	bool logs_stored;
	bool root_proven; /* something ran in its root; else a failed start makes it anew */
	bool outdated;	     /* what runs, or its root, is not what the spec says now */
	uint64_t definition; /* plan_definition() of what runs, or ran last */
	struct cgroup cgroup;
	unsigned limits_missing; /* mask of enum cgroup_limit */
	int events_fd;		 /* its cgroup.events */
	struct watch empty_watch;
	struct timer killed_timer; /* its end is overdue */
	struct member_freezer freezer;
	int disk_fd; /* holds upper and work; only with Writable=yes */
	int mntns_fd;
	int credentials_fd; /* container/credentials.h; or -EBADF */
	struct recorder recorder; /* of its system calls; only with SeccompProfile=audit: */
	int pidfd;
	pid_t pid; /* 0: no process */
	uint64_t started_realtime_ns;
	uint64_t finished_realtime_ns;
	uint64_t oom_kills; /* counted when the process started, or podd was about to kill it */
	struct container_nodes *nodes; /* in its /dev, where they may change; NULL: not known */
	int wait_status;    /* of a process that is gone, while the group is not empty */
	struct board_slot *slot;
	uint32_t ended; /* generation of @slot whose end was acted on last; 0: none */
	uint32_t stop_sent; /* and that its stop signal was sent to */
	struct log log;
	bool log_open;
	uint64_t dropping_told_ns; /* boottime; 0: never */
	struct member_stream streams[CRI_STREAMS];
	struct timer timer;
	struct {
		bool pending, started;
	} report; /* outcome of a spawn that the machine must hear */
	const char *stage; /* of a start that failed; a constant */
	char message[sizeof(((struct err *)0)->msg) + 32];
};

int member_prepare(struct member *m, const struct member_host *host,
		   const struct pod_container *spec, unsigned place, struct err *err);
void member_respec(struct member *m, const struct pod_container *spec);
int member_make_root(struct member *m, const char **stage, struct err *err);
int member_spawn(struct member *m, const char **stage, struct err *err);
void member_expect_kill(struct member *m);
bool member_oom_group(const struct member *m);
struct container_process member_process(const struct member *m);
int member_find_filter(struct container_filter *out, struct member *m, struct err *err);
void member_signal(struct member *m, int sig);
void member_kill(struct member *m);
bool member_check_exit(struct member *m);
void member_forget_exit(struct member *m);
int member_resume(struct member *m, const struct record_member *record, struct err *err);
void member_drain(struct member *m);
void member_done(struct member *m);
void member_remove(struct member *m, struct err *err);
