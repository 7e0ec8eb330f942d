/* SPDX-License-Identifier: MIT */
/* Kernel parameters of a pod's own namespaces. */
#pragma once

#include "base/err.h"
#include "userns/userns.h"

int sysctl_write(char *const *sysctls, int pidfd, const struct userns *userns, struct err *err);
