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
#include "base/clock.h"
#include "base/fd.h"
#include "base/lookup.h"
#include "base/program.h"
#include "base/sys.h"
#include "supervisor/say.h"

#define END_TIMEOUT_MS 5000
#define GROUP	       "recorder" /* no container's, which have a prefix */

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
	const struct lookup l = { path, "open", O_RDWR | O_CREAT | O_NOCTTY | O_NONBLOCK };
	int fd = -EBADF, r = lookup_open(&fd, &l, err);

	return r < 0 ? r : fd;
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

/* One for all recorders of the pod. @out: its dirfd is -EBADF on failure. */
static int open_group(struct cgroup *out, const struct cgroup *pod, struct err *err)
{
	int r;

	*out = (struct cgroup){ .dirfd = -EBADF };
	r = cgroup_open(out, pod->dirfd, GROUP, err);
	return r == -ENOENT ? cgroup_create(out, pod->dirfd, GROUP, err) : r;
}

/* Return: 0 or -errno with @err filled; give @r to recorder_end() then. */
static int run_in_group(struct recorder *r, struct run *run, const struct cgroup *group,
			struct err *err)
{
	const struct child_args args = {
		.flags = CLONE_PIDFD | CLONE_INTO_CGROUP,
		.cgroup_fd = group->dirfd,
		.pidfd = &r->pidfd,
	};
	int e;

	r->pid = child_spawn(&args, exec_child, run);
	if (r->pid > 0 && run->code == 0)
		return 0;
	e = r->pid < 0 ? -r->pid : run->code;
	return err_set(err, e, "execute '%s': %s", run->program, strerror(e));
}

/**
 * recorder_start() - have a recorder, unless there is one that lives
 * @pod: the pod's group
 * @path: of the profile that it adds to
 *
 * Return: 0 or -errno with @err filled.
 */
int recorder_start(struct recorder *r, const struct cgroup *pod, const char *path, struct err *err)
{
	cleanup_close int out_fd = -EBADF, theirs = -EBADF;
	struct run run = { .code = 0 };
	struct cgroup group;
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
	e = open_group(&group, pod, err);
	if (e == 0)
		e = run_in_group(r, &run, &group, err);
	cgroup_close(&group);
	if (e < 0)
		recorder_end(r);
	return e;
}

/**
 * recorder_wait() - until all recorders of a pod have written their profiles, 5 s at most
 * @pod: its group; what they record has ended
 */
void recorder_wait(const struct cgroup *pod)
{
	struct cgroup group = { .dirfd = -EBADF };
	struct pollfd events = { .fd = -EBADF, .events = POLLPRI };
	uint64_t now = clock_boottime_ns(), end = now + END_TIMEOUT_MS * NSEC_PER_MSEC;

	if (cgroup_open(&group, pod->dirfd, GROUP, NULL) < 0)
		return; /* it has none */
	events.fd = cgroup_events_open(&group, NULL);
	for (; events.fd >= 0 && now < end; now = clock_boottime_ns()) {
		if (cgroup_events_populated(events.fd, NULL) <= 0)
			break;
		(void)poll(&events, 1, (int)((end - now) / NSEC_PER_MSEC) + 1);
	}
	close_fd(&events.fd);
	cgroup_close(&group);
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
		say(SAY_WARNING, "podd-seccomp (pid %d) still records and is left alone",
		    (int)r->pid);
	close_fd(&r->pidfd);
	*r = (struct recorder){ .pid = 0 };
}
