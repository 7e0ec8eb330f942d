/* SPDX-License-Identifier: MIT */
/* CPU of the log pump for a GB, beside a floor that makes the same lines without any safety. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/io.h"
#include "supervisor/log.h"

#define LINE_SIZE 100
#define TOTAL     (200 * 1000 * 1000)
#define WRITERS   8

struct run {
	int dirfd;
	int writers;
	int lines_per_write;
	int rd[WRITERS], wr[WRITERS];
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void start_writers(struct run *run)
{
	static char lines[LINE_SIZE * 64];

	for (size_t i = 0; i < sizeof(lines); i++)
		lines[i] = i % LINE_SIZE == LINE_SIZE - 1 ? '\n' : 'a';
	for (int w = 0; w < run->writers; w++) {
		size_t n = (size_t)run->lines_per_write * LINE_SIZE;
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (pid > 0)
			continue;
		for (size_t done = 0; done < (size_t)TOTAL / (size_t)run->writers; done += n)
			if (write(run->wr[w], lines, n) != (ssize_t)n)
				_exit(1);
		_exit(0);
	}
	for (int w = 0; w < run->writers; w++)
		close_fd(&run->wr[w]);
}

/* What any pump must do: wait, read, prefix each line, write; rests as ours does. */
struct floor {
	int fd;
	size_t kept;
	uint64_t rest_ns;
	char in[65536];
};

static struct log_next floor_pump(struct floor *f, int pipe_fd, uint64_t now_ns)
{
	static char out[128 * 1024];
	char *p = f->in, *end, *newline, *q = out;
	char head[CRI_HEAD_SIZE];
	ssize_t n;

	if (now_ns < f->rest_ns)
		return (struct log_next){ false, f->rest_ns - now_ns };
	n = read(pipe_fd, f->in + f->kept, sizeof(f->in) - f->kept);
	if (n <= 0)
		return (struct log_next){ true, LOG_NEVER_NS };
	end = f->in + f->kept + n;
	cri_head(head, clock_realtime_ns(), CRI_STDOUT, false);
	for (; (newline = memchr(p, '\n', (size_t)(end - p))); p = newline + 1) {
		memcpy(q, head, sizeof(head));
		memcpy(q + sizeof(head), p, (size_t)(newline + 1 - p));
		q += sizeof(head) + (size_t)(newline + 1 - p);
	}
	if (write(f->fd, out, (size_t)(q - out)) != q - out)
		die("write");
	f->kept = (size_t)(end - p);
	memmove(f->in, p, f->kept);
	if (n >= LOG_LARGE_READ)
		return (struct log_next){ true, 0 };
	f->rest_ns = now_ns + LOG_REST_NS;
	return (struct log_next){ true, LOG_NEVER_NS };
}

static void loop(struct run *run, struct log *logs, struct floor *floors)
{
	int open_pipes = run->writers;

	while (open_pipes > 0) {
		struct pollfd fds[WRITERS];
		uint64_t delay = LOG_NEVER_NS;
		struct timespec ts;

		for (int w = 0; w < run->writers; w++) {
			uint64_t now = clock_boottime_ns();
			struct log_next next = logs ? log_pump(&logs[w], CRI_STDOUT, now) :
						      floor_pump(&floors[w], run->rd[w], now);

			fds[w] = (struct pollfd){ next.watch ? run->rd[w] : -1, POLLIN, 0 };
			delay = next.delay_ns < delay ? next.delay_ns : delay;
		}
		ts = (struct timespec){ (time_t)(delay / NSEC_PER_SEC),
					(long)(delay % NSEC_PER_SEC) };
		if (ppoll(fds, (nfds_t)run->writers, delay == LOG_NEVER_NS ? NULL : &ts, NULL) < 0)
			die("ppoll");
		open_pipes = 0;
		for (int w = 0; w < run->writers; w++)
			open_pipes += fds[w].revents != POLLHUP;
	}
}

static double cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void measure(const char *what, int writers, int lines_per_write, bool ours)
{
	char path[] = "/tmp/podd-bench-XXXXXX", name[WRITERS][16];
	struct run run = { .writers = writers, .lines_per_write = lines_per_write };
	struct floor *floors = calloc(WRITERS, sizeof(*floors));
	struct log logs[WRITERS];
	struct log_shared shared;
	uint64_t started;
	double cpu, secs;

	if (!floors || !mkdtemp(path) || log_shared_open(&shared, NULL) < 0)
		die("set up");
	run.dirfd = open(path, O_DIRECTORY | O_CLOEXEC);
	for (int w = 0; w < writers; w++) {
		struct log_params p = { .dirfd = run.dirfd,
					.name = name[w],
					.spec = { .max_bytes = UINT64_MAX, .max_files = 5 },
					.buffer_fd = -EBADF,
					.pipe_fds = { -EBADF, -EBADF },
					.shared = &shared };

		snprintf(name[w], sizeof(name[w]), "c%d", w);
		if (log_pipe_create(&run.rd[w], &run.wr[w], NULL) < 0 ||
		    log_buffer_create(&p.buffer_fd, NULL) < 0)
			die("pipe");
		p.pipe_fds[CRI_STDOUT] = run.rd[w];
		floors[w].fd = openat(run.dirfd, name[w], O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		if (log_open(&logs[w], &p, NULL) < 0)
			die("log_open");
		close_fd(&p.buffer_fd);
	}
	start_writers(&run);
	started = clock_boottime_ns();
	cpu = cpu_seconds();
	loop(&run, ours ? logs : NULL, floors);
	cpu = cpu_seconds() - cpu;
	secs = (double)(clock_boottime_ns() - started) / 1e9;
	printf("%-34s %-6s %7.0f MB/s  %5.2f s CPU/GB\n", what, ours ? "podd" : "floor",
	       TOTAL / secs / 1e6, cpu / (TOTAL / 1e9));
	for (int w = 0; w < writers; w++) {
		log_close(&logs[w]);
		close_fd(&run.rd[w]);
		close_fd(&floors[w].fd);
	}
	while (wait(NULL) > 0)
		;
	log_shared_close(&shared);
	close_fd(&run.dirfd);
	(void)io_remove_tree(AT_FDCWD, path, NULL);
	free(floors);
}

int main(void)
{
	for (int round = 0; round < 2; round++) {
		for (int ours = 0; ours < 2; ours++) {
			measure("1 writer, a line per write", 1, 1, ours);
			measure("1 writer, 40 lines per write", 1, 40, ours);
			measure("8 writers, a line per write", 8, 1, ours);
			measure("8 writers, 40 lines per write", 8, 40, ours);
		}
	}
	return 0;
}
