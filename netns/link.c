/* SPDX-License-Identifier: MIT */
/* Network links by name: look at one, remove one, its IPv4 addresses. */
#include "netns/link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/fd.h"
#include "netns/netlink.h"

/* Operational states of RFC 2863, from <linux/if.h>, which does not go together
 * with <net/if.h> everywhere. */
#define OPER_UNKNOWN 0 /* IF_OPER_UNKNOWN */
#define OPER_UP      6 /* IF_OPER_UP */

#define FNV1A_64_BASIS UINT64_C(0xcbf29ce484222325)
#define FNV1A_64_PRIME UINT64_C(0x100000001b3)

/* The kernel needs microseconds; this is for a machine that is stuck. */
#define OPERATIONAL_TIMEOUT_MS 5000

/**
 * ipv4_text() - print an address
 * @address: host byte order
 *
 * Return: @out.
 */
const char *ipv4_text(uint32_t address, char out[IPV4_TEXT_SIZE])
{
	struct in_addr a = { htonl(address) };

	return inet_ntop(AF_INET, &a, out, IPV4_TEXT_SIZE); /* always fits */
}

/**
 * ipv4_mask() - the network mask of a prefix length of 1 to 32, host byte order
 */
uint32_t ipv4_mask(unsigned prefix_len)
{
	return UINT32_MAX << (32 - prefix_len);
}

static uint64_t fnv1a(uint64_t h, const char *s)
{
	do
		h = (h ^ (uint8_t)*s) * FNV1A_64_PRIME;
	while (*s++); /* the NUL too: it divides owner from name */
	return h;
}

/**
 * link_hash() - a number for something that a podd instance calls by a name
 * @owner: names the instance
 *
 * Names and MAC addresses that are made from it are the same after a crash, so
 * that what was left is found again.
 */
uint64_t link_hash(const char *owner, const char *name)
{
	return fnv1a(fnv1a(FNV1A_64_BASIS, owner), name);
}

/*
 * A bridge that never lost a port is in the state UNKNOWN and works. A veth is
 * so when its peer has come up and the kernel has not acted on it yet.
 */
static bool is_operational(const struct link *l, uint8_t state)
{
	return state == OPER_UP || (state == OPER_UNKNOWN && strcmp(l->kind, "bridge") == 0);
}

static void read_link(struct nlmsghdr *nlh, void *arg)
{
	struct nlattr *tb[IFLA_MAX + 1], *info[IFLA_INFO_MAX + 1];
	struct ifinfomsg *ifi = nlmsg_data(nlh);
	struct link *l = arg;

	if (nlh->nlmsg_type != RTM_NEWLINK ||
	    nlmsg_parse(nlh, sizeof(*ifi), tb, IFLA_MAX, NULL) < 0)
		return;
	l->index = ifi->ifi_index;
	l->admin_up = ifi->ifi_flags & IFF_UP;
	if (tb[IFLA_MASTER])
		l->master = (int)nla_get_u32(tb[IFLA_MASTER]);
	if (tb[IFLA_MTU])
		l->mtu = nla_get_u32(tb[IFLA_MTU]);
	if (tb[IFLA_GROUP])
		l->group = nla_get_u32(tb[IFLA_GROUP]);
	if (tb[IFLA_ADDRESS] && nla_len(tb[IFLA_ADDRESS]) == sizeof(l->mac))
		memcpy(l->mac, nla_data(tb[IFLA_ADDRESS]), sizeof(l->mac));
	if (tb[IFLA_IFALIAS])
		(void)nla_strlcpy(l->alias, tb[IFLA_IFALIAS], sizeof(l->alias));
	if (tb[IFLA_LINKINFO] &&
	    nla_parse_nested(info, IFLA_INFO_MAX, tb[IFLA_LINKINFO], NULL) >= 0 &&
	    info[IFLA_INFO_KIND])
		(void)nla_strlcpy(l->kind, info[IFLA_INFO_KIND], sizeof(l->kind));
	if (tb[IFLA_OPERSTATE])
		l->operational = is_operational(l, nla_get_u8(tb[IFLA_OPERSTATE]));
}

