/* SPDX-License-Identifier: MIT */
/* Writing the head of a CRI log line, and taking a line apart. */
#include "base/cri.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

#define STREAM_NAME_SIZE 6

static const char stream_names[CRI_STREAMS][STREAM_NAME_SIZE + 1] = {
	[CRI_STDOUT] = "stdout",
	[CRI_STDERR] = "stderr",
};
_Static_assert(CRI_HEAD_SIZE == CLOCK_RFC3339_SIZE - 1 + 1 + STREAM_NAME_SIZE + 1 + 1 + 1,
	       "stamp, stream, tag, a space after each");

/**
 * cri_head() - write what stands before the text of a record
 * @out: receives CRI_HEAD_SIZE bytes, no NUL
 */
void cri_head(char out[CRI_HEAD_SIZE], uint64_t realtime_ns, enum cri_stream stream, bool partial)
{
	char stamp[CLOCK_RFC3339_SIZE];
	size_t n = clock_rfc3339(stamp, realtime_ns);

	memcpy(out, stamp, n);
	out[n++] = ' ';
	memcpy(out + n, stream_names[stream], STREAM_NAME_SIZE);
	n += STREAM_NAME_SIZE;
	out[n++] = ' ';
	out[n++] = partial ? 'P' : 'F';
	out[n++] = ' ';
}

/* What is left to parse: everything below takes from the front. */
struct rest {
	const char *p;
	size_t n;
};

static bool take_char(struct rest *r, char c)
{
	if (r->n == 0 || *r->p != c)
		return false;
	r->p++;
	r->n--;
	return true;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool take_number(struct rest *r, int digits, int min, int max, int *out)
{
	int v = 0;

	if (r->n < (size_t)digits)
		return false;
	for (int i = 0; i < digits; i++) {
		if (!is_digit(r->p[i]))
			return false;
		v = v * 10 + (r->p[i] - '0');
	}
	r->p += digits;
	r->n -= (size_t)digits;
	*out = v;
	return v >= min && v <= max;
}

static bool take_fraction(struct rest *r, uint64_t *ns)
{
	uint64_t unit = NSEC_PER_SEC / 10;

	*ns = 0;
	if (!take_char(r, '.'))
		return true;
	if (r->n == 0 || !is_digit(*r->p))
		return false;
	for (; r->n > 0 && is_digit(*r->p); r->p++, r->n--, unit /= 10)
		*ns += unit * (uint64_t)(*r->p - '0');
	return true;
}

static bool take_zone(struct rest *r, int *offset_s)
{
	int sign = take_char(r, '+') ? 1 : -1;
	int hours, minutes;

	*offset_s = 0;
	if (sign < 0 && take_char(r, 'Z'))
		return true;
	if (sign < 0 && !take_char(r, '-'))
		return false;
	if (!take_number(r, 2, 0, 23, &hours) || !take_char(r, ':') ||
	    !take_number(r, 2, 0, 59, &minutes))
		return false;
	*offset_s = sign * (hours * 3600 + minutes * 60);
	return true;
}

/* RFC 3339, "date-time", as far as 64 bits of nanoseconds reach. */
static bool take_stamp(struct rest *r, uint64_t *realtime_ns)
{
	struct tm tm = { 0 };
	int offset_s;
	uint64_t ns;
	time_t secs;

	if (!take_number(r, 4, 1970, 2554, &tm.tm_year) || !take_char(r, '-') ||
	    !take_number(r, 2, 1, 12, &tm.tm_mon) || !take_char(r, '-') ||
	    !take_number(r, 2, 1, 31, &tm.tm_mday) || !take_char(r, 'T') ||
	    !take_number(r, 2, 0, 23, &tm.tm_hour) || !take_char(r, ':') ||
	    !take_number(r, 2, 0, 59, &tm.tm_min) || !take_char(r, ':') ||
	    !take_number(r, 2, 0, 60, &tm.tm_sec) || !take_fraction(r, &ns) ||
	    !take_zone(r, &offset_s))
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	secs = timegm(&tm) - offset_s;
	if (secs < 0 || (uint64_t)secs >= UINT64_MAX / NSEC_PER_SEC)
		return false;
	*realtime_ns = (uint64_t)secs * NSEC_PER_SEC + ns;
	return true;
}

static bool take_stream(struct rest *r, enum cri_stream *out)
{
	for (int i = 0; i < CRI_STREAMS; i++) {
		if (r->n < STREAM_NAME_SIZE || memcmp(r->p, stream_names[i], STREAM_NAME_SIZE) != 0)
			continue;
		r->p += STREAM_NAME_SIZE;
		r->n -= STREAM_NAME_SIZE;
		*out = (enum cri_stream)i;
		return true;
	}
	return false;
}

/* The first tag is P or F; those that may follow after a ':' mean nothing yet. */
static bool take_tags(struct rest *r, bool *partial)
{
	*partial = take_char(r, 'P');
	if (!*partial && !take_char(r, 'F'))
		return false;
	if (!take_char(r, ':'))
		return true;
	while (r->n > 0 && *r->p != ' ') {
		r->p++;
		r->n--;
	}
	return true;
}

/**
 * cri_parse() - take a record apart
 * @out: filled on success; points into @line, copies nothing
 * @line: the record without its newline, not ended by a NUL
 * @n: its length in bytes
 *
 * Return: 0, or -EINVAL when this is no CRI record.
 */
int cri_parse(struct cri_line *out, const char *line, size_t n)
{
	struct rest r = { line, n };
	struct cri_line l = { .stamp = line };

	if (!take_stamp(&r, &l.realtime_ns))
		return -EINVAL;
	l.stamp_n = (size_t)(r.p - line);
	if (!take_char(&r, ' ') || !take_stream(&r, &l.stream) || !take_char(&r, ' ') ||
	    !take_tags(&r, &l.partial) || !take_char(&r, ' '))
		return -EINVAL;
	l.text = r.p;
	l.text_n = r.n;
	*out = l;
	return 0;
}
