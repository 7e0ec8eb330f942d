/* SPDX-License-Identifier: MIT */
/* Where podd's other programs are. */
#pragma once

#include <limits.h>

#include "base/err.h"

int program_find(char out[PATH_MAX], const char *name, struct err *err);
