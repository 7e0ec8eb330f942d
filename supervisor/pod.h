/* SPDX-License-Identifier: MIT */
/* A running pod: all of its kernel objects, and the steps that make them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/paths.h"
#include "cgroup/cgroup.h"
#include "config/spec.h"
#include "netns/netns.h"
#include "supervisor/admission.h"
#include "supervisor/control.h"
#include "supervisor/etc.h"
#include "supervisor/events.h"
#include "supervisor/hotplug.h"
#include "supervisor/last_words.h"
#include "supervisor/loop.h"
#include "supervisor/member.h"
#include "supervisor/missing.h"
#include "supervisor/pause.h"
#include "supervisor/pod_machine.h"
#include "supervisor/reload.h"
#include "supervisor/update.h"
#include "supervisor/upgrade.h"

/*
 * Theory of operation
 *
 * pod.c    makes the kernel objects, step by step in one table, and takes all
 *          of them away again in one function that accepts any half-built pod;
 *          it is the same one that ends a healthy pod.
 * drive.c  feeds the machine with what happens and does what it says.
 * answer.c tells the control socket how things stand.
 * reload.c gives a pod that runs other containers, or other settings for them.
 * update.c and its parts give it other images, on trial.
 *
 * The run directory itself carries the lock that makes podd the pod's only
 * supervisor (flock on the directory). "alive" in it is a lock that the pause
 * holds too: whoever finds it held without a podd has found a pod whose podd
 * was killed, and adopts it: the same steps, each in its second form, open
 * what the first would have made. The supervisor's lock also waits for the
 * last children of the killed podd (base/child.h: they share its descriptors),
 * so that nothing of it is under way any more.
 */
#define POD_EMPTY_TIMEOUT_MS 10000 /* for processes that were killed to be gone */

enum pod_former {
	POD_FORMER_NONE,
	POD_FORMER_DEAD,  /* what it left is to be cleared away */
	POD_FORMER_OTHER, /* it lives, and cannot go on: to be ended */
	POD_FORMER_SAME,  /* it goes on */
};

struct session;

struct pod {
	const struct pod_spec *spec;	  /* in force */
	struct pod_spec *first_spec;	  /* the caller's, until its images were looked up */
	struct pod_spec *own_spec;	  /* in force, too, when it came with a reload; else NULL */
	struct pod_spec *former_spec;	  /* of containers that are being taken out */
	const struct paths *paths;
	struct loop *loop;
	struct pod_machine machine;

	int run_fd; /* the pod's run directory; carries the lock */
	int log_fd;
	int disk_fd;
	int scratch_fd;
	int alive_fd;
	int net_fd;
	struct cgroup_root cgroups;
	struct cgroup cgroup;
	struct cgroup pause_cgroup;
	unsigned limits_missing; /* of the pod's own group, mask of enum cgroup_limit */
	struct netns_lease lease;
	struct pause pause;
	struct etc_texts etc;
	struct container_files files;
	struct log_shared log_shared;
	struct member_host host;
	struct member pool[POD_CONTAINERS_MAX]; /* by place: they never move */
	struct member *members[POD_CONTAINERS_MAX]; /* in the machine's order */
	unsigned member_n;

	struct events events;
	struct control *control;
	struct session *sessions; /* exec */
	char *const *argv;	  /* podd's own command line, borrowed */
	struct last_words *words; /* of the pod before this one, the caller's */
	uint64_t definition;	  /* plan_pod_definition(): a reload keeps it */
	uint64_t given_up;	  /* capabilities that podd had: confine.h */
	uint64_t refused_calls;	  /* of podd's own filter: own_filter.h */
	uint64_t started_realtime_ns;
	struct update update;
	struct reload reload;
	struct admission admission; /* of the one or the other */
	struct missing missing;
	struct watch exits_watch;
	struct watch lost_watch;
	struct hotplug hotplug;
	struct timer timer;
	enum pod_former former;	 /* what of it was here */
	const char *former_why;	 /* it cannot go on */
	bool stop_only;	  /* asked for by the caller: to end what is here, and start nothing */
	const struct pod_spec *file_to_stop; /* of such a pod, what its file says; or NULL */
	bool adopting;	  /* it runs already: a podd that was killed has made it */
	unsigned stepping; /* a step's actions are being done: no container comes or goes */
	bool hands_off;	  /* it lives, or may: release what we hold, touch nothing */
	bool broken;	  /* a first start failed: the end is a failure */
	struct err why;	  /* what broke it */
};

int pod_start(struct pod *pod, struct pod_spec *spec, const struct paths *paths,
	      struct loop *loop, struct err *err);
void pod_end(struct pod *pod);
int pod_add_member(struct pod *pod, const struct pod_container *spec, unsigned place,
		   struct err *err);
int pod_open_disk(struct pod *pod, const struct pod_spec *spec, struct err *err);

int drive_begin(struct pod *pod, struct err *err);
int drive_resume(struct pod *pod, struct err *err);
void drive_stop(struct pod *pod);
int drive_event(struct pod *pod, const struct pod_event *ev);
int drive_status(const struct pod *pod);
void drive_commit(struct pod *pod);
void drive_expect_kill(struct pod *pod, struct member *m);
int pod_explain(const struct pod *pod, int r, struct err *err);
void drive_member_exited(struct member *m, int wait_status, bool oom);
void drive_log_dropped(struct member *m, const struct log_lost *lost);
void drive_member_timer(struct member *m);

extern const struct control_ops answer_ops;
void answer_session_exits(struct pod *pod);
void answer_sessions_done(struct pod *pod);

static inline struct pod *pod_of(struct member *m)
{
	return container_of(m - m->place, struct pod, pool);
}
