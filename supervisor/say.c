/* SPDX-License-Identifier: MIT */
/* podd's own log: one line for one fact, on stderr. */
#include "supervisor/say.h"

#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/printable.h"

/* What a reader that is only slow gets, once. */
#define FULL_WAIT_MS 100

static bool to_journal;
static unsigned long dropped; /* lines, since the last one that was taken */
static enum say_level max_level = SAY_INFO;

/**
 * say_init() - find out where the lines go
 *
 * $JOURNAL_STREAM names the device and inode of the journal's stream
 * (systemd.exec(5)): only when stderr is that one do the lines get the "<N>"
 * of sd-daemon(3) in front. $PODD_DEBUG shows debug lines.
 */
void say_init(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	to_journal = stream && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 &&
		     fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
	if (getenv("PODD_DEBUG"))
		max_level = SAY_DEBUG;
}

/*
 * A pipe has room for PIPE_BUF bytes, any of our lines, or is not writable
 * (pipe(7)). Who does not read cannot be waited for: podd would stand still.
 */
static bool has_room(void)
{
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };

	return poll(&p, 1, dropped ? 0 : FULL_WAIT_MS) > 0 && p.revents & POLLOUT;
}

static int head(char *line, size_t size, enum say_level level)
{
	return to_journal ? snprintf(line, size, "<%d>", level) : snprintf(line, size, "podd: ");
}

static void tell_dropped(void)
{
	char line[128];
	int n = head(line, sizeof(line), SAY_WARNING);

	n += snprintf(line + n, sizeof(line) - (size_t)n,
		      "%lu lines were dropped: nobody has read them\n", dropped);
	if (write(STDERR_FILENO, line, (size_t)n) == n)
		dropped = 0;
}

/* @line has room for the LF. */
static void put(char *line)
{
	int n;

	if (dropped && has_room())
		tell_dropped();
	if (!has_room()) {
		dropped++;
		return;
	}
	printable(line);
	n = (int)strlen(line);
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		return;
}

/**
 * say() - write one line, in one write(2)
 *
 * A stderr that is full or gone is nobody's problem but the reader's: lines are
 * dropped and counted until it takes some again.
 */
void say(enum say_level level, const char *fmt, ...)
{
	char line[1024];
	va_list ap;
	int n;

	if (level > max_level)
		return;
	n = head(line, sizeof(line), level);
	va_start(ap, fmt);
	(void)vsnprintf(line + n, sizeof(line) - (size_t)n - 1, fmt, ap); /* cut */
	va_end(ap);
	put(line);
}

/**
 * say_fault() - an error that starts with its place, FILE:LINE:COLUMN
 *
 * As say() with SAY_ERR, but for people without podd's name in front: editors go by
 * the place.
 */
void say_fault(const char *text)
{
	char line[1024];

	if (to_journal) {
		say(SAY_ERR, "%s", text);
		return;
	}
	snprintf(line, sizeof(line) - 1, "%s", text);
	put(line);
}
