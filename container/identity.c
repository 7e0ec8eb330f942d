/* SPDX-License-Identifier: MIT */
/* Giving up what a container's process must not have. */
#include "container/identity.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/capability.h"
#include "container/container.h"

#ifndef CAP_CHECKPOINT_RESTORE
#define CAP_CHECKPOINT_RESTORE 40
#endif

/*
 * What the entrypoints of images need that begin as root and give root up:
 * chown and chmod of a data directory that is another user's already, setuid
 * and setgid, a port below 1024, a signal to one's own workers. Not of moby's
 * fourteen: AUDIT_WRITE, MKNOD, NET_RAW; SETPCAP, SETFCAP (gain, for what is
 * executed next); SYS_CHROOT; FSETID (podd.8, SECURITY, says who needs them).
 */
#define DEFAULT_SET                                                                             \
	(CAPABILITY(CHOWN) | CAPABILITY(DAC_OVERRIDE) | CAPABILITY(FOWNER) | CAPABILITY(KILL) | \
	 CAPABILITY(NET_BIND_SERVICE) | CAPABILITY(SETGID) | CAPABILITY(SETUID))

/**
 * container_bounding_set() - what a root in a container may have at most
 * @c: masks of what is asked for; CAPABILITY_ALL in @c->drop empties the default
 * set, before what @c->add names
 *
 * Return: a mask, bit N for capability N (capabilities(7)).
 */
uint64_t container_bounding_set(const struct container_capabilities *c)
{
	if (c->drop == CAPABILITY_ALL)
		return c->add;
	return (DEFAULT_SET | c->add) & ~c->drop;
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

static int get_capabilities(struct __user_cap_data_struct data[2], struct err *err)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };

	if (syscall(SYS_capget, &head, data) < 0)
		return err_sys(err, "read the capabilities");
	return 0;
}

/* What was asked for by name and podd does not have is not left out in silence. */
static int check_held(uint64_t named, struct err *err)
{
	struct __user_cap_data_struct data[2];
	int r = named == CAPABILITY_ALL ? 0 : get_capabilities(data, err);

	if (r < 0 || named == CAPABILITY_ALL)
		return r;
	named &= ~(data[0].permitted | (uint64_t)data[1].permitted << 32);
	for (unsigned cap = 0; cap < 64; cap++)
		if (named & (UINT64_C(1) << cap))
			return err_set(err, EPERM,
				       "give %s: podd does not have it itself "
				       "(CapabilityBoundingSet= of its unit?)",
				       capability_name(cap) ? capability_name(cap) :
							      "a capability");
	return 0;
}

/* The flag is inherited, and cannot be taken back (prctl(2)). */
static int check_new_privs(struct err *err)
{
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		return err_set(err, EPERM, "NoNewPrivileges=no: podd itself has no_new_privs "
			       "(NoNewPrivileges= of its unit?)");
	return 0;
}

/**
 * identity_check() - whether podd itself has what a container asks for by name
 *
 * Return: 0 or -EPERM with @err filled.
 */
int identity_check(const struct container_capabilities *c, bool allow_new_privs, struct err *err)
{
	int r = check_held(c->add, err);

	return r == 0 && allow_new_privs ? check_new_privs(err) : r;
}

/* Permitted and effective of what is held and kept; to inherit, what is ambient. */
static int set_capabilities(uint64_t keep, uint64_t inherit, struct err *err)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	int r = get_capabilities(data, err);

	for (int i = 0; r == 0 && i < 2; i++) {
		data[i].permitted &= (uint32_t)(keep >> (32 * i));
		data[i].effective = data[i].permitted;
		/* One that is not empty for everybody was CVE-2022-24769 and its kin. */
		data[i].inheritable = data[i].permitted & (uint32_t)(inherit >> (32 * i));
	}
	if (r == 0 && syscall(SYS_capset, &head, data) < 0)
		r = err_sys(err, "set the capabilities");
	return r;
}

/* After set_capabilities(): a capability must be permitted and inheritable to be ambient. */
static int raise_ambient(uint64_t ambient, struct err *err)
{
	struct __user_cap_data_struct data[2];
	int r;

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return err_sys(err, "clear the ambient capabilities");
	r = ambient ? get_capabilities(data, err) : 0;
	if (r < 0 || !ambient)
		return r;
	ambient &= data[0].inheritable | (uint64_t)data[1].inheritable << 32;
	for (unsigned cap = 0; cap < 64; cap++)
		if (ambient & (UINT64_C(1) << cap) &&
		    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			return err_sys(err, "make %s ambient", capability_name(cap));
	return 0;
}

/* The raw calls: see identity_become(). */
static int set_ids(const struct user_ids *ids, struct err *err)
{
	if (syscall(SYS_setgroups, ids->group_n, ids->groups) < 0)
		return err_sys(err, "set %zu groups", ids->group_n);
	if (syscall(SYS_setresgid, ids->gid, ids->gid, ids->gid) < 0)
		return err_sys(err, "become group %u", ids->gid);
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0) /* until execve */
		return err_sys(err, "keep the capabilities");
	if (syscall(SYS_setresuid, ids->uid, ids->uid, ids->uid) < 0)
		return err_sys(err, "become user %u", ids->uid);
	return 0;
}

/**
 * identity_become() - take the ids, cut the capabilities, forbid to gain any
 * @c: a root gets container_bounding_set() of it, whoever else what it adds, as
 * ambient capabilities, since no others outlive his execve
 * @allow_new_privs: no no_new_privs. CAP_SYS_ADMIN is kept then until the
 * execve, which takes it away: a seccomp filter needs one of the two (seccomp(2))
 *
 * Groups first and user last, since setgroups(2) and setresgid(2) need what
 * setresuid(2) gives up; capabilities after it, kept over it for those that
 * become ambient.
 *
 * The raw calls: the libc's wrappers would change every thread of a process
 * that, to them, this child still is.
 *
 * Return: 0 or -errno with @err filled; -EPERM for what podd does not have itself.
 */
int identity_become(const struct user_ids *ids, const struct container_capabilities *c,
		    bool allow_new_privs, struct err *err)
{
	uint64_t bounding = container_bounding_set(c);
	uint64_t ambient = ids->uid == 0 ? 0 : c->add & bounding;
	uint64_t keep = ids->uid == 0 ? bounding : ambient;
	int r = identity_check(c, allow_new_privs, err);

	if (allow_new_privs)
		keep |= CAPABILITY(SYS_ADMIN);
	if (r == 0)
		r = set_ids(ids, err);
	if (r == 0)
		r = set_capabilities(keep, ambient, err);
	if (r == 0)
		r = raise_ambient(ambient, err);
	if (r == 0 && !allow_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		r = err_sys(err, "set no_new_privs");
	return r;
}
