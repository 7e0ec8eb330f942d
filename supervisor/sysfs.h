/* SPDX-License-Identifier: MIT */
/* Device nodes as sysfs lists them: by class, by vendor and product. */
#pragma once

#include "base/err.h"
#include "container/container.h"

int sysfs_find(struct container_nodes *out, int sys_fd, const struct container_device *d,
	       struct err *err);
