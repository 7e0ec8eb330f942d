/* SPDX-License-Identifier: MIT */
/* Where podd's other programs are. */
#pragma once

#include <limits.h>

#include "base/err.h"

int program_own(char out[PATH_MAX], struct err *err);
int program_seal(char *const argv[], struct err *err);
int program_find(char out[PATH_MAX], const char *name, struct err *err);
