/* SPDX-License-Identifier: MIT */
/* Framing, descriptor passing and the envelopes of calls and replies. */
#include "base/varlink.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"

#define INPUT_FIRST_SIZE 4096

/**
 * varlink_fds_close() - close what nobody took
 */
void varlink_fds_close(struct varlink_fds *fds)
{
	for (unsigned i = 0; i < fds->n; i++)
		close_fd(&fds->fd[i]);
	fds->n = 0;
}

static int make_room(struct varlink_input *in, struct err *err)
{
	size_t size = in->size ? in->size * 2 : INPUT_FIRST_SIZE;
	char *p;

	if (in->begin > 0) {
		memmove(in->data, in->data + in->begin, in->end - in->begin);
		in->end -= in->begin;
		in->scanned -= in->begin;
		in->begin = 0;
	}
	if (in->end < in->size)
		return 0;
	if (in->size > VARLINK_MESSAGE_MAX)
		return err_set(err, EMSGSIZE, "message larger than %zu bytes", VARLINK_MESSAGE_MAX);
	if (size > VARLINK_MESSAGE_MAX)
		size = VARLINK_MESSAGE_MAX + 1;
	p = realloc(in->data, size);
	if (!p)
		return err_sys(err, "receive message");
	in->data = p;
	in->size = size;
	return 0;
}

/*
 * Every descriptor in @msg is ours from here on. One more than VARLINK_FDS_MAX
 * has room in the control buffer, so that "too many" is seen whatever the
 * kernel's alignment of the space makes of it.
 */
static int take_fds(struct varlink_fds *fds, struct msghdr *msg, struct err *err)
{
	bool surplus = msg->msg_flags & MSG_CTRUNC;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		int fd;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (fds->n < VARLINK_FDS_MAX) {
				fds->fd[fds->n++] = fd;
			} else {
				close_fd(&fd);
				surplus = true;
			}
		}
	}
	if (!surplus)
		return 0;
	varlink_fds_close(fds);
	return err_set(err, EBADMSG, "more than %d descriptors with one message", VARLINK_FDS_MAX);
}

/**
 * varlink_input_read() - one recvmsg() into the input
 * @sock: a stream socket, blocking or not
 *
 * Return: bytes read, 0 at the end of the stream, or -errno with @err filled:
 * -EAGAIN (nothing there, or the socket's timeout), -EMSGSIZE and -EBADMSG (the
 * peer broke the rules: close the connection), or what recvmsg(2) says.
 */
ssize_t varlink_input_read(struct varlink_input *in, int sock, struct err *err)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE((VARLINK_FDS_MAX + 1) * sizeof(int))];
	struct iovec iov;
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	ssize_t n;
	int r = make_room(in, err);

	if (r < 0)
		return r;
	iov = (struct iovec){ in->data + in->end, in->size - in->end };
	do
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(err, "receive message");
	r = take_fds(&in->fds, &msg, err);
	if (r < 0)
		return r;
	in->end += (size_t)n;
	return n;
}

static void release_drained(struct varlink_input *in)
{
	if (in->begin < in->end)
		return;
	free_ptr(&in->data);
	in->size = in->begin = in->end = in->scanned = 0;
}

/**
 * varlink_input_next() - the next whole message, if there is one
 * @out: receives the object, owned by the caller, or NULL when more bytes are
 * needed
 *
 * Return: 0, or -EBADMSG with @err filled: the stream cannot be trusted any
 * more, close the connection.
 */
int varlink_input_next(struct varlink_input *in, json_t **out, struct err *err)
{
	char *start, *nul = NULL;
	json_t *message = NULL;
	int r;

	*out = NULL;
	if (in->end > in->scanned)
		nul = memchr(in->data + in->scanned, '\0', in->end - in->scanned);
	in->scanned = in->end;
	if (!nul) {
		release_drained(in);
		return 0;
	}
	start = in->data + in->begin;
	in->begin = in->scanned = (size_t)(nul - in->data) + 1;
	r = json_text_parse(&message, start, (size_t)(nul - start), err);
	release_drained(in);
	if (r < 0)
		return r;
	if (!json_is_object(message)) {
		json_decref(message);
		return err_set(err, EBADMSG, "message is no JSON object");
	}
	*out = message;
	return 0;
}

/**
 * varlink_input_done() - free the buffer, close descriptors that nobody took
 */
void varlink_input_done(struct varlink_input *in)
{
	varlink_fds_close(&in->fds);
	free(in->data);
	*in = (struct varlink_input){ 0 };
}

/**
 * varlink_output_put() - append one message to what is to be sent
 *
 * Return: 0, -EMSGSIZE (larger than VARLINK_MESSAGE_MAX: the other end would
 * refuse it) or -ENOMEM, with @err filled; nothing was appended then.
 */
