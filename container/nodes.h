/* SPDX-License-Identifier: MIT */
/* Device nodes that come to a running container, and go. */
#pragma once

#include "container/container.h"

int container_nodes_sync(const struct container_nodes *nodes, int mntns_fd,
			 const struct userns *userns, struct err *err);
