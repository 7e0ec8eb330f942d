/* SPDX-License-Identifier: MIT */
/* Sending entries to journald, as datagrams or in a memfd. */
#include "supervisor/journal.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

/* Room for as many datagrams as the other end's queue has (net.unix.max_dgram_qlen). */
#define SEND_BUFFER (8 * 1024 * 1024)

enum { PART_FIELDS, PART_NAME, PART_TEXT, PART_END, PARTS };

/* An entry as it is on the wire. */
struct wire {
	char name[sizeof("MESSAGE\n") + sizeof(uint64_t)];
	struct iovec parts[PARTS];
};

static void encode(struct wire *w, const struct journal_entry *e)
{
	uint64_t size = htole64(e->text_n);
	size_t n = sizeof("MESSAGE=") - 1;

	memcpy(w->name, "MESSAGE=", n);
	if (e->text_n && memchr(e->text, '\n', e->text_n)) {
		w->name[n - 1] = '\n';
		memcpy(w->name + n, &size, sizeof(size));
		n += sizeof(size);
	}
	w->parts[PART_FIELDS] = (struct iovec){ (void *)e->fields, e->fields_n };
	w->parts[PART_NAME] = (struct iovec){ w->name, n };
	w->parts[PART_TEXT] = (struct iovec){ (void *)e->text, e->text_n };
	w->parts[PART_END] = (struct iovec){ (void *)"\n", 1 };
}

/**
 * journal_init() - no connection yet
 * @run_dirfd: of run/podd; borrowed as long as @j is used. -EBADF: the one that is
 *	set later
 */
void journal_init(struct journal *j, int run_dirfd)
{
	*j = (struct journal){ .run_dirfd = run_dirfd, .fd = -EBADF };
}

/*
 * By way of the directory's descriptor: sun_path has room for 108 bytes, and the
 * root that all is under may be longer.
 */
static int connect_journal(struct journal *j)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const int room = SEND_BUFFER;
	cleanup_close int fd = -EBADF;

	if (j->fd >= 0)
		return 0;
	snprintf(to.sun_path, sizeof(to.sun_path), "/proc/self/fd/%d/../systemd/journal/socket",
		 j->run_dirfd);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return -errno;
	/* Without the privilege as much as there is: less is on its way at a time. */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	j->fd = take_fd(&fd);
	return 0;
}

static int send_datagram(int fd, struct wire *w)
{
	const struct msghdr msg = { .msg_iov = w->parts, .msg_iovlen = PARTS };

	return sendmsg(fd, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int make_memfd(struct wire *w)
{
	cleanup_close int fd = memfd_create("podd-journal", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	size_t size = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	for (int i = 0; i < PARTS; i++)
		size += w->parts[i].iov_len;
	n = writev(fd, w->parts, PARTS);
	if (n != (ssize_t)size)
		return n < 0 ? -errno : -ENOSPC;
	/* journald maps it, and takes none that could change. */
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		return -errno;
	return take_fd(&fd);
}

static int send_memfd(int fd, struct wire *w)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { .head = { .cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS,
				.cmsg_len = CMSG_LEN(sizeof(int)) } };
	const struct msghdr msg = { .msg_control = &control, .msg_controllen = sizeof(control) };
	cleanup_close int memfd = make_memfd(w);

	if (memfd < 0)
		return memfd;
	memcpy(CMSG_DATA(&control.head), &memfd, sizeof(memfd));
	return sendmsg(fd, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int try_once(struct journal *j, struct wire *w)
{
	int r = connect_journal(j);

	if (r < 0)
		return r;
	r = send_datagram(j->fd, w);
	/* ENOBUFS: no memory for one of this size, in one piece. */
	if (r == -EMSGSIZE || r == -ENOBUFS)
		r = send_memfd(j->fd, w);
	return r;
}

/**
 * journal_send() - give one entry to journald
 *
 * Never blocks. What is taken is in the socket's queue: journald reads it, also
 * after it was started anew.
 *
 * Return: 0; or -errno with nothing sent: -EAGAIN when the queue is full, -ENOENT or
 * -ECONNREFUSED when no journald is there, or what else connect(2), sendmsg(2) and
 * memfd_create(2) say.
 */
int journal_send(struct journal *j, const struct journal_entry *entry)
{
	struct wire w;
	int r;

	encode(&w, entry);
	r = try_once(j, &w);
	if (r < 0 && r != -EAGAIN && j->fd >= 0) {
		close_fd(&j->fd); /* another socket may be there in place of that one */
		r = try_once(j, &w);
	}
	j->error = -r;
	if (r == 0)
		j->stuck_ns = 0;
	else if (j->stuck_ns == 0)
		j->stuck_ns = clock_boottime_ns();
	return r;
}

/**
 * journal_wait() - wait until a full queue has room again
 *
 * Return: whether it has; false at once when something else is wrong.
 */
bool journal_wait(const struct journal *j, int timeout_ms)
{
	struct pollfd p = { .fd = j->fd, .events = POLLOUT };

	return j->error == EAGAIN && poll(&p, 1, timeout_ms) > 0;
}

/**
 * journal_is_given_up() - whether nothing was taken for JOURNAL_PATIENCE_NS
 */
bool journal_is_given_up(const struct journal *j)
{
	return j->stuck_ns && clock_boottime_ns() - j->stuck_ns >= JOURNAL_PATIENCE_NS;
}

/**
 * journal_strip_priority() - the "<N>" of sd-daemon(3) in front of a line
 * @text, @n: the line; moved behind the prefix when there is one
 *
 * N is one digit, 0 to 7, as systemd takes it from the output of services.
 *
 * Return: the priority, or @fallback.
 */
int journal_strip_priority(const char **text, size_t *n, int fallback)
{
	const char *p = *text;

	if (*n < 3 || p[0] != '<' || p[1] < '0' || p[1] > '7' || p[2] != '>')
		return fallback;
	*text += 3;
	*n -= 3;
	return p[1] - '0';
}

/**
 * journal_close() - let go of the socket; what was sent stays
 */
void journal_close(struct journal *j)
{
	close_fd(&j->fd);
}