/**
 * link_get() - look at one link of the socket's namespace
 *
 * Return: 0 or -errno with @err filled; -ENODEV: there is none of this name.
 */
int link_get(int sock, const char *name, struct link *out, struct err *err)
{
	struct link found = { 0 };
	cleanup_batch struct netlink_batch b = { .on_reply = read_link, .arg = &found };
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };
	int r;

	netlink_add(&b, RTM_GETLINK, NETLINK_ACKED, "look for link '%s'", name);
	netlink_head(&b, &ifi, sizeof(ifi));
	netlink_put_str(&b, IFLA_IFNAME, name);
	r = netlink_batch_run(&b, sock, err);
	if (r < 0)
		return r;
	*out = found;
	return 0;
}

static int link_events(struct err *err)
{
	struct sockaddr_nl all_links = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	cleanup_close int fd = netlink_socket(NETLINK_ROUTE);

	if (fd < 0 || bind(fd, (struct sockaddr *)&all_links, sizeof(all_links)) < 0)
		return err_sys(err, "listen for link changes");
	return take_fd(&fd);
}

/* Waits for any change of any link and drops what says so. */
static int wait_for_event(int events, int timeout_ms)
{
	struct pollfd pfd = { .fd = events, .events = POLLIN };
	char drop[1];

	if (timeout_ms <= 0 || poll(&pfd, 1, timeout_ms) == 0)
		return -ETIMEDOUT;
	while (recv(events, drop, sizeof(drop), MSG_DONTWAIT | MSG_TRUNC) >= 0)
		;
	return 0;
}

/**
 * link_wait_operational() - wait until a link that came up lets packets pass
 * @sock: NETLINK_ROUTE; events are of the caller's own namespace
 *
 * The kernel tells a veth's other end, its queue and its bridge of a carrier
 * from a work queue; what is sent before is dropped, and the ARP request of the
 * first connection is repeated only after a second. Looking at the link makes
 * the kernel do that work at once since Linux 6.8; before, we wait for its
 * event.
 *
 * Return: 0 or -errno with @err filled; -ETIMEDOUT after some seconds.
 */
int link_wait_operational(int sock, const char *name, struct err *err)
{
	uint64_t end_ns = clock_boottime_ns() + OPERATIONAL_TIMEOUT_MS * NSEC_PER_MSEC;
	cleanup_close int events = -EBADF;
	struct link link;

	for (;;) {
		int64_t left_ns = (int64_t)(end_ns - clock_boottime_ns());
		int r = link_get(sock, name, &link, err);

		if (r < 0 || link.operational)
			return r;
		if (events < 0) {
			/* Listen first, then look again: no event is missed. */
			events = link_events(err);
			if (events < 0)
				return events;
			continue;
		}
		if (wait_for_event(events, (int)(left_ns / (int64_t)NSEC_PER_MSEC)) < 0)
			return err_set(err, ETIMEDOUT, "link '%s' does not come up", name);
	}
}

/**
 * link_remove() - remove a link, and with one end of a veth the other
 *
 * Takes the time of an RCU grace period (8 to 31 ms measured).
 *
 * Return: 0 or -errno with @err filled; -ENODEV: there is none of this name.
 */
int link_remove(int sock, const char *name, struct err *err)
{
	cleanup_batch struct netlink_batch b = { 0 };
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };

	netlink_add(&b, RTM_DELLINK, NETLINK_ACKED, "remove link '%s'", name);
	netlink_head(&b, &ifi, sizeof(ifi));
	netlink_put_str(&b, IFLA_IFNAME, name);
	return netlink_batch_run(&b, sock, err);
}

struct wanted_address {
	int index;
	uint32_t subnet, mask;
	uint32_t found; /* the first one that fits, or 0 */
};

static void read_address(struct nlmsghdr *nlh, void *arg)
{
	struct nlattr *tb[IFA_MAX + 1];
	struct ifaddrmsg *ifa = nlmsg_data(nlh);
	struct wanted_address *w = arg;
	uint32_t address;

	if (nlh->nlmsg_type != RTM_NEWADDR || w->found || (int)ifa->ifa_index != w->index ||
	    nlmsg_parse(nlh, sizeof(*ifa), tb, IFA_MAX, NULL) < 0 || !tb[IFA_LOCAL])
		return;
	address = ntohl(nla_get_u32(tb[IFA_LOCAL]));
	if ((address & w->mask) == w->subnet)
		w->found = address;
}

