/* SPDX-License-Identifier: MIT */
/* The veth pair between a bridge and a pod. */
#include "netns/veth.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <stdio.h>
#include <string.h>

#include "netns/link.h"
#include "netns/netlink.h"

/**
 * veth_host_name() - name the host's end of a pod's veth pair
 *
 * Always the same for one pod of one podd instance, so that what a crash left
 * is found again. A link name has no room for a pod's name: that is the alias.
 */
void veth_host_name(const struct netns_pod *pod, char out[IFNAMSIZ])
{
	uint64_t h = link_hash(pod->owner, pod->name) & UINT64_C(0xffffffffffff);

	(void)snprintf(out, IFNAMSIZ, "pd%012" PRIx64, h);
}

static void put_peer(struct netlink_batch *b, const struct veth *v, int netns_fd)
{
	const uint8_t mac[6] = { 0x02, 0x70, (uint8_t)(v->address >> 24),
				 (uint8_t)(v->address >> 16), (uint8_t)(v->address >> 8),
				 (uint8_t)v->address };
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };
	struct nlattr *peer = netlink_nest(b, VETH_INFO_PEER);

	netlink_head(b, &ifi, sizeof(ifi));
	netlink_put_str(b, IFLA_IFNAME, VETH_POD_NAME);
	netlink_put_u32(b, IFLA_NET_NS_FD, (uint32_t)netns_fd);
	netlink_put_u32(b, IFLA_MTU, v->mtu);
	netlink_put(b, IFLA_ADDRESS, mac, sizeof(mac));
	netlink_nest_end(b, peer);
}

/* No IPv6 address of its own for the bridge's end: as a bridge port it never
 * gets a packet, but would announce itself to all pods. */
static void put_no_link_local(struct netlink_batch *b)
{
	const uint8_t mode = IN6_ADDR_GEN_MODE_NONE;
	struct nlattr *spec = netlink_nest(b, IFLA_AF_SPEC);
	struct nlattr *inet6 = netlink_nest(b, AF_INET6);

	netlink_put(b, IFLA_INET6_ADDR_GEN_MODE, &mode, sizeof(mode));
	netlink_nest_end(b, inet6);
	netlink_nest_end(b, spec);
}

static int create_pair(int sock, const struct veth *v, int netns_fd, struct err *err)
{
	cleanup_batch struct netlink_batch b = { 0 };
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };
	struct nlattr *info, *data;

	netlink_add(&b, RTM_NEWLINK, NETLINK_ACKED | NLM_F_CREATE | NLM_F_EXCL,
		    "create veth '%s' on bridge '%s'", v->host, v->bridge);
	netlink_head(&b, &ifi, sizeof(ifi));
	netlink_put_str(&b, IFLA_IFNAME, v->host);
	netlink_put_u32(&b, IFLA_MTU, v->mtu);
	netlink_put_u32(&b, IFLA_MASTER, (uint32_t)v->bridge_index);
	info = netlink_nest(&b, IFLA_LINKINFO);
	netlink_put_str(&b, IFLA_INFO_KIND, "veth");
	data = netlink_nest(&b, IFLA_INFO_DATA);
	put_peer(&b, v, netns_fd);
	netlink_nest_end(&b, data);
	netlink_nest_end(&b, info);
	return netlink_batch_run(&b, sock, err);
}

/**
 * veth_create() - make a veth pair from a bridge into a namespace
 * @sock: NETLINK_ROUTE, of the bridge's namespace
 * @netns_fd: the pod's network namespace
 *
 * The pod's end is born there: making it outside and moving it costs 31 ms
 * (RCU). It is set up inside, by veth_configure(); the kernel refuses to do it
 * in this message (ENOTCONN). The alias takes a second send, after the first
 * has succeeded: it would mark whatever link has the name.
 *
 * Return: 0 or -errno with @err filled; -EEXIST: the host's end, or an eth0 in
 * the namespace, is there already.
 */
