/* SPDX-License-Identifier: MIT */
/* Running a child as a member of the pod's namespaces. */
#pragma once

#include "base/child.h"
#include "base/err.h"

int pidns_child_call(int pause_pidfd, const struct child_args *args, child_fn *fn, void *arg,
		     struct err *err);
