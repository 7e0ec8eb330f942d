/* SPDX-License-Identifier: MIT */
/* Which pods there are: running, dead, declared. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/json.h"
#include "base/paths.h"

int pods_names(const struct paths *paths, bool declared, json_t **out, struct err *err);
