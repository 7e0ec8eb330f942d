/* SPDX-License-Identifier: MIT */
/* Outbound masquerade of one bridge: an nftables table of its own. */
#include "netns/masquerade.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "netns/link.h"
#include "netns/netlink.h"

/* From <linux/netfilter.h> and <linux/netfilter_ipv4.h>, which do not go
 * together with every libc's <netinet/in.h>. */
#define HOOK_POSTROUTING 4   /* NF_INET_POST_ROUTING */
#define PRIORITY_SRCNAT  100 /* NF_IP_PRI_NAT_SRC */
#define FAMILY_IPV4      2   /* NFPROTO_IPV4 */

#define IPV4_SADDR_OFFSET 12 /* of the source address in the header, RFC 791 */

#define TABLE_SIZE (sizeof("podd-") + IFNAMSIZ)
#define CHAIN      "postrouting"

static void table_name(char out[TABLE_SIZE], const char *bridge)
{
	(void)snprintf(out, TABLE_SIZE, "podd-%s", bridge);
}

/* The markers around a transaction (nfnetlink.h); they get no answer. */
static void add_marker(struct netlink_batch *b, uint16_t type, const char *bridge)
{
	struct nfgenmsg nfg = { .nfgen_family = AF_UNSPEC, .res_id = htons(NFNL_SUBSYS_NFTABLES) };

	netlink_add(b, type, NLM_F_REQUEST, "masquerade of bridge '%s'", bridge);
	netlink_head(b, &nfg, sizeof(nfg));
}

static void add_request(struct netlink_batch *b, int type, uint16_t flags, const char *bridge)
{
	struct nfgenmsg nfg = { .nfgen_family = FAMILY_IPV4, .version = NFNETLINK_V0 };

	netlink_add(b, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), NETLINK_ACKED | flags,
		    "masquerade of bridge '%s'", bridge);
	netlink_head(b, &nfg, sizeof(nfg));
}

/* Every nftables number is big endian. */
static void put_be32(struct netlink_batch *b, int attr, uint32_t value)
{
	netlink_put_u32(b, attr, htonl(value));
}

static void put_value(struct netlink_batch *b, int attr, const void *data, size_t n)
{
	struct nlattr *nest = netlink_nest(b, attr);

	netlink_put(b, NFTA_DATA_VALUE, data, n);
	netlink_nest_end(b, nest);
}

/* An expression is open until end_expr(). */
struct expr {
	struct nlattr *elem, *data;
};

static struct expr begin_expr(struct netlink_batch *b, const char *name)
{
	struct expr e;

	e.elem = netlink_nest(b, NFTA_LIST_ELEM);
	netlink_put_str(b, NFTA_EXPR_NAME, name);
	e.data = netlink_nest(b, NFTA_EXPR_DATA);
	return e;
}

static void end_expr(struct netlink_batch *b, struct expr e)
{
	netlink_nest_end(b, e.data);
	netlink_nest_end(b, e.elem);
}

static void put_compare(struct netlink_batch *b, uint32_t op, const void *data, size_t n)
{
	struct expr e = begin_expr(b, "cmp");

	put_be32(b, NFTA_CMP_SREG, NFT_REG_1);
	put_be32(b, NFTA_CMP_OP, op);
	put_value(b, NFTA_CMP_DATA, data, n);
	end_expr(b, e);
}

