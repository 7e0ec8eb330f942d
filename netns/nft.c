/* SPDX-License-Identifier: MIT */
/* Messages of nftables: tables, chains, rules and what rules are made of. */
#include "netns/nft.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/socket.h>

#include "netns/link.h"

#define FAMILY_IPV4 2 /* NFPROTO_IPV4, of a header that not every libc's go with */

#define IPV4_SADDR_OFFSET 12 /* of the source address in the header, RFC 791 */

/* The markers around a transaction (nfnetlink.h); they get no answer. */
static void add_marker(struct netlink_batch *b, uint16_t type)
{
	struct nfgenmsg nfg = { .nfgen_family = AF_UNSPEC, .res_id = htons(NFNL_SUBSYS_NFTABLES) };

	netlink_add(b, type, NLM_F_REQUEST, "nftables");
	netlink_head(b, &nfg, sizeof(nfg));
}

static void add_request(struct netlink_batch *b, int type, uint16_t flags, const char *table)
{
	struct nfgenmsg nfg = { .nfgen_family = FAMILY_IPV4, .version = NFNETLINK_V0 };

	netlink_add(b, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), NETLINK_ACKED | flags,
		    "nftables table '%s'", table);
	netlink_head(b, &nfg, sizeof(nfg));
}

/**
 * nft_begin() - begin a transaction
 */
void nft_begin(struct netlink_batch *b)
{
	add_marker(b, NFNL_MSG_BATCH_BEGIN);
}

/**
 * nft_commit() - end a transaction, which makes it be when all went well
 */
