/* SPDX-License-Identifier: MIT */
/* The operator's terminal and files during podctl exec without -t. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "ctl/conn.h"

/*
 * Theory of operation
 *
 * A command gets podctl's own pipes, but never a terminal: whoever has one can read what
 * is typed there, and write to it, for as long as it likes, also when podctl has ended
 * and the operator's shell reads again. Nor a file, which it could cut off, or open again
 * through /proc to read or to write; a socket, as a unit's output into the journal is; or
 * a device. For each of those the command gets a pipe instead, and podctl carries the bytes.
 * What of a file nobody has read when the command is over is put back, for who reads next.
 */
struct relay_end {
	int passed; /* what the command gets: podctl's own, or owned and another number */
	int pipe;   /* our end, or negative: nothing is carried */
};

struct relay {
	struct relay_end ends[3]; /* standard input, output, error */
	bool room;                /* the pipe of standard input takes more */
	int unread;               /* its reading end, where a file gives what goes in; or -EBADF */
};

int relay_open(struct relay *out, bool interactive, struct err *err);
void relay_passed(struct relay *r);
int relay_run(struct relay *r, struct conn *conn, json_t **reply, struct err *err);
void relay_close(struct relay *r);
