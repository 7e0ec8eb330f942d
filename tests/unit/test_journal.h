/* SPDX-License-Identifier: MIT */
/* journald's part for the tests: the socket below a rig's directory, and what comes to it. */
#pragma once

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/unit/test_log.h"

/* After rig_init(). The socket is at PATH/systemd/journal/socket, run/podd at PATH/podd. */
struct journald {
	int fd;
	int run_dirfd;
	struct sockaddr_un at;
};

static inline void journald_listen(struct journald *d)
{
	(void)unlink(d->at.sun_path);
	d->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(d->fd >= 0);
	assert_int_equal(bind(d->fd, (struct sockaddr *)&d->at, sizeof(d->at)), 0);
}

static inline void journald_init(struct journald *d, struct rig *rig)
{
	struct err err;

	*d = (struct journald){ .at = { .sun_family = AF_UNIX } };
	assert_int_equal(io_mkdir_path(rig->dirfd, "systemd/journal", 0700, &err), 0);
	assert_int_equal(io_mkdir_path(rig->dirfd, "podd", 0700, &err), 0);
	d->run_dirfd = openat(rig->dirfd, "podd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	snprintf(d->at.sun_path, sizeof(d->at.sun_path), "%s/systemd/journal/socket", rig->path);
	journald_listen(d);
	rig->shared.journal.run_dirfd = d->run_dirfd;
}

static inline void journald_done(struct journald *d)
{
	close_fd(&d->fd);
	close_fd(&d->run_dirfd);
}

/* What a datagram says, in it or in the memfd that came with it. Return: false: none is there. */
static inline bool journald_receive(struct journald *d, struct bytes *out, int *seals)
{
	char data[65536], control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { data, sizeof(data) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(d->fd, &msg, MSG_CMSG_CLOEXEC);
	struct cmsghdr *c;
	int fd;

	out->n = 0;
	if (n < 0) {
		assert_int_equal(errno, EAGAIN);
		return false;
	}
	assert_int_equal(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC), 0);
	bytes_add(out, data, (size_t)n);
	c = CMSG_FIRSTHDR(&msg);
	if (seals)
		*seals = 0;
	if (c) {
		assert_int_equal(n, 0); /* "datagrams with both payload and file descriptors" */
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
		if (seals)
			*seals = fcntl(fd, F_GET_SEALS);
		assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
		read_whole(fd, out);
		close(fd);
	}
	bytes_add(out, "", 1); /* for str*(); not counted */
	out->n--;
	return true;
}

/* The value of a field that has no newline, in one static buffer; NULL: it is not there. */
static inline const char *field(const struct bytes *entry, const char *name)
{
	static char value[65536];
	const char *p = entry->p, *end = entry->p + entry->n;
	size_t k = strlen(name);

	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));

		assert_non_null(newline);
		if ((size_t)(newline - p) > k && p[k] == '=' && memcmp(p, name, k) == 0) {
			size_t n = (size_t)(newline - p) - k - 1;

			memcpy(value, p + k + 1, n);
			value[n] = '\0';
			return value;
		}
		p = newline + 1;
	}
	return NULL;
}

static inline void assert_field(const struct bytes *entry, const char *name, const char *expect)
{
	const char *value = field(entry, name);

	if (!value || !expect)
		assert_true(value == expect);
	else
		assert_string_equal(value, expect);
}
