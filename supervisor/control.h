/* SPDX-License-Identifier: MIT */
/* The control socket: what podctl and others may ask of a running podd. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "supervisor/events.h"
#include "supervisor/loop.h"

/*
 * Theory of operation
 *
 * A stream socket in the pod's run directory, which only root enters; the
 * credentials of whoever connects are checked all the same. It speaks Varlink
 * (base/varlink.h), interface io.podd.Pod, and describes itself.
 *
 * A connection has one call at a time. While a call is being answered or its
 * answer is not read, the next one is not even received: what a client sends
 * too fast or reads too slowly waits in its own socket, and podd holds at most
 * one message each way for it. Whoever follows the events pulls them from the
 * ring as it reads (supervisor/events.h).
 *
 * Stop, Restart and Pause are answered when the work is done: the operation only starts
 * it, and the supervisor calls control_finish() later. Exec is answered twice,
 * by control_exec_reply() and control_exec_done().
 *
 * The operations may call back into here at once. They must not call
 * control_free(): let the loop end first.
 */
#define CONTROL_SOCKET      "control" /* in the pod's run directory */
#define CONTROL_CLIENTS_MAX 64
#define CONTROL_EXECS_MAX   48 /* so that there is always a place to stop the pod from */

/* Valid during the call only: dup what is kept. */
struct control_exec {
	uint64_t session; /* names this session to control_exec_*() */
	const char *container;
	char *const *argv; /* NULL-terminated, at least one */
	char *const *env;  /* "NAME=value", NULL-terminated; beside the container's own */
	const char *cwd;   /* or NULL: the container's */
	const char *user;  /* or NULL: the container's */
	bool tty;
	unsigned short rows, cols;
	int stdio[3]; /* the client's own, borrowed; -EBADF with a tty */
};

/*
 * Each int: 0, or -errno with @err filled. The control socket has checked that
 * a container of that name is there. Documents belong to the caller; NULL: no
 * memory.
 */
struct control_ops {
	/* The i-th container's name, NULL after the last. */
	const char *(*container_name)(void *ctx, size_t i);
	json_t *(*status)(void *ctx);
	json_t *(*inspect)(void *ctx);
	/* 0: begun, control_finish() follows. @container NULL: all of them. */
	int (*stop)(void *ctx, struct err *err);
	int (*restart)(void *ctx, const char *container, struct err *err);
	int (*pause)(void *ctx, const char *container, struct err *err);
	/* 0: done. */
	int (*unpause)(void *ctx, const char *container, struct err *err);
	int (*upgrade)(void *ctx, struct err *err); /* comes back only when it failed */
	int (*kill)(void *ctx, const char *container, int signal, struct err *err);
	/* 0: begun, control_answer() follows. @images: a list of strings, borrowed. */
	int (*reload)(void *ctx, bool dry_run, struct err *err);
	int (*update)(void *ctx, const json_t *images, bool back, struct err *err);
	/* 0: begun, control_exec_reply() and _done() follow. -ENOENT: no such
	 * program; -EACCES, -ENOEXEC, -ENOTDIR: it cannot be executed. */
	int (*exec)(void *ctx, const struct control_exec *exec, struct err *err);
	/* Whoever asked is gone before the command's end; may be NULL. */
	void (*exec_gone)(void *ctx, uint64_t session);
	/* One line for the log: a client was refused or dropped. */
	void (*note)(void *ctx, const char *line);
};

enum control_wait {
	CONTROL_WAIT_STOP,
	CONTROL_WAIT_RESTART,
	CONTROL_WAIT_PAUSE,
	CONTROL_WAIT_RELOAD, /* these two: for control_answer() */
	CONTROL_WAIT_UPDATE,
};

struct control_config {
	int run_fd; /* the pod's run directory, 0700; borrowed for its whole life */
	const struct control_ops *ops;
	void *ctx;
	const struct events *events; /* borrowed */
};

struct control;

int control_new(struct control **out, struct loop *loop, const struct control_config *config,
		struct err *err);
void control_free(struct control *control);

void control_events_added(struct control *control);
void control_finish(struct control *control, enum control_wait wait, const char *container,
		    const struct err *result);
void control_answer(struct control *control, enum control_wait wait, json_t *document_take,
		    const struct err *err);
void control_exec_reply(struct control *control, uint64_t session, int master_fd_take);
void control_exec_done(struct control *control, uint64_t session, int wait_status);
