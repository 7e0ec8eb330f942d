/* SPDX-License-Identifier: MIT */
/* What podd needs of its host and of its own process before it starts a pod. */
#pragma once

#include <stdbool.h>

#include "base/err.h"

int host_prepare_process(struct err *err);
void host_trim_process(void);
bool host_lacks(int code);
