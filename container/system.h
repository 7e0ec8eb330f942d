/* SPDX-License-Identifier: MIT */
/* What every container finds in its root: /proc, /sys, /dev, and what is hidden. */
#pragma once

#include "base/err.h"

int system_mounts(int root_fd, int shm_fd, struct err *err);
