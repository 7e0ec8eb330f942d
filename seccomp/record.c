/* SPDX-License-Identifier: MIT */
/* Answering notifications, and writing down for what. */
#include "seccomp/record.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "seccomp/profile.h"
#include "seccomp/recording.h"

/*
 * Theory of operation
 *
 * The filter of a process in a recorded container lets nothing through by itself:
 * the kernel asks, over a listener (seccomp_unotify(2)), and this process says
 * "continue" to all. The container's program and each exec session have a filter,
 * and so a listener, of their own; they come over a socket. A listener ends with the
 * last process that has its filter. podd may die meanwhile, and this goes on: its end
 * of the socket closes, and when the last listener has ended as well, so does this.
 *
 * The profile is written each time that no listener is left, as the sum of what is in
 * the file and what was called: another recorder may have written there. The lock is
 * of those who write; when somebody else holds it, it is tried again for some time, as
 * long as there is no listener, and with the next end.
 *
 * clone3 is answered with ENOSYS, as podd's own profile does, so that a libc uses clone,
 * whose flags a filter can see.
 */
#define LISTENERS_MAX 64
#define TRIES_MAX     20 /* 2 s, while podd waits for 5 */
#define TRY_EVERY_MS  100

struct recorder {
	struct pollfd fds[1 + LISTENERS_MAX]; /* the socket first */
	size_t n;
	struct recording *what;
	int out_fd;
	bool unwritten; /* what was recorded up to the last end */
	unsigned tries;	/* to write it before the next end */
};

/* ------------------------------------------------------------------- the file */

/* What is there already: of an earlier run, or of another recorder. */
static int merge_file(struct recording *w, int fd, struct err *err)
{
	cleanup_free char *text = malloc(SECCOMP_FILE_MAX);
	struct seccomp_profile *p = NULL;
	struct seccomp_target target;
	ssize_t n = text ? pread(fd, text, SECCOMP_FILE_MAX, 0) : -1;
	int r = seccomp_target_here(&target, 0, err);

	if (n < 0)
		return err_sys(err, "read the profile");
	if (r < 0 || n == 0)
		return r;
	r = seccomp_profile_parse(&p, text, (size_t)n, &target, err);
	if (r == 0)
		r = recording_check(p, err); /* somebody may have put another one there */
	if (r == 0)
		recording_merge(w, p);
	seccomp_profile_free(p);
	return r;
}

/* Whoever can read it can hold its lock: never waits, and leaves it @r->unwritten then. */
static int write_file(struct recorder *r, struct err *err)
{
	char *text = NULL;
	size_t n;
	int e;

	if (flock(r->out_fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? 0 : err_sys(err, "lock the profile");
	r->unwritten = false;
	e = merge_file(r->what, r->out_fd, err);
	if (e == 0)
		text = recording_profile(r->what);
	if (e == 0 && !text)
		e = err_set(err, ENOMEM, "out of memory");
	n = text ? strlen(text) : 0;
	if (e == 0 && (pwrite(r->out_fd, text, n, 0) != (ssize_t)n ||
		       pwrite(r->out_fd, "\n", 1, (off_t)n) != 1 ||
		       ftruncate(r->out_fd, (off_t)n + 1) < 0))
		e = err_sys(err, "write the profile");
	free(text);
	(void)flock(r->out_fd, LOCK_UN); /* of a lock that is held: cannot fail */
	return e;
}

/* ---------------------------------------------------------------------- the loop */

/* The kernel's structures may have grown: it says so, and takes ours if they are larger. */
static void answer(struct recorder *r, int listener)
{
	union {
		struct seccomp_notif call;
		char room[512];
	} in = { 0 };
	union {
		struct seccomp_notif_resp resp;
		char room[512];
	} out = { 0 };

	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &in) < 0)
		return; /* ENOENT: it was killed meanwhile; EINTR */
	out.resp.id = in.call.id;
	if (recording_hides(&in.call.data)) {
		out.resp.error = -ENOSYS;
	} else {
		recording_note(r->what, &in.call.data);
		out.resp.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	}
	(void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &out); /* ENOENT: as above */
}

static void take_listener(struct recorder *r)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(r->fds[0].fd, &msg, MSG_CMSG_CLOEXEC);
	struct cmsghdr *head = CMSG_FIRSTHDR(&msg);
	int fd;

	if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) {
		r->fds[0].fd = -1; /* podd needs no more of this, or is gone: who reads */
		(void)close(STDERR_FILENO); /* what it says shall see its end, too */
	}
	if (n <= 0 || !head || head->cmsg_type != SCM_RIGHTS)
		return;
	memcpy(&fd, CMSG_DATA(head), sizeof(fd));
	if (r->n == ARRAY_SIZE(r->fds))
		(void)close(fd); /* its processes get ENOSYS for all; there are as many slots */
	else
		r->fds[r->n++] = (struct pollfd){ .fd = fd, .events = POLLIN };
}

static int turn(struct recorder *r, struct err *err)
{
	size_t before = r->n;
	/* With nobody to answer for: what fails then ends this process, and no container. */
	bool retry = r->unwritten && r->tries > 0 && r->n == 1;
	int n = poll(r->fds, r->n, retry ? TRY_EVERY_MS : -1);

	if (n < 0)
		return errno == EINTR ? 0 : err_sys(err, "poll");
	if (n == 0) {
		r->tries--;
		return write_file(r, err);
	}
	for (size_t i = r->n; i-- > 1;) {
		if (r->fds[i].revents & POLLIN)
			answer(r, r->fds[i].fd);
		else if (r->fds[i].revents & (POLLHUP | POLLERR | POLLNVAL)) {
			(void)close(r->fds[i].fd);
			r->fds[i] = r->fds[--r->n];
		}
	}
	if (r->fds[0].revents)
		take_listener(r);
	if (before == 1 || r->n > 1)
		return 0;
	r->unwritten = true;
	r->tries = TRIES_MAX;
	return write_file(r, err);
}

/**
 * seccomp_record() - answer for the processes of a container until they and podd are done
 * @socket_fd: listeners come over it; its end says that no more will
 * @out_fd: open for reading and writing: a profile that is added to, or empty
 *
 * Return: 0 or -errno with @err filled.
 */
int seccomp_record(int socket_fd, int out_fd, struct err *err)
{
	struct recorder *r = calloc(1, sizeof(*r));
	struct recording *w = recording_new();
	int e = 0;

	if (!r || !w) {
		free(r);
		recording_free(w);
		return err_set(err, ENOMEM, "out of memory");
	}
	*r = (struct recorder){ .n = 1, .what = w, .out_fd = out_fd };
	r->fds[0] = (struct pollfd){ .fd = socket_fd, .events = POLLIN };
	while (e == 0 && (r->fds[0].fd >= 0 || r->n > 1 || (r->unwritten && r->tries)))
		e = turn(r, err);
	if (e == 0 && r->unwritten)
		e = write_file(r, err);
	if (e == 0 && r->unwritten)
		e = err_set(err, EAGAIN, "the profile is locked by somebody else");
	recording_free(w);
	free(r);
	return e;
}
