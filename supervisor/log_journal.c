/* SPDX-License-Identifier: MIT */
/* A container's lines as entries of the journal. */
#include "supervisor/log_journal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "config/names.h"

/* What is dropped for LogRateLimitBurst= has this for its errno. */
#define LIMITED EDQUOT

/* The fields of an entry but for its text: five names, numbers, and what is fixed. */
#define FIELDS_MAX (256 + 6 * CONFIG_NAME_MAX)

/* Not enforced while either of the two is 0, as journald.conf(5) has it. */
static bool is_limited(const struct log_spec *spec)
{
	return spec->rate_interval_ns && spec->rate_burst;
}

static uint64_t window_left_ns(const struct log_journal *j, const struct log_journal_state *s,
			       uint64_t now_ns)
{
	/* A caller's now may be older than the window that it has begun. */
	uint64_t age = now_ns > s->window_ns ? now_ns - s->window_ns : 0;

	return !s->window_ns || age >= j->spec.rate_interval_ns ? 0 :
								  j->spec.rate_interval_ns - age;
}

static bool may_send(const struct log_journal *j, struct log_journal_state *s)
{
	uint64_t now;

	if (!is_limited(&j->spec))
		return true;
	now = clock_boottime_ns();
	if (window_left_ns(j, s, now) == 0) {
		s->window_ns = now;
		s->window_n = 0;
	}
	return s->window_n < j->spec.rate_burst;
}

static int send_entry(const struct log_journal *j, const struct log_journal_state *s,
		      const char *more, const char *text, size_t n)
{
	char fields[FIELDS_MAX];
	struct journal_entry e = { .fields = fields, .text = text, .text_n = n };

	e.fields_n = (size_t)snprintf(fields, sizeof(fields),
				      "PODD_POD=%s\nPODD_CONTAINER=%s\nPODD_ATTEMPT=%u\n"
				      "PODD_LINE=%llu\nCONTAINER_NAME=%s-%s\n"
				      "SYSLOG_IDENTIFIER=%s-%s\n%s",
				      j->pod, j->name, j->attempt,
				      (unsigned long long)s->entries + 1, j->pod, j->name, j->pod,
				      j->name, more);
	return journal_send(j->journal, &e);
}

/**
 * log_journal_note() - an entry of podd's own among the container's
 * @text: whole, as it is to be shown
 *
 * It is for the caller to commit.
 *
 * Return: 0 or -errno of journal_send().
 */
int log_journal_note(const struct log_journal *j, struct log_buffer *b, const char *text)
{
	char more[32];
	int r;

	snprintf(more, sizeof(more), "PRIORITY=%d\n", JOURNAL_WARNING);
	r = send_entry(j, &b->now_journal, more, text, strlen(text));
	if (r == 0)
		b->now_journal.entries++;
	return r;
}

/**
 * log_journal_reason() - why lines were dropped; @code: their errno
 */
const char *log_journal_reason(int code)
{
	return code == LIMITED ? "LogRateLimitBurst=" : strerror(code);
}

/**
 * log_journal_tell() - tell how many lines were dropped, if any
 *
 * The counts start again with the entry that tells them: one commit for both.
 *
 * Return: 0 or -errno of journal_send(), with the counts as they were.
 */
int log_journal_tell(const struct log_journal *j, struct log_buffer *b)
{
	struct log_journal_state *s = &b->now_journal;
	char text[256];
	int r;

	if (s->lost_lines == 0 && s->lost_bytes == 0)
		return 0;
	snprintf(text, sizeof(text), "podd: dropped %llu lines (%llu bytes): %s",
		 (unsigned long long)s->lost_lines, (unsigned long long)s->lost_bytes,
		 log_journal_reason((int)s->lost_errno));
	r = log_journal_note(j, b, text);
	if (r < 0)
		return r;
	s->lost_lines = 0;
	s->lost_bytes = 0;
	log_buffer_commit(b);
	return 0;
}

/**
 * log_journal_count_lost() - a line did not get into the journal
 * @r: -errno, why; it is for the caller to commit
 */
void log_journal_count_lost(struct log_buffer *b, const struct log_line *line, int r)
{
	struct log_journal_state *s = &b->now_journal;
	uint64_t bytes = line->text_n + !line->partial;

	s->lost_lines += !line->partial;
	s->lost_bytes += bytes;
	s->lost_errno = (uint32_t)-r;
	b->now.lost_lines_total += !line->partial;
	b->now.lost_bytes_total += bytes;
}

/* Of all pieces of a line: that of the first one. */
static int priority_of(struct log_journal_state *s, enum cri_stream stream, const char **text,
		       size_t *n, bool partial)
{
	int fallback = stream == CRI_STDERR ? JOURNAL_ERR : JOURNAL_INFO;
	int priority = s->open_priority[stream] ? s->open_priority[stream] - 1 :
						  journal_strip_priority(text, n, fallback);

	s->open_priority[stream] = partial ? (uint8_t)(priority + 1) : 0;
	return priority;
}

/**
 * log_journal_put() - one line to the journal, or into the count of those dropped
 *
 * Dropped is what LogRateLimitBurst= has no room for. It is for the caller to commit.
 *
 * Return: 0; or -errno of journal_send(): nothing has happened to the line, which may
 * be tried again or be counted as lost.
 */
int log_journal_put(const struct log_journal *j, struct log_buffer *b, enum cri_stream stream,
		    const struct log_line *line)
{
	struct log_journal_state *s = &b->now_journal;
	const uint8_t open = s->open_priority[stream];
	const char *text = line->text;
	size_t n = line->text_n;
	int priority = priority_of(s, stream, &text, &n, line->partial), r;
	char more[96];

	if (!may_send(j, s)) {
		log_journal_count_lost(b, line, -LIMITED);
		return 0;
	}
	snprintf(more, sizeof(more), "PODD_STREAM=%s\nPRIORITY=%d\n%s",
		 stream == CRI_STDERR ? "stderr" : "stdout", priority,
		 line->partial ? "CONTAINER_PARTIAL_MESSAGE=true\n" : "");
	r = log_journal_tell(j, b);
	if (r == 0)
		r = send_entry(j, s, more, text, n);
	if (r < 0) {
		s->open_priority[stream] = open;
		return r;
	}
	s->entries++;
	s->window_n++;
	return 0;
}

/**
 * log_journal_due_ns() - when log_journal_tell() is to be called without a line
 *
 * Return: nanoseconds from @now_boottime_ns, 0: now, UINT64_MAX: not at all.
 */
uint64_t log_journal_due_ns(const struct log_journal *j, const struct log_buffer *b,
			    uint64_t now_boottime_ns)
{
	const struct log_journal_state *s = &b->now_journal;

	if ((s->lost_lines == 0 && s->lost_bytes == 0) || s->lost_errno != LIMITED)
		return UINT64_MAX;
	return window_left_ns(j, s, now_boottime_ns);
}
