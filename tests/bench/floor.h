/* SPDX-License-Identifier: MIT */
/* The floor: a pod made by nothing but the system calls that it takes. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/sys.h"
#include "pause/board.h"

/*
 * Theory of operation
 *
 * What `make bench` measures podd against. It makes the same kernel objects in
 * the same state - directories and locks, control groups, bridge, masquerade,
 * lease, board, pipes, buffers, pause, veth, roots, processes with the same
 * identity - in the cheapest way that we know, and knows everything beforehand
 * that podd has to find out (pod file, free address, mount points, users). It
 * is static, allocates nothing, and dies at the first error, which ends the
 * benchmark. Nothing of podd's is in here but the layout that it shares with
 * the pause and the numbers of the system calls.
 */
#define FLOOR_CONTAINERS_MAX 2

#define BRIDGE_ADDRESS 0x0a4d0001u /* 10.77.0.1, podd's default network */
#define POD_ADDRESS    0x0a4d0302u /* far from what podd gives to pods */
#define PREFIX_LEN     22

struct floor_container {
	int cgroup_fd, events_fd, log_fd, pidfd, mntns_fd;
	int logs[PAUSE_LOG_FDS];
	void *buffer;
	struct board_slot *slot;
};

struct floor {
	const char *root, *lower, *volume, *cgroups, *bridge, *pause;
	char *const *app;
	unsigned container_n, restarts;
	int make_bridge; /* no other pod uses it */

	int root_fd, run_fd, scratch_fd, log_dirfd, alive_fd, lease_fd;
	int cgroup_fd, pause_cgroup_fd;
	int ring_fd, timer_fd, signal_fd, control_fd;
	int rtnl_fd, bridge_index;
	int event_fd, board_fd, record_fd, store_fds[2], own_pidns_fd;
	int pause_pidfd;
	pid_t pause_pid;
	struct board *board;
	void *record;
	struct floor_container containers[FLOOR_CONTAINERS_MAX];
};

int must(long r, const char *what);
pid_t floor_spawn(uint64_t flags, int cgroup_fd, int *pidfd, int (*fn)(void *), void *arg);

void floor_make_bridge(struct floor *f);
void floor_attach(struct floor *f);
void floor_unlink_net(struct floor *f);

void floor_lean_root(void);
void floor_build_root(struct floor *f, struct floor_container *c);
