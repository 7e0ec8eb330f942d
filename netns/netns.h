/* SPDX-License-Identifier: MIT */
/* A pod's network: an address lease, the bridge, the veth pair, the routes. */
#pragma once

#include <errno.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "netns/spec.h"

/*
 * Theory of operation
 *
 * The order of a start is lease, pause, attach:
 *
 *	netns_acquire()  makes the bridge when it is absent and leases an address
 *	(the pause is cloned into its network namespace and inherits the lease's
 *	lock, so that the lease lives as long as the pod)
 *	netns_attach()   makes the veth pair, its end eth0 inside the pod
 *
 * and the order of an end is: kill the pause, then netns_release(), which also
 * takes whatever a start that failed left, and the bridge with the last pod.
 * Nothing of this stays open in podd but the lease's lock.
 *
 * Pod addresses have MAC addresses of their own, 02:70 and the four bytes of
 * the address: whoever knew the address under its former holder still knows the
 * right one.
 *
 * The pod file's Mode=none needs only netns_loopback_up(), Mode=host nothing.
 */
#define NETNS_POD_NAME_SIZE 256

/* Whether something else than its lease says that a pod lives. */
typedef bool netns_lives_fn(void *ctx, const char *pod);

/* Who asks; borrowed, and the same in each call for one pod. */
struct netns_pod {
	int net_dirfd;     /* directory of the leases, 0700, of this podd instance only */
	const char *owner; /* names this instance, as in the alias of its bridges */
	const char *name;  /* the pod */
	netns_lives_fn *lives; /* or NULL: the leases say it all */
	void *ctx; /* of @lives */
};

struct netns_lease {
	int lock_fd; /* owned; the pause holds another of the same description */
	char bridge[IFNAMSIZ];
	uint32_t address; /* host byte order */
	uint32_t gateway; /* host byte order */
	unsigned prefix_len;
};

#define NETNS_LEASE_NONE ((struct netns_lease){ .lock_fd = -EBADF })

int netns_acquire(struct netns_lease *out, const struct netns_pod *pod,
		  const struct netns_spec *spec, struct err *err);
int netns_adopt(struct netns_lease *out, int lock_fd_take, struct err *err);
int netns_restore(const struct netns_pod *pod, const struct netns_lease *lease, struct err *err);
int netns_attach(const struct netns_pod *pod, const struct netns_lease *lease, int netns_fd,
		 struct err *err);
int netns_release(const struct netns_pod *pod, struct netns_lease *lease, struct err *err);

/* One thing that no pod uses; @kind is a constant. */
typedef void netns_stale_fn(void *ctx, const char *kind, const char *name);

/* Who looks for such things; borrowed. */
struct netns_search {
	int net_dirfd; /* as in struct netns_pod; or -EBADF: there are no leases */
	const char *owner;
	bool dry_run; /* only find */
	netns_lives_fn *lives;
	netns_stale_fn *stale; /* is told each lease, veth and bridge, before it goes */
	void *ctx;	       /* of both */
};

int netns_collect(const struct netns_search *search, struct err *err);
int netns_loopback_up(int netns_fd, struct err *err);
