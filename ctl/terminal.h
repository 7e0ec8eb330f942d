/* SPDX-License-Identifier: MIT */
/* The operator's terminal during podctl exec -t. */
#pragma once

#include <stdbool.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "base/err.h"
#include "ctl/conn.h"

/*
 * Theory of operation
 *
 * podd hands over the master of a terminal that lives in the container; podctl
 * puts its own terminal in raw mode and carries bytes between the two, so that
 * Ctrl-C and the like act in the container. The window's size follows. podd is
 * not in between: when it ends, the session goes on until the command hangs up.
 *
 * The terminal is restored on every way out but SIGKILL: signals that would end
 * podctl are taken as data (signalfd) meanwhile.
 */
struct terminal {
	int in, out;      /* the operator's, borrowed */
	bool interactive; /* what is typed goes to the command */
	int master;       /* of the container's terminal, borrowed */
	struct conn *conn;
};

enum terminal_end {
	TERMINAL_DONE,      /* the command ended, the last reply was received */
	TERMINAL_PODD_GONE, /* the terminal was hung up, how it ended is not known */
	TERMINAL_SIGNAL,    /* podctl was told to end */
};

/* What the session came to. */
struct terminal_result {
	enum terminal_end end;
	json_t *reply; /* TERMINAL_DONE: the parameters of the last reply */
	int signal;    /* TERMINAL_SIGNAL */
};

int terminal_run(const struct terminal *t, struct terminal_result *out, struct err *err);
