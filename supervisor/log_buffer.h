/* SPDX-License-Identifier: MIT */
/* Bytes read from a container but not yet in its log, in memory that outlives podd. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cri.h"
#include "base/err.h"
#include "base/fault.h"
#include "supervisor/journal.h"

/*
 * Theory of operation
 *
 * The buffer is a memfd that the pause holds. It has a region of bytes for
 * each stream and a state that says what of them is meant and how far the log
 * file goes. The state is kept twice: a change is written to the copy that
 * does not count, then one store says that it does (log_buffer_commit()). A
 * SIGKILL comes between two instructions and what a process has stored in
 * shared memory stays, so a later podd finds the old or the new state, whole.
 *
 * Reading from the pipe must be as exact: read(2) takes bytes away and podd may
 * be killed before it has noted how many. The kernel neither splits nor undoes
 * a read for a SIGKILL, so only one thing is unknown afterwards: whether the
 * read was made. It is found out without a guess:
 *
 *  1. FIONREAD says how many bytes are in the pipe. Only podd takes any away,
 *     so a read of that many gets exactly that many.
 *  2. tee(2) shows the first of them without taking it. Its complement, the
 *     guard, is put where that byte will land, and {how many, guard} is
 *     committed.
 *  3. read(2). A later podd that finds the guard still there knows that nothing
 *     was read; any other byte there, and all of them were.
 *
 * So the bytes may be anything, NULs too, and free space needs no clearing. The
 * pages are touched before the read: a page fault cut short by the SIGKILL is
 * the one way to a copy that fails halfway.
 *
 * An application can make the kernel break 1 or 2: by reading its own output
 * pipe, by packets (O_DIRECT), by changing pages that it gave away (vmsplice).
 * A short read is taken as it comes; only when podd is killed during that very
 * read may up to a region of that application's own bytes be wrong.
 *
 * The regions are used from their start whenever they are empty, so that a
 * quiet container touches one page (two with stderr).
 */
#define LOG_BUFFER_VERSION 1 /* of struct log_page and what it says of the regions */
#define LOG_BUFFER_HEADER 512
#define LOG_BUFFER_REGION (128 * 1024)
#define LOG_BUFFER_SIZE   (2 * LOG_BUFFER_REGION)

/*
 * Measured: writes of 20 KiB cost a third more CPU than those of 64 KiB, larger
 * ones gain nothing; a region of 128 KiB gains a tenth over one of 64.
 */
#define LOG_BATCH_SIZE (64 * 1024)

/* The bytes of one stream that are not in the log yet: [start, end) of its region. */
struct log_tail {
	uint32_t start, end;
	uint32_t want;  /* a read of so many bytes to @end is under way, or 0 */
	uint8_t guard;  /* what stands at @end until that read is made */
	bool open_line; /* the stream's last record in the log has the tag P */
	uint8_t unused[2];
};

struct log_state {
	uint64_t file_ino;   /* 0: none yet */
	uint64_t file_bytes; /* so much of the file is the log; what follows was not committed */
	uint64_t read_realtime_ns; /* when the last bytes were read: the stamp of their records */
	uint64_t lost_lines;       /* dropped and not told in the log yet */
	uint64_t lost_bytes;
	uint64_t lost_lines_total; /* dropped since the pod's start */
	uint64_t lost_bytes_total;
	uint32_t lost_errno; /* why the last one was dropped */
	uint32_t unused;
	struct log_tail tails[CRI_STREAMS];
};

/*
 * What log_journal.h knows, flipped together with the state. It lies where a podd that
 * has no journal leaves zeros, which say that nothing was sent.
 */
struct log_journal_state {
	uint64_t entries;    /* sent */
	uint64_t lost_lines; /* dropped and not told in the journal yet */
	uint64_t lost_bytes;
	uint64_t window_ns;	    /* boottime: LogRateLimitIntervalSec= counts from here;
				     * 0: never */
	uint32_t window_n;	    /* entries since then */
	uint32_t lost_errno;	    /* why the last one was dropped */
	uint32_t ahead[CRI_STREAMS]; /* pieces of the tail that the journal has and the tail too */
	uint8_t open_priority[CRI_STREAMS]; /* of the line whose next piece follows, + 1; or 0 */
	uint8_t unused[6];
};

struct log_buffer {
	struct log_page *page; /* the mapping */
	struct log_state now;  /* the working copy: counts when it is committed */
	struct log_journal_state now_journal; /* likewise */
	bool touched;          /* more pages than a quiet container needs: log_buffer_trim() */
};

/* What one podd needs once for all its logs. */
struct log_shared {
	int peek_read_fd, peek_write_fd; /* a pipe to look into others by tee(2) */
	char *records;                   /* LOG_BATCH_SIZE bytes: records on their way to a file */
	struct journal journal;
};

/* Tests put a kill here, between every two steps that a later podd could tell apart. */
#ifndef LOG_STEP
#define LOG_STEP() fault_kill("log-step")
#endif

int log_shared_open(struct log_shared *out, struct err *err);
void log_shared_close(struct log_shared *shared);

int log_buffer_create(int *memfd_out, struct err *err);
int log_buffer_check(int memfd, struct err *err);
bool log_buffer_is_blank(int memfd);
void log_buffer_clear(int memfd);
int log_buffer_open(struct log_buffer *b, int memfd, struct err *err);
void log_buffer_commit(struct log_buffer *b);
ssize_t log_buffer_read(struct log_buffer *b, enum cri_stream stream, int pipe_fd,
			struct log_shared *shared);
const char *log_buffer_bytes(const struct log_buffer *b, enum cri_stream stream);
void log_buffer_trim(struct log_buffer *b, struct log_shared *shared);
void log_buffer_close(struct log_buffer *b);