int veth_create(int sock, const struct veth *v, int netns_fd, struct err *err)
{
	cleanup_batch struct netlink_batch b = { 0 };
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };
	int r = create_pair(sock, v, netns_fd, err);

	if (r == -EXFULL)
		return err_set(err, EXFULL,
			       "bridge '%s' is full: the kernel gives a bridge 1023 ports",
			       v->bridge);
	if (r < 0)
		return r;
	netlink_add(&b, RTM_SETLINK, NETLINK_ACKED, "set alias of veth '%s'", v->host);
	netlink_head(&b, &ifi, sizeof(ifi));
	netlink_put_str(&b, IFLA_IFNAME, v->host);
	netlink_put_str(&b, IFLA_IFALIAS, v->pod);
	put_no_link_local(&b);

	ifi.ifi_flags = ifi.ifi_change = IFF_UP;
	netlink_add(&b, RTM_SETLINK, NETLINK_ACKED, "set veth '%s' up", v->host);
	netlink_head(&b, &ifi, sizeof(ifi));
	netlink_put_str(&b, IFLA_IFNAME, v->host);
	return netlink_batch_run(&b, sock, err);
}

/**
 * veth_remove() - remove a pod's veth pair by its host end
 * @pod: the alias that it must carry; none is what a crash in veth_create()
 *       leaves
 *
 * Return: 0, also when there is none, or -errno with @err filled; -EEXIST: a
 * link of this name is not the pod's.
 */
int veth_remove(int sock, const char *name, const char *pod, struct err *err)
{
	struct link link;
	int r = link_get(sock, name, &link, err);

	if (r < 0)
		return r == -ENODEV ? 0 : r;
	if (strcmp(link.kind, "veth") != 0 || (link.alias[0] && strcmp(link.alias, pod) != 0))
		return err_set(err, EEXIST, "link '%s' is there and not the veth of pod '%s'", name,
			       pod);
	r = link_remove(sock, name, err);
	return r == -ENODEV ? 0 : r; /* went with its namespace meanwhile */
}

static void add_link_up(struct netlink_batch *b, const char *name)
{
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC,
				 .ifi_flags = IFF_UP,
				 .ifi_change = IFF_UP };

	netlink_add(b, RTM_SETLINK, NETLINK_ACKED, "set '%s' in the pod up", name);
	netlink_head(b, &ifi, sizeof(ifi));
	netlink_put_str(b, IFLA_IFNAME, name);
}

/**
 * veth_configure() - bring up a pod's links, address and default route
 * @sock: NETLINK_ROUTE, of the pod's namespace
 * @lease: what eth0 gets; NULL: only lo is brought up
 *
 * Return: 0 or -errno with @err filled.
 */
int veth_configure(int sock, const struct netns_lease *lease, struct err *err)
{
	cleanup_batch struct netlink_batch b = { 0 };
	struct ifaddrmsg ifa = { .ifa_family = AF_INET };
	struct rtmsg rtm = { .rtm_family = AF_INET, .rtm_table = RT_TABLE_MAIN,
			     .rtm_protocol = RTPROT_BOOT, .rtm_scope = RT_SCOPE_UNIVERSE,
			     .rtm_type = RTN_UNICAST };
	char text[IPV4_TEXT_SIZE];
	struct link eth0;
	int r;

	add_link_up(&b, "lo");
	if (!lease)
		return netlink_batch_run(&b, sock, err);
	r = link_get(sock, VETH_POD_NAME, &eth0, err);
	if (r < 0)
		return r;
	ifa.ifa_index = (unsigned)eth0.index;
	ifa.ifa_prefixlen = (uint8_t)lease->prefix_len;
	netlink_add(&b, RTM_NEWADDR, NETLINK_ACKED | NLM_F_CREATE, "add address %s/%u in the pod",
		    ipv4_text(lease->address, text), lease->prefix_len);
	netlink_head(&b, &ifa, sizeof(ifa));
	netlink_put_u32(&b, IFA_LOCAL, htonl(lease->address));
	netlink_put_u32(&b, IFA_ADDRESS, htonl(lease->address));
	netlink_put_u32(&b, IFA_BROADCAST, htonl(lease->address | ~ipv4_mask(lease->prefix_len)));

	add_link_up(&b, VETH_POD_NAME);

	netlink_add(&b, RTM_NEWROUTE, NETLINK_ACKED | NLM_F_CREATE, "add route by %s in the pod",
		    ipv4_text(lease->gateway, text));
	netlink_head(&b, &rtm, sizeof(rtm));
	netlink_put_u32(&b, RTA_GATEWAY, htonl(lease->gateway));
	netlink_put_u32(&b, RTA_OIF, (uint32_t)eth0.index);
	return netlink_batch_run(&b, sock, err);
}
