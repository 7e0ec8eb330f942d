/* SPDX-License-Identifier: MIT */
/* The one error object: a code and a sentence, owned by the caller. */
#pragma once

#include <limits.h>

/*
 * Fixed size and no heap, so that it can be filled in a vfork'd child, copied
 * through a pipe in one atomic write, and shown as it is by the log line and
 * the control socket alike: what names and strings of images bring along is made
 * printable (base/printable.h).
 */
struct err {
	int code;       /* positive errno, 0: no error */
	char msg[508];
	/* What in a pod file it is about, for who can tell the line (supervisor/origin.h). */
	const char *key; /* a constant; NULL: nothing */
	const char *of;  /* the container, borrowed from its spec; NULL: the pod */
	unsigned nth;	 /* of a key that makes a list, from 0 */
};
_Static_assert(sizeof(struct err) <= PIPE_BUF, "must be one atomic pipe write");

int err_set(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int err_sys(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int err_about(struct err *e, int r, const char *key, unsigned nth);
int err_wrap(struct err *e, int r, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
