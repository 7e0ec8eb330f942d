/* SPDX-License-Identifier: MIT */
/* What goes through a pod bridge and the host: nftables tables of our own. */
#pragma once

#include "base/err.h"
#include "netns/forwarding.h"
#include "netns/spec.h"

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
 *		chain forward {
 *			type filter hook forward priority filter;
 *			oifname "BRIDGE" iifname != "BRIDGE" ! ct state established,related drop
 *		}
 *	}
 *
 * So nobody behind another interface begins anything with a pod: neither another
 * host, which needs no more than a route by this one, nor a pod of another bridge.
 * With br_netfilter, what pods of one bridge send each other is forwarded as well,
 * from the bridge to the bridge.
 *
 * And one table for all bridges and all podds of the network namespace, where podd
 * turned forwarding on (netns/forwarding.h), so that the host does not become a
 * router between its other networks. Pod bridges are known by their group:
 *
 *	table ip podd {
 *		chain forward {
 *			type filter hook forward priority filter;
 *			iifgroup PODS accept
 *			oifgroup PODS accept
 *			iifkind "bridge" oifkind "bridge" accept
 *			drop
 *		}
 *		chain postrouting {
 *			type filter hook postrouting priority filter;
 *			iifkind "bridge" oifkind "bridge" iifgroup != PODS oifgroup != PODS drop
 *		}
 *	}
 *
 * With br_netfilter the hook "forward" sees packets that one of the operator's
 * bridges switches, by which he may connect his machines: they come from a bridge and
 * go to a bridge, and cannot be told from those that are routed between two. At the
 * hook "postrouting" they can: only what is routed has an interface that it came by
 * (since Linux 5.7). There nothing but bridges may be looked at: what a tunnel of the
 * host sends seems to have come by the tunnel.
 *
 * This one stays when the last bridge goes, because forwarding does.
 *
 * Tables are there whole or not at all, since nftables commits a batch as one
 * transaction, and are replaced in one. Nothing is written into anybody else's
 * table, so a firewall that drops forwarded packets has to be told about the bridge
 * by its owner, and what he lets through has to pass these as well.
 */
#define FIREWALL_GROUP 0x706f6464 /* "podd": IFLA_GROUP of each bridge that podd makes */

int firewall_create(const struct netns_spec *spec, enum forwarding forwarding, struct err *err);
int firewall_ensure(const struct netns_spec *spec, struct err *err);
int firewall_remove(const char *bridge, struct err *err);
