/* SPDX-License-Identifier: MIT */
/* Reading batches, making records of them, and what happens when they cannot be written. */
#include "supervisor/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

_Static_assert(LOG_BATCH_SIZE >= CRI_RECORD_MAX, "any record fits into an empty batch");

/* Records of one stream on their way to the file; one batch at a time. */
struct batch {
	struct log *log;
	enum cri_stream stream;
	char head[CRI_HEAD_SIZE]; /* of each record, but for the tag */
	char *records;            /* LOG_BATCH_SIZE, shared by all logs */
	size_t n;
};

#define HEAD_TAG (CRI_HEAD_SIZE - 2)

#define DRAIN_MAX_NS  NSEC_PER_SEC
#define DRAIN_WAIT_MS 100

/* How to go through a tail: the same for the journal and for the file. */
struct move {
	bool end;   /* no more will come, so that what has no newline is a line too */
	bool hold;  /* what the journal does not take may wait for it */
	int file_r; /* why the file cannot be written, or 0 */
};

static bool uses_file(const struct log *log)
{
	return log->file.spec.driver != LOG_JOURNALD;
}

static bool uses_journal(const struct log *log)
{
	return log->file.spec.driver == LOG_JOURNALD || log->file.spec.driver == LOG_BOTH;
}

static void batch_init(struct batch *batch, struct log *log, enum cri_stream stream,
		       uint64_t realtime_ns)
{
	batch->log = log;
	batch->stream = stream;
	batch->records = log->shared->records;
	batch->n = 0;
	cri_head(batch->head, realtime_ns, stream, false);
}

static void count_lost(struct log_state *s, uint64_t lines, uint64_t bytes, int r)
{
	s->lost_lines += lines;
	s->lost_bytes += bytes;
	s->lost_lines_total += lines;
	s->lost_bytes_total += bytes;
	s->lost_errno = (uint32_t)-r;
}

static void count_lost_records(struct log_state *s, const char *records, size_t n, int r)
{
	const char *end = records + n;

	while (records < end) {
		const char *newline = memchr(records, '\n', (size_t)(end - records));
		bool whole = records[HEAD_TAG] == 'F';

		count_lost(s, whole, (uint64_t)(newline - records) - CRI_HEAD_SIZE + whole, r);
		records = newline + 1;
	}
}

/* Whether the last of @n bytes of records leaves its line open. */
static bool last_is_partial(const char *records, size_t n)
{
	const char *before = memrchr(records, '\n', n - 1);
	const char *last = before ? before + 1 : records;

	return last[HEAD_TAG] == 'P';
}

/* Append what the batch holds. What the file does not take is counted as lost. */
static int batch_append(struct batch *batch)
{
	struct log *log = batch->log;
	struct log_state *s = &log->buffer.now;
	size_t n = batch->n;
	int r = log_file_append(&log->file, &log->buffer, batch->records, &n);

	if (n > 0)
		s->tails[batch->stream].open_line = last_is_partial(batch->records, n);
	if (r < 0)
		count_lost_records(s, batch->records + n, batch->n - n, r);
	batch->n = 0;
	return r;
}

static int batch_flush(struct batch *batch)
{
	int r = batch->n > 0 ? batch_append(batch) : 0;

	log_buffer_commit(&batch->log->buffer);
	return r;
}

/* A line of either stream goes on in the next record. */
static bool in_line(const struct batch *batch)
{
	const struct log_state *s = &batch->log->buffer.now;

	for (int i = 0; i < CRI_STREAMS; i++)
		if (i == (int)batch->stream && batch->n > 0 ?
			    last_is_partial(batch->records, batch->n) : s->tails[i].open_line)
			return true;
	return false;
}

/* Return: 0, or -errno when @piece or something before it was not written. */
static int batch_add(struct batch *batch, const struct log_line *piece)
{
	struct log *log = batch->log;
	size_t size = CRI_HEAD_SIZE + piece->text_n + 1;
	uint64_t ahead = log->buffer.now.file_bytes + batch->n;
	bool rotate = ahead > 0 && ahead + size > log->file.spec.max_bytes &&
		      (!in_line(batch) || ahead + size > 2 * log->file.spec.max_bytes);
	int r = 0;
	char *p;

	if (rotate || batch->n + size > LOG_BATCH_SIZE)
		r = batch_flush(batch);
	if (r == 0 && rotate)
		r = log_file_rotate(&log->file, &log->buffer);
	if (r < 0)
		return r;
	p = batch->records + batch->n;
	memcpy(p, batch->head, CRI_HEAD_SIZE);
	p[HEAD_TAG] = piece->partial ? 'P' : 'F';
	memcpy(p + CRI_HEAD_SIZE, piece->text, piece->text_n);
	p[CRI_HEAD_SIZE + piece->text_n] = '\n';
	batch->n += size;
	return 0;
}

