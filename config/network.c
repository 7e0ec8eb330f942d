/* SPDX-License-Identifier: MIT */
/* Values of [Network]: the bridge and its addresses. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/strv.h"
#include "config/value.h"
#include "netns/spec.h"

#define WHITESPACE " \t"

static bool parse_ipv4(const char *s, uint32_t *out)
{
	struct in_addr a;

	if (inet_pton(AF_INET, s, &a) != 1)
		return false;
	*out = ntohl(a.s_addr);
	return true;
}

static int parse_ifname(const struct config_value *v, void *member)
{
	static const char set[] = "abcdefghijklmnopqrstuvwxyz"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	size_t n = strlen(v->s);

	/* Narrower than the kernel's dev_valid_name(), which would also take a
	 * '%', by which it numbers devices. */
	if (n >= IFNAMSIZ || strspn(v->s, set) != n || v->s[0] == '.' || v->s[0] == '-')
		return config_value_bad(v, v->s, "'%s' is no name of an interface", v->s);
	memcpy(member, v->s, n + 1);
	return 0;
}

/* Unicast, and neither loopback nor "this network" (RFC 6890). */
static bool is_usable(uint32_t address)
{
	return address >> 24 != 0 && address >> 24 != 127 && address >> 24 < 224;
}

static int parse_subnet(const struct config_value *v, void *member)
{
	const char *slash = strchr(v->s, '/'), *bad;
	struct netns_spec *net = member;
	char text[INET_ADDRSTRLEN] = "";
	uint64_t prefix_len;
	uint32_t network;

	if (slash && (size_t)(slash - v->s) < sizeof(text))
		memcpy(text, v->s, (size_t)(slash - v->s));
	if (!slash || !parse_ipv4(text, &network))
		return config_value_bad(v, v->s, "'%s' is no IPv4 network, such as 10.77.0.0/22",
					v->s);
	if (config_type_count.number(slash + 1, &bad, &prefix_len) < 0 || prefix_len < 8 ||
	    prefix_len > 30)
		return config_value_bad(v, slash + 1, "prefix length '%s' is not 8 to 30",
					slash + 1);
	if (network & (UINT32_MAX >> prefix_len))
		return config_value_bad(v, v->s, "'%s' has bits set after its prefix", v->s);
	if (!is_usable(network))
		return config_value_bad(v, v->s, "'%s' has no addresses for hosts", v->s);
	net->subnet = network;
	net->prefix_len = (unsigned)prefix_len;
	return 0;
}

static int parse_address(const struct config_value *v, void *member)
{
	uint32_t address = 0;

	if (strcmp(v->s, "auto") != 0 && (!parse_ipv4(v->s, &address) || !is_usable(address)))
		return config_value_bad(v, v->s, "'%s' is neither 'auto' nor a host's IPv4 address",
					v->s);
	config_value_store(v, member, address);
	return 0;
}

static int add_server(const struct config_value *v, const char *at, size_t n, char ***list,
		      size_t *count)
{
	unsigned char binary[sizeof(struct in6_addr)];
	char *s = strndup(at, n);

	if (!s)
		return -ENOMEM;
	if (inet_pton(AF_INET, s, binary) == 1 || inet_pton(AF_INET6, s, binary) == 1)
		return strv_push(list, count, s);
	config_value_bad(v, at, "'%s' is no IP address", s);
	free(s);
	return -EINVAL;
}

static int parse_dns(const struct config_value *v, void *member)
{
	char ***list = member;
	const char *s = v->s;
	size_t count = 0;
	int r, bad = 0;

	while (*list && (*list)[count])
		count++;
	for (; *s; s += strspn(s, WHITESPACE)) {
		size_t n = strcspn(s, WHITESPACE);

		r = add_server(v, s, n, list, &count);
		if (r == -ENOMEM)
			return r;
		bad = r < 0 ? r : bad;
		s += n;
	}
	return bad;
}

static uint64_t digest_ifname(const void *member, uint64_t h)
{
	return config_digest_text(h, member); /* in place, no pointer */
}

static uint64_t digest_subnet(const void *member, uint64_t h)
{
	const struct netns_spec *net = member;

	h = config_digest_bytes(h, &net->subnet, sizeof(net->subnet));
	return config_digest_bytes(h, &net->prefix_len, sizeof(net->prefix_len));
}

const struct config_type config_type_ifname = { .parse = parse_ifname, .digest = digest_ifname };
const struct config_type config_type_subnet = { .parse = parse_subnet, .digest = digest_subnet };
const struct config_type config_type_address = { .parse = parse_address };
const struct config_type config_type_dns = {
	.parse = parse_dns,
	.clear = config_clear_strv,
	.digest = config_digest_strv,
};
