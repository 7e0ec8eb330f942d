/* SPDX-License-Identifier: MIT */
/* The Varlink wire form: JSON objects ended by a NUL, descriptors beside them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/json.h"

/*
 * Theory of operation
 *
 * A message is one JSON object and a NUL byte (varlink.org). Both ends use the
 * same three pieces. An input collects bytes until a NUL and hands out parsed
 * objects; an output holds what the socket did not take yet; descriptors come
 * and go as SCM_RIGHTS on the first byte of the message that they belong to.
 *
 * Memory: both buffers exist only while bytes are in them. An input never grows
 * past one message of VARLINK_MESSAGE_MAX bytes; a larger one is refused as
 * soon as it is seen to be larger, never cut. A message is parsed once, and
 * what was parsed is what is acted on.
 *
 * Descriptors: the kernel ends a recvmsg() after the piece that carried some
 * (net/unix/af_unix.c, unix_stream_read_generic), so what one read brings
 * belongs to the last message that it brings a part of. They are kept until the
 * receiver takes them, or closes them once the input is drained; more than
 * VARLINK_FDS_MAX at a time is an error, with all of them closed.
 */
#define VARLINK_MESSAGE_MAX ((size_t)256 * 1024) /* bytes, without the NUL */
#define VARLINK_FDS_MAX     3

struct varlink_fds {
	int fd[VARLINK_FDS_MAX];
	unsigned n;
};

struct varlink_input {
	char *data;
	size_t size;    /* allocated */
	size_t begin;   /* the first message that was not handed out */
	size_t end;     /* of what was read */
	size_t scanned; /* no NUL between begin and here */
	struct varlink_fds fds;
};

struct varlink_output {
	char *data;
	size_t begin, end;      /* what is still to send */
	struct varlink_fds fds; /* go with the byte at begin */
};

/* Borrows from the message that it was read from. */
struct varlink_call {
	const char *method;
	json_t *parameters; /* an object, or NULL */
	bool oneway, more;
};

struct varlink_reply {
	const char *error;  /* NULL: success */
	json_t *parameters; /* an object, or NULL */
	bool continues;
};

void varlink_fds_close(struct varlink_fds *fds);

ssize_t varlink_input_read(struct varlink_input *in, int sock, struct err *err);
int varlink_input_next(struct varlink_input *in, json_t **out, struct err *err);
void varlink_input_done(struct varlink_input *in);
static inline bool varlink_input_drained(const struct varlink_input *in)
{
	return in->begin == in->end;
}

int varlink_output_put(struct varlink_output *out, const json_t *message, struct err *err);
int varlink_output_send(struct varlink_output *out, int sock, struct err *err);
void varlink_output_done(struct varlink_output *out);
static inline bool varlink_output_pending(const struct varlink_output *out)
{
	return out->end > out->begin;
}

int varlink_call_read(struct varlink_call *out, const json_t *message, struct err *err);
int varlink_reply_read(struct varlink_reply *out, const json_t *message, struct err *err);
