/* SPDX-License-Identifier: MIT */
/* podctl logs: show and follow what the containers of a pod wrote. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "ctl/logs_source.h"

/* Works on the files alone, so also for a pod that is gone or without podd. */
struct logs_query {
	const char *container; /* NULL: all, in order of time, with "NAME | " in front */
	uint64_t tail;         /* lines from the end, of each container; LOGS_ALL */
	bool timestamps;       /* each line starts with its time */
	bool terminal;         /* people look at it: text_put_foreign() */
	bool follow;           /* go on with what is written from now on */
	int stop_fd;           /* readable or hung up: no more will come; -EBADF: follow for ever */
	/* Asked then: another one to go on with, or -EBADF. NULL: there is none. */
	int (*go_on)(void *ctx);
	void *ctx;
};

int logs_show(int log_dirfd, const struct logs_query *query, FILE *out, struct err *err);