/* ip saddr SUBNET */
static void put_saddr_match(struct netlink_batch *b, uint32_t subnet, unsigned prefix_len)
{
	uint32_t mask = htonl(ipv4_mask(prefix_len)), xor = 0, net = htonl(subnet);
	struct expr e = begin_expr(b, "payload");

	put_be32(b, NFTA_PAYLOAD_DREG, NFT_REG_1);
	put_be32(b, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
	put_be32(b, NFTA_PAYLOAD_OFFSET, IPV4_SADDR_OFFSET);
	put_be32(b, NFTA_PAYLOAD_LEN, sizeof(net));
	end_expr(b, e);

	e = begin_expr(b, "bitwise");
	put_be32(b, NFTA_BITWISE_SREG, NFT_REG_1);
	put_be32(b, NFTA_BITWISE_DREG, NFT_REG_1);
	put_be32(b, NFTA_BITWISE_LEN, sizeof(net));
	put_value(b, NFTA_BITWISE_MASK, &mask, sizeof(mask));
	put_value(b, NFTA_BITWISE_XOR, &xor, sizeof(xor));
	end_expr(b, e);

	put_compare(b, NFT_CMP_EQ, &net, sizeof(net));
}

/* oifname != "BRIDGE" */
static void put_oifname_differs(struct netlink_batch *b, const char *bridge)
{
	struct expr e = begin_expr(b, "meta");
	char name[IFNAMSIZ] = "";

	put_be32(b, NFTA_META_KEY, NFT_META_OIFNAME);
	put_be32(b, NFTA_META_DREG, NFT_REG_1);
	end_expr(b, e);

	(void)snprintf(name, sizeof(name), "%s", bridge);
	put_compare(b, NFT_CMP_NEQ, name, sizeof(name));
}

static void add_table(struct netlink_batch *b, int type, uint16_t flags, const char *bridge)
{
	char table[TABLE_SIZE];

	table_name(table, bridge);
	add_request(b, type, flags, bridge);
	netlink_put_str(b, NFTA_TABLE_NAME, table);
}

static void add_chain(struct netlink_batch *b, const char *bridge)
{
	char table[TABLE_SIZE];
	struct nlattr *hook;

	table_name(table, bridge);
	add_request(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE, bridge);
	netlink_put_str(b, NFTA_CHAIN_TABLE, table);
	netlink_put_str(b, NFTA_CHAIN_NAME, CHAIN);
	netlink_put_str(b, NFTA_CHAIN_TYPE, "nat");
	hook = netlink_nest(b, NFTA_CHAIN_HOOK);
	put_be32(b, NFTA_HOOK_HOOKNUM, HOOK_POSTROUTING);
	put_be32(b, NFTA_HOOK_PRIORITY, PRIORITY_SRCNAT);
	netlink_nest_end(b, hook);
}

static void add_rule(struct netlink_batch *b, const char *bridge, uint32_t subnet,
		     unsigned prefix_len)
{
	char table[TABLE_SIZE];
	struct nlattr *list;
	struct expr masq;

	table_name(table, bridge);
	add_request(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, bridge);
	netlink_put_str(b, NFTA_RULE_TABLE, table);
	netlink_put_str(b, NFTA_RULE_CHAIN, CHAIN);
	list = netlink_nest(b, NFTA_RULE_EXPRESSIONS);
	put_saddr_match(b, subnet, prefix_len);
	put_oifname_differs(b, bridge);
	masq = begin_expr(b, "masq");
	end_expr(b, masq);
	netlink_nest_end(b, list);
}

/* How a kernel without nftables, or without a part of it, answers. */
static bool is_lacking(int r)
{
	return r == -EPROTONOSUPPORT || r == -EAFNOSUPPORT || r == -EOPNOTSUPP || r == -ENOENT;
}

static int run(struct netlink_batch *b, const char *bridge, struct err *err)
{
	cleanup_close int sock = netlink_socket(NETLINK_NETFILTER);

	if (sock < 0)
		return err_sys(err, "masquerade of bridge '%s': netlink socket", bridge);
	return netlink_batch_run(b, sock, err);
}

static int create(const char *bridge, uint32_t subnet, unsigned prefix_len, struct err *err)
{
	cleanup_batch struct netlink_batch b = { 0 };

	add_marker(&b, NFNL_MSG_BATCH_BEGIN, bridge);
	add_table(&b, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL, bridge);
	add_chain(&b, bridge);
	add_rule(&b, bridge, subnet, prefix_len);
	add_marker(&b, NFNL_MSG_BATCH_END, bridge);
	return run(&b, bridge, err);
}

/**
 * masquerade_create() - put a bridge's table in place of any that is there
 * @subnet: host byte order
 *
 * Return: 0 or -errno with @err filled.
 */
int masquerade_create(const char *bridge, uint32_t subnet, unsigned prefix_len, struct err *err)
{
	int r = create(bridge, subnet, prefix_len, err);

	if (r == -EEXIST) {
		/* Only now: once something was deleted, the kernel lets close(2)
		 * of the socket wait for RCU, 30 ms that a start seldom needs. */
		r = masquerade_remove(bridge, err);
		if (r == 0)
			r = create(bridge, subnet, prefix_len, err);
	}
	if (is_lacking(r))
		return err_set(err, -r,
			       "masquerade of bridge '%s': the kernel lacks nftables NAT "
			       "(nf_tables, nft_chain_nat, nft_masq): %s",
			       bridge, strerror(-r));
	return r;
}

/**
 * masquerade_ensure() - create a bridge's table when it is not there
 * @subnet: host byte order
 *
 * For a bridge in use: a firewall that was loaded anew ("flush ruleset") has
 * taken the table with it.
 *
 * Return: 0 or -errno with @err filled.
 */
int masquerade_ensure(const char *bridge, uint32_t subnet, unsigned prefix_len, struct err *err)
{
	cleanup_batch struct netlink_batch b = { 0 };

	add_table(&b, NFT_MSG_GETTABLE, 0, bridge);
	if (run(&b, bridge, err) == 0)
		return 0;
	return masquerade_create(bridge, subnet, prefix_len, err);
}

/**
 * masquerade_remove() - remove a bridge's table
 *
 * Return: 0, also when there was none, or -errno with @err filled.
 */
int masquerade_remove(const char *bridge, struct err *err)
{
	cleanup_batch struct netlink_batch b = { 0 };
	int r;

	add_marker(&b, NFNL_MSG_BATCH_BEGIN, bridge);
	add_table(&b, NFT_MSG_DELTABLE, 0, bridge);
	add_marker(&b, NFNL_MSG_BATCH_END, bridge);
	r = run(&b, bridge, err);
	return is_lacking(r) ? 0 : r; /* ENOENT: no such table */
}
