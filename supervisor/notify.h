/* SPDX-License-Identifier: MIT */
/* Telling the service manager: sd_notify(3)'s protocol. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct pod;

void notify_send(const char *text);
void notify_standing(const struct pod *pod);
void notify_reloading(const struct pod *pod);
void notify_ready(const struct pod *pod);
void notify_stopping(const struct pod *pod);
void notify_failure(const struct err *err);
void notify_patience(const char *status, uint64_t patience_ns);

unsigned long long notify_number(const char *variable);
bool notify_has_store(void);
int notify_store_open(struct err *err);
int notify_store_send(int sock, const char *text, int fd, struct err *err);
