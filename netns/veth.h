/* SPDX-License-Identifier: MIT */
/* The veth pair between a bridge and a pod. */
#pragma once

#include <net/if.h>
#include <stdint.h>

#include "base/err.h"
#include "netns/netns.h"

#define VETH_POD_NAME "eth0"

struct veth {
	char host[IFNAMSIZ]; /* the bridge's end */
	const char *pod;     /* the pod's name: alias of the bridge's end */
	const char *bridge;
	int bridge_index;
	unsigned mtu;
	uint32_t address; /* of the pod's end, host byte order */
};

void veth_host_name(const struct netns_pod *pod, char out[IFNAMSIZ]);
int veth_create(int sock, const struct veth *v, int netns_fd, struct err *err);
int veth_remove(int sock, const char *name, const char *pod, struct err *err);
int veth_configure(int sock, const struct netns_lease *lease, struct err *err);
