/* SPDX-License-Identifier: MIT */
/* Network links by name: look at one, remove one, its IPv4 addresses. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "netns/spec.h"

#define LINK_ALIAS_SIZE 256 /* IFALIASZ of <linux/if.h> */

struct link {
	int index;
	int master; /* index of the bridge whose port it is, or 0 */
	unsigned mtu;
	uint32_t group; /* IFLA_GROUP */
	uint8_t mac[6];
	bool admin_up;
	bool operational; /* packets pass, as far as this end is concerned */
	char kind[16];               /* "bridge", "veth"; "" for hardware */
	char alias[LINK_ALIAS_SIZE]; /* "" when it has none */
};

#define IPV4_TEXT_SIZE 16

const char *ipv4_text(uint32_t address, char out[IPV4_TEXT_SIZE]);
uint32_t ipv4_mask(unsigned prefix_len);

uint64_t link_hash(const char *owner, const char *name);
int link_get(int sock, const char *name, struct link *out, struct err *err);
int link_wait_operational(int sock, const char *name, struct err *err);
int link_remove(int sock, const char *name, struct err *err);
int link_ipv4_check_free(int sock, const struct netns_spec *spec, struct err *err);
int link_ipv4_within(int sock, int index, const struct netns_spec *spec, uint32_t *out,
		     struct err *err);
