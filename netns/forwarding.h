/* SPDX-License-Identifier: MIT */
/* Whether the host forwards packets, and by whose will. */
#pragma once

#include "base/err.h"

/*
 * Theory of operation
 *
 * A pod reaches other hosts only where the host forwards, and net.ipv4.ip_forward is
 * one switch for all interfaces. podd turns it on when it makes a bridge, and leaves
 * it on when the bridge goes. Who turned it on himself routes on purpose; where podd
 * did, nothing but what pods send is to be forwarded (netns/firewall.h).
 *
 * The memory of that is net.ipv4.conf.all.tag, a number that the kernel keeps for
 * whoever has a use for it, and has none for itself. Like ip_forward it belongs to a
 * network namespace, goes with it (the copy that a new one begins with is of both),
 * and stays where nftables are flushed.
 */
enum forwarding {
	FORWARDING_OFF,
	FORWARDING_OURS,      /* podd turned it on, this one or another */
	FORWARDING_OPERATORS, /* somebody else did */
};

int forwarding_read(enum forwarding *out, struct err *err);
int forwarding_check_switch(struct err *err);
int forwarding_turn_on(struct err *err);
