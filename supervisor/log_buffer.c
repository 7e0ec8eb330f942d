/* SPDX-License-Identifier: MIT */
/* The shared buffer: state flipped by one store, reads that are known to be made or not. */
#include "supervisor/log_buffer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

#define LOG_BUFFER_MAGIC   UINT64_C(0x676f6c64646f70) /* "poddlog" */
#define PAGE_MIN           4096
#define LOG_LOST_MAX	   (UINT64_C(1) << 60) /* bytes; at 10 GB/s they take three years */
#define ERRNO_MAX	   4095

/* The layout is a contract with podds of other versions: change it only with the version. */
struct log_page {
	uint64_t magic;
	uint32_t version;
	uint32_t current; /* which of @states counts */
	struct log_state states[2];
	struct log_journal_state journals[2]; /* which counts, @current says, too */
};
_Static_assert(sizeof(struct log_page) <= LOG_BUFFER_HEADER, "the regions start behind it");
_Static_assert(sizeof(struct log_tail) == 16, "layout shared with other versions");
_Static_assert(sizeof(struct log_state) == 96, "layout shared with other versions");
_Static_assert(sizeof(struct log_journal_state) == 56, "layout shared with other versions");

/* A line that is not ended yet must leave room to read on, once it is at the front. */
_Static_assert(LOG_BUFFER_REGION - LOG_BUFFER_HEADER >= 3 * CRI_TEXT_MAX, "room to read");

static uint32_t region_size(enum cri_stream stream)
{
	return stream == CRI_STDOUT ? LOG_BUFFER_REGION - LOG_BUFFER_HEADER : LOG_BUFFER_REGION;
}

static unsigned char *region(const struct log_buffer *b, enum cri_stream stream)
{
	return (unsigned char *)b->page +
	       (stream == CRI_STDOUT ? LOG_BUFFER_HEADER : LOG_BUFFER_REGION);
}

static int open_peek(struct log_shared *shared, struct err *err)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return err_sys(err, "create pipe to peek into logs");
	/* One slot is all it needs; the default costs 640 bytes more. */
	(void)fcntl(fds[1], F_SETPIPE_SZ, PAGE_MIN);
	shared->peek_read_fd = fds[0];
	shared->peek_write_fd = fds[1];
	return 0;
}

static void close_peek(struct log_shared *shared)
{
	close_fd(&shared->peek_read_fd);
	close_fd(&shared->peek_write_fd);
}

/**
 * log_shared_open() - make what all logs of a podd share
 *
 * The memory costs nothing before it is used.
 *
 * Return: 0 or -errno with @err filled; @out is set on success only.
 */
