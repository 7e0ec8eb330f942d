/* SPDX-License-Identifier: MIT */
/* Whose ids a pod has: a range that is nobody else's, the same at each start. */
#pragma once

#include <stdint.h>

#include "base/err.h"

/*
 * Theory of operation
 *
 * The ranges are cut from 0x77390000 to 0x7ffdffff, which systemd leaves to others
 * (its UIDS-GIDS: containers of systemd-nspawn are below, foreign ids and what not
 * every program can hold are above), and SSSD, too (ldap_idmap_range_max, 2000200000).
 * A pod's first choice follows from its name, so it mostly has the same range even where
 * nothing can be kept; a file, one line
 * "FIRST NAME" for each pod, keeps it for sure, and keeps pods apart whose names
 * lead to the same. A range in which the host has a user, a group or subordinate ids
 * (subuid(5)) is passed over, also by a pod that had it before; so is one that the pause
 * of another pod runs with, and, when a pod gets its line, one that anybody runs with.
 *
 * A line stays when its pod ends: volumes hold none of the range's ids (they are
 * idmapped), but whoever looks at a process list or a quota wants them to mean one pod.
 */
struct userns_registry {
	int dirfd;	   /* of the file */
	const char *name;  /* of it */
	int etc_fd;	   /* the host's passwd, group, subuid and subgid */
	int proc_fd;	   /* who runs; -EBADF: that is not asked */
	const char *owner; /* of the pods' names: two instances of podd on a host differ */
};

int userns_range_take(uint32_t *first, const struct userns_registry *registry, const char *pod,
		      struct err *err);
