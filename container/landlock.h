/* SPDX-License-Identifier: MIT */
/* Landlock: the container's own tree, and no other file of the host. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "container/spec.h"

/*
 * Theory of operation
 *
 * A second wall behind the mount namespace: whatever way a program finds to a file
 * outside (a descriptor that was left open, /proc/PID/root of somebody), it may not
 * open, make or change anything there. The kernel walks from the file up through the
 * mounts to the root of *its* mount namespace, and allows what one of the directories
 * on the way has a rule for. So one rule for the container's root, an overlay that is
 * nowhere else, holds for all that is mounted in it, and for nothing besides, be it the
 * same directory by another way.
 *
 * Rights add up on that way, so what lies in a writable root cannot be less writable.
 * A root that is read-only gives no right to write, and each writable mount its own:
 * that makes two walls of read-only volumes.
 *
 * All that is started makes a domain of its own, since nobody can enter another's.
 * Across domains there is no ptrace(2), and none of the files in /proc/PID that ask for
 * as much (environ, fd, root ...). Signals are not bounded: sessions and siblings send
 * them. Abstract sockets are where the network is the host's.
 *
 * Landlock forbids mount(2): so it stays away where a program can mount by itself.
 */

/* Of Linux 5.19: before that, nothing can be renamed from one directory to another. */
#define LANDLOCK_ABI_MIN 2

struct landlock_args {
	const struct container_spec *spec; /* NULL: no wall */
	bool host_network;
	const int *stdio; /* three descriptors that the program gets, or NULL */
};

int landlock_abi(void);
int landlock_create(int *out, const struct landlock_args *args, struct err *err);
int landlock_enter(int ruleset_fd, struct err *err);
