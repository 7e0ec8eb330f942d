/* SPDX-License-Identifier: MIT */
/* Address leases: one locked file for each address that is in use. */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "netns/netns.h"

/*
 * Theory of operation
 *
 * NETDIR/BRIDGE/ADDRESS is a lease. Its holder keeps the file open with
 * flock(LOCK_EX); the pause inherits that open file description, so the lock
 * lasts as long as podd or the pause lives and the kernel drops it with the
 * second of them, however they die. A lease whose lock can be taken is stale.
 * No pid is written or compared.
 *
 * Everything that makes or unlinks a lease, and the bridge with it, happens
 * under a lock on NETDIR. That closes the race of a file that is unlinked
 * between somebody's open and flock, makes simultaneous starts take their
 * addresses one after the other, and keeps a bridge from being removed under a
 * pod that is about to use it.
 */
struct lease_survey {
	unsigned live_n;
	struct netns_lease live; /* one of them, lock_fd unset; all share a subnet */
	uint32_t former;         /* where the pod's own stale lease was, or 0 */
	uint32_t own;            /* the pod's own live lease, or 0 */
};

int lease_lock(int net_dirfd, struct err *err);
int lease_lock_soon(int net_dirfd, unsigned timeout_ms, struct err *err);
int lease_survey(int dirfd, const char *pod, struct lease_survey *out, struct err *err);
int lease_check(const struct lease_survey *survey, const struct netns_spec *spec, const char *pod,
		struct err *err);
int lease_choose(int dirfd, const struct netns_spec *spec, uint32_t gateway, uint32_t *address,
		 struct err *err);
int lease_take(int dirfd, const char *pod, struct netns_lease *lease, struct err *err);
int lease_read(int fd, struct netns_lease *out, char pod[NETNS_POD_NAME_SIZE]);
int lease_drop(int dirfd, uint32_t address, struct err *err);
