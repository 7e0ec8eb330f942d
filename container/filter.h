/* SPDX-License-Identifier: MIT */
/* Which seccomp filter a container's processes get. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "container/container.h"

bool container_filter_is_external(const struct container_spec *spec);
int container_filter_find(struct container_filter *out, const struct container_spec *spec,
			  struct err *err);
