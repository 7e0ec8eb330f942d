/* SPDX-License-Identifier: MIT */
/* The pod's pause as podd sees it: made, watched, ended. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "config/spec.h"
#include "pause/board.h"
#include "supervisor/fd_store.h"
#include "supervisor/record.h"
#include "userns/userns.h"

/* The first process of a container, found by a podd that adopts the pod. */
struct pause_first {
	int pidfd; /* the member's, once it is there; -EBADF: there is no process */
	pid_t pid; /* as our PID namespace numbers it */
};

/*
 * Owns everything that the pause holds too: podd works on its own descriptors
 * of the same objects, and a killed podd breaks none of them.
 */
struct pause {
	pid_t pid; /* as our PID namespace numbers it */
	int pidfd;
	int event_fd;
	int board_fd;
	struct board *board;
	int record_fd;
	struct record *record;
	struct fd_store store;
	struct userns userns; /* the pod's */
	int logs[POD_CONTAINERS_MAX][PAUSE_LOG_FDS]; /* by place */
	struct pause_first firsts[POD_CONTAINERS_MAX]; /* by place: supervisor/board_check.h */
	size_t log_n; /* so many are in the pause's own table: those it was born with */
};

/*
 * A container has one place for as long as it is the pod's: its slot on the
 * board, its log pipes, its numbers in the store. The containers that the pod
 * starts with have the places of their order; one that comes later gets a place
 * that is free, and its pipes are in the store, since the pause's table cannot
 * grow.
 */
static inline unsigned pause_store_root(unsigned place)
{
	return place;
}

static inline unsigned pause_store_log(unsigned place, enum pause_log_fd k)
{
	return POD_CONTAINERS_MAX + place * PAUSE_LOG_FDS + k;
}

/* Behind all the others. */
static inline unsigned pause_store_credentials(unsigned place)
{
	return POD_CONTAINERS_MAX * (1 + PAUSE_LOG_FDS) + place;
}

struct pause_args {
	const char *pod;
	const char *hostname;
	const char *binary; /* NULL: beside podd, or where it was installed */
	bool host_network;
	uint64_t shm_size_bytes;
	int cgroup_fd;	 /* its own group */
	int lease_fd;	 /* or -EBADF */
	int alive_fd;
};

void pause_init(struct pause *p);
int pause_prepare(struct pause *p, size_t container_n, struct err *err);
int pause_start(struct pause *p, const struct pause_args *args, struct err *err);
bool pause_identity_exists(int run_fd);
int pause_identity_remove(int run_fd, struct err *err);
int pause_identity_write(const struct pause *p, int run_fd, struct err *err);
int pause_adopt(struct pause *p, int run_fd, int alive_fd, pid_t pid_hint, struct err *err);
int pause_check_dead(int run_fd, int alive_fd, pid_t pid_hint, struct err *err);
bool pause_identity_is_of_another_boot(int run_fd);
int pause_logs_create(struct pause *p, unsigned place, struct err *err);
void pause_logs_remove(struct pause *p, unsigned place);
int pause_take_fd(const struct pause *p, int number, struct err *err);
void pause_kill(struct pause *p);
void pause_done(struct pause *p);
