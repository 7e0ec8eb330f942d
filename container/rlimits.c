/* SPDX-License-Identifier: MIT */
/* Limits of a container's processes: what is asked for, and podd's own defaults. */
#include "container/rlimits.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>


/*
 * Theory of operation
 *
 * A process inherits its limits (getrlimit(2)). Those of podd are of no meaning for
 * a container: podd raises its own number of files, and whoever started podd had
 * others than systemd has. So each one is set at each start: to what the pod file
 * says, or else to what a service of systemd has, which for most is what the kernel
 * gives to its first process (INIT_RLIMITS). A default is cut to what podd may give
 * at all; what is asked for by name never is.
 */
static_assert(CONTAINER_RLIMIT_N == RLIM_NLIMITS, "indexed by RLIMIT_*");
static_assert(CONTAINER_RLIMIT_INFINITY == RLIM_INFINITY, "as setrlimit(2) has it");

/* What podd has as its hard limit: the kernel computes it of the memory. */
#define OF_PODD { RLIM_INFINITY, RLIM_INFINITY }

static const struct {
	const char *key; /* NULL: no key sets it */
	struct rlimit fallback;
} limits[RLIM_NLIMITS] = {
	[RLIMIT_CPU] = { "LimitCPU", OF_PODD },
	[RLIMIT_FSIZE] = { "LimitFSIZE", OF_PODD },
	[RLIMIT_DATA] = { "LimitDATA", OF_PODD },
	[RLIMIT_STACK] = { "LimitSTACK", { 8 << 20, RLIM_INFINITY } },
	/* Core files go where the host's core_pattern says, which is outside. */
	[RLIMIT_CORE] = { "LimitCORE", { 0, RLIM_INFINITY } },
	[RLIMIT_RSS] = { NULL, OF_PODD },
	[RLIMIT_NPROC] = { "LimitNPROC", OF_PODD },
	/* Above 1024, select(2) writes beyond its sets: for who asks for it. */
	[RLIMIT_NOFILE] = { "LimitNOFILE", { 1024, 524288 } },
	[RLIMIT_MEMLOCK] = { "LimitMEMLOCK", { 8 << 20, 8 << 20 } },
	[RLIMIT_AS] = { "LimitAS", OF_PODD },
	[RLIMIT_LOCKS] = { NULL, OF_PODD },
	[RLIMIT_SIGPENDING] = { "LimitSIGPENDING", OF_PODD },
	[RLIMIT_MSGQUEUE] = { "LimitMSGQUEUE", { 819200, 819200 } },
	[RLIMIT_NICE] = { NULL, { 0, 0 } },
	[RLIMIT_RTPRIO] = { "LimitRTPRIO", { 0, 0 } },
	[RLIMIT_RTTIME] = { NULL, OF_PODD },
};

static rlim_t least(rlim_t a, rlim_t b)
{
	return a < b ? a : b;
}

static bool has_sys_resource(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	return syscall(SYS_capget, &head, data) == 0 &&
	       data[0].effective & (1u << CAP_SYS_RESOURCE);
}

static int refuse(unsigned i, rlim_t hard, rlim_t podds, struct err *err)
{
	if (hard == RLIM_INFINITY)
		return err_set(err, EPERM,
			       "%s=infinity: podd itself has a hard limit of %" PRIu64
			       " and no CAP_SYS_RESOURCE to go beyond",
			       limits[i].key, (uint64_t)podds);
	return err_set(err, EPERM, "%s=: %" PRIu64 " is above podd's own hard limit of %" PRIu64
		       ", and it has no CAP_SYS_RESOURCE to go beyond", limits[i].key,
		       (uint64_t)hard, (uint64_t)podds);
}

static int set_asked(unsigned i, const struct container_rlimit *asked, rlim_t podds,
		     struct err *err)
{
	const struct rlimit l = { asked->soft, asked->hard };

	if (setrlimit(i, &l) == 0)
		return 0;
	if (errno != EPERM || l.rlim_max <= podds)
		return err_sys(err, "set %s=", limits[i].key);
	if (has_sys_resource()) /* fs.nr_open, above which nobody may */
		return err_sys(err, "set %s= beyond what the kernel allows (fs.nr_open)",
			       limits[i].key);
	return refuse(i, l.rlim_max, podds, err);
}

/**
 * rlimits_check() - whether podd may give these limits
 * @asked: indexed by RLIMIT_*
 *
 * Return: 0 or -EPERM with @err filled.
 */
int rlimits_check(const struct container_rlimit asked[CONTAINER_RLIMIT_N], struct err *err)
{
	struct rlimit podds;

	for (unsigned i = 0; i < RLIM_NLIMITS && !has_sys_resource(); i++) {
		if (!asked[i].said)
			continue;
		if (getrlimit(i, &podds) < 0)
			return err_sys(err, "read limit %u", i);
		if (asked[i].hard > podds.rlim_max)
			return refuse(i, asked[i].hard, podds.rlim_max, err);
	}
	return 0;
}

/**
 * rlimits_set() - give the calling process the limits of a container's
 * @asked: indexed by RLIMIT_*
 *
 * In the host's user namespace: to raise a hard limit takes CAP_SYS_RESOURCE in the
 * first one (do_prlimit() in kernel/sys.c). For a child with limits of its own, in a
 * memory that may be shared.
 *
 * Return: 0 or -errno with @err filled; -EPERM for what podd may not give.
 */
int rlimits_set(const struct container_rlimit asked[CONTAINER_RLIMIT_N], struct err *err)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < RLIM_NLIMITS; i++) {
		struct rlimit l = limits[i].fallback, podds;

		if (getrlimit(i, &podds) < 0)
			return err_sys(err, "read limit %u", i);
		if (asked[i].said) {
			r = set_asked(i, &asked[i], podds.rlim_max, err);
			if (r < 0)
				(void)err_about(err, r, limits[i].key, 0);
			continue;
		}
		l.rlim_max = least(l.rlim_max, podds.rlim_max);
		l.rlim_cur = least(l.rlim_cur, l.rlim_max);
		if ((l.rlim_cur != podds.rlim_cur || l.rlim_max != podds.rlim_max) &&
		    setrlimit(i, &l) < 0)
			r = err_sys(err, "set limit %u", i);
	}
	return r;
}