/* Return: bytes that it takes, the newline included; 0: there is no further one. */
static size_t next_piece(struct log_line *out, const char *p, size_t n, bool end)
{
	size_t reach = n > CRI_TEXT_MAX ? CRI_TEXT_MAX + 1 : n;
	const char *newline = n ? memchr(p, '\n', reach) : NULL;

	if (newline)
		*out = (struct log_line){ p, (size_t)(newline - p), false };
	else if (n > CRI_TEXT_MAX)
		*out = (struct log_line){ p, CRI_TEXT_MAX, true };
	else if (end && n > 0)
		*out = (struct log_line){ p, n, false };
	else
		return 0;
	return out->text_n + (newline != NULL);
}

/* One whole record, alone. What became of it is for the caller to count and commit. */
static int append_record(struct log *log, enum cri_stream stream, const char *text, size_t n)
{
	struct batch batch;
	int r;

	batch_init(&batch, log, stream, clock_realtime_ns());
	r = batch_add(&batch, &(struct log_line){ .text = text, .text_n = n });
	if (r == 0)
		r = log_file_append(&log->file, &log->buffer, batch.records, &batch.n);
	if (r == 0)
		log->buffer.now.tails[stream].open_line = false;
	return r;
}

/*
 * A record of podd's own. Lines that are under way end here, or a reader would
 * take the text for a piece of theirs.
 */
static int append_note(struct log *log, const char *text, size_t n)
{
	int r = 0;

	for (int i = 0; i < CRI_STREAMS && r == 0; i++)
		if (log->buffer.now.tails[i].open_line)
			r = append_record(log, i, "", 0);
	return r < 0 ? r : append_record(log, CRI_STDERR, text, n);
}

/* Counts start again with the record that tells them: one commit for both. */
static int tell_lost(struct log *log)
{
	struct log_state *s = &log->buffer.now;
	uint64_t lines = s->lost_lines, bytes = s->lost_bytes;
	char text[256];
	int n, r;

	if (lines == 0 && bytes == 0)
		return 0;
	n = snprintf(text, sizeof(text), "podd: dropped %llu lines (%llu bytes): %s",
		     (unsigned long long)lines, (unsigned long long)bytes,
		     strerror((int)s->lost_errno));
	r = append_note(log, text, (size_t)n);
	if (r == 0) {
		s->lost_lines = 0;
		s->lost_bytes = 0;
	}
	log_buffer_commit(&log->buffer);
	return r;
}

/*
 * What the journal has not got of the stream's whole lines. Each is noted as soon as
 * it is sent. After a failure that is not waited out the rest of the tail is dropped.
 *
 * Return: whether all of it was dealt with; else it is to be tried again.
 */
static bool send_tail(struct log *log, enum cri_stream stream, const struct move *move)
{
	struct log_buffer *b = &log->buffer;
	uint32_t *ahead = &b->now_journal.ahead[stream], skip = *ahead;
	const char *p = log_buffer_bytes(b, stream);
	const char *end = p + (b->now.tails[stream].end - b->now.tails[stream].start);
	struct log_line piece;
	size_t taken;
	int r = 0;

	for (; (taken = next_piece(&piece, p, (size_t)(end - p), move->end)); p += taken) {
		if (skip > 0) {
			skip--;
			continue;
		}
		if (r == 0)
			r = log_journal_put(&log->journal, b, stream, &piece);
		if (r < 0 && move->hold && !journal_is_given_up(log->journal.journal))
			return false;
		if (r < 0)
			log_journal_count_lost(b, &piece, r);
		++*ahead;
		log_buffer_commit(b);
	}
	return true;
}

/*
 * Out of the tail what the journal has, or all whole lines without one, and into the
 * file. After a failure of that the rest is dropped.
 */
