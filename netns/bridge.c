/* SPDX-License-Identifier: MIT */
/* The bridge of a pod network: made by us, or the operator's used as it is. */
#include "netns/bridge.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/io.h"
#include "netns/firewall.h"
#include "netns/forwarding.h"
#include "netns/link.h"
#include "netns/netlink.h"

#define OWNER_PREFIX "podd:"

/* By what a bridge of ours is known. */
struct mark {
	char alias[LINK_ALIAS_SIZE];
	uint8_t mac[6];
};

static int make_mark(struct mark *m, const char *owner, const char *bridge, struct err *err)
{
	uint64_t h = link_hash(owner, bridge);
	/* Locally administered, and no pod's: theirs begin with 02:70. */
	const uint8_t mac[6] = { 0x02, 0x71, (uint8_t)(h >> 24), (uint8_t)(h >> 16),
				 (uint8_t)(h >> 8), (uint8_t)h };

	memcpy(m->mac, mac, sizeof(m->mac));
	if (snprintf(m->alias, sizeof(m->alias), OWNER_PREFIX "%s", owner) >= LINK_ALIAS_SIZE)
		return err_set(err, ENAMETOOLONG, "mark bridge as of '%.60s...': name too long",
			       owner);
	return 0;
}

static bool is_ours(const struct link *l, const struct mark *m)
{
	if (strcmp(l->kind, "bridge") != 0)
		return false;
	return strcmp(l->alias, m->alias) == 0 ||
	       (!l->alias[0] && !l->admin_up && memcmp(l->mac, m->mac, sizeof(m->mac)) == 0);
}

/*
 * A fixed MAC address also keeps the bridge from taking that of its lowest
 * port, which changes as pods come and go while other pods still have it in
 * their neighbour tables. Two sends: had the first failed, the second would
 * mark somebody else's link.
 */
static int create_marked(int sock, const char *name, const struct mark *m, struct err *err)
{
	cleanup_batch struct netlink_batch b = { 0 };
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };
	struct nlattr *info;
	int r;

	netlink_add(&b, RTM_NEWLINK, NETLINK_ACKED | NLM_F_CREATE | NLM_F_EXCL,
		    "create bridge '%s'", name);
	netlink_head(&b, &ifi, sizeof(ifi));
	netlink_put_str(&b, IFLA_IFNAME, name);
	netlink_put(&b, IFLA_ADDRESS, m->mac, sizeof(m->mac));
	netlink_put_u32(&b, IFLA_GROUP, FIREWALL_GROUP);
	info = netlink_nest(&b, IFLA_LINKINFO);
	netlink_put_str(&b, IFLA_INFO_KIND, "bridge");
	netlink_nest_end(&b, info);
	r = netlink_batch_run(&b, sock, err);
	if (r < 0)
		return r;

	netlink_batch_done(&b);
	netlink_add(&b, RTM_SETLINK, NETLINK_ACKED, "mark bridge '%s'", name);
	netlink_head(&b, &ifi, sizeof(ifi));
	netlink_put_str(&b, IFLA_IFNAME, name);
	netlink_put_str(&b, IFLA_IFALIAS, m->alias);
	return netlink_batch_run(&b, sock, err);
}

static int address_and_up(int sock, const char *name, uint32_t address, unsigned prefix_len,
			  struct err *err)
{
	cleanup_batch struct netlink_batch b = { 0 };
	uint32_t local = htonl(address), broadcast = htonl(address | ~ipv4_mask(prefix_len));
	char text[IPV4_TEXT_SIZE];
	struct ifaddrmsg ifa = { .ifa_family = AF_INET, .ifa_prefixlen = (uint8_t)prefix_len };
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC,
				 .ifi_flags = IFF_UP,
				 .ifi_change = IFF_UP };
	struct link link;
	int r = link_get(sock, name, &link, err);

	if (r < 0)
		return r;
	ifa.ifa_index = (unsigned)link.index;
	ifi.ifi_index = link.index;
	netlink_add(&b, RTM_NEWADDR, NETLINK_ACKED | NLM_F_CREATE,
		    "add address %s/%u to bridge '%s'", ipv4_text(address, text), prefix_len, name);
	netlink_head(&b, &ifa, sizeof(ifa));
	netlink_put_u32(&b, IFA_LOCAL, local);
	netlink_put_u32(&b, IFA_ADDRESS, local);
	netlink_put_u32(&b, IFA_BROADCAST, broadcast);

	netlink_add(&b, RTM_SETLINK, NETLINK_ACKED, "set bridge '%s' up", name);
	netlink_head(&b, &ifi, sizeof(ifi));
	return netlink_batch_run(&b, sock, err);
}

