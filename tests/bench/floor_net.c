/* SPDX-License-Identifier: MIT */
/* The floor's network: netlink messages put together by hand, two sends. */
#include "tests/bench/floor.h"

#include <arpa/inet.h>
#include <linux/if_link.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define HOST_LINK "pdfloor"
#define POD_LINK  "eth0"
#define TABLE	  "podd-floor"
#define OPER_UP	  6 /* IF_OPER_UP */

/* Messages of one send, one after the other. */
struct batch {
	char data[2048] __attribute__((aligned(4)));
	size_t n, message;
	unsigned acks;
};

static void *append(struct batch *b, const void *data, size_t n)
{
	void *p = b->data + b->n;

	must(b->n + NLMSG_ALIGN(n) <= sizeof(b->data) ? 0 : -1, "netlink message");
	memset(p, 0, NLMSG_ALIGN(n));
	if (data)
		memcpy(p, data, n);
	b->n += NLMSG_ALIGN(n);
	return p;
}

static struct nlmsghdr *head_of(struct batch *b)
{
	return (struct nlmsghdr *)(b->data + b->message);
}

static void begin(struct batch *b, int type, int flags, const void *family, size_t n)
{
	struct nlmsghdr head = { .nlmsg_type = (uint16_t)type,
				 .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags) };

	b->message = b->n;
	append(b, &head, sizeof(head));
	append(b, family, n);
	b->acks += flags & NLM_F_ACK ? 1 : 0;
	head_of(b)->nlmsg_len = (uint32_t)(b->n - b->message);
}

static struct rtattr *put(struct batch *b, int type, const void *data, size_t n)
{
	struct rtattr attr = { .rta_len = (uint16_t)RTA_LENGTH(n), .rta_type = (uint16_t)type };
	struct rtattr *p = append(b, &attr, sizeof(attr));

	append(b, data, n);
	head_of(b)->nlmsg_len = (uint32_t)(b->n - b->message);
	return p;
}

static void put_u32(struct batch *b, int type, uint32_t value)
{
	put(b, type, &value, sizeof(value));
}

static void put_str(struct batch *b, int type, const char *s)
{
	put(b, type, s, strlen(s) + 1);
}

static struct rtattr *nest(struct batch *b, int type)
{
	return put(b, type, NULL, 0);
}

static void end(struct batch *b, struct rtattr *p)
{
	p->rta_type |= NLA_F_NESTED;
	p->rta_len = (uint16_t)(b->data + b->n - (char *)p);
	head_of(b)->nlmsg_len = (uint32_t)(b->n - b->message);
}

static int request(struct batch *b, int sock)
{
	char reply[4096] __attribute__((aligned(4)));

	must(send(sock, b->data, b->n, 0), "netlink");
	for (; b->acks > 0; b->acks--) {
		const struct nlmsghdr *h = (struct nlmsghdr *)reply;

		/* One answer in each: the kernel does not join acknowledgements. */
		must(recv(sock, reply, sizeof(reply), 0), "netlink");
		errno = h->nlmsg_type == NLMSG_ERROR ?
				-((const struct nlmsgerr *)NLMSG_DATA(h))->error : EPROTO;
		if (errno)
			return -1;
	}
	b->n = 0;
	return 0;
}

static void run(struct batch *b, int sock, const char *what)
{
	must(request(b, sock), what);
}

static int netlink_open(int protocol)
{
	int fd = must(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol), "netlink");
	int on = 1;

	must(setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on)), "netlink");
	return fd;
}

static int index_of(int sock, const char *name)
{
	struct ifreq req = { .ifr_ifindex = 0 };

	strcpy(req.ifr_name, name);
	must(ioctl(sock, SIOCGIFINDEX, &req), name);
	return req.ifr_ifindex;
}

static void write_sysctl(const char *path, const char *value)
{
	int fd = must(open(path, O_WRONLY | O_CLOEXEC), path);

	must(write(fd, value, strlen(value)), path);
	(void)close(fd);
}

static void set_up(struct batch *b, const char *name)
{
	struct ifinfomsg up = { .ifi_flags = IFF_UP, .ifi_change = IFF_UP };

	begin(b, RTM_SETLINK, NLM_F_ACK, &up, sizeof(up));
	put_str(b, IFLA_IFNAME, name);
}

