/* SPDX-License-Identifier: MIT */
/* Which device nodes the processes of a group may open: a BPF program on it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "cgroup/cgroup.h"

struct cgroup_device {
	bool block;
	bool read_only;
	unsigned major, minor;
};

#define CGROUP_DEVICES_MAX 64

int cgroup_devices_allow(const struct cgroup *cg, const struct cgroup_device *devices, size_t n,
			 struct err *err);
