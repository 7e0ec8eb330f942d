/* SPDX-License-Identifier: MIT */
/* Messages of the kernel and of udev about devices. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define UEVENT_SIZE 8192 /* bytes: those of udev are longer than the kernel's 2 KiB */

bool uevent_is_of_a_node(const char *message, size_t n);
int uevent_open(struct err *err);
bool uevent_read(int fd);
