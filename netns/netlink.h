/* SPDX-License-Identifier: MIT */
/* Requests to the kernel over netlink: several in one send, one answer each. */
#pragma once

#include <linux/netlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Theory of operation
 *
 * A batch is a list of messages that go to the kernel in one writev(2). libnl
 * builds and parses them; the socket is a plain descriptor, closed as soon as
 * the work is done, so that an idle podd holds none and no receive buffer.
 *
 * Building never fails in between: what goes wrong (no memory) is kept and
 * told by netlink_batch_run(). Each message carries the words that an error
 * begins with ("create bridge 'podd0'"); the kernel's own explanation
 * (NETLINK_EXT_ACK) follows when there is one.
 *
 * rtnetlink goes on with the next message when one fails; nfnetlink, between
 * its batch markers, does all or nothing.
 */
#define NETLINK_BATCH_MAX 24
#define NETLINK_ACKED     (NLM_F_REQUEST | NLM_F_ACK)

typedef void netlink_reply_fn(struct nlmsghdr *reply, void *arg);

struct netlink_batch {
	struct nl_msg *msgs[NETLINK_BATCH_MAX];
	char what[NETLINK_BATCH_MAX][96];
	unsigned n;
	bool failed; /* a message could not be built */
	netlink_reply_fn *on_reply; /* data that the kernel sends, or NULL */
	void *arg;
};

int netlink_socket(int protocol);
void netlink_batch_done(struct netlink_batch *b);
int netlink_batch_run(struct netlink_batch *b, int sock, struct err *err);

void netlink_add(struct netlink_batch *b, uint16_t type, uint16_t flags, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void netlink_head(struct netlink_batch *b, const void *head, size_t n);
void netlink_put(struct netlink_batch *b, int attr, const void *data, size_t n);
void netlink_put_u32(struct netlink_batch *b, int attr, uint32_t value);
void netlink_put_str(struct netlink_batch *b, int attr, const char *s);
struct nlattr *netlink_nest(struct netlink_batch *b, int attr);
void netlink_nest_end(struct netlink_batch *b, struct nlattr *nest);

#define cleanup_batch __attribute__((cleanup(netlink_batch_done)))
