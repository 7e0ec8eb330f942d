/* SPDX-License-Identifier: MIT */
/* Giving up what a container's process must not have. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "container/spec.h"
#include "container/user.h"

int identity_drop_bounding(uint64_t keep, struct err *err);
int identity_check(const struct container_capabilities *c, bool allow_new_privs, struct err *err);
int identity_check(const struct container_capabilities *c, bool allow_new_privs, struct err *err);
int identity_become(const struct user_ids *ids, const struct container_capabilities *c,
		    bool allow_new_privs, struct err *err);
