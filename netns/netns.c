/* SPDX-License-Identifier: MIT */
/* A pod's network: an address lease, the bridge, the veth pair, the routes. */
#include "netns/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/child.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/io.h"
#include "netns/bridge.h"
#include "netns/collect.h"
#include "netns/lease.h"
#include "netns/link.h"
#include "netns/netlink.h"
#include "netns/veth.h"

#define EXIT_ENTER 1
#define RESTORE_TIMEOUT_MS 500 /* a pod waits to be taken over */
#define IPV6_CONF  "/proc/sys/net/ipv6/conf/"

/* Of eth0, and of a device that somebody adds to the pod later. */
static const struct {
	const char *path, *value;
} no_ipv6[] = {
	{ IPV6_CONF VETH_POD_NAME "/disable_ipv6", "1" },
	{ IPV6_CONF VETH_POD_NAME "/accept_ra", "0" },
	{ IPV6_CONF "default/accept_ra", "0" },
};

/* Results of the child that goes into the pod's namespace. */
struct entry {
	int netns_fd;
	bool ipv4_only; /* switch IPv6 off on eth0 */
	int sock;
	struct err *err;
	int r;
};

static int open_network(int net_dirfd, const char *bridge, struct err *err)
{
	int fd;

	/* The name is used as a directory's before the kernel sees it as a link's. */
	if (!bridge[0] || strchr(bridge, '/') || strcmp(bridge, ".") == 0 ||
	    strcmp(bridge, "..") == 0)
		return err_set(err, EINVAL, "bridge '%s': not the name of a link", bridge);
	if (mkdirat(net_dirfd, bridge, 0700) < 0 && errno != EEXIST)
		return err_sys(err, "create lease directory of bridge '%s'", bridge);
	fd = openat(net_dirfd, bridge, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? err_sys(err, "open lease directory of bridge '%s'", bridge) : fd;
}

/* Under the lock: what the last pod of a network takes with it. */
static int close_network(const struct netns_pod *pod, int dirfd, const char *bridge,
			 struct err *err)
{
	struct lease_survey survey;
	int r = lease_survey(dirfd, pod->name, &survey, err);

	if (r < 0 || survey.live_n > 0)
		return r;
	fault_kill("network-last");
	r = bridge_remove(bridge, pod->owner, err);
	if (r < 0)
		return r;
	fault_kill("bridge-removed");
	if (unlinkat(pod->net_dirfd, bridge, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return err_sys(err, "remove lease directory of bridge '%s'", bridge);
	return 0;
}

/*
 * A bridge without leases is made anew, unless a pod lives on it: then somebody
 * has removed the leases, and nobody knows which addresses are taken.
 */
static int check_not_lost(const struct netns_pod *pod, const char *bridge, struct err *err)
{
	cleanup_close int sock = netlink_socket(NETLINK_ROUTE);
	char name[LINK_ALIAS_SIZE];
	struct link link;

	if (sock < 0)
		return err_sys(err, "netlink socket");
	if (link_get(sock, bridge, &link, NULL) < 0 || !bridge_is_ours(&link, bridge, pod->owner) ||
	    !collect_live_port(sock, pod, &link, name))
		return 0;
	return err_set(err, EBUSY,
		       "bridge '%s': somebody removed the lease of pod '%s', which lives: "
		       "stop that first", bridge, name);
}

static int acquire_locked(struct netns_lease *out, int dirfd, const struct netns_pod *pod,
			  const struct netns_spec *spec, struct err *err)
{
	struct netns_lease lease = { .lock_fd = -EBADF, .prefix_len = spec->prefix_len };
	struct lease_survey survey;
	int r = lease_survey(dirfd, pod->name, &survey, err);

	if (r == 0)
		r = lease_check(&survey, spec, pod->name, err);
	if (r == 0 && survey.live_n == 0 && pod->lives)
		r = check_not_lost(pod, spec->bridge, err);
	if (r == 0)
		r = bridge_ensure(spec, pod->owner, survey.live_n > 0, &lease.gateway, err);
	if (r < 0)
		return r;
	fault_kill("bridge-made");
	(void)snprintf(lease.bridge, sizeof(lease.bridge), "%s", spec->bridge);
	lease.address = survey.former;
	r = lease_choose(dirfd, spec, lease.gateway, &lease.address, err);
	if (r == 0)
		r = lease_take(dirfd, pod->name, &lease, err);
	if (r < 0)
		return r;
	*out = lease;
	return 0;
}

/**
 * netns_acquire() - lease a pod's address and have its bridge ready
 * @out: on success owns the lock; dup it into the pause, end with
 *       netns_release()
 * @spec: of Mode=bridge
 *
 * A pod gets the address of its pod file, else the one that it had when it
 * crashed, else the lowest free one. Leases of dead pods are reclaimed on the
 * way. Waits for other pods' starts and stops that are under way.
 *
 * Return: 0 or -errno with @err filled, and then nothing is left behind.
 * -EADDRINUSE, -ENOSPC: no address; -EBUSY, -EEXIST: the bridge's name is
 * somebody else's, or a pod lives on it that has no lease; -EADDRNOTAVAIL: the
 * operator's bridge has no address in the subnet.
 */
int netns_acquire(struct netns_lease *out, const struct netns_pod *pod,
		  const struct netns_spec *spec, struct err *err)
{
	cleanup_close int lock = lease_lock(pod->net_dirfd, err);
	cleanup_close int dirfd = -EBADF;
	int r;

	if (lock < 0)
		return lock;
	dirfd = open_network(pod->net_dirfd, spec->bridge, err);
	if (dirfd < 0)
		return dirfd;
	fault_kill("network-directory");
	r = acquire_locked(out, dirfd, pod, spec, err);
	if (r == -EBUSY) /* others live on it, and nothing was made: ENOTEMPTY is theirs */
		(void)unlinkat(pod->net_dirfd, spec->bridge, AT_REMOVEDIR);
	else if (r < 0)
		(void)close_network(pod, dirfd, spec->bridge, NULL); /* the cause is told */
	return r;
}

/**
 * netns_adopt() - take over the lease of a pod that another podd started
 * @out: on success owns @lock_fd_take
 * @lock_fd_take: the pause's, by pidfd_getfd(2); consumed in any case
 *
 * Return: 0 or -errno with @err filled.
 */
int netns_adopt(struct netns_lease *out, int lock_fd_take, struct err *err)
{
	cleanup_close int fd = lock_fd_take;
	struct netns_lease lease;
	char holder[NETNS_POD_NAME_SIZE];
	int r = lease_read(fd, &lease, holder);

	if (r < 0)
		return err_set(err, -r,
			       "the pod's address lease is damaged, or of another version");
	lease.lock_fd = take_fd(&fd);
	*out = lease;
	return 0;
}

/**
 * netns_restore() - have back what others' hands took from a running pod's network
 * @lease: of netns_adopt()
 *
 * The firewall table of its bridge: one that is not there, or that an older podd made.
 * Waits for other pods' starts and stops that are under way, but not for long.
 *
 * Return: 0 or -errno with @err filled; the pod goes on as it is.
 */
int netns_restore(const struct netns_pod *pod, const struct netns_lease *lease, struct err *err)
{
	struct netns_spec spec = { .mode = NETNS_BRIDGE, .prefix_len = lease->prefix_len };
	cleanup_close int lock = -EBADF;

	if (!lease->bridge[0])
		return 0;
	lock = lease_lock_soon(pod->net_dirfd, RESTORE_TIMEOUT_MS, err);
	if (lock < 0)
		return err_wrap(err, lock, "look after the firewall of bridge '%s'", lease->bridge);
	(void)snprintf(spec.bridge, sizeof(spec.bridge), "%s", lease->bridge);
	spec.subnet = lease->address & ipv4_mask(lease->prefix_len);
	return bridge_restore(&spec, pod->owner, err);
}

/*
 * In the pod's namespace: /proc/sys/net is that of whoever opens it. With IPv6
 * off, eth0 takes no router advertisement of another pod (CVE-2020-10749); nor does
 * it where a Sysctl= switches IPv6 on again.
 */
static int enter(void *arg)
{
	struct entry *e = arg;

	if (setns(e->netns_fd, CLONE_NEWNET) < 0) {
		e->r = err_sys(e->err, "enter the pod's network namespace");
		return EXIT_ENTER;
	}
	for (size_t i = 0; e->ipv4_only && e->r == 0 && i < ARRAY_SIZE(no_ipv6); i++)
		e->r = io_write_file(AT_FDCWD, no_ipv6[i].path, no_ipv6[i].value, e->err);
	if (e->r < 0 && e->r != -ENOENT) { /* ENOENT: a kernel without IPv6 */
		e->r = err_wrap(e->err, e->r, "switch IPv6 off in the pod");
		return EXIT_ENTER;
	}
	e->sock = netlink_socket(NETLINK_ROUTE);
	e->r = e->sock < 0 ? err_sys(e->err, "netlink socket in the pod") : 0;
	return e->sock < 0 ? EXIT_ENTER : 0;
}

static int configure_inside(int netns_fd, const struct netns_lease *lease, struct err *err)
{
	struct entry e = { .netns_fd = netns_fd, .ipv4_only = lease != NULL, .sock = -EBADF,
			   .err = err };
	cleanup_close int sock = -EBADF;
	int r = child_call(NULL, enter, &e);

	if (r < 0)
		return err_set(err, -r, "child for the pod's network namespace: %s", strerror(-r));
	if (r > 0)
		return e.r;
	sock = e.sock;
	return veth_configure(sock, lease, err);
}

static int create_veth(int sock, const struct netns_pod *pod, const struct netns_lease *lease,
		       int netns_fd, struct err *err)
{
	struct veth v = { .pod = pod->name, .bridge = lease->bridge, .address = lease->address };
	struct link bridge;
	int r = link_get(sock, lease->bridge, &bridge, err);

	if (r == -ENODEV)
		return err_set(err, ENODEV, "bridge '%s' is gone: somebody removed it",
			       lease->bridge);
	if (r < 0)
		return r;
	v.bridge_index = bridge.index;
	v.mtu = bridge.mtu;
	veth_host_name(pod, v.host);
	r = veth_create(sock, &v, netns_fd, err);
	if (r != -EEXIST)
		return r;
	/* Of a pod that crashed: its namespace is still held, or on its way out. */
	r = veth_remove(sock, v.host, pod->name, err);
	return r < 0 ? r : veth_create(sock, &v, netns_fd, err);
}

/* The veth first: its coming up is what brings up a bridge without other ports. */
static int wait_operational(int sock, const struct netns_pod *pod, const char *bridge,
			    struct err *err)
{
	char name[IFNAMSIZ];
	int r;

	veth_host_name(pod, name);
	r = link_wait_operational(sock, name, err);
	return r < 0 ? r : link_wait_operational(sock, bridge, err);
}

/**
 * netns_attach() - connect a pod's namespace to its bridge
 * @netns_fd: the pod's network namespace, fresh
 *
 * Brings up lo, eth0 with the leased address, and the default route; packets
 * pass when it returns. The caller has one thread and all signals blocked
 * (base/child.h).
 *
 * Return: 0 or -errno with @err filled; netns_release() undoes what was done.
 */
int netns_attach(const struct netns_pod *pod, const struct netns_lease *lease, int netns_fd,
		 struct err *err)
{
	cleanup_close int sock = netlink_socket(NETLINK_ROUTE);
	int r;

	if (sock < 0)
		return err_sys(err, "netlink socket");
	r = create_veth(sock, pod, lease, netns_fd, err);
	fault_kill("veth-made");
	if (r == 0)
		r = configure_inside(netns_fd, lease, err);
	fault_kill("veth-configured");
	return r < 0 ? r : wait_operational(sock, pod, lease->bridge, err);
}

/**
 * netns_loopback_up() - bring up lo in a pod's namespace, for Mode=none
 *
 * Return: 0 or -errno with @err filled.
 */
int netns_loopback_up(int netns_fd, struct err *err)
{
	return configure_inside(netns_fd, NULL, err);
}

static int release_veth(const struct netns_pod *pod, struct err *err)
{
	cleanup_close int sock = netlink_socket(NETLINK_ROUTE);
	char name[IFNAMSIZ];

	if (sock < 0)
		return err_sys(err, "netlink socket");
	veth_host_name(pod, name);
	return veth_remove(sock, name, pod->name, err);
}

static int release_lease(const struct netns_pod *pod, struct netns_lease *lease, struct err *err)
{
	cleanup_close int lock = lease_lock(pod->net_dirfd, err);
	cleanup_close int dirfd = -EBADF;
	int r;

	if (lock < 0)
		return lock;
	dirfd = open_network(pod->net_dirfd, lease->bridge, err);
	if (dirfd < 0)
		return dirfd;
	if (lease->lock_fd >= 0) {
		r = lease_drop(dirfd, lease->address, err);
		if (r < 0)
			return r;
	}
	fault_kill("lease-dropped");
	close_fd(&lease->lock_fd);
	return close_network(pod, dirfd, lease->bridge, err);
}

/**
 * netns_release() - end a pod's network, however far it had come
 * @lease: of netns_acquire() or netns_adopt(); NETNS_LEASE_NONE with only
 *         the bridge's name set does for a pod of which no lease is known;
 *         NETNS_LEASE_NONE after
 *
 * Call it when the pause is dead. The veth pair is removed by name, because
 * the kernel takes down a dropped namespace some time later, and somebody may
 * hold it. With the last pod go the bridge, if podd made it, and its
 * firewall table. Every part is tried whatever became of the others.
 *
 * Return: 0, also when there is nothing, or -errno with @err filled for the
 * first part that failed.
 */
int netns_release(const struct netns_pod *pod, struct netns_lease *lease, struct err *err)
{
	int veth, r = 0;

	if (!lease->bridge[0])
		return 0;
	veth = release_veth(pod, err);
	fault_kill("veth-removed");
	r = release_lease(pod, lease, veth < 0 ? NULL : err);
	close_fd(&lease->lock_fd);
	*lease = NETNS_LEASE_NONE;
	return veth < 0 ? veth : r;
}
