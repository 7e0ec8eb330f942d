/* SPDX-License-Identifier: MIT */
/* systemd's journal as a writer sees it: entries in its native protocol, over one socket. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Theory of operation
 *
 * An entry is one datagram of fields (systemd.io/JOURNAL_NATIVE_PROTOCOL):
 * "NAME=value\n", or, where the value has newlines, "NAME\n", its size in 64 bits
 * little endian, the value, "\n". One that the socket does not take as a datagram
 * goes into a sealed memfd, whose descriptor is sent with nothing else.
 *
 * Nothing here waits but journal_wait(), and nothing is kept: an entry is taken by
 * the socket or it is not. What is in the socket outlives podd, and journald too:
 * systemd holds the socket while it starts another one. An error that a new
 * connection may mend closes the old one; the next entry tries again.
 *
 * The socket is made with the first entry: who logs to files alone has none.
 */
struct journal {
	int run_dirfd;	   /* run/podd, beside which systemd has its directory; borrowed */
	int fd;		   /* connected, or -EBADF */
	int error;	   /* errno of the last entry that was refused; 0: it was taken */
	uint64_t stuck_ns; /* boottime since when nothing is taken; 0: it is */
};

/* From systemd.journal-fields(7) and sd-daemon(3). */
enum journal_priority {
	JOURNAL_ERR = 3,
	JOURNAL_WARNING = 4,
	JOURNAL_INFO = 6,
};

struct journal_entry {
	const char *fields; /* whole ones, as they are sent; borrowed */
	size_t fields_n;
	const char *text; /* MESSAGE=, any bytes; borrowed */
	size_t text_n;
};

/* A journal that takes nothing for so long is not waited for any more. */
#define JOURNAL_PATIENCE_NS UINT64_C(5000000000)

void journal_init(struct journal *j, int run_dirfd);
int journal_send(struct journal *j, const struct journal_entry *entry);
bool journal_wait(const struct journal *j, int timeout_ms);
bool journal_is_given_up(const struct journal *j);
int journal_strip_priority(const char **text, size_t *n, int fallback);
void journal_close(struct journal *j);
