/* SPDX-License-Identifier: MIT */
/* What every container finds in its root: /proc, /sys, /dev, and what is hidden. */
#pragma once

#include "base/err.h"
#include "container/container.h"

int system_mounts(int root_fd, int shm_fd, const struct container_root_args *args, struct err *err);
int system_masks(int root_fd, struct err *err);
