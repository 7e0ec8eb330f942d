/* SPDX-License-Identifier: MIT */
/* Giving up what a container's process must not have. */
#include "container/identity.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "container/container.h"

#define CAP(name) (UINT64_C(1) << CAP_##name)

/**
 * container_default_bounding_set() - the capabilities of a root that nobody asked more for
 *
 * podman's eleven: what programs written for root need to give root up, and no
 * raw sockets, device nodes or audit records.
 *
 * Return: a mask, bit N for capability N (capabilities(7)).
 */
uint64_t container_default_bounding_set(void)
{
	return CAP(CHOWN) | CAP(DAC_OVERRIDE) | CAP(FOWNER) | CAP(FSETID) | CAP(KILL) |
	       CAP(NET_BIND_SERVICE) | CAP(SETFCAP) | CAP(SETGID) | CAP(SETPCAP) | CAP(SETUID) |
	       CAP(SYS_CHROOT);
}

/**
 * identity_drop_bounding() - take every capability but @keep from the bounding set
 *
 * Before identity_become(): it needs CAP_SETPCAP, which setresuid(2) may take.
 *
 * Return: 0 or -errno with @err filled.
 */
int identity_drop_bounding(uint64_t keep, struct err *err)
{
	for (unsigned cap = 0; cap < 64; cap++) {
		if (keep & (UINT64_C(1) << cap))
			continue;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0) {
			if (errno == EINVAL) /* the kernel's last one was the one before */
				return 0;
			return err_sys(err, "drop capability %u from the bounding set", cap);
		}
	}
	return 0;
}

/* Permitted and effective of what is held and kept; nothing to inherit. */
static int set_capabilities(uint64_t keep, struct err *err)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data) < 0)
		return err_sys(err, "read the capabilities");
	for (int i = 0; i < 2; i++) {
		data[i].permitted &= (uint32_t)(keep >> (32 * i));
		data[i].effective = data[i].permitted;
		/* An inheritable set that is not empty was CVE-2022-24769 and its kin. */
		data[i].inheritable = 0;
	}
	if (syscall(SYS_capset, &head, data) < 0)
		return err_sys(err, "set the capabilities");
	return 0;
}

/**
 * identity_become() - take the ids, cut the capabilities, forbid to gain any
 * @keep: bounding set, as given to identity_drop_bounding()
 *
 * Groups first and user last, since setgroups(2) and setresgid(2) need what
 * setresuid(2) gives up; capabilities after it, since for a user other than 0
 * it has cleared them already; no_new_privs at the end, so that a seccomp
 * filter can follow without CAP_SYS_ADMIN (prctl(2)).
 *
 * The raw calls: the libc's wrappers would change every thread of a process
 * that, to them, this child still is.
 *
 * Return: 0 or -errno with @err filled.
 */
int identity_become(const struct user_ids *ids, uint64_t keep, struct err *err)
{
	int r;

	if (syscall(SYS_setgroups, ids->group_n, ids->groups) < 0)
		return err_sys(err, "set %zu groups", ids->group_n);
	if (syscall(SYS_setresgid, ids->gid, ids->gid, ids->gid) < 0)
		return err_sys(err, "become group %u", ids->gid);
	if (syscall(SYS_setresuid, ids->uid, ids->uid, ids->uid) < 0)
		return err_sys(err, "become user %u", ids->uid);
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return err_sys(err, "clear the ambient capabilities");
	r = set_capabilities(keep, err);
	if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		r = err_sys(err, "set no_new_privs");
	return r;
}