static void write_tail(struct log *log, enum cri_stream stream, const struct move *move)
{
	struct log_state *s = &log->buffer.now;
	struct log_tail *t = &s->tails[stream];
	uint32_t *ahead = &log->buffer.now_journal.ahead[stream];
	const char *p = log_buffer_bytes(&log->buffer, stream);
	struct log_line piece;
	struct batch batch;
	int r = move->file_r;
	size_t taken;

	if (r == 0 && uses_file(log))
		r = tell_lost(log);
	batch_init(&batch, log, stream, s->read_realtime_ns);
	while ((!uses_journal(log) || *ahead > 0) &&
	       (taken = next_piece(&piece, p, t->end - t->start, move->end))) {
		if (r == 0 && uses_file(log))
			r = batch_add(&batch, &piece);
		if (r < 0)
			count_lost(s, !piece.partial, taken, r);
		t->start += (uint32_t)taken;
		*ahead -= *ahead > 0;
		p += taken;
	}
	if (batch.n > 0)
		(void)batch_append(&batch); /* what it could not write is counted */
	if (t->start == t->end)
		t->start = t->end = 0;
	log_buffer_commit(&log->buffer);
}

/* Return: as send_tail(). */
static bool move_tail(struct log *log, enum cri_stream stream, const struct move *move)
{
	bool all = !uses_journal(log) || send_tail(log, stream, move);

	write_tail(log, stream, move);
	return all;
}

static bool tails_are_empty(const struct log *log)
{
	for (int i = 0; i < CRI_STREAMS; i++)
		if (log->buffer.now.tails[i].start != log->buffer.now.tails[i].end)
			return false;
	return true;
}

/* With passthrough only if somebody still writes to the pipes. */
static bool needs_file(const struct log *log)
{
	return uses_file(log) &&
	       (log->file.spec.driver != LOG_PASSTHROUGH || !tails_are_empty(log));
}

/* Return: 0, or -errno why there is no file to write to. */
static int check_file(struct log *log)
{
	return needs_file(log) ? log_file_check(&log->file, &log->buffer) : 0;
}

/**
 * log_pipe_create() - make the pipe of a container's stdout or stderr
 * @read_out: read end, non-blocking, for log_open() and the pause
 * @write_out: write end, blocking, for the container and the pause
 *
 * Both O_CLOEXEC and owned by the caller. 256 KiB where the limits of the host
 * allow it (fs.pipe-user-pages-soft), else the default.
 *
 * Return: 0 or -errno with @err filled.
 */
int log_pipe_create(int *read_out, int *write_out, struct err *err)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, "create log pipe");
	/* The two ends are two open files: only ours becomes non-blocking. */
	if (fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0) {
		int r = err_sys(err, "set up log pipe");

		close_fd(&fds[0]);
		close_fd(&fds[1]);
		return r;
	}
	(void)fcntl(fds[1], F_SETPIPE_SZ, LOG_PIPE_SIZE); /* smaller works as well */
	*read_out = fds[0];
	*write_out = fds[1];
	return 0;
}

/**
 * log_open() - go on with a container's log, where the last podd left it
 * @log: filled on success; holds the log file and a mapping of the buffer
 * @params: what it works on; see there who owns what
 *
 * A log file that cannot be opened is no error: records are dropped and counted
 * until it can be. Whole lines that the last podd had read are in the file
 * afterwards.
 *
 * Return: 0 or -errno with @err filled.
 */
int log_open(struct log *log, const struct log_params *params, struct err *err)
{
	int r;

	*log = (struct log){
		.file = { params->dirfd, params->name, params->spec, -EBADF },
		.journal = { &params->shared->journal, params->pod, params->name, params->spec,
			     params->attempt },
		.shared = params->shared,
	};
	for (int i = 0; i < CRI_STREAMS; i++)
		log->flows[i].pipe_fd = params->pipe_fds[i];
	r = log_buffer_open(&log->buffer, params->buffer_fd, err);
	if (r < 0)
		return err_wrap(err, r, "log of container '%s'", params->name);
	/* Not cut before the redo: it writes the same bytes once more. */
	r = needs_file(log) ? log_file_open(&log->file, &log->buffer) : 0;
	for (int i = 0; i < CRI_STREAMS; i++)
		log->flows[i].held =
			!move_tail(log, i, &(struct move){ .hold = true, .file_r = r });
	if (log->file.fd >= 0 && log_file_cut(&log->file, &log->buffer) < 0)
		close_fd(&log->file.fd); /* the next batch tries again */
	return 0;
}

/*
 * For a stream that is not held. Return: bytes that were read; 0 when there are none,
 * also when there never will be.
 */
