/* SPDX-License-Identifier: MIT */
/* What places and devices of the host are worth to who gets them. */
#pragma once

#include <stdbool.h>

unsigned security_place(const char *path, bool read_only, const char **about);
bool security_is_reached(const char *real);
unsigned security_secret(const char *path, const char **about);
unsigned security_device(const char *source, const char *real, bool read_only, const char **about);
