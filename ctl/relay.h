/* SPDX-License-Identifier: MIT */
/* The operator's terminal and files during podctl exec without -t. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "ctl/conn.h"

/*
 * Theory of operation
 *
 * A command gets pipes of podctl's making, and podctl carries the bytes. It never has what
 * podctl has: of a terminal it could read what is typed there, and write to it, for as long
 * as it likes, also when podctl has ended and the operator's shell reads again; a file it
 * could cut off, or open again through /proc to read or to write; out of a pipe take what
 * others have written there, or have it not block for them; of a device, /dev/null too, the
 * mode and the times are its to change if it has the host's ids.
 * What of a file nobody has read when the command is over is put back, for who reads next;
 * of a pipe, up to 128 KiB may be gone.
 */
#define RELAY_HELD_MAX 65536 /* what a pipe holds, pipe(7) */

struct relay_end {
	int passed; /* what the command gets, owned; or a directory of ours, to be refused */
	int pipe;   /* our end, or negative: nothing is carried */
};

struct relay {
	struct relay_end ends[3]; /* standard input, output, error */
	bool room;                /* the pipe of standard input takes more */
	char held[RELAY_HELD_MAX]; /* of standard input, on its way there */
	size_t held_n, held_at;
	int unread;               /* its reading end, where a file gives what goes in; or -EBADF */
};

int relay_open(struct relay *out, bool interactive, struct err *err);
void relay_passed(struct relay *r);
int relay_run(struct relay *r, struct conn *conn, json_t **reply, struct err *err);
void relay_close(struct relay *r);
