/* SPDX-License-Identifier: MIT */
/* The CRI log line: what podd writes and podctl logs reads. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Theory of operation
 *
 *	2016-10-06T00:17:09.669794202Z stdout F text of the line\n
 *
 * is one record: time, stream, tags, text (kubernetes, "CRI: log format"). The
 * tag P says that the line goes on in the stream's next record, F that it ends
 * with this one. The text is whatever the application wrote, NUL bytes
 * included, but for the newline. podd cuts a line every CRI_TEXT_MAX bytes, as
 * containerd does, so a record of its own is at most CRI_RECORD_MAX long.
 *
 * podd always writes nine digits of a second and UTC, hence a head of fixed
 * size. The parser takes any RFC 3339 time and further tags (joined by ':'),
 * so that it reads what other runtimes wrote.
 */
#define CRI_HEAD_SIZE  40
#define CRI_TEXT_MAX   16384
#define CRI_RECORD_MAX (CRI_HEAD_SIZE + CRI_TEXT_MAX + 1)

enum cri_stream { CRI_STDOUT, CRI_STDERR, CRI_STREAMS };

struct cri_line {
	uint64_t realtime_ns;
	enum cri_stream stream;
	bool partial;      /* tag P */
	const char *stamp; /* the time as it was written; points into the parsed line */
	size_t stamp_n;
	const char *text; /* without the newline; points into the parsed line */
	size_t text_n;
};

void cri_head(char out[CRI_HEAD_SIZE], uint64_t realtime_ns, enum cri_stream stream, bool partial);
int cri_parse(struct cri_line *out, const char *line, size_t n);
