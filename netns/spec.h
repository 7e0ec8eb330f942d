/* SPDX-License-Identifier: MIT */
/* What network a pod asks for: plain data. */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

enum netns_mode {
	NETNS_BRIDGE, /* own namespace, one veth to a bridge of the host */
	NETNS_NONE,   /* own namespace, only lo */
	NETNS_HOST,   /* the host's namespace */
};

struct netns_spec {
	enum netns_mode mode;
	char bridge[IFNAMSIZ];
	uint32_t subnet;     /* network address, host byte order */
	unsigned prefix_len; /* of @subnet, 8 to 30 */
	uint32_t address;    /* host byte order, in @subnet; 0: take a free one */
	char **dns;          /* IPv4/IPv6 literals, NULL-terminated; NULL: the host's resolv.conf */
};
