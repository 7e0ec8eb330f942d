/* SPDX-License-Identifier: MIT */
/* Asking podd-image. */
#include "supervisor/admission.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/program.h"
#include "base/sys.h"
#include "image/policy.h"
#include "supervisor/images.h"

/* For a disk that has to wake up. */
#define ANSWER_TIMEOUT_MS 10000

struct question {
	const char *binary;
	char *const *argv;
	int to_fd;
	int code; /* set by the child, which shares our memory: why it was not executed */
};

/* In a child: never comes back to where it came from. */
static int answer_child(void *arg)
{
	struct question *q = arg;
	sigset_t none;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL); /* cannot fail with these arguments */
	if (dup2(q->to_fd, STDOUT_FILENO) >= 0 && dup2(q->to_fd, STDERR_FILENO) >= 0)
		(void)execve(q->binary, q->argv, environ);
	q->code = errno;
	return 127;
}

/* Until it ends. Return: whether that was in time. */
static bool hear(int fd, char *text, size_t size)
{
	uint64_t until = clock_boottime_ns() + ANSWER_TIMEOUT_MS * NSEC_PER_MSEC;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char rest[256];
	size_t used = 0;

	for (uint64_t now; (now = clock_boottime_ns()) < until;) {
		size_t room = size - 1 - used;
		ssize_t n;

		if (poll(&p, 1, (int)((until - now) / NSEC_PER_MSEC) + 1) <= 0)
			continue;
		n = read(fd, room ? text + used : rest, room ? room : sizeof(rest));
		if (n <= 0)
			return true;
		used += room ? (size_t)n : 0;
		text[used] = '\0';
	}
	return false;
}

/* The first line that it said, whatever is in there. */
static void clean(char *text)
{
	text[strcspn(text, "\n")] = '\0';
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

static int understand(int status, bool in_time, char *answer, struct err *err)
{
	if (!in_time)
		return err_set(err, ETIMEDOUT, "podd-image has not answered for %d s",
			       ANSWER_TIMEOUT_MS / 1000);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	clean(answer);
	if (WIFEXITED(status) && *answer)
		return err_set(err, EACCES, "%s", answer);
	return err_set(err, EIO, "podd-image ended with %s %d", WIFEXITED(status) ? "status" : "signal",
		       WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

static int run(struct question *q, struct err *err)
{
	int fds[2], pidfd = -EBADF, status = 0;
	const struct child_args args = { .flags = CLONE_PIDFD, .pidfd = &pidfd };
	char answer[sizeof(err->msg)] = "";
	bool in_time = true;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, "make a pipe");
	q->to_fd = fds[1];
	pid = child_spawn(&args, answer_child, q);
	(void)close(fds[1]);
	if (pid > 0) {
		in_time = hear(fds[0], answer, sizeof(answer));
		if (!in_time)
			(void)sys_pidfd_send_signal(pidfd, SIGKILL); /* ESRCH: it has just ended */
		while (waitpid(pid, &status, __WALL) < 0 && errno == EINTR)
			;
	}
	(void)close(fds[0]);
	close_fd(&pidfd);
	if (pid < 0)
		return err_set(err, -pid, "execute '%s': %s", q->binary, strerror(-pid));
	if (q->code)
		return err_set(err, q->code, "execute '%s': %s", q->binary, strerror(q->code));
	return understand(status, in_time, answer, err);
}

static int ask(const struct pod_spec *spec, const struct paths *paths, const char *policy,
	       struct err *err)
{
	const char *argv[2 * POD_CONTAINERS_MAX + 8] = { IMAGE_ADMIT_PROGRAM };
	char binary[PATH_MAX];
	struct question q = { .binary = binary, .argv = (char *const *)argv };
	size_t n = 1;
	int r = program_find(binary, "podd-image", err);

	if (*paths->root) {
		argv[n++] = "--root";
		argv[n++] = paths->root;
	}
	argv[n++] = "admit";
	argv[n++] = "--";
	argv[n++] = policy;
	for (size_t i = 0; i < spec->container_n; i++) {
		if (!spec->containers[i].image.name)
			continue;
		argv[n++] = spec->containers[i].image.name;
		argv[n++] = spec->containers[i].image.id;
	}
	return r < 0 ? r : run(&q, err);
}

/**
 * admission_ask() - whether ImagePolicy=, or else the host's policy, allows a pod's images
 * @spec: with the images looked up
 *
 * Waits for the answer, up to 10 s.
 *
 * Return: 0; -EACCES for an image that is not allowed; -ETIMEDOUT or -errno when
 * that cannot be told. @err is filled.
 */
int admission_ask(const struct pod_spec *spec, const struct paths *paths, struct err *err)
{
	char text[IMAGE_POLICY_TEXT_MAX];
	const char *words = spec->image_policy;
	cleanup_free struct image_policy *policy = NULL;
	int r = 0;

	if (!images_used(spec))
		return 0;
	if (!words) {
		r = image_policy_read(text, paths->etc, err);
		words = text;
	}
	if (r < 0 || strcmp(words, "any") == 0)
		return r;
	policy = calloc(1, sizeof(*policy));
	r = policy ? image_policy_parse(policy, words, err) : err_set(err, ENOMEM, "out of memory");
	if (r < 0 && words == text)
		(void)err_wrap(err, r, "'%s/etc/podd/" IMAGE_POLICY_FILE "'", paths->root);
	return r < 0 || policy->key_n == 0 ? r : ask(spec, paths, words, err);
}
