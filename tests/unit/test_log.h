/* SPDX-License-Identifier: MIT */
/* What the tests of the log pump share: a container's pipes, buffer and log directory. */
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/io.h"
#include "supervisor/log.h"
#include "tests/unit/bytes.h"

#define LARGE (UINT64_C(1) << 40) /* bytes: no rotation */

/* The part of the pause, and of the container. */
struct rig {
	char path[32];
	int dirfd;
	int buffer_fd;
	int rd[CRI_STREAMS], wr[CRI_STREAMS];
	struct log_shared shared;
	struct log_spec spec;
};

static inline void rig_init(struct rig *rig, uint64_t max_bytes, unsigned max_files)
{
	struct err err;

	*rig = (struct rig){ .path = "/tmp/podd-log-XXXXXX",
			     .spec = { max_bytes, max_files, 0, 0, 0 } };
	assert_non_null(mkdtemp(rig->path));
	rig->dirfd = open(rig->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(rig->dirfd >= 0);
	assert_int_equal(log_buffer_create(&rig->buffer_fd, &err), 0);
	assert_int_equal(log_shared_open(&rig->shared, &err), 0);
	for (int i = 0; i < CRI_STREAMS; i++)
		assert_int_equal(log_pipe_create(&rig->rd[i], &rig->wr[i], &err), 0);
}

static inline void rig_done(struct rig *rig)
{
	for (int i = 0; i < CRI_STREAMS; i++) {
		close_fd(&rig->rd[i]);
		close_fd(&rig->wr[i]);
	}
	log_shared_close(&rig->shared);
	close_fd(&rig->buffer_fd);
	close_fd(&rig->dirfd);
	assert_int_equal(io_remove_tree(AT_FDCWD, rig->path, NULL), 0);
}

static inline int rig_open(struct rig *rig, struct log *log, struct err *err)
{
	struct log_params params = {
		.dirfd = rig->dirfd,
		.pod = "shop",
		.attempt = 1,
		.name = "web",
		.spec = rig->spec,
		.buffer_fd = rig->buffer_fd,
		.pipe_fds = { rig->rd[CRI_STDOUT], rig->rd[CRI_STDERR] },
		.shared = &rig->shared,
	};

	return log_open(log, &params, err);
}

/* A podd that never rests: until both pipes are empty. */
static inline void pump_all(struct log *log)
{
	for (int i = 0; i < CRI_STREAMS; i++) {
		int pending;

		while (ioctl(log->flows[i].pipe_fd, FIONREAD, &pending) == 0 && pending > 0) {
			log->flows[i].rest_ns = 0;
			(void)log_pump(log, i, clock_boottime_ns());
		}
	}
}

static inline void say(struct rig *rig, enum cri_stream stream, const char *text)
{
	assert_int_equal(write(rig->wr[stream], text, strlen(text)), strlen(text));
}

static inline int file_of_age(struct rig *rig, unsigned age)
{
	char name[32];

	snprintf(name, sizeof(name), age ? "web.log.%u" : "web.log", age);
	return openat(rig->dirfd, name, O_RDONLY | O_CLOEXEC);
}

static inline void read_whole(int fd, struct bytes *out)
{
	char chunk[65536];
	ssize_t n;

	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		bytes_add(out, chunk, (size_t)n);
	assert_int_equal(n, 0);
}

/* All files of the log in the order in which they were written. */
static inline void read_log(struct rig *rig, struct bytes *out)
{
	for (unsigned age = rig->spec.max_files; age-- > 0;) {
		int fd = file_of_age(rig, age);

		if (fd < 0)
			continue;
		read_whole(fd, out);
		close(fd);
	}
}

/* What the container wrote to a stream, out of the records; every record must be one. */
static inline void text_of(const struct bytes *log, enum cri_stream stream, struct bytes *out)
{
	const char *p = log->p, *end = log->p + log->n;

	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		struct cri_line l;

		assert_non_null(newline);
		assert_int_equal(cri_parse(&l, p, (size_t)(newline - p)), 0);
		assert_true(l.text_n <= CRI_TEXT_MAX);
		p = newline + 1;
		if (l.stream != stream)
			continue;
		bytes_add(out, l.text, l.text_n);
		if (!l.partial)
			bytes_add(out, "\n", 1);
	}
}