int log_shared_open(struct log_shared *out, struct err *err)
{
	struct log_shared shared;
	int r = open_peek(&shared, err);

	if (r < 0)
		return r;
	shared.records = mmap(NULL, LOG_BATCH_SIZE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (shared.records == MAP_FAILED) {
		r = err_sys(err, "get memory for log records");
		close_peek(&shared);
		return r;
	}
	journal_init(&shared.journal, -EBADF);
	*out = shared;
	return 0;
}

/**
 * log_shared_close() - give it back; all logs are closed before
 */
void log_shared_close(struct log_shared *shared)
{
	close_peek(shared);
	journal_close(&shared->journal);
	(void)munmap(shared->records, LOG_BATCH_SIZE); /* fails only on a wrong address */
	shared->records = NULL;
}

/**
 * log_buffer_create() - make an empty buffer
 * @memfd_out: receives the memfd, O_CLOEXEC, owned by the caller; only here is
 *	it needed before the pause is cloned, which inherits it
 *
 * Of fixed size (F_SEAL_SHRINK): a mapping of it can never raise SIGBUS.
 *
 * Return: 0 or -errno with @err filled.
 */
int log_buffer_create(int *memfd_out, struct err *err)
{
	cleanup_close int fd = memfd_create("podd-log", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return err_sys(err, "create log buffer");
	if (ftruncate(fd, LOG_BUFFER_SIZE) < 0)
		return err_sys(err, "size log buffer");
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return err_sys(err, "seal log buffer");
	*memfd_out = take_fd(&fd);
	return 0;
}

static bool counts_make_sense(const struct log_state *s)
{
	return s->lost_bytes_total <= LOG_LOST_MAX && s->lost_lines_total <= s->lost_bytes_total &&
	       s->lost_bytes <= s->lost_bytes_total && s->lost_lines <= s->lost_lines_total &&
	       s->lost_errno <= ERRNO_MAX && s->file_bytes <= INT64_MAX;
}

static bool state_makes_sense(const struct log_state *s)
{
	for (int i = 0; i < CRI_STREAMS; i++) {
		const struct log_tail *t = &s->tails[i];
		uint32_t size = region_size(i);
		unsigned char open_line; /* as it is there, which may be no bool */

		memcpy(&open_line, &t->open_line, 1);
		if (t->start > t->end || t->end > size || t->want > size - t->end || open_line > 1)
			return false;
	}
	return counts_make_sense(s);
}

static bool journal_makes_sense(const struct log_journal_state *s, const struct log_state *of)
{
	for (int i = 0; i < CRI_STREAMS; i++)
		if (s->ahead[i] > of->tails[i].end - of->tails[i].start || s->open_priority[i] > 8)
			return false;
	return s->lost_bytes <= of->lost_bytes_total && s->lost_lines <= of->lost_lines_total &&
	       s->lost_errno <= ERRNO_MAX;
}

/* Until the magic is there, a buffer has two states that say nothing. */
static bool is_unopened(const struct log_page *page)
{
	static const struct log_state none;

	return page->magic == 0 && memcmp(&page->states[0], &none, sizeof(none)) == 0 &&
	       memcmp(&page->states[1], &none, sizeof(none)) == 0;
}

static int check_page(const struct log_page *page, struct err *err)
{
	if (is_unopened(page))
		return 0;
	if (page->magic == LOG_BUFFER_MAGIC && page->version != LOG_BUFFER_VERSION)
		return err_set(err, EPROTO, "the log buffer has version %u, this podd knows %u",
			       page->version, LOG_BUFFER_VERSION);
	if (page->magic != LOG_BUFFER_MAGIC || page->current >= ARRAY_SIZE(page->states) ||
	    !state_makes_sense(&page->states[page->current]) ||
	    !journal_makes_sense(&page->journals[page->current], &page->states[page->current]))
		return err_set(err, EPROTO, "the log buffer is damaged");
	return 0;
}

/* A read was under way when the last podd died: was it made? */
static void settle_reads(struct log_buffer *b)
{
	for (int i = 0; i < CRI_STREAMS; i++) {
		struct log_tail *t = &b->now.tails[i];

		if (t->want > 0 && region(b, i)[t->end] != t->guard)
			t->end += t->want;
		t->want = 0;
	}
}

/* What the last podd left, or nothing: then this makes it a buffer. */
static void load_state(struct log_buffer *b)
{
	struct log_page *page = b->page;

	if (page->magic == LOG_BUFFER_MAGIC) {
		b->now = page->states[page->current];
		b->now_journal = page->journals[page->current];
		settle_reads(b);
		b->touched = true; /* by the last podd; how far, nobody knows */
		return;
	}
	page->version = LOG_BUFFER_VERSION;
	page->current = 0;
	log_buffer_commit(b);
	__atomic_store_n(&page->magic, LOG_BUFFER_MAGIC, __ATOMIC_RELEASE);
}

/**
 * log_buffer_check() - whether a buffer that another podd left is whole and one that
 * we know
 *
 * Before anything of the pod is touched: a podd that cannot go by it must leave it.
 *
 * Return: 0 or -EPROTO with @err filled.
 */
int log_buffer_check(int memfd, struct err *err)
{
	struct log_page head;

	if (pread(memfd, &head, sizeof(head), 0) != (ssize_t)sizeof(head))
		return err_set(err, EPROTO, "the log buffer is too short");
	return check_page(&head, err);
}

/**
 * log_buffer_is_blank() - whether no log was opened with a buffer since it was made or cleared
 */
bool log_buffer_is_blank(int memfd)
{
	struct log_page head;

	return pread(memfd, &head, sizeof(head), 0) == (ssize_t)sizeof(head) && is_unopened(&head);
}

/**
 * log_buffer_clear() - make a buffer whose log is closed as it was when it was made
 *
 * Its memory goes back to the kernel, too.
 */
void log_buffer_clear(int memfd)
{
	LOG_STEP();
	/* Not refused: its seals are not against writes, and the offsets are its own. */
	(void)fallocate(memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, LOG_BUFFER_SIZE);
}

/**
 * log_buffer_open() - map a buffer, a new one or one that another podd left
 * @b: filled on success
 * @memfd: from log_buffer_create(), of this podd or an earlier one; borrowed,
 *	and not needed any more afterwards
 *
 * @b->now then says what the log must still get: nothing is committed yet, so
 * that a podd killed again here leaves things as they are.
 *
 * Return: 0 or -errno with @err filled (EPROTO: as log_buffer_check()).
 */
int log_buffer_open(struct log_buffer *b, int memfd, struct err *err)
{
	struct stat st;
	void *p;
	int r;

	if (fstat(memfd, &st) < 0)
		return err_sys(err, "look at log buffer");
	if (st.st_size != LOG_BUFFER_SIZE)
		return err_set(err, EINVAL, "log buffer has %lld bytes instead of %d",
			       (long long)st.st_size, LOG_BUFFER_SIZE);
	p = mmap(NULL, LOG_BUFFER_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	if (p == MAP_FAILED)
		return err_sys(err, "map log buffer");
	r = check_page(p, err);
	if (r < 0) {
		(void)munmap(p, LOG_BUFFER_SIZE);
		return r;
	}
	*b = (struct log_buffer){ .page = p };
	load_state(b);
	return 0;
}

/**
 * log_buffer_commit() - make the working state the one that counts
 *
 * Release order keeps the copy before the flip; between instructions of one
 * CPU that is all that a SIGKILL can tell apart.
 */
void log_buffer_commit(struct log_buffer *b)
{
	uint32_t other = !b->page->current;

	LOG_STEP();
	b->page->states[other] = b->now;
	b->page->journals[other] = b->now_journal;
	LOG_STEP();
	__atomic_store_n(&b->page->current, other, __ATOMIC_RELEASE);
	LOG_STEP();
}

/*
 * An unfinished line is moved to the front, where the region is empty, so that
 * there is room to read. Where it would overlap itself it lies so near to the
 * front that room is left.
 */
static void make_room(struct log_buffer *b, enum cri_stream stream)
{
	struct log_tail *t = &b->now.tails[stream];
	unsigned char *bytes = region(b, stream);
	uint32_t n = t->end - t->start;

	if (t->start == 0 || t->start < n) /* an empty tail starts at 0 */
		return;
	memcpy(bytes, bytes + t->start, n);
	t->start = 0;
	t->end = n;
	/* What follows writes where the old state still has bytes. */
	log_buffer_commit(b);
}

/*
 * The pipe's first byte. One that cannot be read (spliced from a file whose
 * disk fails) would stay in the peek pipe for ever: that one is made anew, and
 * the read itself will say what is wrong.
 */
static unsigned char peek_byte(struct log_shared *shared, int pipe_fd)
{
	unsigned char first = 0;

	(void)tee(pipe_fd, shared->peek_write_fd, 1, SPLICE_F_NONBLOCK);
	if (read(shared->peek_read_fd, &first, 1) < 0 && errno != EAGAIN) {
		close_peek(shared);
		(void)open_peek(shared, NULL);
	}
	return first;
}

static void touch_pages(unsigned char *p, size_t n)
{
	unsigned char *end = p + n;

	for (volatile unsigned char *q = p; q < end; q += PAGE_MIN)
		*q = 0;
	((volatile unsigned char *)end)[-1] = 0;
}

/**
 * log_buffer_read() - take what is in a pipe, as much as there is room for
 * @pipe_fd: read end, non-blocking
 *
 * The bytes are appended to the stream's tail in @b->now. The caller consumes
 * from the tail's start and commits.
 *
 * Return: bytes read, 0 when the pipe is empty, -errno when it cannot be read.
 */
ssize_t log_buffer_read(struct log_buffer *b, enum cri_stream stream, int pipe_fd,
			struct log_shared *shared)
{
	struct log_tail *t = &b->now.tails[stream];
	unsigned char *bytes = region(b, stream);
	unsigned char guard;
	int pending;
	ssize_t got;
	uint32_t n;

	if (ioctl(pipe_fd, FIONREAD, &pending) < 0)
		return -errno;
	if (pending <= 0)
		return 0;
	make_room(b, stream);
	n = region_size(stream) - t->end;
	if ((uint32_t)pending < n)
		n = (uint32_t)pending;
	guard = (unsigned char)~peek_byte(shared, pipe_fd);

	touch_pages(bytes + t->end, n);
	bytes[t->end] = guard;
	t->guard = guard;
	t->want = n;
	b->now.read_realtime_ns = clock_realtime_ns();
	log_buffer_commit(b);
	got = read(pipe_fd, bytes + t->end, n);
	LOG_STEP();
	t->want = 0;
	if (got < 0) /* EAGAIN: the application read its own output */
		return errno == EAGAIN ? 0 : -errno;
	t->end += (uint32_t)got;
	if (t->end > PAGE_MIN)
		b->touched = true;
	return got;
}

/**
 * log_buffer_bytes() - where a stream's tail starts
 *
 * Return: borrowed, now.tails[stream].end - start bytes, valid until the next
 * read.
 */
const char *log_buffer_bytes(const struct log_buffer *b, enum cri_stream stream)
{
	return (const char *)region(b, stream) + b->now.tails[stream].start;
}

/**
 * log_buffer_trim() - give back the pages that a burst has touched
 *
 * What is behind the tails goes back to the kernel, but for the first page of
 * each region. For a pause in the flow: the next burst pays for new pages.
 */
void log_buffer_trim(struct log_buffer *b, struct log_shared *shared)
{
	for (int i = 0; i < CRI_STREAMS; i++) {
		uintptr_t base = (uintptr_t)b->page + (uintptr_t)i * LOG_BUFFER_REGION;
		uintptr_t used = (uintptr_t)region(b, i) + b->now.tails[i].end;
		uintptr_t from = (used + PAGE_MIN - 1) / PAGE_MIN * PAGE_MIN;

		if (from < base + PAGE_MIN)
			from = base + PAGE_MIN;
		if (from >= base + LOG_BUFFER_REGION)
			continue;
		/* Refused where pages are larger than PAGE_MIN; then they stay. */
		(void)madvise((void *)from, base + LOG_BUFFER_REGION - from, MADV_REMOVE);
	}
	(void)madvise(shared->records + PAGE_MIN, LOG_BATCH_SIZE - PAGE_MIN, MADV_DONTNEED);
	b->touched = false;
}

/**
 * log_buffer_close() - unmap; the memfd and what is in it stay
 */
void log_buffer_close(struct log_buffer *b)
{
	if (b->page)
		(void)munmap(b->page, LOG_BUFFER_SIZE); /* fails only on a wrong address */
	b->page = NULL;
}
