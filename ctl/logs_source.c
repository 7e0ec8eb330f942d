/* SPDX-License-Identifier: MIT */
/* Reading a container's log forward in whole lines, and finding its last N from the end. */
#include "ctl/logs_source.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "ctl/logs_files.h"

#define BUF_SIZE (64 * 1024)
_Static_assert(BUF_SIZE >= CRI_RECORD_MAX, "any record of podd's fits");

/* How far before the first wanted line the first pieces of it are looked for. */
#define LOOK_BACK_MAX (4 * BUF_SIZE)

/* The search for where the last lines start, backward from the end of the newest file. */
struct tail {
	char *buf; /* BUF_SIZE; borrowed */
	int fd;    /* the file that is looked at; owned */
	uint64_t wanted, found;
	uint64_t before;        /* lines that end before the wanted ones */
	bool open[CRI_STREAMS]; /* a wanted line of this stream may have earlier pieces */
	size_t looked_back;     /* bytes before the first wanted end of a line */
	int start_fd;           /* where to start reading; owned, may be @fd itself */
	off_t start;
	uint64_t skip; /* lines that end behind the start and are not wanted */
};

static void tail_set_start(struct tail *t, off_t at)
{
	if (t->start_fd != t->fd)
		close_fd(&t->start_fd);
	t->start_fd = t->fd;
	t->start = at;
	t->skip = t->before;
}

/* The record at @at, without its newline. Return: whether to look further back. */
static bool tail_record(struct tail *t, const char *p, size_t n, off_t at)
{
	struct cri_line l;
	bool parsed = cri_parse(&l, p, n) == 0;
	bool ends = !parsed || !l.partial;

	if (t->found < t->wanted) {
		tail_set_start(t, at);
		t->found += ends;
		if (parsed && ends)
			t->open[l.stream] = true;
		return true;
	}
	t->looked_back += n;
	if (!ends && t->open[l.stream])
		tail_set_start(t, at);
	if (ends)
		t->before++;
	if (parsed && ends)
		t->open[l.stream] = false;
	return (t->open[CRI_STDOUT] || t->open[CRI_STDERR]) && t->looked_back < LOOK_BACK_MAX;
}

/*
 * The records that lie whole in the block, the last one first. @base: where the
 * block is in its file. Return: bytes of it that are left over at its front.
 */
static size_t tail_block(struct tail *t, size_t n, off_t base, bool *more)
{
	while (*more && n > 0) {
		size_t end = t->buf[n - 1] == '\n' ? n - 1 : n;
		const char *before = end ? memrchr(t->buf, '\n', end) : NULL;
		size_t start = before ? (size_t)(before + 1 - t->buf) : 0;

		/* Begun in an earlier block; one that fills this block is no record. */
		if (!before && base > 0 && n < BUF_SIZE)
			break;
		*more = tail_record(t, t->buf + start, end - start, base + (off_t)start);
		n = start;
	}
	return n;
}

static int tail_file(struct tail *t, off_t end, bool *more, struct err *err)
{
	while (*more && end > 0) {
		size_t n = end < BUF_SIZE ? (size_t)end : BUF_SIZE;
		ssize_t got = pread(t->fd, t->buf, n, end - (off_t)n);

		if (got < 0)
			return err_sys(err, "read log");
		if ((size_t)got < n) /* emptied by somebody while we look */
			return 0;
		end = end - (off_t)n + (off_t)tail_block(t, n, end - (off_t)n, more);
	}
	return 0;
}

/* The end of the last whole record. */
static int whole_end(int fd, char *buf, off_t *out, struct err *err)
{
	struct stat st;
	const char *last;
	ssize_t n;
	off_t base;

	if (fstat(fd, &st) < 0)
		return err_sys(err, "look at log");
	base = st.st_size > BUF_SIZE ? st.st_size - BUF_SIZE : 0;
	n = pread(fd, buf, BUF_SIZE, base);
	if (n < 0)
		return err_sys(err, "read log");
	last = n ? memrchr(buf, '\n', (size_t)n) : NULL;
	*out = last ? base + (last + 1 - buf) : base;
	return 0;
}

