/* SPDX-License-Identifier: MIT */
/* [Install] of a pod file: which units want the pod's, and its other names. */
#pragma once

#include <stdbool.h>

#include "config/diag.h"
#include "config/text.h"

int config_install_check(const char *key, struct config_pos pos, const struct config_text *value,
			 bool instance, struct config_diags *diags);
