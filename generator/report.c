/* SPDX-License-Identifier: MIT */
/* Lines of the generator: to /dev/kmsg under systemd, else to stderr. */
#include "generator/report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define IDENTIFIER     "podd-generator"
#define FACILITY       (3 << 3) /* LOG_DAEMON: of the kernel's own no identifier is looked for */
#define KMSG_LINE_SIZE 900      /* the kernel refuses a record above 1 KiB, with its prefix */

static int kmsg = -EBADF;

/**
 * report_to_kernel() - let the lines go to /dev/kmsg from here on
 *
 * As systemd.generator(7) advises: the journal may not run yet, and reads them
 * when it does. Without a /dev/kmsg they go to stderr.
 */
void report_to_kernel(void)
{
	kmsg = open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY);
}

/**
 * report() - one line, cut when it is too long for the kernel's log
 */
void report(enum report_level level, const char *fmt, ...)
{
	char line[KMSG_LINE_SIZE];
	int head = kmsg < 0 ? snprintf(line, sizeof(line), "%s: ", IDENTIFIER) :
			      snprintf(line, sizeof(line), "<%d>%s[%d]: ", FACILITY | level,
				       IDENTIFIER, (int)getpid());
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(line + head, sizeof(line) - (size_t)head - 1, fmt, ap);
	va_end(ap);
	strcat(line, "\n");
	/* In one write, which is one record; nobody could be told of a failure. */
	(void)!write(kmsg < 0 ? STDERR_FILENO : kmsg, line, strlen(line));
}
