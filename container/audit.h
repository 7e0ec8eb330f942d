/* SPDX-License-Identifier: MIT */
/* A filter that asks somebody else about each system call. */
#pragma once

#include "base/err.h"

int audit_load(int report_fd, struct err *err);
