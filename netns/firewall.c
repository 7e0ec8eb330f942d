/* SPDX-License-Identifier: MIT */
/* What goes through a pod bridge and the host: nftables tables of our own. */
#include "netns/firewall.h"

#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "netns/netlink.h"
#include "netns/nft.h"

/* From <linux/netfilter.h> and <linux/netfilter_ipv4.h>, which do not go
 * together with every libc's <netinet/in.h>. */
#define HOOK_FORWARD	 2   /* NF_INET_FORWARD */
#define HOOK_POSTROUTING 4   /* NF_INET_POST_ROUTING */
#define PRIORITY_FILTER	 0   /* NF_IP_PRI_FILTER */
#define PRIORITY_SRCNAT	 100 /* NF_IP_PRI_NAT_SRC */
#define DROP		 0   /* NF_DROP */
#define ACCEPT		 1   /* NF_ACCEPT */

#define ROUTER_TABLE "podd" /* no bridge's: those have a name after "podd-" */

static const struct nft_chain router_forward = {
	ROUTER_TABLE, "forward", "filter", HOOK_FORWARD, PRIORITY_FILTER,
};
static const struct nft_chain router_postrouting = {
	ROUTER_TABLE, "postrouting", "filter", HOOK_POSTROUTING, PRIORITY_FILTER,
};

static void table_name(char out[NFT_TABLE_SIZE], const char *bridge)
{
	(void)snprintf(out, NFT_TABLE_SIZE, "podd-%s", bridge);
}

static struct nft_chain bridge_forward(const char *table)
{
	return (struct nft_chain){ table, "forward", "filter", HOOK_FORWARD, PRIORITY_FILTER };
}

/* How a table comes to be: -EEXIST when it is there, or whatever was there goes. */
enum manner {
	FRESH,
	IN_PLACE,
};

static void add_table(struct netlink_batch *b, enum manner manner, const char *table)
{
	if (manner == IN_PLACE) { /* made first, so that there is one to delete */
		nft_table(b, NFT_MSG_NEWTABLE, NLM_F_CREATE, table);
		nft_table(b, NFT_MSG_DELTABLE, 0, table);
	}
	nft_table(b, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL, table);
}

static void add_bridge_table(struct netlink_batch *b, enum manner manner,
			     const struct netns_spec *spec)
{
	char table[NFT_TABLE_SIZE];
	const struct nft_chain forward = bridge_forward(table);
	const struct nft_chain postrouting = { table, "postrouting", "nat", HOOK_POSTROUTING,
					       PRIORITY_SRCNAT };
	struct nlattr *rule;

	table_name(table, spec->bridge);
	add_table(b, manner, table);
	nft_chain(b, &postrouting);
	rule = nft_rule(b, &postrouting);
	nft_match_saddr(b, spec->subnet, spec->prefix_len);
	nft_match_name(b, NFT_META_OIFNAME, false, spec->bridge);
	nft_masquerade(b);
	nft_rule_end(b, rule);

	nft_chain(b, &forward);
	rule = nft_rule(b, &forward);
	nft_match_name(b, NFT_META_OIFNAME, true, spec->bridge);
	nft_match_name(b, NFT_META_IIFNAME, false, spec->bridge);
	nft_match_not_of_a_connection(b);
	nft_match_not_redirected(b); /* by a rule of the operator's */
	nft_verdict(b, DROP);
	nft_rule_end(b, rule);
}

static void match_two_bridges(struct netlink_batch *b)
{
	nft_match_name(b, NFT_META_IIFKIND, true, "bridge");
	nft_match_name(b, NFT_META_OIFKIND, true, "bridge");
}

static void accept_group(struct netlink_batch *b, uint32_t key)
{
	struct nlattr *rule = nft_rule(b, &router_forward);

	nft_match_group(b, key, true, FIREWALL_GROUP);
	nft_verdict(b, ACCEPT);
	nft_rule_end(b, rule);
}