static size_t read_batch(struct log *log, enum cri_stream stream)
{
	struct log_flow *flow = &log->flows[stream];
	char text[128];
	ssize_t n;

	if (flow->broken)
		return 0;
	n = log_buffer_read(&log->buffer, stream, flow->pipe_fd, log->shared);
	if (n < 0) {
		flow->broken = true;
		snprintf(text, sizeof(text), "cannot read the container's %s: %s",
			 stream == CRI_STDOUT ? "stdout" : "stderr", strerror((int)-n));
		log_note(log, text);
	}
	return n > 0 ? (size_t)n : 0;
}

/* Whether the application would soon wait for its pipe to be read. */
static bool is_nearly_full(int pipe_fd)
{
	int size = fcntl(pipe_fd, F_GETPIPE_SZ), pending = 0;

	return ioctl(pipe_fd, FIONREAD, &pending) == 0 && pending > size / 4 * 3;
}

/* What the journal has left in the tail, once more. Return: whether it is still held. */
static bool is_held(struct log *log, enum cri_stream stream)
{
	struct log_flow *flow = &log->flows[stream];

	if (flow->held)
		flow->held = !move_tail(log, stream,
					&(struct move){ .hold = !is_nearly_full(flow->pipe_fd),
							.file_r = check_file(log) });
	return flow->held;
}

/* Return: when the journal must be told of dropped lines; it was when the time has come. */
static uint64_t tell_journal(struct log *log, uint64_t now_ns)
{
	uint64_t due = LOG_NEVER_NS;

	if (uses_journal(log))
		due = log_journal_due_ns(&log->journal, &log->buffer, now_ns);
	if (due > 0)
		return due;
	(void)log_journal_tell(&log->journal, &log->buffer); /* else the next line does */
	return LOG_NEVER_NS;
}

/* Return: when the memory of a burst is to go back; it has when the time has come. */
static uint64_t trim(struct log *log, uint64_t now_ns)
{
	if (!log->buffer.touched)
		return LOG_NEVER_NS;
	if (now_ns < log->trim_ns)
		return log->trim_ns - now_ns;
	log_buffer_trim(&log->buffer, log->shared);
	return LOG_NEVER_NS;
}

/**
 * log_pump() - move one batch of a stream from its pipe to the log
 * @now_boottime_ns: from clock_boottime_ns()
 *
 * For when the pipe is readable or the time of the last answer has come; calls
 * at other times do no harm. Never blocks but in the file system, and reads at
 * most one region of the buffer.
 *
 * Return: when to call again.
 */
struct log_next log_pump(struct log *log, enum cri_stream stream, uint64_t now_boottime_ns)
{
	struct log_flow *flow = &log->flows[stream];
	uint64_t trim_in, tell_in;
	size_t n;

	if (now_boottime_ns < flow->rest_ns)
		return (struct log_next){ false, flow->rest_ns - now_boottime_ns };
	if (is_held(log, stream))
		return (struct log_next){ false, LOG_RETRY_NS };
	n = read_batch(log, stream);
	if (n > 0)
		flow->held = !move_tail(log, stream, &(struct move){ .hold = true,
								     .file_r = check_file(log) });
	if (n >= LOG_LARGE_READ)
		log->trim_ns = now_boottime_ns + LOG_TRIM_NS;
	if (flow->held)
		return (struct log_next){ false, LOG_RETRY_NS };
	if (n >= LOG_LARGE_READ)
		return (struct log_next){ true, 0 };
	if (n > 0)
		flow->rest_ns = now_boottime_ns + LOG_REST_NS;
	trim_in = trim(log, now_boottime_ns);
	tell_in = tell_journal(log, now_boottime_ns);
	return (struct log_next){ !flow->broken, trim_in < tell_in ? trim_in : tell_in };
}

/* As long as the journal takes something, it is waited for; but not for ever. */
static void drain_tail(struct log *log, enum cri_stream stream, bool end, uint64_t until_ns)
{
	struct move move = { .end = end, .hold = true, .file_r = check_file(log) };

	while (!move_tail(log, stream, &move))
		move.hold = clock_boottime_ns() < until_ns &&
			    journal_wait(log->journal.journal, DRAIN_WAIT_MS);
	log->flows[stream].held = false;
}

static void drain_stream(struct log *log, enum cri_stream stream, uint64_t until_ns)
{
	size_t left, n;
	int pending;

	if (log->flows[stream].held)
		drain_tail(log, stream, false, until_ns);
	if (ioctl(log->flows[stream].pipe_fd, FIONREAD, &pending) < 0)
		pending = 0;
	for (left = (size_t)pending; left > 0; left -= n < left ? n : left) {
		n = read_batch(log, stream);
		if (n == 0)
			break;
		drain_tail(log, stream, false, until_ns);
	}
	drain_tail(log, stream, true, until_ns);
}

