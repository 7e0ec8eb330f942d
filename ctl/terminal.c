/* SPDX-License-Identifier: MIT */
/* Raw mode, and the relay between two terminals. */
#include "ctl/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"

/* The state of one session. */
struct session {
	const struct terminal *t;
	struct terminal_result *result;
	int signals;
	bool typing;      /* stdin is read */
	bool open;        /* the master can still be read */
	bool connected;   /* podd has not ended and not said how the command did */
	bool done;
	char typed[1024]; /* read, not taken by the container's terminal yet */
	size_t typed_n;
};

static void follow_size(const struct session *r)
{
	struct winsize size;

	if (ioctl(r->t->out, TIOCGWINSZ, &size) == 0)
		(void)ioctl(r->t->master, TIOCSWINSZ, &size); /* gone: the read tells */
}

static void take_signal(struct session *r)
{
	struct signalfd_siginfo si;

	if (read(r->signals, &si, sizeof(si)) != sizeof(si))
		return;
	if (si.ssi_signo == SIGWINCH) {
		follow_size(r);
		return;
	}
	r->result->end = TERMINAL_SIGNAL;
	r->result->signal = (int)si.ssi_signo;
	r->done = true;
}

static void take_typed(struct session *r)
{
	ssize_t n = read(r->t->in, r->typed, sizeof(r->typed));

	if (n > 0)
		r->typed_n = (size_t)n;
	else if (n == 0 || errno != EINTR)
		r->typing = false;
}

static void give_typed(struct session *r)
{
	ssize_t n = write(r->t->master, r->typed, r->typed_n);

	if (n < 0)
		return; /* full, or hung up: then the read tells */
	memmove(r->typed, r->typed + n, r->typed_n - (size_t)n);
	r->typed_n -= (size_t)n;
}

/* Return: whether there may be more. A master whose other side is closed says
 * EIO, but only after everything written before was read (n_tty_read()). */
static bool show_output(struct session *r)
{
	char buf[4096];
	ssize_t n = read(r->t->master, buf, sizeof(buf));

	if (n > 0)
		return io_write_all(r->t->out, buf, (size_t)n) == 0;
	if (n == 0 || (errno != EAGAIN && errno != EINTR))
		r->open = false;
	return false;
}

/* The reply to wait for is the last one. */
static int take_reply(struct session *r, struct err *err)
{
	bool continues;
	int ret = conn_receive(r->t->conn, &r->result->reply, &continues, err);

	r->connected = false;
	if (ret == -ECONNRESET) {
		static const char text[] = "\r\npodctl: podd ended; the command goes on\r\n";

		(void)io_write_all(STDERR_FILENO, text, sizeof(text) - 1); /* only told */
		return 0;
	}
	if (ret < 0)
		return ret;
	while (r->open && show_output(r))
		;
	r->result->end = TERMINAL_DONE;
	r->done = true;
	return 0;
}

static int turn(struct session *r, struct err *err)
{
	/* It may have come with the word that the command has begun. */
	bool answered = r->connected && !varlink_input_drained(&r->t->conn->in);
	int ret = 0;

	struct pollfd fds[] = {
		{ .fd = r->signals, .events = POLLIN },
		{ .fd = r->open ? r->t->master : -1,
		  .events = (short)(POLLIN | (r->typed_n ? POLLOUT : 0)) },
		{ .fd = r->connected ? r->t->conn->sock : -1, .events = POLLIN },
		{ .fd = r->typing && !r->typed_n ? r->t->in : -1, .events = POLLIN },
	};

	if (poll(fds, ARRAY_SIZE(fds), answered ? 0 : -1) < 0)
		return errno == EINTR ? 0 : err_sys(err, "wait for the terminal");
	if (fds[0].revents)
		take_signal(r);
	if (fds[1].revents & POLLOUT)
		give_typed(r);
	if (fds[1].revents & (POLLIN | POLLHUP | POLLERR))
		(void)show_output(r); /* one buffer a turn, so that typing gets through */
	if (fds[3].revents)
		take_typed(r);
	if (answered || fds[2].revents)
		ret = take_reply(r, err);
	/* Whichever of the two ended last: nothing else would wake us. */
	if (!r->open && !r->connected)
		r->done = true;
	return ret;
}

static int relay(struct session *r, struct err *err)
{
	int ret = 0;

	follow_size(r);
	while (ret == 0 && !r->done)
		ret = turn(r, err);
	return ret;
}

/* Takes the signals as data for as long as the relay runs. */
static int with_signals(struct session *r, struct err *err)
{
	cleanup_close int signals = -EBADF;
	sigset_t set, old;
	int ret;

	sigemptyset(&set);
	sigaddset(&set, SIGWINCH);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGQUIT);
	sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, &old) < 0)
		return err_sys(err, "block signals");
	signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	r->signals = signals;
	ret = signals < 0 ? err_sys(err, "take signals") : relay(r, err);
	(void)sigprocmask(SIG_SETMASK, &old, NULL); /* cannot fail: it was valid */
	return ret;
}

/**
 * terminal_run() - carry one session until it ends
 * @t: its master is made non-blocking
 * @out: says how it ended; owns the reply
 *
 * What is typed is only sent, and the terminal only made raw, when the session
 * is interactive and @t->in is a terminal.
 *
 * Return: 0, or -errno with @err filled. The terminal is as it was before.
 */
int terminal_run(const struct terminal *t, struct terminal_result *out, struct err *err)
{
	struct session r = { .t = t, .result = out, .typing = t->interactive, .open = true,
			   .connected = true };
	struct termios saved, raw;
	int ret;

	*out = (struct terminal_result){ .end = TERMINAL_PODD_GONE };
	if (fcntl(t->master, F_SETFL, O_RDWR | O_NONBLOCK) < 0)
		return err_sys(err, "terminal of the container");
	if (!t->interactive || tcgetattr(t->in, &saved) < 0)
		return with_signals(&r, err);
	raw = saved;
	cfmakeraw(&raw);
	if (tcsetattr(t->in, TCSADRAIN, &raw) < 0)
		return err_sys(err, "put the terminal in raw mode");
	ret = with_signals(&r, err);
	(void)tcsetattr(t->in, TCSADRAIN, &saved); /* it is gone when this fails */
	return ret;
}
