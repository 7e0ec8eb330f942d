/* SPDX-License-Identifier: MIT */
/* The log file of a container: appended to, rotated, cut back after a failure. */
#pragma once

#include <stddef.h>

#include "config/spec.h"
#include "supervisor/log_buffer.h"

/*
 * Theory of operation
 *
 * NAME.log is the current file, NAME.log.1 the one before, and so on; together
 * at most LogMaxFiles=. The state in the buffer names the file that it speaks
 * of by inode number and says how long it is. Everything written is committed
 * before a rotation moves names, so the file that is not current any more needs
 * no care, and a kill between any two steps of it leaves one of:
 *
 *  - NAME.log is the file of the state: rotation is begun again. A gap in the
 *    numbers, where the shifting had got to, is filled first, so that nothing
 *    is dropped before its time;
 *  - there is no NAME.log: it is created;
 *  - NAME.log is another file: the new one, still empty. Also what somebody
 *    else put there: it is appended to.
 *
 * A number may be given again to a new file after a removal. That file is
 * shorter than the state says, and no file is ever taken for longer than it is.
 *
 * Here nothing fills a struct err: what fails is told as a record in the log,
 * once it can be written again, so that only the errno is kept.
 */
struct log_file {
	int dirfd;        /* borrowed */
	const char *name; /* of the container; borrowed */
	struct log_spec spec;
	int fd; /* -EBADF: to be opened at the next batch */
};

int log_file_open(struct log_file *f, struct log_buffer *b);
int log_file_check(struct log_file *f, struct log_buffer *b);
int log_file_cut(struct log_file *f, const struct log_buffer *b);
int log_file_append(struct log_file *f, struct log_buffer *b, const char *records, size_t *n);
int log_file_rotate(struct log_file *f, struct log_buffer *b);
