/* SPDX-License-Identifier: MIT */
/* The name that systemd has for what is mounted at a place. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "config/unit_words.h"

bool config_mount_unit(char out[CONFIG_UNIT_NAME_MAX + 1], const char *path, size_t n);
size_t config_path_parent(const char *path, size_t n);
size_t config_path_simplify(char *path);
const char *config_unit_place(size_t nth);
