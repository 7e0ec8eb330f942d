/* SPDX-License-Identifier: MIT */
/* podd-seccomp at work for a container whose system calls are recorded. */
#pragma once

#include <sys/types.h>

#include "base/err.h"
#include "cgroup/cgroup.h"

/*
 * Theory of operation
 *
 * SeccompProfile=audit:FILE. One process for each such container, started with the
 * first program that is; it gets the listener of each, over a socket (see
 * seccomp/record.c). It is no part of podd's loop: what the container calls is
 * answered though podd is busy, or gone. Whoever kills it has the container's calls
 * fail with ENOSYS; the next start has a new one.
 *
 * Its group is in the pod's, beside the pause's: of the group of podd's unit systemd ends all
 * when podd is killed. So it ends with the pod's group, and who takes that away lets it
 * write first (recorder_wait()), whichever podd has started it.
 *
 * All zero is none. recorder_end() lets it write the profile.
 */
struct recorder {
	pid_t pid; /* 0: none */
	int pidfd, socket_fd;
};

int recorder_check(const char *path, struct err *err);
int recorder_start(struct recorder *r, const struct cgroup *pod, const char *path, struct err *err);
void recorder_end(struct recorder *r);
void recorder_wait(const struct cgroup *pod);
