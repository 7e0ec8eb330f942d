/* SPDX-License-Identifier: MIT */
/* What an earlier podd has left of a pod: to be adopted, ended or cleared away. */
#include "supervisor/former.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/io.h"
#include "supervisor/board_check.h"
#include "supervisor/plan.h"
#include "supervisor/say.h"

/* Read-only suffices for a lock, and opens on a read-only file system. */
#define ALIVE_FLAGS (O_RDONLY | O_NOFOLLOW | O_CLOEXEC)

/**
 * former_remove_disk() - remove var/lib/podd/pods/NAME, which only lasts as long as the pod
 *
 * Return: 0 or -errno with @err filled.
 */
int former_remove_disk(const struct pod *pod, struct err *err)
{
	cleanup_close int pods = openat(pod->paths->lib, "pods",
					O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	int r;

	if (pods < 0)
		return errno == ENOENT || pod->paths->lib < 0 ?
			       0 : err_sys(err, "open the directory 'pods'");
	r = io_remove_tree(pods, pod->spec->name, err);
	return r == -EROFS ? 0 : r; /* nobody has written there, nor will */
}

/* Return: -EBUSY when a process lives in the pod's group, 0, or -errno; @err is filled. */
static int check_unpopulated(const struct pod *pod, struct err *err)
{
	struct cgroup group = { .dirfd = -EBADF };
	char path[PATH_MAX];
	cleanup_close int events = -EBADF;
	int r = cgroup_pod_open(&group, &pod->cgroups, pod->spec->name, err);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	events = cgroup_events_open(&group, err);
	r = events < 0 ? events : cgroup_events_populated(events, err);
	if (r > 0) {
		(void)cgroup_path(&group, path, sizeof(path)); /* "?" will do */
		r = err_set(err, EBUSY,
			    "cgroup '%s' is taken: processes live in it, which a 1 in its "
			    "'cgroup.kill' would end", path);
	}
	cgroup_close(&group);
	return r;
}

/* Who is in the group of the pod's pause, when its own word is lost; or 0. */
static pid_t pid_in_group(const struct pod *pod)
{
	struct cgroup group = { .dirfd = -EBADF };
	char text[64];
	ssize_t n;

	if (cgroup_pod_open(&group, &pod->cgroups, pod->spec->name, NULL) < 0)
		return 0;
	n = io_read_file(group.dirfd, "pause/cgroup.procs", text, sizeof(text), NULL);
	cgroup_close(&group);
	return n > 0 ? (pid_t)atoi(text) : 0;
}

/*
 * What a pod has left whose pause is dead. Its processes may still be on their
 * way out: PID 1 drops the lock of "alive" before it ends the others (do_exit()).
 */
static int clear_away(struct pod *pod, struct err *err)
{
	int r = cgroup_pod_remove(&pod->cgroups, pod->spec->name, POD_EMPTY_TIMEOUT_MS, err);

	return r < 0 ? r : former_remove_disk(pod, err);
}

/* What cannot be adopted, since it never ran or its containers were others. */
static int end_former(struct pod *pod, struct err *err)
{
	int r;

	say(SAY_WARNING, "pod '%s': ending what a podd that was killed has left: %s",
	    pod->spec->name, pod->former_why);
	pause_done(&pod->pause);
	fault_kill("former-begun");
	r = cgroup_pod_remove(&pod->cgroups, pod->spec->name, POD_EMPTY_TIMEOUT_MS, err);
	if (r < 0)
		return r;
	/* The lock goes with the last process that holds it. */
	if (flock(pod->alive_fd, LOCK_EX) < 0)
		return err_sys(err, "lock 'alive'");
	fault_kill("former-gone");
	pod->hands_off = false;
	return former_remove_disk(pod, err);
}

/* Another pod's processes, or those of ours whose "alive" somebody has removed. */
static int look_without_traces(struct pod *pod, struct err *err)
{
	int r = check_unpopulated(pod, err);

	if (r < 0)
		return r;
	pod->alive_fd = openat(pod->run_fd, "alive", ALIVE_FLAGS | O_CREAT | O_EXCL, 0600);
	if (pod->alive_fd < 0 || flock(pod->alive_fd, LOCK_EX | LOCK_NB) < 0)
		return err_sys(err, "make 'alive' in the pod's run directory");
	pod->former = POD_FORMER_NONE;
	pod->hands_off = false;
	return 0;
}

/*
 * Nobody holds "alive", which says that its pod is dead: unless somebody has put
 * another file in place of the one that the pause holds.
 */
static int look_at_traces(struct pod *pod, struct err *err)
{
	int r = pause_check_dead(pod->run_fd, pod->alive_fd, pid_in_group(pod), err);

	if (r < 0)
		return r;
	pod->former = POD_FORMER_DEAD;
	return 0;
}

static int cannot_go_on(struct pod *pod, const char *why)
{
	pod->former = POD_FORMER_OTHER;
	pod->former_why = why;
	return 0;
}

/* All of the pod that a podd goes by, checked and nothing of it touched. */
static int take_pause(struct pod *pod, struct err *err)
{
	struct cgroup group = { .dirfd = -EBADF };
	int r = pause_adopt(&pod->pause, pod->run_fd, pod->alive_fd, pid_in_group(pod), err);

	if (r < 0)
		return r;
	r = cgroup_root_follow(&pod->cgroups, pod->paths->tag, pod->spec->name,
			       pod->pause.pid, err);
	if (r == 0)
		r = cgroup_pod_open(&group, &pod->cgroups, pod->spec->name, err);
	if (r == 0)
		r = board_check(&pod->pause, &group, err);
	cgroup_close(&group);
	return r == -ENOENT ? -EPROTO : r; /* it has begun, and its pause is there */
}

/* A pod that is only to be stopped is the one that runs, whatever the file says by now. */
static void go_by_record(struct pod *pod)
{
	const struct record_state *state = record_current(pod->pause.record);

	pod->definition = state->definition;
	pod->first_spec->stop_timeout_ns = pod->file_to_stop ? pod->file_to_stop->stop_timeout_ns :
							       state->machine.stop_timeout_ns;
}

/* Somebody holds "alive": the pause of a podd that was killed. */
static int look_at_living(struct pod *pod, struct err *err)
{
	int r = take_pause(pod, err);

	if (r == -ENOENT)
		return cannot_go_on(pod, "it had only begun to start");
	if (r < 0 && flock(pod->alive_fd, LOCK_EX | LOCK_NB) == 0) {
		pause_done(&pod->pause); /* it was dying while we looked */
		pod->former = POD_FORMER_DEAD;
		return 0;
	}
	if (r < 0)
		return err_wrap(err, r, "the pod runs already and cannot be adopted");
	if (!record_current(pod->pause.record))
		return cannot_go_on(pod, "it had only begun to start");
	if (pod->stop_only)
		go_by_record(pod);
	else if (record_current(pod->pause.record)->definition != pod->definition)
		return cannot_go_on(pod, "the file asks for another network, hostname or user "
					 "namespace");
	pod->former = POD_FORMER_SAME;
	pod->adopting = true;
	return 0;
}

static const struct record_member *find_recorded(const struct record_state *state,
						const char *name)
{
	for (unsigned i = 0; i < state->machine.n; i++)
		if (strcmp(state->members[i].name, name) == 0)
			return &state->members[i];
	return NULL;
}

/**
 * former_runs_file() - whether a pod to adopt runs, of each container, what the file says
 */
bool former_runs_file(const struct pod *pod)
{
	const struct record_state *state = record_current(pod->pause.record);

	for (size_t i = 0; i < pod->spec->container_n; i++) {
		const struct pod_container *c = &pod->spec->containers[i];
		const struct record_member *m = find_recorded(state, c->run.name);

		if (!m || m->definition != plan_definition(pod->spec, c))
			return false;
	}
	return true;
}

/**
 * former_look() - what of an earlier pod of this name is here: nothing, traces, or all
 *
 * Nothing is ended or removed yet: @pod->former says what former_settle() will do.
 *
 * Return: 0 or -errno with @err filled.
 */
int former_look(struct pod *pod, struct err *err)
{
	int r = cgroup_root_open(&pod->cgroups, pod->paths->tag, err);

	if (r < 0)
		return r;
	/* Made only once nothing lives: a lock that is new and free would tell the next
	 * podd that its pod is dead, and a group of this name is only then ours to clear. */
	pod->alive_fd = openat(pod->run_fd, "alive", ALIVE_FLAGS);
	if (pod->alive_fd < 0)
		return errno == ENOENT ? look_without_traces(pod, err) :
					 err_sys(err, "open 'alive' in the pod's run directory");
	if (flock(pod->alive_fd, LOCK_EX | LOCK_NB) == 0)
		return look_at_traces(pod, err);
	return look_at_living(pod, err);
}

/**
 * former_settle() - make room for the pod, unless it is to go on
 *
 * Return: 0: @pod->adopting says whether it goes on, else nothing is left of it; or
 * -errno with @err filled, and @pod->hands_off says whether it lives.
 */
int former_settle(struct pod *pod, struct err *err)
{
	switch (pod->former) {
	case POD_FORMER_NONE:
		return former_remove_disk(pod, err);
	case POD_FORMER_DEAD:
		if (pause_identity_is_of_another_boot(pod->run_fd))
			say(SAY_NOTICE, "pod '%s': what it left is of another boot: starting anew",
			    pod->spec->name);
		pod->hands_off = false;
		return clear_away(pod, err);
	case POD_FORMER_OTHER:
		return end_former(pod, err);
	case POD_FORMER_SAME:
		break;
	}
	return 0;
}