static int tail_files(struct tail *t, const struct logs_source *s, struct err *err)
{
	bool more = t->wanted > 0;
	off_t end;
	int r = whole_end(t->fd, t->buf, &end, err);

	t->start = end;
	while (r == 0) {
		int older;

		r = tail_file(t, end, &more, err);
		if (r < 0 || !more)
			break;
		r = logs_file_open(&older, s->dirfd, s->name, LOGS_OLDER, t->fd, err);
		if (r < 0 || older < 0)
			break;
		if (t->fd != t->start_fd)
			close_fd(&t->fd);
		t->fd = older;
		r = whole_end(t->fd, t->buf, &end, err);
	}
	if (t->fd != t->start_fd)
		close_fd(&t->fd);
	return r;
}

/* From the newest file, whose descriptor is in @s, to where the wanted lines start. */
static int seek_tail(struct logs_source *s, uint64_t lines, struct err *err)
{
	struct tail t = { .buf = s->buf, .fd = s->fd, .start_fd = s->fd, .wanted = lines };
	int r = tail_files(&t, s, err);

	s->fd = t.start_fd;
	s->pos = t.start;
	s->skip = t.skip;
	return r;
}

/**
 * logs_source_open() - begin to read a container's log
 * @s: filled; to be closed also after a failure
 * @dirfd: of the pod's logs; borrowed as long as @s is open
 * @name: of the container; copied
 * @tail: so many lines from the end, or LOGS_ALL
 *
 * Return: 0 or -errno with @err filled; -ENOENT: the container has no log.
 */
int logs_source_open(struct logs_source *s, int dirfd, const char *name, uint64_t tail,
		     struct err *err)
{
	enum logs_which which = tail == LOGS_ALL ? LOGS_OLDEST : LOGS_NEWEST;
	int r;

	*s = (struct logs_source){ .dirfd = dirfd, .fd = -EBADF, .next_fd = -EBADF };
	s->name = strdup(name);
	s->buf = malloc(BUF_SIZE);
	if (!s->name || !s->buf)
		return err_set(err, ENOMEM, "read log of container '%s': out of memory", name);
	r = logs_file_open(&s->fd, dirfd, name, which, -EBADF, err);
	if (r < 0)
		return r;
	if (s->fd < 0)
		return err_set(err, ENOENT, "container '%s' has no log", name);
	r = tail == LOGS_ALL ? 0 : seek_tail(s, tail, err);
	return r < 0 ? err_wrap(err, r, "container '%s'", name) : 0;
}

static int line_append(struct logs_line *line, const char *text, size_t n, struct err *err)
{
	if (line->text_n + n > line->room) {
		size_t room = 2 * (line->text_n + n);
		char *p = realloc(line->text, room);

		if (!p)
			return err_set(err, ENOMEM, "read log: out of memory");
		line->text = p;
		line->room = room;
	}
	if (n)
		memcpy(line->text + line->text_n, text, n);
	line->text_n += n;
	return 0;
}

static void line_begin(struct logs_line *line, const struct cri_line *l)
{
	size_t n = l->stamp_n < sizeof(line->stamp) ? l->stamp_n : sizeof(line->stamp) - 1;

	line->realtime_ns = l->realtime_ns;
	if (n)
		memcpy(line->stamp, l->stamp, n);
	line->stamp[n] = '\0';
	line->text_n = 0;
	line->begun = true;
}

