/* SPDX-License-Identifier: MIT */
/* Reading and printing the clocks. */
#include "base/clock.h"

static uint64_t read_ns(clockid_t id)
{
	struct timespec ts;

	(void)clock_gettime(id, &ts); /* fails only on a clock id that is not there */
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

/**
 * clock_boottime_ns() - nanoseconds since boot, suspend included
 *
 * Never jumps when somebody sets the time: every deadline of podd is one of
 * these (clock_gettime(2), CLOCK_BOOTTIME).
 */
uint64_t clock_boottime_ns(void)
{
	return read_ns(CLOCK_BOOTTIME);
}

/**
 * clock_realtime_ns() - nanoseconds since the epoch, for people and log lines
 */
uint64_t clock_realtime_ns(void)
{
	return read_ns(CLOCK_REALTIME);
}

static char *put_digits(char *p, unsigned v, int width)
{
	for (int i = width - 1; i >= 0; i--, v /= 10)
		p[i] = (char)('0' + v % 10);
	return p + width;
}

/**
 * clock_rfc3339() - print a wall-clock time in UTC with nanoseconds
 * @out: receives the text and a NUL
 * @realtime_ns: from clock_realtime_ns()
 *
 * The form of a CRI log line's stamp. Written without stdio and without the
 * time zone's file, since the log pump calls it for every batch.
 *
 * Return: the length of the text, always CLOCK_RFC3339_SIZE - 1.
 */
size_t clock_rfc3339(char out[CLOCK_RFC3339_SIZE], uint64_t realtime_ns)
{
	/* Civil date from days: H. Hinnant, "chrono-compatible low-level date
	 * algorithms", days counted from 0000-03-01. */
	uint64_t secs = realtime_ns / NSEC_PER_SEC;
	unsigned rest = (unsigned)(secs % 86400);
	uint64_t z = secs / 86400 + 719468;
	uint64_t era = z / 146097;
	unsigned doe = (unsigned)(z - era * 146097);
	unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	unsigned mp = (5 * doy + 2) / 153;
	unsigned day = doy - (153 * mp + 2) / 5 + 1;
	unsigned month = mp < 10 ? mp + 3 : mp - 9;
	unsigned year = (unsigned)(yoe + era * 400) + (month <= 2);
	char *p = out;

	p = put_digits(p, year, 4);
	*p++ = '-';
	p = put_digits(p, month, 2);
	*p++ = '-';
	p = put_digits(p, day, 2);
	*p++ = 'T';
	p = put_digits(p, rest / 3600, 2);
	*p++ = ':';
	p = put_digits(p, rest / 60 % 60, 2);
	*p++ = ':';
	p = put_digits(p, rest % 60, 2);
	*p++ = '.';
	p = put_digits(p, (unsigned)(realtime_ns % NSEC_PER_SEC), 9);
	*p++ = 'Z';
	*p = '\0';
	return (size_t)(p - out);
}