void nft_commit(struct netlink_batch *b)
{
	add_marker(b, NFNL_MSG_BATCH_END);
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

static void put_mask(struct netlink_batch *b, uint32_t mask)
{
	struct expr e = begin_expr(b, "bitwise");
	uint32_t xor = 0;

	put_be32(b, NFTA_BITWISE_SREG, NFT_REG_1);
	put_be32(b, NFTA_BITWISE_DREG, NFT_REG_1);
	put_be32(b, NFTA_BITWISE_LEN, sizeof(mask));
	put_value(b, NFTA_BITWISE_MASK, &mask, sizeof(mask));
	put_value(b, NFTA_BITWISE_XOR, &xor, sizeof(xor));
	end_expr(b, e);
}

static void load_meta(struct netlink_batch *b, uint32_t key)
{
	struct expr e = begin_expr(b, "meta");

	put_be32(b, NFTA_META_KEY, key);
	put_be32(b, NFTA_META_DREG, NFT_REG_1);
	end_expr(b, e);
}

/**
 * nft_table() - a message about one table
 * @type: NFT_MSG_NEWTABLE or NFT_MSG_DELTABLE
 * @flags: NLM_F_CREATE; with NLM_F_EXCL one that is there is -EEXIST
 */
void nft_table(struct netlink_batch *b, int type, uint16_t flags, const char *table)
{
	add_request(b, type, flags, table);
	netlink_put_str(b, NFTA_TABLE_NAME, table);
}

static void chain_name(struct netlink_batch *b, const struct nft_chain *chain)
{
	netlink_put_str(b, NFTA_CHAIN_TABLE, chain->table);
	netlink_put_str(b, NFTA_CHAIN_NAME, chain->name);
}

/**
 * nft_chain() - make a chain whose policy is accept
 */
void nft_chain(struct netlink_batch *b, const struct nft_chain *chain)
{
	struct nlattr *hook;

	add_request(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE, chain->table);
	chain_name(b, chain);
	netlink_put_str(b, NFTA_CHAIN_TYPE, chain->type);
	hook = netlink_nest(b, NFTA_CHAIN_HOOK);
	put_be32(b, NFTA_HOOK_HOOKNUM, chain->hook);
	put_be32(b, NFTA_HOOK_PRIORITY, chain->priority);
	netlink_nest_end(b, hook);
}

/**
 * nft_find_chain() - ask for a chain by its name; outside of a transaction
 */
void nft_find_chain(struct netlink_batch *b, const struct nft_chain *chain)
{
	add_request(b, NFT_MSG_GETCHAIN, 0, chain->table);
	chain_name(b, chain);
}

/**
 * nft_rule() - begin a rule, the last of its chain
 *
 * Return: what nft_rule_end() wants.
 */
struct nlattr *nft_rule(struct netlink_batch *b, const struct nft_chain *chain)
{
	add_request(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, chain->table);
	netlink_put_str(b, NFTA_RULE_TABLE, chain->table);
	netlink_put_str(b, NFTA_RULE_CHAIN, chain->name);
	return netlink_nest(b, NFTA_RULE_EXPRESSIONS);
}

/**
 * nft_rule_end() - end a rule
 */
void nft_rule_end(struct netlink_batch *b, struct nlattr *rule)
{
	netlink_nest_end(b, rule);
}

/**
 * nft_match_saddr() - ip saddr SUBNET
 * @subnet: host byte order
 */
void nft_match_saddr(struct netlink_batch *b, uint32_t subnet, unsigned prefix_len)
{
	struct expr e = begin_expr(b, "payload");
	uint32_t net = htonl(subnet);

	put_be32(b, NFTA_PAYLOAD_DREG, NFT_REG_1);
	put_be32(b, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
	put_be32(b, NFTA_PAYLOAD_OFFSET, IPV4_SADDR_OFFSET);
	put_be32(b, NFTA_PAYLOAD_LEN, sizeof(net));
	end_expr(b, e);
	put_mask(b, htonl(ipv4_mask(prefix_len)));
	put_compare(b, NFT_CMP_EQ, &net, sizeof(net));
}

/**
 * nft_match_name() - the name or the kind of an interface
 * @key: NFT_META_IIFNAME, OIFNAME, IIFKIND or OIFKIND. An interface of no kind
 *       (hardware) ends the rule whatever @equal is.
 */
void nft_match_name(struct netlink_batch *b, uint32_t key, bool equal, const char *name)
{
	char padded[IFNAMSIZ] = "";

	(void)snprintf(padded, sizeof(padded), "%s", name);
	load_meta(b, key);
	put_compare(b, equal ? NFT_CMP_EQ : NFT_CMP_NEQ, padded, sizeof(padded));
}

/**
 * nft_match_group() - the group of an interface (IFLA_GROUP)
 * @key: NFT_META_IIFGROUP or OIFGROUP
 */
void nft_match_group(struct netlink_batch *b, uint32_t key, bool equal, uint32_t group)
{
	load_meta(b, key);
	/* Numbers of the kernel's own are in its own byte order. */
	put_compare(b, equal ? NFT_CMP_EQ : NFT_CMP_NEQ, &group, sizeof(group));
}

/* What connection tracking knows of a packet. */
static void match_none_of(struct netlink_batch *b, uint32_t key, uint32_t bits)
{
	struct expr e = begin_expr(b, "ct");
	uint32_t none = 0;

	put_be32(b, NFTA_CT_KEY, key);
	put_be32(b, NFTA_CT_DREG, NFT_REG_1);
	end_expr(b, e);
	put_mask(b, bits);
	put_compare(b, NFT_CMP_EQ, &none, sizeof(none));
}

/**
 * nft_match_not_of_a_connection() - ct state & (established | related) == 0
 *
 * Not as "ct state != established,related", of which some versions of nft make a
 * comparison with both at once, which no packet is.
 */
void nft_match_not_of_a_connection(struct netlink_batch *b)
{
	match_none_of(b, NFT_CT_STATE,
		      NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED));
}

/**
 * nft_match_not_redirected() - ct status & dnat == 0
 */
void nft_match_not_redirected(struct netlink_batch *b)
{
	match_none_of(b, NFT_CT_STATUS, IPS_DST_NAT);
}

/**
 * nft_masquerade() - the source becomes the address of the interface it leaves by
 */
void nft_masquerade(struct netlink_batch *b)
{
	end_expr(b, begin_expr(b, "masq"));
}

/**
 * nft_verdict() - what becomes of a packet
 * @verdict: NF_ACCEPT or NF_DROP of <linux/netfilter.h>
 */
void nft_verdict(struct netlink_batch *b, uint32_t verdict)
{
	struct expr e = begin_expr(b, "immediate");
	struct nlattr *data, *nest;

	put_be32(b, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	data = netlink_nest(b, NFTA_IMMEDIATE_DATA);
	nest = netlink_nest(b, NFTA_DATA_VERDICT);
	put_be32(b, NFTA_VERDICT_CODE, verdict);
	netlink_nest_end(b, nest);
	netlink_nest_end(b, data);
	end_expr(b, e);
}
