/* SPDX-License-Identifier: MIT */
/* Requests to the kernel over netlink: several in one send, one answer each. */
#include "netns/netlink.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* Larger than any single answer to what we ask; a dump fills it piece by piece. */
#define REPLY_SIZE 8192

static_assert(NETLINK_BATCH_MAX <= 32, "struct answers has a bit for each message");

/* How far the answers to one batch have come. */
struct answers {
	struct netlink_batch *batch;
	unsigned missing; /* one bit for each message */
	int result;       /* the first failure, -errno */
	struct err *err;
};

/**
 * netlink_socket() - open a netlink socket in the caller's network namespace
 * @protocol: NETLINK_ROUTE or NETLINK_NETFILTER
 *
 * A socket stays in the namespace where it was made, so one that is opened by
 * a child inside a pod serves the parent outside as well.
 *
 * Return: the descriptor, or -1 with errno set.
 */
int netlink_socket(int protocol)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	int on = 1;

	if (fd < 0)
		return -1;
	/* Each only makes answers better or shorter; nothing is lost without. */
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	return fd;
}

/**
 * netlink_batch_done() - free the messages of a batch; it is empty then
 */
void netlink_batch_done(struct netlink_batch *b)
{
	for (unsigned i = 0; i < b->n; i++)
		nlmsg_free(b->msgs[i]);
	b->n = 0;
	b->failed = false;
}

/**
 * netlink_add() - begin the next message; what is put from now on belongs to it
 * @flags: NLM_F_*; without NLM_F_ACK (or a dump) no answer is waited for
 * @fmt: what an error of this message begins with
 */
void netlink_add(struct netlink_batch *b, uint16_t type, uint16_t flags, const char *fmt, ...)
{
	struct nl_msg *msg = b->n < NETLINK_BATCH_MAX ? nlmsg_alloc() : NULL;
	va_list ap;

	if (!msg) {
		b->failed = true;
		return;
	}
	/* The sequence number is the place in the batch, counted from one. */
	if (!nlmsg_put(msg, 0, b->n + 1, type, 0, flags))
		b->failed = true;
	va_start(ap, fmt);
	(void)vsnprintf(b->what[b->n], sizeof(b->what[0]), fmt, ap);
	va_end(ap);
	b->msgs[b->n++] = msg;
}

static struct nl_msg *last(struct netlink_batch *b)
{
	return b->failed || b->n == 0 ? NULL : b->msgs[b->n - 1];
}

/**
 * netlink_head() - put the fixed header of a message or of a nested one
 */
void netlink_head(struct netlink_batch *b, const void *head, size_t n)
{
	if (!last(b) || nlmsg_append(last(b), (void *)head, n, NLMSG_ALIGNTO) < 0)
		b->failed = true;
}

/**
 * netlink_put() - put an attribute of any content
 */
void netlink_put(struct netlink_batch *b, int attr, const void *data, size_t n)
{
	if (!last(b) || nla_put(last(b), attr, (int)n, data) < 0)
		b->failed = true;
}

/**
 * netlink_put_u32() - put a number in the byte order that @value already has
 */
void netlink_put_u32(struct netlink_batch *b, int attr, uint32_t value)
{
	netlink_put(b, attr, &value, sizeof(value));
}

/**
 * netlink_put_str() - put a string and its NUL
 */
void netlink_put_str(struct netlink_batch *b, int attr, const char *s)
{
	netlink_put(b, attr, s, strlen(s) + 1);
}

/**
 * netlink_nest() - begin an attribute that holds others
 *
 * Return: what netlink_nest_end() wants, NULL when the batch has failed.
 */
struct nlattr *netlink_nest(struct netlink_batch *b, int attr)
{
	struct nlattr *nest = last(b) ? nla_nest_start(last(b), attr) : NULL;

	if (!nest)
		b->failed = true;
	return nest;
}

/**
 * netlink_nest_end() - end an attribute that holds others
 *
 * Kept even when it is empty: nftables wants NFTA_EXPR_DATA of an expression
 * without operands, and libnl's nla_nest_end() would drop it.
 */
void netlink_nest_end(struct netlink_batch *b, struct nlattr *nest)
{
	if (last(b) && nest)
		(void)nla_nest_end_keep_empty(last(b), nest); /* cannot fail */
}

