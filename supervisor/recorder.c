/* SPDX-License-Identifier: MIT */
/* Starting and ending recorders. */
#include "supervisor/recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/fd.h"
#include "base/program.h"
#include "base/sys.h"
#include "supervisor/say.h"

#define END_TIMEOUT_MS 5000

/* The memory is shared with the child. */
struct run {
	char program[PATH_MAX];
	int socket_fd, out_fd;
	int code; /* of an execve that failed */
};

static int exec_child(void *arg)
{
	static char name[] = "podd-seccomp", verb[] = "record";
	static char *argv[] = { name, verb, NULL }, *env[] = { NULL };
	struct run *run = arg;
	sigset_t none;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL); /* cannot fail with these arguments */
	/* Not of podd's session: it lives on when somebody ends that one. */
	(void)setsid();
	if (dup2(run->socket_fd, STDIN_FILENO) >= 0 && dup2(run->out_fd, STDOUT_FILENO) >= 0)
		(void)execve(run->program, argv, env);
	run->code = errno;
	return 127;
}

static int open_profile(const char *path, struct err *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644);

	return fd < 0 ? err_sys(err, "open '%s'", path) : fd;
}

static bool is_alive(const struct recorder *r)
{
	return r->pid > 0 && waitpid(r->pid, NULL, __WALL | WNOHANG) == 0;
}

/**
 * recorder_check() - whether a profile can be written there
 *
 * Return: 0 or -errno with @err filled; an empty file is there afterwards.
 */
int recorder_check(const char *path, struct err *err)
{
	int fd = open_profile(path, err);

	if (fd >= 0)
		(void)close(fd);
	return fd < 0 ? fd : 0;
}

/**
 * recorder_start() - have a recorder, unless there is one that lives
 * @path: of the profile that it adds to
 *
 * Return: 0 or -errno with @err filled.
 */
int recorder_start(struct recorder *r, const char *path, struct err *err)
{
	cleanup_close int out_fd = -EBADF, theirs = -EBADF;
	struct run run = { .code = 0 };
	const struct child_args args = { .flags = CLONE_PIDFD, .pidfd = &r->pidfd };
	int fds[2], e;

	if (is_alive(r))
		return 0;
	recorder_end(r);
	e = program_find(run.program, "podd-seccomp", err);
	if (e == 0)
		e = out_fd = open_profile(path, err);
	if (e < 0)
		return e;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return err_sys(err, "make a socket pair");
	theirs = fds[1];
	run.socket_fd = theirs;
	run.out_fd = out_fd;
	*r = (struct recorder){ .pidfd = -EBADF, .socket_fd = fds[0] };
	r->pid = child_spawn(&args, exec_child, &run);
	if (r->pid > 0 && run.code == 0)
		return 0;
	e = r->pid < 0 ? -r->pid : run.code;
	recorder_end(r);
	return err_set(err, e, "execute '%s': %s", run.program, strerror(e));
}

/**
 * recorder_end() - let it write the profile, and wait for that, 5 s at most
 *
 * Those whom it answers for have ended, or it is left to them.
 */
void recorder_end(struct recorder *r)
{
	struct pollfd gone = { .fd = r->pidfd, .events = POLLIN };

	if (r->socket_fd == 0 && r->pid == 0)
		return;
	close_fd(&r->socket_fd);
	if (r->pid > 0 && poll(&gone, 1, END_TIMEOUT_MS) > 0)
		(void)waitpid(r->pid, NULL, __WALL);
	else if (r->pid > 0)
		say(SAY_WARNING, "podd-seccomp (pid %d) still records and is left alone", (int)r->pid);
	close_fd(&r->pidfd);
	*r = (struct recorder){ .pid = 0 };
}
