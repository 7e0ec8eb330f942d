/* SPDX-License-Identifier: MIT */
/* Telling the service manager: sd_notify(3)'s protocol. */
#pragma once

#include <stdint.h>

void notify_send(const char *text);
void notify_stopping(uint64_t timeout_ns);
