/* SPDX-License-Identifier: MIT */
/* Outbound masquerade of one bridge: an nftables table of its own. */
#pragma once

#include <stdint.h>

#include "base/err.h"

/*
 * Theory of operation
 *
 * One table for each bridge, made and removed with it:
 *
 *	table ip podd-BRIDGE {
 *		chain postrouting {
 *			type nat hook postrouting priority srcnat;
 *			ip saddr SUBNET oifname != "BRIDGE" masquerade
 *		}
 *	}
 *
 * It is there whole or not at all, since nftables commits a batch as one
 * transaction. Nothing is written into anybody else's table, so a firewall
 * that drops forwarded packets has to be told about the bridge by its owner.
 */
int masquerade_create(const char *bridge, uint32_t subnet, unsigned prefix_len, struct err *err);
int masquerade_ensure(const char *bridge, uint32_t subnet, unsigned prefix_len, struct err *err);
int masquerade_remove(const char *bridge, struct err *err);
