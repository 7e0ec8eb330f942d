/* SPDX-License-Identifier: MIT */
/* podd's own log: one line for one fact, on stderr. */
#include "supervisor/say.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool to_journal;
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

/**
 * say() - write one line, in one write(2)
 *
 * A stderr that is full or gone is nobody's problem but the reader's.
 */
void say(enum say_level level, const char *fmt, ...)
{
	char line[1024];
	va_list ap;
	int n = 0;

	if (level > max_level)
		return;
	if (to_journal)
		n = snprintf(line, sizeof(line), "<%d>", level);
	else
		n = snprintf(line, sizeof(line), "podd: ");
	va_start(ap, fmt);
	n += vsnprintf(line + n, sizeof(line) - (size_t)n - 1, fmt, ap);
	va_end(ap);
	if (n > (int)sizeof(line) - 2)
		n = (int)sizeof(line) - 2;
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		return;
}