static void add_address(struct batch *b, int index, uint32_t address)
{
	struct ifaddrmsg ifa = { .ifa_family = AF_INET, .ifa_prefixlen = PREFIX_LEN,
				 .ifa_index = (unsigned)index };

	begin(b, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE, &ifa, sizeof(ifa));
	put_u32(b, IFA_LOCAL, htonl(address));
	put_u32(b, IFA_ADDRESS, htonl(address));
	put_u32(b, IFA_BROADCAST, htonl(address | (UINT32_MAX >> PREFIX_LEN)));
}

/* ------------------------------------------------------------------ masquerade */

static void begin_nft(struct batch *b, int type, int flags)
{
	const struct nfgenmsg nfg = { .nfgen_family = 2 /* NFPROTO_IPV4 */ };

	begin(b, NFNL_SUBSYS_NFTABLES << 8 | type, NLM_F_ACK | flags, &nfg, sizeof(nfg));
}

static void mark_nft(struct batch *b, int type)
{
	const struct nfgenmsg nfg = { .res_id = htons(NFNL_SUBSYS_NFTABLES) };

	begin(b, type, 0, &nfg, sizeof(nfg));
}

static void put_be32(struct batch *b, int type, uint32_t value)
{
	put_u32(b, type, htonl(value));
}

static void put_value(struct batch *b, int type, const void *data, size_t n)
{
	struct rtattr *p = nest(b, type);

	put(b, NFTA_DATA_VALUE, data, n);
	end(b, p);
}

struct expr {
	struct rtattr *elem, *data;
};

static struct expr begin_expr(struct batch *b, const char *name)
{
	struct expr e;

	e.elem = nest(b, NFTA_LIST_ELEM);
	put_str(b, NFTA_EXPR_NAME, name);
	e.data = nest(b, NFTA_EXPR_DATA);
	return e;
}

static void end_expr(struct batch *b, struct expr e)
{
	end(b, e.data);
	end(b, e.elem);
}

static void compare(struct batch *b, int op, const void *data, size_t n)
{
	struct expr e = begin_expr(b, "cmp");

	put_be32(b, NFTA_CMP_SREG, NFT_REG_1);
	put_be32(b, NFTA_CMP_OP, (uint32_t)op);
	put_value(b, NFTA_CMP_DATA, data, n);
	end_expr(b, e);
}

