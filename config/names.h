/* SPDX-License-Identifier: MIT */
/* Which names a pod and its containers can have. */
#pragma once

#include <stdbool.h>

#define CONFIG_NAME_MAX 63

bool config_pod_name_valid(const char *name);
bool config_container_name_valid(const char *name);
bool config_hostname_valid(const char *s);
void config_hostname_from(const char *name, char out[CONFIG_NAME_MAX + 1]);
