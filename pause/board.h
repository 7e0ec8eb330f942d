/* SPDX-License-Identifier: MIT */
/* The board: one page of memory that podd and the pause share. */
#pragma once

#include <stdint.h>

/*
 * Theory of operation
 *
 * podd makes the board (a sealed memfd) before the pause, and the pause holds
 * it as long as the pod lives. There is a slot for each container and for each
 * exec session. A slot goes FREE -> STARTING (podd, before the clone) ->
 * RUNNING (the new process itself, which writes its own pid before execve) ->
 * EXITED (the pause, between waitid(WNOWAIT) and the reap, so that the pid
 * cannot be another's yet) -> FREE (podd, which has acted on it).
 *
 * @state is stored last and with release order, and read first with acquire
 * order: whoever sees a state sees the members that belong to it.
 *
 * The layout is a contract between two binaries of possibly different age:
 * change it only with BOARD_VERSION.
 */
#define BOARD_MAGIC   UINT64_C(0x6472616f62646f70) /* "podboard" */
#define BOARD_VERSION 1
#define BOARD_SIZE    4096
#define BOARD_SLOTS   126

enum board_state { BOARD_FREE, BOARD_STARTING, BOARD_RUNNING, BOARD_EXITED };

struct board_slot {
	uint32_t state;      /* enum board_state */
	uint32_t generation; /* one more for each process that used the slot */
	int32_t pid;         /* as the pod's PID namespace numbers it */
	int32_t wait_status; /* as wait(2) gives it; EXITED only */
	uint64_t exited_boottime_ns;
	uint64_t exited_realtime_ns;
};

struct board {
	uint64_t magic;
	uint32_t version;
	uint32_t slot_n;
	uint64_t unused[6];
	struct board_slot slots[BOARD_SLOTS];
};
_Static_assert(sizeof(struct board_slot) == 32, "layout shared with the pause");
_Static_assert(sizeof(struct board) == BOARD_SIZE, "layout shared with the pause");

/*
 * The descriptors of the pause, by number: podd puts them there before execve
 * and a later podd takes them back with pidfd_getfd(2). Everything else in its
 * table is closed.
 */
enum pause_fd {
	PAUSE_FD_EVENT = 3,  /* eventfd: one more for each exit that was recorded */
	PAUSE_FD_BOARD = 4,
	PAUSE_FD_LEASE = 5,  /* the address lease's lock, or closed */
	PAUSE_FD_ALIVE = 6,  /* the lock that says: this pod lives */
	PAUSE_FD_RECORD = 7, /* memfd: what podd knows (supervisor/record.h) */
	PAUSE_FD_STORE_SEND = 8, /* a socket pair with descriptors in it */
	PAUSE_FD_STORE_RECEIVE = 9, /* (supervisor/fd_store.h) */
	PAUSE_FD_LOGS = 10,  /* from here PAUSE_LOG_FDS for each container */
};

enum pause_log_fd {
	PAUSE_LOG_STDOUT_READ,
	PAUSE_LOG_STDOUT_WRITE,
	PAUSE_LOG_STDERR_READ,
	PAUSE_LOG_STDERR_WRITE,
	PAUSE_LOG_BUFFER, /* memfd: bytes read but not yet in the log file */
	PAUSE_LOG_FDS,
};