int varlink_output_put(struct varlink_output *out, const json_t *message, struct err *err)
{
	size_t n = json_dumpb(message, NULL, 0, JSON_COMPACT | JSON_TEXT_REALS);
	size_t kept = out->end - out->begin;
	char *p;

	if (n == 0)
		return err_set(err, ENOMEM, "send message: no memory, or no JSON value");
	if (n > VARLINK_MESSAGE_MAX)
		return err_set(err, EMSGSIZE, "message larger than %zu bytes", VARLINK_MESSAGE_MAX);
	if (out->begin > 0) {
		memmove(out->data, out->data + out->begin, kept);
		out->begin = 0;
		out->end = kept;
	}
	p = realloc(out->data, kept + n + 1);
	if (!p)
		return err_sys(err, "send message");
	out->data = p;
	/* The same n bytes as above. */
	(void)json_dumpb(message, p + kept, n, JSON_COMPACT | JSON_TEXT_REALS);
	p[kept + n] = '\0';
	out->end = kept + n + 1;
	return 0;
}

static ssize_t send_some(struct varlink_output *out, int sock)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(VARLINK_FDS_MAX * sizeof(int))] = { 0 };
	struct iovec iov = { out->data + out->begin, out->end - out->begin };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	size_t bytes = out->fds.n * sizeof(int);

	if (bytes > 0) {
		struct cmsghdr *c = (struct cmsghdr *)control;

		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(bytes);
		memcpy(CMSG_DATA(c), out->fds.fd, bytes);
		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(bytes);
	}
	return sendmsg(sock, &msg, MSG_NOSIGNAL);
}

/**
 * varlink_output_send() - send until all is gone or the socket takes no more
 *
 * A socket that takes no more (or a blocking one whose timeout ran out) is no
 * error: varlink_output_pending() tells. The buffer is freed and the
 * descriptors are closed as soon as they are sent.
 *
 * Return: 0, or -errno with @err filled: the peer is gone (EPIPE).
 */
int varlink_output_send(struct varlink_output *out, int sock, struct err *err)
{
	while (varlink_output_pending(out)) {
		ssize_t n = send_some(out, sock);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0)
			return err_sys(err, "send message");
		varlink_fds_close(&out->fds);
		out->begin += (size_t)n;
	}
	free(out->data);
	out->data = NULL;
	out->begin = out->end = 0;
	return 0;
}

/**
 * varlink_output_done() - forget what was not sent
 */
void varlink_output_done(struct varlink_output *out)
{
	varlink_fds_close(&out->fds);
	free(out->data);
	*out = (struct varlink_output){ 0 };
}

/* jansson's strict unpacking gives the position; its text names the member. */
static int unpack_failed(struct err *err, const char *what, const json_error_t *e)
{
	return err_set(err, EBADMSG, "bad %s: %s", what, e->text);
}

/**
 * varlink_call_read() - the members of a call
 * @message: must live as long as @out is used
 *
 * Strict: an unknown member or a wrong type is an error. "upgrade" is known
 * and refused, since nothing here takes it.
 *
 * Return: 0, or -EBADMSG with @err filled.
 */
int varlink_call_read(struct varlink_call *out, const json_t *message, struct err *err)
{
	int oneway = 0, more = 0, upgrade = 0;
	struct varlink_call c = { 0 };
	json_error_t e;

	if (json_unpack_ex((json_t *)message, &e, JSON_STRICT, "{s:s, s?o, s?b, s?b, s?b}",
			   "method", &c.method, "parameters", &c.parameters, "oneway", &oneway,
			   "more", &more, "upgrade", &upgrade) < 0)
		return unpack_failed(err, "call", &e);
	if (json_is_null(c.parameters))
		c.parameters = NULL;
	if (c.parameters && !json_is_object(c.parameters))
		return err_set(err, EBADMSG, "bad call: parameters are no object");
	if (upgrade || (oneway && more))
		return err_set(err, EBADMSG, "bad call: %s",
			       upgrade ? "no method can be upgraded" : "both oneway and more");
	c.oneway = oneway;
	c.more = more;
	*out = c;
	return 0;
}

/**
 * varlink_reply_read() - the members of a reply
 * @message: must live as long as @out is used
 *
 * Return: 0, or -EBADMSG with @err filled.
 */
int varlink_reply_read(struct varlink_reply *out, const json_t *message, struct err *err)
{
	struct varlink_reply reply = { 0 };
	int continues = 0;
	json_error_t e;

	if (json_unpack_ex((json_t *)message, &e, JSON_STRICT, "{s?s, s?o, s?b}", "error",
			   &reply.error, "parameters", &reply.parameters, "continues",
			   &continues) < 0)
		return unpack_failed(err, "reply", &e);
	if (json_is_null(reply.parameters))
		reply.parameters = NULL;
	if (reply.parameters && !json_is_object(reply.parameters))
		return err_set(err, EBADMSG, "bad reply: parameters are no object");
	reply.continues = continues;
	*out = reply;
	return 0;
}
