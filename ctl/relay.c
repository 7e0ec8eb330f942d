/* SPDX-License-Identifier: MIT */
/* Pipes in place of what podctl was given. */
#include "ctl/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"

#define OUTPUT_SIZE 65536 /* what a pipe holds, pipe(7) */

static int replace(struct relay_end *end, int fd, struct err *err)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC) < 0)
		return err_sys(err, "make a pipe");
	end->passed = p[fd == STDIN_FILENO ? 0 : 1];
	end->pipe = p[fd == STDIN_FILENO ? 1 : 0];
	/* Of our end alone: each has a description of its own. */
	if (fd == STDIN_FILENO && fcntl(end->pipe, F_SETFL, O_NONBLOCK) < 0)
		return err_sys(err, "make a pipe not block");
	return 0;
}

static bool is_directory(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

static int share(struct relay_end *end, const struct relay_end *with, struct err *err)
{
	int fd = fcntl(with->passed, F_DUPFD_CLOEXEC, 3);

	if (fd < 0)
		return err_sys(err, "copy a descriptor");
	end->passed = fd;
	return 0;
}

/**
 * relay_open() - what a command gets for its standard input, output and error
 * @out: released by relay_close(), whatever this returned
 * @interactive: it may read podctl's standard input
 *
 * Return: 0 or -errno with @err filled.
 */
int relay_open(struct relay *out, bool interactive, struct err *err)
{
	int r = 0;

	out->room = false;
	out->held_n = out->held_at = 0;
	out->unread = -EBADF;
	for (int fd = 0; fd < 3; fd++)
		out->ends[fd] = (struct relay_end){ fd, -EBADF };
	for (int fd = 0; r == 0 && fd < 3; fd++) {
		if (is_directory(fd) && (fd != STDIN_FILENO || interactive))
			continue; /* podd refuses it */
		/* What comes in an order from both has it in one pipe. */
		r = fd == STDERR_FILENO && io_same_file(STDOUT_FILENO, fd) ?
			    share(&out->ends[fd], &out->ends[STDOUT_FILENO], err) :
			    replace(&out->ends[fd], fd, err);
	}
	if (!interactive)
		close_fd(&out->ends[STDIN_FILENO].pipe);
	return r;
}

/**
 * relay_passed() - the command has its ends: ours alone are kept
 */
void relay_passed(struct relay *r)
{
	struct relay_end *in = &r->ends[STDIN_FILENO];

	if (in->pipe >= 0 && in->passed >= 0 && lseek(STDIN_FILENO, 0, SEEK_CUR) >= 0)
		r->unread = take_fd(&in->passed);
	for (int fd = 0; fd < 3; fd++)
		if (r->ends[fd].passed != fd)
			close_fd(&r->ends[fd].passed);
}

/* As io_write_all(), but who shares it with us may have made it one that does not block. */
static int write_waiting(int fd, const char *buf, size_t n)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	while (n > 0) {
		ssize_t w = write(fd, buf, n);

		if (w < 0 && errno == EAGAIN)
			(void)poll(&p, 1, -1); /* interrupted, it is asked again */
		else if (w < 0 && errno != EINTR)
			return -errno;
		if (w > 0)
			buf += w, n -= (size_t)w;
	}
	return 0;
}

/* Return: 1: there may be more; 0: there is none; -errno: what it was to be written to. */
static int carry(int from, int to, size_t most)
{
	char buf[OUTPUT_SIZE];
	ssize_t n = read(from, buf, most < sizeof(buf) ? most : sizeof(buf));
	int r;

	if (n <= 0)
		return n < 0 && (errno == EINTR || errno == EAGAIN);
	r = write_waiting(to, buf, (size_t)n);
	return r < 0 ? r : 1;
}

/* Of the command; no more of its output is heard after a failure, which it is told as EPIPE. */
static int carry_said(struct relay *r, int fd, size_t most, struct err *err)
{
	int more = carry(r->ends[fd].pipe, fd, most);

	if (more <= 0)
		close_fd(&r->ends[fd].pipe);
	return more >= 0 || more == -EPIPE ? 0 :
	       err_set(err, -more, "write what the command says: %s", strerror(-more));
}

