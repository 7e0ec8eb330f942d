/* SPDX-License-Identifier: MIT */
/* Telling the service manager: sd_notify(3)'s protocol. */
#pragma once

void notify_send(const char *text);