static void add_router_table(struct netlink_batch *b, enum manner manner)
{
	struct nlattr *rule;

	add_table(b, manner, ROUTER_TABLE);
	nft_chain(b, &router_forward);
	accept_group(b, NFT_META_IIFGROUP);
	accept_group(b, NFT_META_OIFGROUP);
	rule = nft_rule(b, &router_forward);
	match_two_bridges(b);
	nft_verdict(b, ACCEPT);
	nft_rule_end(b, rule);
	/* Not by "iifkind !=": hardware, which has no kind, would not match. */
	rule = nft_rule(b, &router_forward);
	nft_verdict(b, DROP);
	nft_rule_end(b, rule);

	nft_chain(b, &router_postrouting);
	rule = nft_rule(b, &router_postrouting);
	match_two_bridges(b);
	nft_match_group(b, NFT_META_IIFGROUP, false, FIREWALL_GROUP);
	nft_match_group(b, NFT_META_OIFGROUP, false, FIREWALL_GROUP);
	nft_verdict(b, DROP);
	nft_rule_end(b, rule);
}

/* How a kernel without nftables, or without a part of it, answers. */
static bool is_lacking(int r)
{
	return r == -EPROTONOSUPPORT || r == -EAFNOSUPPORT || r == -EOPNOTSUPP || r == -ENOENT;
}

static int run(struct netlink_batch *b, struct err *err)
{
	cleanup_close int sock = netlink_socket(NETLINK_NETFILTER);

	if (sock < 0)
		return err_sys(err, "netlink socket");
	return netlink_batch_run(b, sock, err);
}

static bool has_chain(const struct nft_chain *chain)
{
	cleanup_batch struct netlink_batch b = { 0 };

	nft_find_chain(&b, chain);
	return run(&b, NULL) == 0;
}

static int create(const struct netns_spec *spec, enum manner manner, bool router, struct err *err)
{
	cleanup_batch struct netlink_batch b = { 0 };

	nft_begin(&b);
	if (router)
		add_router_table(&b, manner);
	add_bridge_table(&b, manner, spec);
	nft_commit(&b);
	return run(&b, err);
}

/**
 * firewall_create() - put a bridge's table in place of any that is there
 * @forwarding: FORWARDING_OFF: the caller turns it on after that, and the table
 *              against routing is made as well; FORWARDING_OURS: when it is missing
 *
 * Return: 0 or -errno with @err filled.
 */
int firewall_create(const struct netns_spec *spec, enum forwarding forwarding, struct err *err)
{
	bool router = forwarding == FORWARDING_OFF ||
		      (forwarding == FORWARDING_OURS && !has_chain(&router_postrouting));
	int r = create(spec, FRESH, router, err);

	/* Only now: once something was deleted, the kernel lets close(2) of the
	 * socket wait for RCU, 30 ms that a start seldom needs. */
	if (r == -EEXIST)
		r = create(spec, IN_PLACE, router, err);
	if (is_lacking(r))
		return err_set(err, -r,
			       "firewall of bridge '%s': the kernel lacks nftables NAT or filter "
			       "(nf_tables, nft_chain_nat, nft_masq, nft_ct): %s",
			       spec->bridge, strerror(-r));
	return r < 0 ? err_wrap(err, r, "firewall of bridge '%s'", spec->bridge) : 0;
}

/**
 * firewall_ensure() - create a bridge's table when it is not there, or an older podd's
 *
 * For a bridge in use: a firewall that was loaded anew ("flush ruleset") has
 * taken the table with it, and the one against routing as well.
 *
 * Return: 0 or -errno with @err filled.
 */
int firewall_ensure(const struct netns_spec *spec, struct err *err)
{
	char table[NFT_TABLE_SIZE];
	const struct nft_chain forward = bridge_forward(table);
	enum forwarding forwarding;
	int r;

	table_name(table, spec->bridge);
	if (has_chain(&forward))
		return 0;
	r = forwarding_read(&forwarding, err);
	if (r < 0)
		return err_wrap(err, r, "firewall of bridge '%s'", spec->bridge);
	/* Whoever turned it off under a bridge in use wants it off. */
	if (forwarding == FORWARDING_OFF)
		forwarding = FORWARDING_OPERATORS;
	return firewall_create(spec, forwarding, err);
}

/**
 * firewall_remove() - remove a bridge's table
 *
 * Return: 0, also when there was none, or -errno with @err filled.
 */
int firewall_remove(const char *bridge, struct err *err)
{
	cleanup_batch struct netlink_batch b = { 0 };
	char table[NFT_TABLE_SIZE];
	int r;

	table_name(table, bridge);
	nft_begin(&b);
	nft_table(&b, NFT_MSG_DELTABLE, 0, table);
	nft_commit(&b);
	r = run(&b, err);
	if (r == 0 || is_lacking(r)) /* ENOENT: no such table */
		return 0;
	return err_wrap(err, r, "firewall of bridge '%s'", bridge);
}
