/* SPDX-License-Identifier: MIT */
/* Messages of nftables: tables, chains, rules and what rules are made of. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netns/netlink.h"

/*
 * Theory of operation
 *
 * Between nft_begin() and nft_commit() a batch is one transaction: all of it or
 * nothing. Tables are of the family ip, since pods have no IPv6. A rule is open
 * from nft_rule() to nft_rule_end(), and each nft_match_*() in between narrows it;
 * what is loaded goes by register 1.
 */
#define NFT_TABLE_SIZE 32

/* A chain that the kernel calls; numbers of <linux/netfilter.h>. */
struct nft_chain {
	const char *table, *name, *type;
	uint32_t hook, priority;
};

void nft_begin(struct netlink_batch *b);
void nft_commit(struct netlink_batch *b);

void nft_table(struct netlink_batch *b, int type, uint16_t flags, const char *table);
void nft_chain(struct netlink_batch *b, const struct nft_chain *chain);
void nft_find_chain(struct netlink_batch *b, const struct nft_chain *chain);
struct nlattr *nft_rule(struct netlink_batch *b, const struct nft_chain *chain);
void nft_rule_end(struct netlink_batch *b, struct nlattr *rule);

void nft_match_saddr(struct netlink_batch *b, uint32_t subnet, unsigned prefix_len);
void nft_match_name(struct netlink_batch *b, uint32_t key, bool equal, const char *name);
void nft_match_group(struct netlink_batch *b, uint32_t key, bool equal, uint32_t group);
void nft_match_not_of_a_connection(struct netlink_batch *b);
void nft_match_not_redirected(struct netlink_batch *b);
void nft_masquerade(struct netlink_batch *b);
void nft_verdict(struct netlink_batch *b, uint32_t verdict);