/* The kernel's own words for a failure, or NULL. */
static const char *explanation(struct nlmsghdr *nlh)
{
	struct nlmsgerr *e = nlmsg_data(nlh);
	struct nlattr *tb[NLMSGERR_ATTR_MAX + 1];
	int skip = sizeof(*e);

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return NULL;
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		skip += (int)e->msg.nlmsg_len - NLMSG_HDRLEN;
	if (nlmsg_parse(nlh, skip, tb, NLMSGERR_ATTR_MAX, NULL) < 0 || !tb[NLMSGERR_ATTR_MSG])
		return NULL;
	return nla_get_string(tb[NLMSGERR_ATTR_MSG]);
}

static void take_result(struct answers *a, unsigned i, int code, const char *why)
{
	const char *what = a->batch->what[i];

	a->missing &= ~(1U << i);
	if (code == 0 || a->result < 0)
		return;
	if (why)
		a->result = err_set(a->err, code, "%s: %s (%s)", what, why, strerror(code));
	else
		a->result = err_set(a->err, code, "%s: %s", what, strerror(code));
}

/* The end of a dump says why it ended, and whether it is of one piece. */
static int dump_code(struct nlmsghdr *nlh)
{
	if (nlmsg_datalen(nlh) >= (int)sizeof(int) && *(int *)nlmsg_data(nlh) < 0)
		return -*(int *)nlmsg_data(nlh);
	return nlh->nlmsg_flags & NLM_F_DUMP_INTR ? EINTR : 0;
}

static void take_answer(struct answers *a, struct nlmsghdr *nlh)
{
	unsigned i = nlh->nlmsg_seq - 1;

	if (i >= a->batch->n)
		return;
	switch (nlh->nlmsg_type) {
	case NLMSG_ERROR:
		take_result(a, i, -((struct nlmsgerr *)nlmsg_data(nlh))->error, explanation(nlh));
		break;
	case NLMSG_DONE:
		take_result(a, i, dump_code(nlh), NULL);
		break;
	default:
		if (a->batch->on_reply)
			a->batch->on_reply(nlh, a->batch->arg);
	}
}

/*
 * The kernel works on a message inside sendmsg and on the rest of a dump
 * inside recvmsg, so an empty queue means that no answer is left to come.
 */
static int take_answers(struct answers *a, int sock)
{
	char buf[REPLY_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));

	for (;;) {
		ssize_t got = recv(sock, buf, sizeof(buf), MSG_DONTWAIT | MSG_TRUNC);
		int left = (int)got;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN)
			return 0;
		if (got < 0)
			return err_sys(a->err, "%s: netlink answer", a->batch->what[0]);
		if (got > (ssize_t)sizeof(buf))
			return err_set(a->err, EMSGSIZE, "%s: netlink answer of %zd bytes",
				       a->batch->what[0], got);
		for (struct nlmsghdr *nlh = (void *)buf; nlmsg_ok(nlh, left);
		     nlh = nlmsg_next(nlh, &left))
			take_answer(a, nlh);
	}
}

/**
 * netlink_batch_run() - send a batch and take all answers
 * @sock: from netlink_socket()
 * @err: gets the words of the first message that failed
 *
 * The batch can be run again; netlink_batch_done() empties it.
 *
 * Return: 0 or -errno of the first failure. EINTR: a dump was not of one piece
 * because something changed meanwhile; ask again.
 */
int netlink_batch_run(struct netlink_batch *b, int sock, struct err *err)
{
	struct answers a = { .batch = b, .err = err };
	struct iovec iov[NETLINK_BATCH_MAX];
	int r;

	if (b->failed || b->n == 0)
		return err_set(err, ENOMEM, "build netlink message: %s", strerror(ENOMEM));
	for (unsigned i = 0; i < b->n; i++) {
		struct nlmsghdr *nlh = nlmsg_hdr(b->msgs[i]);

		iov[i] = (struct iovec){ nlh, nlh->nlmsg_len };
		if (nlh->nlmsg_flags & (NLM_F_ACK | NLM_F_DUMP))
			a.missing |= 1U << i;
	}
	/* Without a destination a netlink socket sends to the kernel. */
	if (writev(sock, iov, (int)b->n) < 0)
		return err_sys(err, "%s: netlink", b->what[0]);
	r = take_answers(&a, sock);
	if (r < 0 || a.result < 0)
		return r < 0 ? r : a.result;
	if (a.missing)
		return err_set(err, EPROTO, "%s: no answer from the kernel", b->what[0]);
	return 0;
}
