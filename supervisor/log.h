/* SPDX-License-Identifier: MIT */
/* The log pump: a container's stdout and stderr to its log file, exactly once, or the journal. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "supervisor/log_buffer.h"
#include "supervisor/log_file.h"
#include "supervisor/log_journal.h"

/*
 * Theory of operation
 *
 * A container writes to two pipes that the pause holds at both ends. podd reads
 * a batch into the shared buffer (log_buffer.h), makes CRI records of its whole
 * lines (base/cri.h), appends them to the log file (log_file.h) and commits how
 * far it is. Killed anywhere in between, the next podd does the rest again: with
 * the time that the last one had noted, so byte for byte the same, and whoever
 * follows the log does not notice. Nothing is lost, doubled or torn; what is not
 * covered is the end of the machine (no fsync). Where pause and podd are killed at
 * once, somebody else must hold pipes and buffer: supervisor/last_words.h.
 *
 * A line waits in the buffer until its newline comes, or until it is longer
 * than CRI_TEXT_MAX and leaves in pieces; log_drain() ends it.
 *
 * With LogDriver=journald or both, lines go to the journal first (log_journal.h). The
 * buffer says how many of its lines the journal has, which is committed after each:
 * then they leave the buffer, into the file or as they are. What the journal does not
 * take stays in the buffer and the pipe, and is tried again every LOG_RETRY_NS, until
 * the pipe gets full or JOURNAL_PATIENCE_NS have passed; then it is dropped, counted
 * and told as for the file. With LogDriver=passthrough nobody writes to the pipes but
 * a process from before a reload; its lines go to the file.
 *
 * The application never waits for the disk: what cannot be written is dropped,
 * counted, and told in one record as soon as writing works again. Records of
 * podd's own are on stderr, tag F, and start with "podd: ".
 *
 * Pacing. Nothing here waits: log_pump() makes one bounded round and says when
 * it wants to be called again. Small reads are dear (a wakeup and six system
 * calls for a line), so after one the stream rests LOG_REST_NS before the next:
 * a line that comes alone is written at once, a thousand that come in a
 * millisecond are one batch. After a large read the next round is now.
 */
#define LOG_REST_NS    UINT64_C(1000000)    /* the pipe must hold rate x rest: 256 MB/s */
#define LOG_RETRY_NS   UINT64_C(10000000)   /* and what is left of it: rate x this */
#define LOG_TRIM_NS    UINT64_C(1000000000) /* after a burst its memory is kept so long */
#define LOG_NEVER_NS   UINT64_MAX
#define LOG_LARGE_READ (16 * 1024)
#define LOG_PIPE_SIZE  (256 * 1024)

struct log_params {
	int dirfd;        /* of the pod's logs; borrowed as long as the log is open */
	const char *name; /* of the container; borrowed likewise */
	const char *pod; /* its name; borrowed likewise */
	uint32_t attempt; /* which start of the container it is: log_attempt() */
	struct log_spec spec;
	int buffer_fd;             /* from log_buffer_create(); borrowed for the call */
	int pipe_fds[CRI_STREAMS]; /* read ends; borrowed as long as the log is open */
	struct log_shared *shared; /* shared by all logs; borrowed likewise */
};

/* When log_pump() is to be called again for a stream. */
struct log_next {
	bool watch;        /* as soon as its pipe is readable */
	uint64_t delay_ns; /* and after so long at the latest: 0 now, LOG_NEVER_NS: not at all */
};

struct log_flow {
	int pipe_fd;
	bool broken;      /* its pipe cannot be read any more */
	bool held;        /* its tail waits for the journal: no read before that is empty */
	uint64_t rest_ns; /* boottime: not to be read before */
};

struct log {
	struct log_buffer buffer;
	struct log_file file;
	struct log_journal journal;
	struct log_shared *shared;
	struct log_flow flows[CRI_STREAMS];
	uint64_t trim_ns; /* boottime: burst's memory goes back then */
};

struct log_lost {
	uint64_t lines, bytes;
	int why; /* errno of what the log does not tell of yet; 0: it tells of all */
	bool journal; /* that is the journal, else the file */
	int file_why, journal_why; /* the last errno of each, told or not; 0: nothing was lost */
};

int log_pipe_create(int *read_out, int *write_out, struct err *err);
int log_open(struct log *log, const struct log_params *params, struct err *err);
struct log_next log_pump(struct log *log, enum cri_stream stream, uint64_t now_boottime_ns);
void log_drain(struct log *log);
void log_note(struct log *log, const char *text);
void log_attempt(struct log *log, uint32_t attempt);
void log_respec(struct log *log, const char *name, const char *pod, const struct log_spec *spec);
struct log_lost log_lost(const struct log *log);
const char *log_lost_reason(const struct log_lost *lost);
void log_lost_causes(const struct log_lost *lost, char *buf, size_t size);
void log_close(struct log *log);
