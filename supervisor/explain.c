/* SPDX-License-Identifier: MIT */
/* Which limit a start has failed for: what failed knows only that the kernel refused. */
#include "supervisor/pod.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

/* That of the container which is being started, or the pod's own. */
static const struct cgroup *group_of(const struct pod *pod, const char *container)
{
	for (unsigned i = 0; container && i < pod->member_n; i++)
		if (strcmp(pod->members[i]->spec->run.name, container) == 0)
			return &pod->members[i]->cgroup;
	return &pod->cgroup;
}

/* Whose limit it was: that of the container which is being started, or the pod's. */
static void blame_memory(const struct pod *pod, struct err *err)
{
	uint64_t ooms = 0;

	if (cgroup_ooms(group_of(pod, err->of), &ooms, NULL) < 0 || !ooms)
		err->of = NULL;
	err->key = "MemoryMax"; /* whatever was being done when there was no more */
}

/* As much as a child that ran out of its time has been kept waiting: container/pidns.c. */
#define BRAKED_USEC  5000000
#define BRAKED_TIMES 100

/* The limit that has kept a group waiting, or NULL. */
static const char *find_brake(const struct cgroup *cg)
{
	struct cgroup_stats stats;
	uint64_t highs = 0;

	cgroup_stats(cg, &stats);
	if (stats.throttled_usec != CGROUP_STAT_ABSENT && stats.throttled_usec >= BRAKED_USEC)
		return "CPUQuota";
	return cgroup_highs(cg, &highs, NULL) == 0 && highs >= BRAKED_TIMES ? "MemoryHigh" : NULL;
}

/* Which of podd's times ran out because the kernel let nobody in there work. */
static int explain_slowness(const struct pod *pod, int r, struct err *err)
{
	const struct cgroup *cg = group_of(pod, err->of);
	const char *key = find_brake(cg);

	if (!key)
		key = find_brake(cg = &pod->cgroup);
	if (!key)
		return r;
	if (cg == &pod->cgroup)
		err->of = NULL;
	(void)err_about(err, r, key, 0);
	return err_wrap(err, r, "%s= of the pod or a container leaves no time for a start", key);
}

static int explain_tasks(int r, struct err *err)
{
	(void)err_about(err, r, "TasksMax", 0);
	return strstr(err->msg, "TasksMax=") ? r :
		       err_wrap(err, r, "TasksMax= of the pod or a container is reached, or the "
					"host has no more processes");
}

/**
 * pod_explain() - say more of a failed start
 * @err: what failed; where memory was short, only that there is none, or that a process
 *	 which the OOM killer took is not there
 *
 * Return: @r.
 */
int pod_explain(const struct pod *pod, int r, struct err *err)
{
	struct pollfd ended = { .fd = pod->pause.pidfd, .events = POLLIN };
	uint64_t ooms = 0;
	const bool limited = !pod->adopting && pod->cgroup.dirfd >= 0;

	if (limited && cgroup_ooms(&pod->cgroup, &ooms, NULL) == 0 && ooms > 0) {
		blame_memory(pod, err);
		return err_wrap(err, r,
				"out of memory: see MemoryMax= of the pod and its containers");
	}
	if (limited && r == -EAGAIN && !err->key) /* of a clone: fork(2) */
		return explain_tasks(r, err);
	if (limited && r == -ETIMEDOUT && !err->key)
		return explain_slowness(pod, r, err);
	if (pod->pause.pidfd >= 0 && poll(&ended, 1, 0) > 0)
		return err_wrap(err, r, "the pause has ended");
	return r;
}
