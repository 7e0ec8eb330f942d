/* SPDX-License-Identifier: MIT */
/* podd-image at work for podd. */
#include "supervisor/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/fd.h"
#include "base/program.h"
#include "base/sys.h"

struct start {
	const char *program;
	char *const *argv;
	int in_fd, out_fd;
	int code; /* set by the child, which shares our memory: why it was not executed */
};

/* In a child: never comes back to where it came from. */
static int exec_child(void *arg)
{
	struct start *s = arg;
	sigset_t none;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL); /* cannot fail with these arguments */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);	     /* nor this */
	if (dup2(s->in_fd, STDIN_FILENO) >= 0 && dup2(s->out_fd, STDOUT_FILENO) >= 0 &&
	    dup2(s->out_fd, STDERR_FILENO) >= 0)
		(void)execve(s->program, s->argv, environ);
	s->code = errno;
	return 127;
}

static void take_text(struct helper *h, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (h->line_ended) {
			h->line_n = 0;
			h->line_ended = false;
		}
		if (text[i] == '\n')
			h->line_ended = true;
		else if (h->line_n + 1 < sizeof(h->line)) /* strangers' words may be in it */
			h->line[h->line_n++] =
				(unsigned char)text[i] < ' ' || text[i] == 0x7f ? '?' : text[i];
	}
}

static void hear(struct helper *h)
{
	char text[4096];
	ssize_t n = read(h->out_fd, text, sizeof(text));

	if (n > 0)
		take_text(h, text, (size_t)n);
	else if (n == 0 || errno != EAGAIN)
		loop_watch_remove(h->loop, &h->out_watch);
}

static void on_output(struct watch *watch, uint32_t events)
{
	(void)events;
	hear(container_of(watch, struct helper, out_watch));
}

static void let_go(struct helper *h)
{
	loop_watch_remove(h->loop, &h->end_watch);
	loop_watch_remove(h->loop, &h->out_watch);
	close_fd(&h->pidfd);
	close_fd(&h->out_fd);
	h->pid = 0;
}

static void on_end(struct watch *watch, uint32_t events)
{
	struct helper *h = container_of(watch, struct helper, end_watch);
	char text[4096];
	int status = 0;
	ssize_t n;

	(void)events;
	if (waitpid(h->pid, &status, __WALL | WNOHANG) != h->pid)
		return;
	while ((n = read(h->out_fd, text, sizeof(text))) > 0)
		take_text(h, text, (size_t)n);
	h->line[h->line_n] = '\0';
	let_go(h);
	h->fn(h, status, h->line);
}

static int watch(struct helper *h, struct err *err)
{
	int r;

	h->end_watch.fn = on_end;
	h->out_watch.fn = on_output;
	r = loop_watch_add(h->loop, &h->end_watch, h->pidfd, EPOLLIN, err);
	return r < 0 ? r : loop_watch_add(h->loop, &h->out_watch, h->out_fd, EPOLLIN, err);
}

static int spawn(struct helper *h, struct start *s, struct err *err)
{
	const struct child_args args = { .flags = CLONE_PIDFD, .pidfd = &h->pidfd };
	pid_t pid = child_spawn(&args, exec_child, s);

	if (pid < 0)
		return err_set(err, -pid, "execute '%s': %s", s->program, strerror(-pid));
	if (s->code) {
		(void)waitpid(pid, NULL, __WALL);
		close_fd(&h->pidfd);
		return err_set(err, s->code, "execute '%s': %s", s->program, strerror(s->code));
	}
	h->pid = pid;
	return 0;
}

/**
 * helper_start() - execute podd-image
 * @h: not busy
 * @argv: its arguments, the first is its name; borrowed during the call
 * @fn: called once from the loop, when it has ended
 *
 * Return: 0 or -errno with @err filled.
 */
int helper_start(struct helper *h, struct loop *loop, char *const *argv, helper_fn *fn,
		 struct err *err)
{
	cleanup_close int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	char program[PATH_MAX];
	int fds[2], r;
	struct start s = { .program = program, .argv = argv, .in_fd = null };

	*h = (struct helper){ .loop = loop, .fn = fn, .pidfd = -EBADF, .out_fd = -EBADF };
	r = program_find(program, "podd-image", err);
	if (r < 0)
		return r;
	if (null < 0 || pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, "execute '%s'", program);
	s.out_fd = fds[1];
	h->out_fd = fds[0];
	(void)fcntl(h->out_fd, F_SETFL, O_NONBLOCK); /* of a pipe: cannot fail */
	r = spawn(h, &s, err);
	(void)close(fds[1]);
	if (r == 0)
		r = watch(h, err);
	if (r < 0)
		helper_end(h);
	return r;
}

/**
 * helper_is_busy() - whether there is a process
 */
bool helper_is_busy(const struct helper *h)
{
	return h->pid > 0;
}

/**
 * helper_end() - kill it if there is one; @fn is not called
 */
void helper_end(struct helper *h)
{
	if (!h->loop)
		return;
	if (h->pid > 0) {
		(void)sys_pidfd_send_signal(h->pidfd, SIGKILL); /* ESRCH: it has ended */
		(void)waitpid(h->pid, NULL, __WALL);
	}
	let_go(h);
}
