/* SPDX-License-Identifier: MIT */
/* Opening a path of the host that a pod file names: links only where root made them. */
#pragma once

#include "base/err.h"

/*
 * Theory of operation
 *
 * The path is root's, but what it leads through need not be: `Volume=/srv/data/sub:/x`
 * is a link to /etc as soon as a container with the volume /srv/data wants it so
 * (CVE-2017-1002101, CVE-2021-25741). So a link is followed only if nobody but the
 * host's root can have made it:
 *
 *   - it is root's, in a directory of root's that others do not write to, or, as in
 *     /tmp, not to what is another's;
 *   - neither that directory nor one above it was ever given to a container, by whatever
 *     pod, and its file system can tell (base/handed.h).
 *
 * Any other link ends the lookup with an error that names it. A path without links is
 * one openat2(RESOLVE_NO_SYMLINKS); otherwise each part is opened on its own, and what
 * the caller gets is the very file that was looked at: he must use the descriptor.
 */
struct lookup {
	const char *path; /* absolute */
	const char *what; /* for errors: "open", "device" ... */
	int flags;	  /* of open(2); O_CLOEXEC comes along, and mode 0600 with O_CREAT */
};

int lookup_open(int *out, const struct lookup *l, struct err *err);
