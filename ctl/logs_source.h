/* SPDX-License-Identifier: MIT */
/* One container's log as a sequence of whole lines, over all its files. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cri.h"
#include "base/err.h"

/*
 * Theory of operation
 *
 * A source reads records forward, file after file, and puts the pieces of a
 * line (tag P) together, for each stream by itself. At the end of a file it
 * asks for the next one, and reads on once more before it goes there: podd
 * writes nothing to a file after its renaming, but may have before. So reading
 * history and following are the same thing, and nothing is missed unless podd
 * has removed a file before it was read.
 *
 * What is behind the last newline is read again at the next try, never kept:
 * podd may take half a record back (full disk) and write another in its place.
 * A line that is no record (written by somebody else, or torn by a power cut)
 * is a line of text with the time of the one before it.
 *
 * A line's pieces are put together up to LOGS_LINE_MAX, then it is cut: an
 * application that never ends a line does not eat the reader's memory.
 */
#define LOGS_LINE_MAX (1024 * 1024)
#define LOGS_ALL      UINT64_MAX

struct logs_line {
	uint64_t realtime_ns; /* of the first piece */
	char stamp[40];       /* the same as text; empty where there is none */
	char *text;
	size_t text_n, room;
	bool begun;
};

enum logs_lines { LOGS_RAW = CRI_STREAMS, LOGS_LINES };

struct logs_source {
	int dirfd; /* borrowed */
	char *name;
	int fd;
	int next_fd; /* the file after this one, once it is known; else -EBADF */
	off_t pos;   /* of the byte after those in @buf */
	char *buf;
	size_t start, end; /* of what is not parsed yet in @buf */
	uint64_t skip;     /* lines to be read but not shown */
	bool ended;        /* no more will come: what is begun is a line */
	bool dry;          /* nothing was left at the last look; clear it to look again */
	uint64_t last_ns;
	struct logs_line lines[LOGS_LINES];
	struct logs_line *ready; /* the line to be shown next, or NULL */
};

int logs_source_open(struct logs_source *s, int dirfd, const char *name, uint64_t tail,
		     struct err *err);
int logs_source_peek(struct logs_source *s, const struct logs_line **out, struct err *err);
void logs_source_take(struct logs_source *s);
void logs_source_close(struct logs_source *s);