static inline void assert_stream_bytes(struct rig *rig, enum cri_stream stream, const void *p,
				       size_t n)
{
	struct bytes log = { 0 }, text = { 0 };

	read_log(rig, &log);
	text_of(&log, stream, &text);
	assert_int_equal(text.n, n);
	if (n)
		assert_memory_equal(text.p, p, n);
	bytes_done(&log);
	bytes_done(&text);
}

static inline void assert_stream(struct rig *rig, enum cri_stream stream, const char *text)
{
	assert_stream_bytes(rig, stream, text, strlen(text));
}

/* A line that can be made again from its number; some NULs, some longer than a piece. */
static inline void numbered_line(struct bytes *out, int stream, unsigned i)
{
	size_t n = i % 97 == 13 ? 20000 + i % 500 : i % 7 == 3 ? 1 : i * 31 % 300;
	char head[32];

	bytes_add(out, head, (size_t)snprintf(head, sizeof(head), "%d %u ", stream, i));
	for (size_t k = 0; k < n; k++)
		bytes_add(out, i % 5 == 4 ? "\0" : &"0123456789"[(i + k) % 10], 1);
	bytes_add(out, "\n", 1);
}

/* Shared with the writer. */
struct writer {
	bool stop;
	unsigned lines[CRI_STREAMS];
};

static inline void flood_until_told(struct rig *rig, struct writer *w)
{
	struct bytes line = { 0 };

	while (!__atomic_load_n(&w->stop, __ATOMIC_ACQUIRE)) {
		int s = (w->lines[0] + w->lines[1]) % 3 == 2;
		size_t cut;

		line.n = 0;
		numbered_line(&line, s, w->lines[s]);
		cut = line.n * (w->lines[s] % 3) / 3; /* lines come in parts */
		if (write(rig->wr[s], line.p, cut) != (ssize_t)cut ||
		    write(rig->wr[s], line.p + cut, line.n - cut) != (ssize_t)(line.n - cut))
			_exit(1);
		w->lines[s]++;
	}
	_exit(0);
}

static inline void pump_for_ever(struct rig *rig)
{
	struct pollfd fds[CRI_STREAMS];
	struct log log;

	if (rig_open(rig, &log, NULL) < 0)
		_exit(2);
	for (;;) {
		uint64_t delay = LOG_NEVER_NS;
		struct timespec ts;

		for (int s = 0; s < CRI_STREAMS; s++) {
			struct log_next next = log_pump(&log, s, clock_boottime_ns());

			fds[s] = (struct pollfd){ next.watch ? rig->rd[s] : -1, POLLIN, 0 };
			delay = next.delay_ns < delay ? next.delay_ns : delay;
		}
		ts = (struct timespec){ (time_t)(delay / NSEC_PER_SEC),
					(long)(delay % NSEC_PER_SEC) };
		(void)ppoll(fds, CRI_STREAMS, delay == LOG_NEVER_NS ? NULL : &ts, NULL);
	}
}

/* Until the log has been written to so many times: some point within its work. */
static inline void wait_for_writes(int inotify_fd, int events)
{
	char buf[4096] __attribute__((aligned(8)));

	while (events > 0) {
		ssize_t n = read(inotify_fd, buf, sizeof(buf));

		assert_true(n > 0);
		for (char *p = buf; p < buf + n; events--)
			p += sizeof(struct inotify_event) + ((struct inotify_event *)p)->len;
	}
}

static inline void spin(unsigned n)
{
	for (volatile unsigned i = 0; i < n; i++)
		;
}

static inline void say_and_pump(struct rig *rig, struct log *lg, const char *text)
{
	say(rig, CRI_STDOUT, text);
	pump_all(lg);
}