/* A pod could otherwise advertise itself as the host's IPv6 router
 * (CVE-2020-10749): the bridge speaks IPv4 only, and takes no advertisement should
 * somebody switch IPv6 on. */
static int disable_ipv6(const char *name, struct err *err)
{
	char path[64];
	int r;

	(void)snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", name);
	r = io_write_file(AT_FDCWD, path, "1", err);
	(void)snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/accept_ra", name);
	if (r == 0)
		r = io_write_file(AT_FDCWD, path, "0", err);
	if (r == -ENOENT) /* a kernel without IPv6 */
		return 0;
	return r < 0 ? err_wrap(err, r, "switch IPv6 off on bridge '%s'", name) : 0;
}

/* The rules first: nothing gets through before. Forwarding is left on when the bridge
 * goes: somebody else may have come to rely on it. */
static int forward_and_protect(const struct netns_spec *spec, struct err *err)
{
	enum forwarding forwarding;
	int r = forwarding_read(&forwarding, err);

	if (r == 0 && forwarding == FORWARDING_OFF)
		r = forwarding_check_switch(err);
	if (r < 0)
		return err_wrap(err, r, "forward packets of bridge '%s'", spec->bridge);
	r = firewall_create(spec, forwarding, err);
	fault_kill("firewall-made");
	if (r < 0 || forwarding != FORWARDING_OFF)
		return r;
	r = forwarding_turn_on(err);
	return r < 0 ? err_wrap(err, r, "forward packets of bridge '%s'", spec->bridge) : 0;
}

static int create(int sock, const struct netns_spec *spec, const struct mark *m, uint32_t gateway,
		  struct err *err)
{
	int r = create_marked(sock, spec->bridge, m, err);

	if (r < 0)
		return r;
	r = disable_ipv6(spec->bridge, err);
	if (r == 0)
		r = forward_and_protect(spec, err);
	if (r == 0)
		r = address_and_up(sock, spec->bridge, gateway, spec->prefix_len, err);
	return r;
}

static int use_foreign(int sock, const struct link *link, const struct netns_spec *spec,
		       uint32_t *gateway, struct err *err)
{
	int r;

	if (strncmp(link->alias, OWNER_PREFIX, strlen(OWNER_PREFIX)) == 0)
		return err_set(err, EBUSY,
			       "bridge '%s' belongs to the podd of '%s': set another Bridge=",
			       spec->bridge, link->alias + strlen(OWNER_PREFIX));
	if (!link->admin_up)
		return err_set(err, ENETDOWN, "bridge '%s', which podd did not make, is down",
			       spec->bridge);
	r = link_ipv4_within(sock, link->index, spec, gateway, err);
	return r < 0 ? err_wrap(err, r, "bridge '%s', which podd did not make", spec->bridge) : 0;
}

/* A bridge of ours in use, which an older podd may have made. */
static int ensure_protected(int sock, const struct link *link, const struct netns_spec *spec,
			    struct err *err)
{
	cleanup_batch struct netlink_batch b = { 0 };
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC, .ifi_index = link->index };
	int r = 0;

	if (link->group != FIREWALL_GROUP) {
		netlink_add(&b, RTM_SETLINK, NETLINK_ACKED, "group of bridge '%s'", spec->bridge);
		netlink_head(&b, &ifi, sizeof(ifi));
		netlink_put_u32(&b, IFLA_GROUP, FIREWALL_GROUP);
		r = netlink_batch_run(&b, sock, err);
	}
	return r < 0 ? r : firewall_ensure(spec, err);
}

