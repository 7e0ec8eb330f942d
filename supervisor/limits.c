/* SPDX-License-Identifier: MIT */
/* The limits of a pod that runs: those of another file put into its groups. */
#include "supervisor/limits.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/sysinfo.h>

#include "supervisor/origin.h"
#include "supervisor/plan.h"

/**
 * limits_controllers() - which controllers the groups of the containers need
 *
 * Return: a set of enum cgroup_controller.
 */
unsigned limits_controllers(const struct pod_spec *spec)
{
	unsigned set = CGROUP_MEMORY;

	for (size_t i = 0; i < spec->container_n; i++)
		set |= cgroup_limits_controllers(&spec->containers[i].limits);
	return set;
}

/**
 * limits_enable() - enable the controllers for the limits of a file, as far as they are
 * there, above and in the group of a pod that runs
 *
 * Return: 0 or -errno with @err filled.
 */
int limits_enable(struct pod *pod, const struct pod_spec *spec, struct err *err)
{
	unsigned controllers = limits_controllers(spec);
	int r = cgroup_pod_enable(&pod->cgroups,
				  controllers | cgroup_limits_controllers(&spec->limits), err);

	if (r == 0)
		cgroup_enable(pod->cgroup.dirfd, controllers);
	return r;
}

struct limits_target {
	const struct cgroup_limits *limits;
	bool lax; /* one that cannot be set is noted in @missing, no error */
	unsigned *missing;
};

static int change_limits_of(const struct cgroup *cg, const struct cgroup_limits *from,
			    const struct limits_target *target, struct err *err)
{
	struct cgroup_limits dropped;
	unsigned missing = 0; /* what could not be set need not be taken back */
	int r;

	cgroup_limits_dropped(&dropped, from, target->limits);
	r = cgroup_limits_apply(cg, &dropped, &missing, err);
	missing = 0;
	if (r == 0)
		r = cgroup_limits_apply(cg, target->limits, target->lax ? &missing : NULL, err);
	if (r == 0)
		*target->missing = missing;
	return r;
}

/* Swap takes what is held, too, however slowly. */
static bool host_has_swap(void)
{
	struct sysinfo info;

	return sysinfo(&info) < 0 || info.totalswap > 0;
}

static int check_memory(const struct cgroup *cg, const struct cgroup_limits *from,
			const struct cgroup_limits *to, struct err *err)
{
	uint64_t held;

	if (to->memory_max_bytes == LIMIT_UNSET || to->memory_max_bytes == LIMIT_MAX ||
	    to->memory_max_bytes == from->memory_max_bytes)
		return 0;
	held = cgroup_memory_held(cg);
	if (held <= to->memory_max_bytes)
		return 0;
	return err_set(err, EBUSY, "MemoryMax=: %" PRIu64 " bytes are less than the %" PRIu64
		       " that are in use, and processes would be killed; stop the pod and start it",
		       to->memory_max_bytes, held);
}

/**
 * limits_check_memory() - whether processes would be killed by another MemoryMax=
 *
 * Return: 0, or -EBUSY with @err filled.
 */
int limits_check_memory(const struct pod *pod, const struct pod_spec *to, struct err *err)
{
	int r;

	if (host_has_swap())
		return 0;
	r = check_memory(&pod->cgroup, &pod->spec->limits, &to->limits, err);
	if (r < 0)
		return err_about(err, r, "MemoryMax", 0);
	for (unsigned i = 0; r == 0 && i < pod->machine.n; i++) {
		const struct member *m = pod->members[i];
		const struct pod_container *is = plan_find(to, m->spec->run.name);

		if (is && m->pid)
			r = check_memory(&m->cgroup, &m->spec->limits, &is->limits, err);
		if (r < 0)
			(void)origin_container(err, err_about(err, r, "MemoryMax", 0),
					       is->run.name);
	}
	return r;
}

/**
 * limits_change() - put the limits of another spec in place of those in force
 *
 * Return: 0, or the first failure with @err filled; the others are changed all the same.
 */
