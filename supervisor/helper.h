/* SPDX-License-Identifier: MIT */
/* podd-image at work for podd: a process beside the loop. */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "supervisor/loop.h"

/*
 * Theory of operation
 *
 * What writes to the image store may take minutes: it waits for another writer,
 * for a registry, for the disk. So podd has it done and goes on; it is told
 * when the process has ended, with the last line of what that said, without control
 * characters. The process dies with podd.
 */
struct helper;
typedef void helper_fn(struct helper *h, int status, const char *last_line);

/* Embedded in its owner; all zero is one that does nothing. */
struct helper {
	struct loop *loop;
	helper_fn *fn; /* @status: as wait(2) gives it */
	pid_t pid;     /* 0: none */
	int pidfd, out_fd;
	struct watch end_watch, out_watch;
	char line[512]; /* the last one that it said, or the one that it says */
	size_t line_n;
	bool line_ended;
};

int helper_start(struct helper *h, struct loop *loop, char *const *argv, helper_fn *fn,
		 struct err *err);
bool helper_is_busy(const struct helper *h);
void helper_end(struct helper *h);