/* ip saddr NETWORK oifname != BRIDGE masquerade */
static void put_rule(struct batch *b, const char *bridge)
{
	const uint32_t mask = htonl(UINT32_MAX << (32 - PREFIX_LEN)), zero = 0;
	const uint32_t network = htonl(BRIDGE_ADDRESS) & mask;
	struct rtattr *list = nest(b, NFTA_RULE_EXPRESSIONS);
	char name[IFNAMSIZ] = "";
	struct expr e;

	e = begin_expr(b, "payload");
	put_be32(b, NFTA_PAYLOAD_DREG, NFT_REG_1);
	put_be32(b, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
	put_be32(b, NFTA_PAYLOAD_OFFSET, 12);
	put_be32(b, NFTA_PAYLOAD_LEN, 4);
	end_expr(b, e);
	e = begin_expr(b, "bitwise");
	put_be32(b, NFTA_BITWISE_SREG, NFT_REG_1);
	put_be32(b, NFTA_BITWISE_DREG, NFT_REG_1);
	put_be32(b, NFTA_BITWISE_LEN, 4);
	put_value(b, NFTA_BITWISE_MASK, &mask, sizeof(mask));
	put_value(b, NFTA_BITWISE_XOR, &zero, sizeof(zero));
	end_expr(b, e);
	compare(b, NFT_CMP_EQ, &network, sizeof(network));
	e = begin_expr(b, "meta");
	put_be32(b, NFTA_META_KEY, NFT_META_OIFNAME);
	put_be32(b, NFTA_META_DREG, NFT_REG_1);
	end_expr(b, e);
	strcpy(name, bridge);
	compare(b, NFT_CMP_NEQ, name, sizeof(name));
	e = begin_expr(b, "masq");
	end_expr(b, e);
	end(b, list);
}

static void masquerade(const char *bridge)
{
	int sock = netlink_open(NETLINK_NETFILTER);
	struct batch b = { .n = 0 };
	struct rtattr *hook;

	mark_nft(&b, NFNL_MSG_BATCH_BEGIN);
	begin_nft(&b, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);
	put_str(&b, NFTA_TABLE_NAME, TABLE);
	begin_nft(&b, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	put_str(&b, NFTA_CHAIN_TABLE, TABLE);
	put_str(&b, NFTA_CHAIN_NAME, "postrouting");
	put_str(&b, NFTA_CHAIN_TYPE, "nat");
	hook = nest(&b, NFTA_CHAIN_HOOK);
	put_be32(&b, NFTA_HOOK_HOOKNUM, 4 /* NF_INET_POST_ROUTING */);
	put_be32(&b, NFTA_HOOK_PRIORITY, 100 /* NF_IP_PRI_NAT_SRC */);
	end(&b, hook);
	begin_nft(&b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
	put_str(&b, NFTA_RULE_TABLE, TABLE);
	put_str(&b, NFTA_RULE_CHAIN, "postrouting");
	put_rule(&b, bridge);
	mark_nft(&b, NFNL_MSG_BATCH_END);
	run(&b, sock, "masquerade");
	(void)close(sock);
}

static void remove_masquerade(void)
{
	int sock = netlink_open(NETLINK_NETFILTER);
	struct batch b = { .n = 0 };

	mark_nft(&b, NFNL_MSG_BATCH_BEGIN);
	begin_nft(&b, NFT_MSG_DELTABLE, 0);
	put_str(&b, NFTA_TABLE_NAME, TABLE);
	mark_nft(&b, NFNL_MSG_BATCH_END);
	run(&b, sock, "remove masquerade");
	(void)close(sock);
}

/* ------------------------------------------------------------------------ links */

void floor_make_bridge(struct floor *f)
{
	const uint8_t mac[6] = { 0x02, 0x70, 10, 77, 0, 1 };
	const struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };
	struct batch b = { .n = 0 };
	struct rtattr *info;
	char path[80];

	f->rtnl_fd = netlink_open(NETLINK_ROUTE);
	begin(&b, RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &ifi, sizeof(ifi));
	put_str(&b, IFLA_IFNAME, f->bridge);
	put(&b, IFLA_ADDRESS, mac, sizeof(mac));
	info = nest(&b, IFLA_LINKINFO);
	put_str(&b, IFLA_INFO_KIND, "bridge");
	end(&b, info);
	begin(&b, RTM_SETLINK, NLM_F_ACK, &ifi, sizeof(ifi));
	put_str(&b, IFLA_IFNAME, f->bridge);
	put_str(&b, IFLA_IFALIAS, "podd:floor");
	run(&b, f->rtnl_fd, "create bridge");
	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", f->bridge);
	write_sysctl(path, "1");
	write_sysctl("/proc/sys/net/ipv4/ip_forward", "1");
	masquerade(f->bridge);
	f->bridge_index = index_of(f->rtnl_fd, f->bridge);
	add_address(&b, f->bridge_index, BRIDGE_ADDRESS);
	set_up(&b, f->bridge);
	run(&b, f->rtnl_fd, "bridge address");
}

static void create_veth(struct floor *f, int netns)
{
	const uint8_t mac[6] = { 0x02, 0x70, 10, 77, 3, 2 }, no_link_local = 1;
	const struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };
	struct batch b = { .n = 0 };
	struct rtattr *info, *data, *peer, *af, *inet6;

	begin(&b, RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &ifi, sizeof(ifi));
	put_str(&b, IFLA_IFNAME, HOST_LINK);
	put_u32(&b, IFLA_MTU, 1500);
	put_u32(&b, IFLA_MASTER, (uint32_t)f->bridge_index);
	info = nest(&b, IFLA_LINKINFO);
	put_str(&b, IFLA_INFO_KIND, "veth");
	data = nest(&b, IFLA_INFO_DATA);
	peer = nest(&b, VETH_INFO_PEER);
	append(&b, &ifi, sizeof(ifi));
	put_str(&b, IFLA_IFNAME, POD_LINK);
	put_u32(&b, IFLA_NET_NS_FD, (uint32_t)netns);
	put_u32(&b, IFLA_MTU, 1500);
	put(&b, IFLA_ADDRESS, mac, sizeof(mac));
	end(&b, peer);
	end(&b, data);
	end(&b, info);
	begin(&b, RTM_SETLINK, NLM_F_ACK, &ifi, sizeof(ifi));
	put_str(&b, IFLA_IFNAME, HOST_LINK);
	put_str(&b, IFLA_IFALIAS, "floor");
	af = nest(&b, IFLA_AF_SPEC);
	inet6 = nest(&b, AF_INET6);
	put(&b, IFLA_INET6_ADDR_GEN_MODE, &no_link_local, sizeof(no_link_local));
	end(&b, inet6);
	end(&b, af);
	set_up(&b, HOST_LINK);
	run(&b, f->rtnl_fd, "create veth");
}

static void configure_inside(int sock)
{
	const struct rtmsg rtm = { .rtm_family = AF_INET, .rtm_table = RT_TABLE_MAIN,
				   .rtm_protocol = RTPROT_BOOT, .rtm_scope = RT_SCOPE_UNIVERSE,
				   .rtm_type = RTN_UNICAST };
	struct batch b = { .n = 0 };

	set_up(&b, "lo");
	add_address(&b, index_of(sock, POD_LINK), POD_ADDRESS);
	set_up(&b, POD_LINK);
	begin(&b, RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE, &rtm, sizeof(rtm));
	put_u32(&b, RTA_GATEWAY, htonl(BRIDGE_ADDRESS));
	run(&b, sock, "configure the pod's links");
}

/* Return: IFLA_OPERSTATE. Asking makes the kernel act on a new carrier. */
static int operational_state(int sock, const char *name)
{
	char reply[8192] __attribute__((aligned(4)));
	const struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };
	struct nlmsghdr *h = (struct nlmsghdr *)reply;
	struct batch b = { .n = 0 };
	int left;

	begin(&b, RTM_GETLINK, 0, &ifi, sizeof(ifi));
	put_str(&b, IFLA_IFNAME, name);
	must(send(sock, b.data, b.n, 0), name);
	must(recv(sock, reply, sizeof(reply), 0), name);
	must(h->nlmsg_type == RTM_NEWLINK ? 0 : -1, name);
	left = (int)h->nlmsg_len - (int)NLMSG_SPACE(sizeof(ifi));
	for (struct rtattr *a = (void *)(reply + NLMSG_SPACE(sizeof(ifi))); RTA_OK(a, left);
	     a = RTA_NEXT(a, left))
		if (a->rta_type == IFLA_OPERSTATE)
			return *(uint8_t *)RTA_DATA(a);
	return -1;
}

