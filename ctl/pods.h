/* SPDX-License-Identifier: MIT */
/* Which pods there are: running, dead, declared. */
#pragma once

#include <limits.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/json.h"
#include "base/paths.h"

int pods_names(const struct paths *paths, bool declared, json_t **out, struct err *err);
bool pods_file(const struct paths *paths, const char *pod, char out[PATH_MAX]);
