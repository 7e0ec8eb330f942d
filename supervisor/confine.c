/* SPDX-License-Identifier: MIT */
/* What podd gives up of itself when its pod is there. */
#include "supervisor/confine.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/capability.h"
#include "container/identity.h"
#include "container/rlimits.h"
#include "supervisor/origin.h"
#include "supervisor/own_filter.h"
#include "supervisor/pod.h"
#include "supervisor/say.h"

/*
 * systemd/pod@.service has the same list (tests/integration/test-confine). Roots, volumes
 * and owners: CHOWN to FSETID, MKNOD, SYS_CHROOT. The pause and the containers' ids:
 * KILL, SETGID, SETPCAP, SETUID. Bridge, veth, nftables: NET_ADMIN. Namespaces, mounts,
 * setns, the filter of devices: SYS_ADMIN. pidfd_getfd at a takeover: SYS_PTRACE. The
 * controller cpuset for groups where other processes are, before Linux 6.6: SYS_NICE. What
 * only podd-image or a container needs, which are podd's children: SETFCAP, NET_BIND_SERVICE.
 */
#define OWN_SET                                                                                 \
	(CAPABILITY(CHOWN) | CAPABILITY(DAC_OVERRIDE) | CAPABILITY(FOWNER) | CAPABILITY(FSETID) | \
	 CAPABILITY(KILL) | CAPABILITY(MKNOD) | CAPABILITY(NET_ADMIN) |                         \
	 CAPABILITY(NET_BIND_SERVICE) | CAPABILITY(SETFCAP) | CAPABILITY(SETGID) |              \
	 CAPABILITY(SETPCAP) | CAPABILITY(SETUID) | CAPABILITY(SYS_ADMIN) |                     \
	 CAPABILITY(SYS_CHROOT) | CAPABILITY(SYS_NICE) | CAPABILITY(SYS_PTRACE))

static bool asks_for_limits(const struct container_spec *run)
{
	for (size_t i = 0; i < CONTAINER_RLIMIT_N; i++)
		if (run->rlimits[i].said)
			return true;
	return false;
}

/**
 * confine_capabilities() - what podd needs for a pod
 * @own_userns: the pod's containers are in a user namespace of its own, where who enters
 *	has all capabilities, whatever podd has (setns(2))
 *
 * Return: a mask, bit N for capability N.
 */
uint64_t confine_capabilities(const struct pod_spec *spec, bool own_userns)
{
	uint64_t needed = OWN_SET;

	for (size_t i = 0; i < spec->container_n; i++) {
		const struct container_spec *run = &spec->containers[i].run;

		if (!own_userns)
			needed |= container_bounding_set(&run->capabilities);
		if (asks_for_limits(run)) /* hard ones above podd's, at each start anew */
			needed |= CAPABILITY(SYS_RESOURCE);
	}
	return needed;
}

/* Of all sets: nothing to inherit and nothing ambient, which an execve would pass on. */
static int keep_capabilities(uint64_t keep, uint64_t *given_up, struct err *err)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	int r = identity_drop_bounding(keep, err); /* first: it needs CAP_SETPCAP in force */

	if (r < 0)
		return r;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return err_sys(err, "clear the ambient capabilities");
	if (syscall(SYS_capget, &head, data) < 0)
		return err_sys(err, "read the own capabilities");
	*given_up = (data[0].permitted | (uint64_t)data[1].permitted << 32) & ~keep;
	for (int i = 0; i < 2; i++) {
		data[i].permitted &= (uint32_t)(keep >> (32 * i));
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	return syscall(SYS_capset, &head, data) < 0 ? err_sys(err, "give up capabilities") : 0;
}

static uint64_t calls_needed(const struct pod_spec *spec, bool own_userns)
{
	uint64_t needed = 0;

	for (size_t i = 0; i < spec->container_n; i++)
		needed |= own_filter_needed(&spec->containers[i].run, own_userns);
	return needed;
}

static unsigned lowest(uint64_t set)
{
	return (unsigned)__builtin_ctzll(set);
}

static int refuse_calls(struct pod *pod, bool own_userns, struct err *err)
{
	const uint64_t needed = calls_needed(pod->spec, own_userns);
	const uint64_t inherited = own_filter_inherited();
	int r = 0;

	pod->refused_calls = own_filter_all() & ~needed;
	if (pod->refused_calls & ~inherited)
		r = own_filter_load(pod->refused_calls, err);
	if (inherited & needed) /* that podd knew other profiles */
		say(SAY_WARNING,
		    "pod '%s': the filter of the podd before this one refuses %s to a container "
		    "that may call it, ignoring until podd is stopped and started",
		    pod->spec->name, own_filter_name(lowest(inherited & needed)));
	pod->refused_calls |= inherited;
	return r;
}

/**
 * confine_self() - leave podd no more than its pod takes; a step of pod_start()
 *
 * Return: 0 or -errno with @err filled.
 */
int confine_self(struct pod *pod, struct err *err)
{
	const bool own = pod->pause.userns.fd >= 0;
	int r = refuse_calls(pod, own, err);

	if (r < 0)
		return r;
	return keep_capabilities(confine_capabilities(pod->spec, own), &pod->given_up, err);
}

static int check_given_up(const struct pod *pod, const struct container_capabilities *c,
			  struct err *err)
{
	/* Of "all", a container gets what podd has, and no reload makes that less. */
	const uint64_t lost = c->add & pod->given_up;
	const char *name = lost ? capability_name(lowest(lost)) : NULL;

	if (!lost)
		return 0;
	(void)err_set(err, EPERM, "give %s: podd gave it up when it began, as no container had "
		      "it; stop the pod's podd and start it", name ? name : "a capability");
	return err_about(err, -EPERM, "AddCapability", 0);
}

/* No filter can be taken off, and who is started by podd has it. */
static int check_calls(const struct pod *pod, const struct container_spec *run, struct err *err)
{
	uint64_t lost = own_filter_needed(run, pod->pause.userns.fd >= 0) & pod->refused_calls;

	if (!lost)
		return 0;
	(void)err_set(err, EPERM, "it could call %s, which podd refuses itself and all that it "
		      "starts since it began, as no container could then; stop the pod's podd "
		      "and start it", own_filter_name(lowest(lost)));
	return err_about(err, -EPERM, "SeccompProfile", 0);
}

static int check_container(const struct pod *pod, const struct container_spec *run, struct err *err)
{
	/* Capabilities in the pod's own user namespace are not podd's. */
	const struct container_capabilities none = { 0 };
	const struct container_capabilities *c = pod->pause.userns.fd >= 0 ? &none :
									     &run->capabilities;
	int r = check_given_up(pod, c, err);

	if (r == 0)
		r = check_calls(pod, run, err);
	if (r == 0)
		r = identity_check(c, run->allow_new_privs, err);
	return r < 0 ? r : rlimits_check(run->rlimits, err);
}

/**
 * confine_check() - whether podd still has what a pod of this spec takes of it
 *
 * Return: 0 or -EPERM with @err filled.
 */
int confine_check(const struct pod *pod, const struct pod_spec *spec, struct err *err)
{
	for (size_t i = 0; i < spec->container_n; i++) {
		const struct container_spec *run = &spec->containers[i].run;
		int r = check_container(pod, run, err);

		if (r < 0)
			return origin_container(err, r, run->name);
	}
	return 0;
}