/* veth, its inner end, and packets that pass. */
void floor_attach(struct floor *f)
{
	int own = must(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), "ns/net");
	int netns, sock;
	char path[64];

	if (!f->make_bridge) {
		f->rtnl_fd = netlink_open(NETLINK_ROUTE);
		f->bridge_index = index_of(f->rtnl_fd, f->bridge);
	}
	snprintf(path, sizeof(path), "/proc/%d/ns/net", f->pause_pid);
	netns = must(open(path, O_RDONLY | O_CLOEXEC), path);
	create_veth(f, netns);
	must(setns(netns, CLONE_NEWNET), "setns");
	write_sysctl("/proc/sys/net/ipv6/conf/" POD_LINK "/disable_ipv6", "1");
	sock = netlink_open(NETLINK_ROUTE);
	must(setns(own, CLONE_NEWNET), "setns");
	configure_inside(sock);
	while (operational_state(f->rtnl_fd, HOST_LINK) != OPER_UP)
		;
	must(operational_state(f->rtnl_fd, f->bridge), f->bridge);
	(void)close(sock);
	(void)close(netns);
	(void)close(own);
}

static void remove_link(int sock, const char *name)
{
	const struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };
	struct batch b = { .n = 0 };

	begin(&b, RTM_DELLINK, NLM_F_ACK, &ifi, sizeof(ifi));
	put_str(&b, IFLA_IFNAME, name);
	if (request(&b, sock) < 0 && errno != ENODEV) /* it went with its namespace */
		must(-1, name);
}

void floor_unlink_net(struct floor *f)
{
	remove_link(f->rtnl_fd, HOST_LINK);
	if (!f->make_bridge)
		return;
	remove_masquerade();
	remove_link(f->rtnl_fd, f->bridge);
}