/**
 * log_drain() - all that is in the pipes to the log, and end the last lines
 *
 * For when a container has ended: its last line counts as ended too. Takes what
 * was in the pipes at the call and not more, so that it ends whoever still
 * writes. A journal that is full is waited for, up to DRAIN_MAX_NS and not longer
 * than DRAIN_WAIT_MS without a line that it takes; then lines are dropped.
 */
void log_drain(struct log *log)
{
	uint64_t until_ns = clock_boottime_ns() + DRAIN_MAX_NS;

	for (int i = 0; i < CRI_STREAMS; i++)
		drain_stream(log, i, until_ns);
	if (uses_journal(log))
		(void)log_journal_tell(&log->journal, &log->buffer); /* else the next line does */
}

static void note_in_journal(struct log *log, const char *line)
{
	const struct log_line lost = { line, strlen(line), false };
	int r = log_journal_note(&log->journal, &log->buffer, line);

	if (r < 0)
		log_journal_count_lost(&log->buffer, &lost, r);
}

/**
 * log_note() - a record of podd's own
 * @text: one line, without "podd: "; cut where it is longer than a struct err
 */
void log_note(struct log *log, const char *text)
{
	char line[sizeof("podd: ") + sizeof(((struct err *)0)->msg)];
	int r = check_file(log);
	int n = snprintf(line, sizeof(line), "podd: %s", text);

	if (n >= (int)sizeof(line))
		n = sizeof(line) - 1;
	for (char *p = line; (p = strchr(p, '\n'));)
		*p = ' ';
	if (uses_journal(log))
		note_in_journal(log, line);
	if (r == 0 && uses_file(log))
		r = tell_lost(log);
	if (r == 0 && uses_file(log))
		r = append_note(log, line, (size_t)n);
	if (r < 0)
		count_lost(&log->buffer.now, 1, (uint64_t)n + 1, r);
	log_buffer_commit(&log->buffer);
}

/**
 * log_attempt() - which start of the container the next lines are of
 * @attempt: 1 for the first; for the journal
 */
void log_attempt(struct log *log, uint32_t attempt)
{
	log->journal.attempt = attempt;
}

/**
 * log_respec() - go on with other settings
 * @name: of the container, @pod: of its pod; the same, in memory that is borrowed from now on
 */
void log_respec(struct log *log, const char *name, const char *pod, const struct log_spec *spec)
{
	log->file.name = log->journal.name = name;
	log->journal.pod = pod;
	log->file.spec = log->journal.spec = *spec;
	if (!uses_file(log))
		close_fd(&log->file.fd);
}

/**
 * log_lost() - what was dropped since the pod's start, by earlier podds too
 */
struct log_lost log_lost(const struct log *log)
{
	const struct log_state *s = &log->buffer.now;
	const struct log_journal_state *j = &log->buffer.now_journal;
	struct log_lost lost = {
		.lines = s->lost_lines_total,
		.bytes = s->lost_bytes_total,
		.file_why = (int)s->lost_errno,
		.journal_why = (int)j->lost_errno,
	};

	if (uses_file(log) && (s->lost_lines || s->lost_bytes)) {
		lost.why = (int)s->lost_errno;
	} else if (uses_journal(log) && (j->lost_lines || j->lost_bytes)) {
		lost.why = (int)j->lost_errno;
		lost.journal = true;
	}
	return lost;
}

/**
 * log_lost_reason() - what to say for its errno, which is not 0
 */
const char *log_lost_reason(const struct log_lost *lost)
{
	if (lost->journal)
		return log_journal_reason(lost->why);
	return lost->why == EINVAL ? "it is no regular file" : strerror(lost->why);
}

/**
 * log_lost_causes() - why lines were lost since the pod's start, of file and journal the last
 * @buf: "No space left on device, journal: LogRateLimitBurst="; or empty
 */
void log_lost_causes(const struct log_lost *lost, char *buf, size_t size)
{
	const struct log_lost file = { .why = lost->file_why };

	snprintf(buf, size, "%s%s%s%s", file.why ? log_lost_reason(&file) : "",
		 file.why && lost->journal_why ? ", " : "", lost->journal_why ? "journal: " : "",
		 lost->journal_why ? log_journal_reason(lost->journal_why) : "");
}

/**
 * log_close() - let go of file and mapping
 *
 * What is in the buffer stays there for the next podd.
 */
void log_close(struct log *log)
{
	close_fd(&log->file.fd);
	log_buffer_close(&log->buffer);
}