int limits_change(struct pod *pod, const struct pod_spec *from, const struct pod_spec *to,
		  struct err *err)
{
	bool lax = to->limits_best_effort;
	struct err other;
	struct limits_target target = { &to->limits, lax, &pod->limits_missing };
	int r = change_limits_of(&pod->cgroup, &from->limits, &target, err);

	for (unsigned i = 0; i < pod->machine.n; i++) {
		struct member *m = pod->members[i];
		const char *name = m->spec->run.name;
		const struct pod_container *was = plan_find(from, name), *is = plan_find(to, name);
		int r2;

		if (!was || !is)
			continue;
		target = (struct limits_target){ &is->limits, lax, &m->limits_missing };
		r2 = change_limits_of(&m->cgroup, &was->limits, &target, r < 0 ? &other : err);
		if (r == 0 && r2 < 0)
			r = origin_container(err, r2, name);
	}
	return r;
}

/**
 * limits_check() - whether a pod that runs can get the limits of a file
 *
 * Changes nothing. Goes by the controllers that there are: whether one can be enabled
 * shows when that is tried.
 *
 * Return: 0, or -errno with @err filled (EOPNOTSUPP: as cgroup_limit_missing()).
 */
int limits_check(const struct pod *pod, const struct pod_spec *spec, struct err *err)
{
	unsigned available = cgroup_root_controllers(&pod->cgroups);
	int r;

	if (spec->limits_best_effort)
		return 0;
	r = cgroup_limits_check(&pod->cgroup, &spec->limits, available, err);
	for (size_t i = 0; r == 0 && i < spec->container_n; i++) {
		const struct pod_container *c = &spec->containers[i];
		struct cgroup cg = { .dirfd = -EBADF };
		bool is_there = cgroup_container_open(&cg, &pod->cgroup, c->run.name, NULL) == 0;

		r = cgroup_limits_check(is_there ? &cg : &pod->cgroup, &c->limits, available, err);
		cgroup_close(&cg);
		if (r < 0)
			(void)origin_container(err, r, c->run.name);
	}
	return r;
}

struct adopted_group {
	const char *container; /* NULL: the pod's own */
	const struct cgroup *cg;
	const struct cgroup_limits *limits;
	unsigned *missing;
};

/* The groups of what runs and is in the file; that of a container that leaves keeps its own. */
static unsigned list_groups(struct adopted_group out[POD_CONTAINERS_MAX + 1], struct pod *pod)
{
	unsigned n = 0;

	out[n++] = (struct adopted_group){ NULL, &pod->cgroup, &pod->spec->limits,
					   &pod->limits_missing };
	for (unsigned i = 0; i < pod->machine.n; i++) {
		struct member *m = pod->members[i];

		if (plan_find(pod->spec, m->spec->run.name))
			out[n++] = (struct adopted_group){ m->spec->run.name, &m->cgroup,
							   &m->spec->limits, &m->limits_missing };
	}
	return n;
}

/**
 * limits_adopt() - put the limits of the file into the groups of a pod that was adopted
 *
 * Their controllers are enabled. What the file does not set goes back to the kernel's
 * default: a former file may have had more. A limit that cannot be set is known before
 * any is written.
 *
 * Return: 0 or -errno with @err filled.
 */
int limits_adopt(struct pod *pod, struct err *err)
{
	struct adopted_group groups[POD_CONTAINERS_MAX + 1];
	const char *container = NULL;
	unsigned n = list_groups(groups, pod);
	bool lax = pod->spec->limits_best_effort;
	int r = 0;

	for (unsigned i = 0; r == 0 && !lax && i < n; i++) {
		container = groups[i].container;
		r = cgroup_limits_check(groups[i].cg, groups[i].limits, 0, err);
	}
	for (unsigned i = 0; r == 0 && i < n; i++) {
		container = groups[i].container;
		cgroup_limits_reset(groups[i].cg, groups[i].limits);
		r = cgroup_limits_apply(groups[i].cg, groups[i].limits,
					lax ? groups[i].missing : NULL, err);
	}
	return r < 0 && container ? origin_container(err, r, container) : r;
}