/**
 * bridge_ensure() - make a pod network's bridge, or find it fit for use
 * @owner: names this podd instance
 * @in_use: a live lease of this network exists
 * @gateway: receives the bridge's address for the pods, host byte order
 *
 * What a failure leaves behind is ours by its mark: bridge_remove() takes it.
 * Sets net.ipv4.ip_forward when it makes the bridge and the host does not
 * forward yet, and then has it forward for pod bridges only.
 *
 * Return: 0 or -errno with @err filled.
 */
int bridge_ensure(const struct netns_spec *spec, const char *owner, bool in_use, uint32_t *gateway,
		  struct err *err)
{
	cleanup_close int sock = netlink_socket(NETLINK_ROUTE);
	uint32_t first_host = spec->subnet + 1;
	struct mark mark;
	struct link link;
	int r;

	if (sock < 0)
		return err_sys(err, "netlink socket");
	r = make_mark(&mark, owner, spec->bridge, err);
	if (r < 0)
		return r;
	r = link_get(sock, spec->bridge, &link, err);
	if (r < 0 && r != -ENODEV)
		return r;
	if (r == 0 && strcmp(link.kind, "bridge") != 0)
		return err_set(err, EEXIST, "link '%s' is not a bridge: set another Bridge=",
			       spec->bridge);
	if (r == 0 && !is_ours(&link, &mark))
		return use_foreign(sock, &link, spec, gateway, err);
	*gateway = first_host;
	if (r == 0 && in_use)
		return ensure_protected(sock, &link, spec, err);
	if (r == 0) {
		r = link_remove(sock, spec->bridge, err);
		if (r < 0)
			return r;
	}
	r = link_ipv4_check_free(sock, spec, err);
	if (r < 0)
		return r;
	return create(sock, spec, &mark, first_host, err);
}

/**
 * bridge_restore() - have back what a bridge of pods that run has lost, if it is ours
 * @spec: its name, subnet and prefix length
 *
 * Does nothing to a bridge without our mark, or to none.
 *
 * Return: 0 or -errno with @err filled.
 */
int bridge_restore(const struct netns_spec *spec, const char *owner, struct err *err)
{
	cleanup_close int sock = netlink_socket(NETLINK_ROUTE);
	struct link link;

	if (sock < 0)
		return err_sys(err, "netlink socket");
	if (link_get(sock, spec->bridge, &link, NULL) < 0 ||
	    !bridge_is_ours(&link, spec->bridge, owner))
		return 0;
	return ensure_protected(sock, &link, spec, err);
}

/**
 * bridge_is_ours() - whether a link is a bridge that bridge_ensure() made
 */
bool bridge_is_ours(const struct link *link, const char *name, const char *owner)
{
	struct mark mark;

	return make_mark(&mark, owner, name, NULL) == 0 && is_ours(link, &mark);
}

/**
 * bridge_remove() - remove a bridge that bridge_ensure() made, and its table
 *
 * Does nothing to a bridge without our mark, and accepts one that is half made
 * or gone.
 *
 * Return: 0 or -errno with @err filled.
 */
int bridge_remove(const char *name, const char *owner, struct err *err)
{
	cleanup_close int sock = netlink_socket(NETLINK_ROUTE);
	struct mark mark;
	struct link link;
	int r;

	if (sock < 0)
		return err_sys(err, "netlink socket");
	r = make_mark(&mark, owner, name, err);
	if (r < 0)
		return r;
	r = link_get(sock, name, &link, err);
	if (r < 0)
		return r == -ENODEV ? firewall_remove(name, err) : r;
	if (!is_ours(&link, &mark))
		return 0;
	/* The link last: while it is there the mark tells what is still to do. */
	r = firewall_remove(name, err);
	if (r < 0)
		return r;
	r = link_remove(sock, name, err);
	return r == -ENODEV ? 0 : r;
}
