/* SPDX-License-Identifier: MIT */
/* Device=: which nodes a container gets, and that it can open no others. */
#pragma once

#include "base/err.h"
#include "cgroup/cgroup.h"
#include "container/container.h"

int devices_find(struct container_nodes *out, const struct container_spec *spec, int sys_fd,
		 struct err *err);
int devices_find_present(struct container_nodes *out, const struct container_spec *spec, int sys_fd,
			 struct err *err);
int devices_allow(const struct cgroup *cg, const struct container_nodes *nodes,
		  const struct container_spec *spec, const struct userns *userns, struct err *err);
