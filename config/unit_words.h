/* SPDX-License-Identifier: MIT */
/* Names of units, as [Unit] and [Install] of a pod file list them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define CONFIG_UNIT_NAME_MAX 255 /* systemd's */

int config_unit_word(char word[CONFIG_UNIT_NAME_MAX + 1], const char **at);
const char *config_unit_of(char out[CONFIG_UNIT_NAME_MAX + 1], const char *word, size_t n);
bool config_unit_name_valid(const char *word);
