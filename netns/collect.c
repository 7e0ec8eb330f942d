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
#include "netns/collect.h"
#include "netns/lease.h"
#include "netns/link.h"
#include "netns/netlink.h"
#include "netns/netns.h"
#include "netns/veth.h"

struct collection {
	const struct netns_search *search;
	int sock;
	struct err *err;
};

static void tell(const struct collection *c, const char *kind, const char *name)
{
	c->search->stale(c->search->ctx, kind, name);
}

typedef int entry_fn(struct collection *c, int dirfd, const char *name, void *arg);

/* Calls @fn for each entry that is not hidden, until one fails. */
static int each_entry(struct collection *c, int dirfd, entry_fn *fn, void *arg)
{
	int fd = dirfd < 0 ? dirfd : openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;
	int r = 0;

	if (dirfd < 0)
		return 0;
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
	tell(c, "lease", name);
	if (!c->search->dry_run && unlinkat(dirfd, name, 0) < 0)
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

static bool is_leased(struct collection *c, const char *bridge, const char *pod)
{
	struct query q = { .bridge = bridge, .pod = pod };

	/* What cannot be looked at is left alone. */
	return each_entry(c, c->search->net_dirfd, look_at_network, &q) < 0 || q.live_n > 0;
}

/* Whether a link is the host's end of a pod of ours, by name and alias. */
static bool is_our_veth(const char *owner, const char *name, const struct link *link)
{
	const struct netns_pod pod = { .owner = owner, .name = link->alias };
	char host[IFNAMSIZ];

	if (strcmp(link->kind, "veth") != 0 || !link->alias[0])
		return false;
	veth_host_name(&pod, host);
	return strcmp(host, name) == 0;
}

static int look_at_veth(struct collection *c, const char *name, const struct link *link)
{
	const struct netns_search *s = c->search;

	if (!is_our_veth(s->owner, name, link) || is_leased(c, NULL, link->alias) ||
	    s->lives(s->ctx, link->alias))
		return 0;
	tell(c, "veth", name);
	return s->dry_run ? 0 : veth_remove(c->sock, name, link->alias, c->err);
}

/**
 * collect_live_port() - whether a pod that lives has a port of a bridge of ours
 * @asks: its name does not matter
 * @name: receives that pod's name
 *
 * For a bridge without leases: somebody may have removed their files. Looks at
 * each link of the host, and takes none for a pod's when they cannot be listed.
 */
bool collect_live_port(int sock, const struct netns_pod *asks, const struct link *bridge,
		       char name[LINK_ALIAS_SIZE])
{
	struct if_nameindex *links = if_nameindex();
	bool found = false;
	struct link link;

	for (struct if_nameindex *l = links; l && l->if_index && !found; l++)
		found = link_get(sock, l->if_name, &link, NULL) == 0 &&
			link.master == bridge->index &&
			is_our_veth(asks->owner, l->if_name, &link) &&
			asks->lives(asks->ctx, link.alias);
	if (found)
		memcpy(name, link.alias, LINK_ALIAS_SIZE);
	if (links)
		if_freenameindex(links);
	return found;
}

static int look_at_bridge(struct collection *c, const char *name, const struct link *link)
{
	const struct netns_search *s = c->search;
	const struct netns_pod asks = { .owner = s->owner, .lives = s->lives, .ctx = s->ctx };
	char pod[LINK_ALIAS_SIZE];

	if (!bridge_is_ours(link, name, s->owner) || is_leased(c, name, NULL) ||
	    collect_live_port(c->sock, &asks, link, pod))
		return 0;
	tell(c, "bridge", name);
	return s->dry_run ? 0 : bridge_remove(name, s->owner, c->err);
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
 *
 * Ours is a link by its alias, as for netns_release(), and dead what nobody
 * holds the lease of, unless the pod lives all the same: somebody may have
 * removed the file of its lease. Starts and stops of pods wait meanwhile. A
 * bridge's firewall table goes with it.
 *
 * Return: 0 or -errno with @err filled.
 */
int netns_collect(const struct netns_search *search, struct err *err)
{
	int dirfd = search->net_dirfd;
	cleanup_close int lock = dirfd < 0 ? dirfd : lease_lock(dirfd, err);
	cleanup_close int sock = netlink_socket(NETLINK_ROUTE);
	struct collection c = { search, sock, err };
	struct query all = { .remove = true };
	int r;

	if (lock < 0 && dirfd >= 0)
		return lock;
	if (sock < 0)
		return err_sys(err, "netlink socket");
	r = look_at_links(&c);
	if (r == 0)
		r = each_entry(&c, dirfd, look_at_network, &all);
	if (r == 0 && !search->dry_run)
		r = each_entry(&c, dirfd, remove_if_empty, NULL);
	return r;
}
