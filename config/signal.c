/* SPDX-License-Identifier: MIT */
/* Names of signals: neither libc has both directions in common with the other. */
#include "config/signal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"

/*
 * The real-time range as glibc shows it to programs (the kernel's starts at 32,
 * musl's SIGRTMIN at 35): it is the program in the container that names its
 * signals, however podd was linked.
 */
#define RTMIN 34
#define RTMAX 64

static const char *const names[] = {
	[SIGHUP] = "HUP", [SIGINT] = "INT", [SIGQUIT] = "QUIT", [SIGILL] = "ILL",
	[SIGTRAP] = "TRAP", [SIGABRT] = "ABRT", [SIGBUS] = "BUS", [SIGFPE] = "FPE",
	[SIGKILL] = "KILL", [SIGUSR1] = "USR1", [SIGSEGV] = "SEGV", [SIGUSR2] = "USR2",
	[SIGPIPE] = "PIPE", [SIGALRM] = "ALRM", [SIGTERM] = "TERM", [SIGSTKFLT] = "STKFLT",
	[SIGCHLD] = "CHLD", [SIGCONT] = "CONT", [SIGSTOP] = "STOP", [SIGTSTP] = "TSTP",
	[SIGTTIN] = "TTIN", [SIGTTOU] = "TTOU", [SIGURG] = "URG", [SIGXCPU] = "XCPU",
	[SIGXFSZ] = "XFSZ", [SIGVTALRM] = "VTALRM", [SIGPROF] = "PROF", [SIGWINCH] = "WINCH",
	[SIGIO] = "IO", [SIGPWR] = "PWR", [SIGSYS] = "SYS",
};

/* Decimal digits only, at most @max; -EINVAL otherwise. */
static int parse_number(const char *s, int max)
{
	int n = 0;

	if (!*s || strspn(s, "0123456789") != strlen(s))
		return -EINVAL;
	for (; *s && n <= max; s++)
		n = n * 10 + (*s - '0');
	return n <= max ? n : -EINVAL;
}

static int parse_realtime(const char *s)
{
	int n;

	if (strcmp(s, "RTMIN") == 0)
		return RTMIN;
	if (strcmp(s, "RTMAX") == 0)
		return RTMAX;
	if (strncmp(s, "RTMIN+", 6) != 0 && strncmp(s, "RTMAX-", 6) != 0)
		return -EINVAL;
	n = parse_number(s + 6, RTMAX - RTMIN);
	if (n < 0)
		return n;
	return s[5] == '+' ? RTMIN + n : RTMAX - n;
}

/**
 * signal_parse() - the number of a signal
 * @text: "TERM", "SIGTERM", "RTMIN+3", "SIGRTMAX-1", "15"; upper case
 *
 * Return: the number, 1 to 64, or -EINVAL.
 */
int signal_parse(const char *text)
{
	int n = parse_number(text, RTMAX);

	if (n >= 0)
		return n > 0 ? n : -EINVAL;
	if (strncmp(text, "SIG", 3) == 0)
		text += 3;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i] && strcmp(names[i], text) == 0)
			return (int)i;
	return parse_realtime(text);
}

/**
 * signal_name() - how a signal is called
 * @buf: the caller's, for the result
 *
 * Return: @buf with "SIGTERM", "SIGRTMIN+3", or the number alone if it has no name.
 */
const char *signal_name(int number, char buf[SIGNAL_NAME_SIZE])
{
	if (number > 0 && (size_t)number < ARRAY_SIZE(names) && names[number])
		snprintf(buf, SIGNAL_NAME_SIZE, "SIG%s", names[number]);
	else if (number >= RTMIN && number <= RTMAX)
		snprintf(buf, SIGNAL_NAME_SIZE, "SIGRTMIN+%d", number - RTMIN);
	else
		snprintf(buf, SIGNAL_NAME_SIZE, "%d", number);
	return buf;
}
