/* SPDX-License-Identifier: MIT */
/* Descriptors that outlive podd: parked in a socket that the pause holds. */
#include "supervisor/fd_store.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/io.h"

/**
 * fd_store_create() - an empty store
 *
 * Return: 0 or -errno with @err filled.
 */
int fd_store_create(struct fd_store *out, struct err *err)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
		return err_sys(err, "make the store of descriptors");
	*out = (struct fd_store){ .send_fd = ends[0], .receive_fd = ends[1] };
	return 0;
}

/**
 * fd_store_close() - let go of the store; what is in it stays with the pause
 */
void fd_store_close(struct fd_store *store)
{
	close_fd(&store->send_fd);
	close_fd(&store->receive_fd);
}

static int send_one(const struct fd_store *store, unsigned number, int fd, struct err *err)
{
	if (io_send_fd(store->send_fd, &number, sizeof(number), fd) < 0)
		return err_sys(err, "store a descriptor");
	fault_kill("descriptor-stored");
	return 0;
}

/* The next message; the socket's peek offset moves on by itself (socket(7)). */
static int peek(int sock, unsigned *number)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = number, .iov_len = sizeof(*number) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.room),
	};
	struct cmsghdr *c;
	int fd;

	if (recvmsg(sock, &msg, MSG_PEEK | MSG_CMSG_CLOEXEC) < 0)
		return -errno;
	c = CMSG_FIRSTHDR(&msg);
	if (!c || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof(fd)))
		return -EPROTO;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

static int rewind_to_head(const struct fd_store *store, struct err *err)
{
	int start = 0;

	if (setsockopt(store->receive_fd, SOL_SOCKET, SO_PEEK_OFF, &start, sizeof(start)) < 0)
		return err_sys(err, "look into the store of descriptors");
	return 0;
}

static int bad_message(int r, struct err *err)
{
	return err_set(err, -r, "look into the store of descriptors: %s", strerror(-r));
}

/* Counts all messages, and those under @number. */
static int count(const struct fd_store *store, unsigned number, unsigned *all, unsigned *same,
		 struct err *err)
{
	int r = rewind_to_head(store, err);

	*all = *same = 0;
	while (r == 0) {
		unsigned found;
		int fd = peek(store->receive_fd, &found);

		if (fd == -EAGAIN)
			break;
		if (fd < 0)
			return bad_message(fd, err);
		(void)close(fd);
		++*all;
		*same += found == number;
	}
	return r;
}

/* The first @n messages once round: to the end those that stay, the others away. */
static int go_round(const struct fd_store *store, unsigned n,
		    bool (*stays)(unsigned number, const void *ctx), const void *ctx,
		    struct err *err)
{
	for (; n > 0; n--) {
		unsigned number;
		int r = rewind_to_head(store, err);
		cleanup_close int fd = r < 0 ? r : peek(store->receive_fd, &number);

		if (r < 0)
			return r;
		if (fd < 0)
			return bad_message(fd, err);
		if (stays(number, ctx))
			r = send_one(store, number, fd, err);
		if (r < 0)
			return r;
		if (recv(store->receive_fd, &number, sizeof(number), 0) < 0)
			return err_sys(err, "take a descriptor out of the store");
	}
	return 0;
}

static bool is_another(unsigned number, const void *ctx)
{
	return number != *(const unsigned *)ctx;
}

/**
 * fd_store_put() - park a duplicate of @fd under a number
 *
 * What was there under that number goes.
 *
 * Return: 0 or -errno with @err filled.
 */
int fd_store_put(const struct fd_store *store, unsigned number, int fd, struct err *err)
{
	unsigned all, same;
	int r = count(store, number, &all, &same, err);

	if (r == 0)
		r = send_one(store, number, fd, err);
	return r < 0 || same == 0 ? r : go_round(store, all, is_another, &number, err);
}

/**
 * fd_store_prune() - take out all that does not stay
 * @stays: says of a number whether it does
 *
 * Return: 0 or -errno with @err filled.
 */
int fd_store_prune(const struct fd_store *store, bool (*stays)(unsigned number, const void *ctx),
		   const void *ctx, struct err *err)
{
	unsigned all, same;
	int r = count(store, 0, &all, &same, err);

	return r < 0 ? r : go_round(store, all, stays, ctx, err);
}

/**
 * fd_store_remove() - take out what is parked under a number, if something is
 *
 * Return: 0 or -errno with @err filled.
 */
int fd_store_remove(const struct fd_store *store, unsigned number, struct err *err)
{
	unsigned all, same;
	int r = count(store, number, &all, &same, err);

	return r < 0 || same == 0 ? r : go_round(store, all, is_another, &number, err);
}

/**
 * fd_store_get() - a duplicate of what was parked last under a number
 *
 * Return: the descriptor, O_CLOEXEC, the caller's; -ENOENT when there is none;
 * or -errno with @err filled.
 */
int fd_store_get(const struct fd_store *store, unsigned number, struct err *err)
{
	cleanup_close int last = -EBADF;
	int r = rewind_to_head(store, err);

	while (r == 0) {
		unsigned found;
		int fd = peek(store->receive_fd, &found);

		if (fd == -EAGAIN)
			break;
		if (fd < 0)
			return bad_message(fd, err);
		if (found == number) {
			close_fd(&last);
			last = fd;
		} else {
			(void)close(fd);
		}
	}
	if (r == 0 && last < 0)
		return err_set(err, ENOENT, "nothing is stored under %u", number);
	return r < 0 ? r : take_fd(&last);
}
