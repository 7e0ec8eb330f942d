/* SPDX-License-Identifier: MIT */
/* Finding and removing what dead pods left of their networks. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "base/fd.h"
#include "netns/bridge.h"
#include "netns/lease.h"
#include "netns/link.h"
#include "netns/netlink.h"
#include "netns/netns.h"
#include "netns/veth.h"

struct collection {
	int net_dirfd;
	const char *owner;
	bool dry_run;
	int sock;
	netns_stale_fn *stale;
	void *ctx;
	struct err *err;
};

typedef int entry_fn(struct collection *c, int dirfd, const char *name, void *arg);

/* Calls @fn for each entry that is not hidden, until one fails. */
static int each_entry(struct collection *c, int dirfd, entry_fn *fn, void *arg)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;
	int r = 0;

	if (!dir) {
		r = err_sys(c->err, "read lease directory");
		close_fd(&fd);
		return r;
	}
	while (r == 0 && (d = readdir(dir)))
		if (d->d_name[0] != '.')
			r = fn(c, dirfd, d->d_name, arg);
	(void)closedir(dir);
	return r;
}

/* What is looked for among the leases, and how many live there are. */
struct query {
	const char *bridge, *pod; /* or NULL: any */
	bool remove;		  /* the stale ones */
	unsigned live_n;
};

static int look_at_lease(struct collection *c, int dirfd, const char *name, void *arg)
{
	cleanup_close int fd = openat(dirfd, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	struct netns_lease lease = NETNS_LEASE_NONE;
	char holder[NETNS_POD_NAME_SIZE] = "";
	struct query *q = arg;
	bool known;

	if (fd < 0)
		return 0; /* not a lease */
	known = lease_read(fd, &lease, holder) == 0;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		/* One that lives and does not say whose it is may be anybody's. */
		q->live_n += !known || !q->pod || strcmp(q->pod, holder) == 0;
		return 0;
	}
	if (!q->remove)
		return 0;
	c->stale(c->ctx, "lease", name);
	if (!c->dry_run && unlinkat(dirfd, name, 0) < 0)
		return err_sys(c->err, "remove lease '%s'", name);
	return 0;
}

static int look_at_network(struct collection *c, int net_dirfd, const char *bridge, void *arg)
{
	cleanup_close int fd =
		openat(net_dirfd, bridge, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct query *q = arg;

	if (fd < 0 || (q->bridge && strcmp(q->bridge, bridge) != 0))
		return 0;
	return each_entry(c, fd, look_at_lease, q);
}

static bool is_live(struct collection *c, const char *bridge, const char *pod)
{
	struct query q = { .bridge = bridge, .pod = pod };

	/* What cannot be looked at is left alone. */
	return each_entry(c, c->net_dirfd, look_at_network, &q) < 0 || q.live_n > 0;
}

static int look_at_veth(struct collection *c, const char *name, const struct link *link)
{
	const struct netns_pod pod = { .owner = c->owner, .name = link->alias };
	char host[IFNAMSIZ];

	veth_host_name(&pod, host);
	if (!link->alias[0] || strcmp(host, name) != 0 || is_live(c, NULL, link->alias))
		return 0;
	c->stale(c->ctx, "veth", name);
	return c->dry_run ? 0 : veth_remove(c->sock, name, link->alias, c->err);
}

static int look_at_bridge(struct collection *c, const char *name, const struct link *link)
{
	if (!bridge_is_ours(link, name, c->owner) || is_live(c, name, NULL))
		return 0;
	c->stale(c->ctx, "bridge", name);
	return c->dry_run ? 0 : bridge_remove(name, c->owner, c->err);
}

static int look_at_links(struct collection *c)
{
	struct if_nameindex *links = if_nameindex();
	struct link link;
	int r = 0;

	if (!links)
		return err_sys(c->err, "list the links");
	for (struct if_nameindex *l = links; r == 0 && l->if_index; l++) {
		if (link_get(c->sock, l->if_name, &link, NULL) < 0)
			continue; /* gone meanwhile */
		if (strcmp(link.kind, "veth") == 0)
			r = look_at_veth(c, l->if_name, &link);
		else if (strcmp(link.kind, "bridge") == 0)
			r = look_at_bridge(c, l->if_name, &link);
	}
	if_freenameindex(links);
	return r;
}

static int remove_if_empty(struct collection *c, int net_dirfd, const char *name, void *arg)
{
	(void)c;
	(void)arg;
	(void)unlinkat(net_dirfd, name, AT_REMOVEDIR); /* ENOTEMPTY: in use */
	return 0;
}

/**
 * netns_collect() - find what no living pod uses, and remove it
 * @net_dirfd, @owner: as in struct netns_pod
 * @dry_run: only find
 * @stale: is told each lease, veth and bridge, before it goes
 *
 * Ours is a link by its alias, as for netns_release(), and dead what nobody
 * holds the lease of. Starts and stops of pods wait meanwhile. A bridge's
 * masquerade goes with it.
 *
 * Return: 0 or -errno with @err filled.
 */
int netns_collect(int net_dirfd, const char *owner, bool dry_run, netns_stale_fn *stale, void *ctx,
		  struct err *err)
{
	cleanup_close int lock = lease_lock(net_dirfd, err);
	cleanup_close int sock = netlink_socket(NETLINK_ROUTE);
	struct collection c = { net_dirfd, owner, dry_run, sock, stale, ctx, err };
	struct query all = { .remove = true };
	int r;

	if (lock < 0)
		return lock;
	if (sock < 0)
		return err_sys(err, "netlink socket");
	r = look_at_links(&c);
	if (r == 0)
		r = each_entry(&c, net_dirfd, look_at_network, &all);
	if (r == 0 && !dry_run)
		r = each_entry(&c, net_dirfd, remove_if_empty, NULL);
	return r;
}