/**
 * link_ipv4_within() - find an IPv4 address of a link that lies in the subnet
 * @index: the link's
 * @spec: says the subnet
 * @out: receives the address, host byte order
 *
 * Return: 0 or -errno with @err filled; -EADDRNOTAVAIL: it has none there.
 */
int link_ipv4_within(int sock, int index, const struct netns_spec *spec, uint32_t *out,
		     struct err *err)
{
	struct wanted_address w = { .index = index, .subnet = spec->subnet,
				    .mask = ipv4_mask(spec->prefix_len) };
	cleanup_batch struct netlink_batch b = { .on_reply = read_address, .arg = &w };
	struct ifaddrmsg ifa = { .ifa_family = AF_INET, .ifa_index = (unsigned)index };
	char text[IPV4_TEXT_SIZE];
	int r;

	netlink_add(&b, RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, "list addresses");
	netlink_head(&b, &ifa, sizeof(ifa));
	do {
		w.found = 0;
		r = netlink_batch_run(&b, sock, err);
	} while (r == -EINTR); /* an address came or went during the dump */
	if (r < 0)
		return r;
	if (!w.found)
		return err_set(err, EADDRNOTAVAIL, "no address in %s/%u",
			       ipv4_text(spec->subnet, text), spec->prefix_len);
	*out = w.found;
	return 0;
}

struct overlap {
	uint32_t subnet, mask;
	uint32_t address; /* of a host's network that shares addresses, or 0 */
	unsigned prefix_len;
	int index;
};

static void read_overlap(struct nlmsghdr *nlh, void *arg)
{
	struct nlattr *tb[IFA_MAX + 1];
	struct ifaddrmsg *ifa = nlmsg_data(nlh);
	struct overlap *o = arg;
	uint32_t address, mask;

	if (nlh->nlmsg_type != RTM_NEWADDR || o->address ||
	    nlmsg_parse(nlh, sizeof(*ifa), tb, IFA_MAX, NULL) < 0 || !tb[IFA_LOCAL])
		return;
	address = ntohl(nla_get_u32(tb[IFA_LOCAL]));
	/* Two networks share addresses when the larger one has the smaller one's. */
	mask = o->mask & ipv4_mask(ifa->ifa_prefixlen);
	if ((address & mask) != (o->subnet & mask))
		return;
	o->address = address;
	o->prefix_len = ifa->ifa_prefixlen;
	o->index = (int)ifa->ifa_index;
}

/**
 * link_ipv4_check_free() - refuse a subnet that the host is part of already
 *
 * A bridge with it would take addresses away from that network, and two bridges
 * with one subnet would give two pods one address.
 *
 * Return: 0; -EADDRINUSE, or -errno, with @err filled.
 */
int link_ipv4_check_free(int sock, const struct netns_spec *spec, struct err *err)
{
	struct overlap o = { .subnet = spec->subnet, .mask = ipv4_mask(spec->prefix_len) };
	cleanup_batch struct netlink_batch b = { .on_reply = read_overlap, .arg = &o };
	struct ifaddrmsg ifa = { .ifa_family = AF_INET };
	char wanted[IPV4_TEXT_SIZE], used[IPV4_TEXT_SIZE], name[IF_NAMESIZE] = "?";
	int r;

	netlink_add(&b, RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, "list addresses");
	netlink_head(&b, &ifa, sizeof(ifa));
	do {
		o.address = 0;
		r = netlink_batch_run(&b, sock, err);
	} while (r == -EINTR); /* an address came or went during the dump */
	if (r < 0 || !o.address)
		return r;
	(void)if_indextoname((unsigned)o.index, name); /* "?" when it is gone */
	r = err_set(err, EADDRINUSE,
		    "subnet %s/%u of bridge '%s' overlaps %s/%u of '%s': set another Subnet=",
		    ipv4_text(spec->subnet, wanted), spec->prefix_len, spec->bridge,
		    ipv4_text(o.address, used), o.prefix_len, name);
	return err_about(err, r, "Subnet", 0);
}
