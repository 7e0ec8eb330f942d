/* SPDX-License-Identifier: MIT */
/* Which mounts come and go by themselves. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

bool automount_is_at(const char *root, const char *path, size_t n);
