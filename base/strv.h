/* SPDX-License-Identifier: MIT */
/* NULL-terminated arrays of strings, each string owned by the array. */
#pragma once

#include <stddef.h>

int strv_push(char ***list, size_t *n, char *take);
int strv_push_copy(char ***list, size_t *n, const char *s);
void strv_free(char **list);