static int add_record(struct logs_source *s, const char *p, size_t n, struct err *err)
{
	struct cri_line l = { .realtime_ns = s->last_ns, .text = p, .text_n = n };
	struct logs_line *line = &s->lines[LOGS_RAW];
	int r;

	if (cri_parse(&l, p, n) == 0)
		line = &s->lines[l.stream];
	s->last_ns = l.realtime_ns;
	if (!line->begun)
		line_begin(line, &l);
	if (!l.partial && s->skip > 0) {
		s->skip--;
		line->begun = false;
		return 0;
	}
	r = line_append(line, l.text, l.text_n, err);
	if (r == 0 && (!l.partial || line->text_n >= LOGS_LINE_MAX))
		s->ready = line;
	return r;
}

/* Return: whether there was a whole record in the buffer. */
static bool take_record(struct logs_source *s, const char **p, size_t *n)
{
	char *newline = memchr(s->buf + s->start, '\n', s->end - s->start);

	*p = s->buf + s->start;
	*n = newline ? (size_t)(newline - *p) : s->end - s->start;
	if (!newline && *n < BUF_SIZE)
		return false;
	s->start += *n + (newline ? 1 : 0);
	return true;
}

/* Return: bytes that were added to the buffer, 0 at the end of the file, or -errno. */
static ssize_t fill(struct logs_source *s, struct err *err)
{
	ssize_t n;

	memmove(s->buf, s->buf + s->start, s->end - s->start);
	s->end -= s->start;
	s->start = 0;
	n = pread(s->fd, s->buf + s->end, BUF_SIZE - s->end, s->pos);
	if (n < 0)
		return err_sys(err, "read log of container '%s'", s->name);
	s->pos += n;
	s->end += (size_t)n;
	return n;
}

static bool end_begun_line(struct logs_source *s)
{
	for (int i = 0; i < LOGS_LINES && !s->ready; i++)
		if (s->lines[i].begun)
			s->ready = &s->lines[i];
	return s->ready;
}

/* At the end of a file: to the next one, or to nothing. */
static int go_on(struct logs_source *s, struct err *err)
{
	struct stat st;
	int r;

	s->pos -= (off_t)(s->end - s->start);
	s->start = s->end = 0;
	if (s->next_fd >= 0) {
		close_fd(&s->fd);
		s->fd = take_fd(&s->next_fd);
		s->pos = 0;
		return 0;
	}
	r = logs_file_open(&s->next_fd, s->dirfd, s->name, LOGS_NEWER, s->fd, err);
	if (r < 0 || s->next_fd >= 0)
		return r;
	if (fstat(s->fd, &st) == 0 && st.st_size < s->pos)
		s->pos = 0; /* emptied by the operator */
	else
		s->dry = !s->ended || !end_begun_line(s);
	return 0;
}

/**
 * logs_source_peek() - the next line
 * @out: borrowed until logs_source_take(), which it is to be followed by; NULL
 *	when there is none (yet): then @s->dry is set, and stays until cleared
 *
 * Return: 0 or -errno with @err filled.
 */
int logs_source_peek(struct logs_source *s, const struct logs_line **out, struct err *err)
{
	int r = 0;

	while (r == 0 && !s->dry && !s->ready) {
		const char *p;
		ssize_t got;
		size_t n;

		if (take_record(s, &p, &n)) {
			r = add_record(s, p, n, err);
			continue;
		}
		got = fill(s, err);
		if (got <= 0)
			r = got < 0 ? (int)got : go_on(s, err);
	}
	*out = s->ready;
	return r;
}

/**
 * logs_source_take() - have done with the line that logs_source_peek() gave
 */
void logs_source_take(struct logs_source *s)
{
	s->ready->begun = false;
	s->ready = NULL;
}

/**
 * logs_source_close() - free all; also after a failed opening
 */
void logs_source_close(struct logs_source *s)
{
	close_fd(&s->fd);
	close_fd(&s->next_fd);
	for (int i = 0; i < LOGS_LINES; i++)
		free_ptr(&s->lines[i].text);
	free_ptr(&s->name);
	free_ptr(&s->buf);
}