/* What had been written when the command ended; whom it left behind is not heard. */
static int carry_rest(struct relay *r, struct err *err)
{
	int ret = 0;

	for (int fd = 1; fd < 3; fd++) {
		int n = 0;

		if (r->ends[fd].pipe >= 0)
			(void)ioctl(r->ends[fd].pipe, FIONREAD, &n); /* cannot fail */
		for (; ret == 0 && n > 0 && r->ends[fd].pipe >= 0; n -= OUTPUT_SIZE)
			ret = carry_said(r, fd, (size_t)n, err);
	}
	return ret;
}

static bool hears_command(const struct relay *r)
{
	return r->ends[STDOUT_FILENO].pipe >= 0 || r->ends[STDERR_FILENO].pipe >= 0;
}

/* As much as the pipe takes. */
static void pass_held(struct relay *r)
{
	struct relay_end *in = &r->ends[STDIN_FILENO];
	ssize_t n = write(in->pipe, r->held + r->held_at, r->held_n - r->held_at);

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		close_fd(&in->pipe); /* nobody reads it */
	if (n > 0)
		r->held_at += (size_t)n;
	if (r->held_at == r->held_n)
		r->held_at = r->held_n = 0;
}

/* What is typed waits in the terminal until the pipe has room for it. */
static void carry_typed(struct relay *r, short revents)
{
	ssize_t n;

	if (!revents)
		return;
	if (r->held_n == 0 && !r->room) {
		r->room = true;
		return;
	}
	if (r->held_n == 0) {
		n = read(STDIN_FILENO, r->held, sizeof(r->held));
		if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
			close_fd(&r->ends[STDIN_FILENO].pipe); /* Ctrl-D */
		if (n <= 0)
			return;
		r->held_n = (size_t)n;
		r->room = false;
	}
	pass_held(r);
}

static int turn(struct relay *r, int sock, bool *answered, struct err *err)
{
	const struct relay_end *e = r->ends;
	const bool reads = r->room && r->held_n == 0;
	struct pollfd fds[] = {
		{ .fd = reads && e[0].pipe >= 0 ? STDIN_FILENO : e[0].pipe,
		  .events = reads ? POLLIN : POLLOUT },
		{ .fd = e[1].pipe, .events = POLLIN },
		{ .fd = e[2].pipe, .events = POLLIN },
		{ .fd = sock, .events = POLLIN },
	};
	int ret = 0;

	if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
		return errno == EINTR ? 0 : err_sys(err, "wait for the command");
	for (int fd = 1; ret == 0 && fd < 3; fd++)
		if (fds[fd].revents)
			ret = carry_said(r, fd, OUTPUT_SIZE, err);
	carry_typed(r, fds[0].revents);
	*answered = fds[3].revents;
	return ret;
}

/* podd is gone, the command is not: its output is carried until it closes it. */
static int go_on(struct relay *r, struct err *err)
{
	static const char text[] = "podctl: podd ended; the command goes on\n";
	bool answered;
	int ret = 0;

	if (hears_command(r))
		(void)io_write_all(STDERR_FILENO, text, sizeof(text) - 1); /* only told */
	while (ret == 0 && hears_command(r))
		ret = turn(r, -EBADF, &answered, err);
	return ret;
}

/**
 * relay_run() - carry bytes until podd says how the command ended
 * @reply: podd's last; owned by the caller
 *
 * Return: 0, or -errno with @err filled; -ECONNRESET: podd ended before the command.
 */
int relay_run(struct relay *r, struct conn *conn, json_t **reply, struct err *err)
{
	/* It may have come with the word that the command has begun. */
	bool answered = !varlink_input_drained(&conn->in), continues;
	int ret = 0;

	(void)signal(SIGPIPE, SIG_IGN); /* cannot fail; the write tells */
	while (ret == 0 && !answered)
		ret = turn(r, conn->sock, &answered, err);
	if (ret < 0)
		return ret;
	ret = conn_receive(conn, reply, &continues, err);
	if (ret == 0)
		ret = carry_rest(r, err);
	if (ret == -ECONNRESET && go_on(r, err) == 0)
		err_set(err, ECONNRESET, "podd ended before the command did, which may still run");
	return ret;
}

void relay_close(struct relay *r)
{
	int n = 0;

	relay_passed(r);
	if (r->unread >= 0 && ioctl(r->unread, FIONREAD, &n) == 0) /* it could be sought in */
		(void)lseek(STDIN_FILENO, -(off_t)((size_t)n + r->held_n - r->held_at), SEEK_CUR);
	close_fd(&r->unread);
	for (int fd = 0; fd < 3; fd++)
		close_fd(&r->ends[fd].pipe);
}
