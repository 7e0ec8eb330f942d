/* SPDX-License-Identifier: MIT */
/* A container's lines as entries of the journal: numbered, limited in number, counted. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cri.h"
#include "config/spec.h"
#include "supervisor/journal.h"
#include "supervisor/log_buffer.h"

/*
 * Theory of operation
 *
 * Each line is one entry; one that is longer than CRI_TEXT_MAX is several, all but
 * the last with CONTAINER_PARTIAL_MESSAGE=true, as other engines mark them. Fields:
 *
 *	MESSAGE, PRIORITY	the line without its "<N>"; N, else info (6) of
 *				stdout and err (3) of stderr, as podman and Docker have it
 *	PODD_POD, PODD_CONTAINER, PODD_STREAM
 *	PODD_ATTEMPT		1 for the pod's first start of the container
 *	PODD_LINE		counts the container's entries from 1, without a gap
 *	CONTAINER_NAME, SYSLOG_IDENTIFIER	POD-CONTAINER
 *
 * A datagram cannot be sent and its sending noted in one step. It is noted right
 * after, so a podd that is killed between sends one entry once more, with the
 * number that it had: at most one for each kill. A number that is missing in the
 * journal was dropped behind the socket, by journald; what podd drops gets none.
 *
 * LogRateLimitBurst= entries in each LogRateLimitIntervalSec= are sent. What is
 * dropped is counted, and told by an entry of podd's own, which is not: after the
 * interval, or as soon as the journal takes entries again.
 */
struct log_journal {
	struct journal *journal; /* of all logs; borrowed */
	const char *pod, *name;	 /* borrowed */
	struct log_spec spec;
	uint32_t attempt;
};

/* A line, or the piece of one. */
struct log_line {
	const char *text; /* borrowed */
	size_t text_n;
	bool partial; /* it goes on in the stream's next piece */
};

int log_journal_put(const struct log_journal *j, struct log_buffer *b, enum cri_stream stream,
		    const struct log_line *line);
void log_journal_count_lost(struct log_buffer *b, const struct log_line *line, int r);
int log_journal_note(const struct log_journal *j, struct log_buffer *b, const char *text);
int log_journal_tell(const struct log_journal *j, struct log_buffer *b);
const char *log_journal_reason(int code);
uint64_t log_journal_due_ns(const struct log_journal *j, const struct log_buffer *b,
			    uint64_t now_boottime_ns);
