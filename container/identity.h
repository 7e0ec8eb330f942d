/* SPDX-License-Identifier: MIT */
/* Giving up what a container's process must not have. */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "container/user.h"

int identity_drop_bounding(uint64_t keep, struct err *err);
int identity_become(const struct user_ids *ids, uint64_t keep, struct err *err);
