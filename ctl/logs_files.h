/* SPDX-License-Identifier: MIT */
/* The files of one container's log, found while podd renames them. */
#pragma once

#include <stddef.h>

#include "base/err.h"

/*
 * Theory of operation
 *
 * NAME.log is written to, NAME.log.1 was before it, and so on; numbers may be
 * missing. A rotation may come between any two system calls of ours, but it
 * only ever makes a number larger. So the numbers are looked at from 0 upwards:
 * a file cannot slip past, at worst it is seen twice. A file is told by its
 * inode number and opened by a name; when that name has become another file's,
 * everything is looked at again.
 */
enum logs_which {
	LOGS_NEWEST,
	LOGS_OLDEST,
	LOGS_NEWER, /* the next one after a given file */
	LOGS_OLDER, /* the one before it */
};

int logs_file_open(int *fd_out, int dirfd, const char *name, enum logs_which which, int than_fd,
		   struct err *err);
size_t logs_name_length(const char *file, unsigned *age);
