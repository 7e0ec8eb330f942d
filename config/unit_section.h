/* SPDX-License-Identifier: MIT */
/* [Unit] of a pod file, which the generator passes on to systemd. */
#pragma once

#include <stdbool.h>

#include "config/diag.h"
#include "config/text.h"

int config_unit_check(const char *key, struct config_pos pos, const struct config_text *line,
		      size_t offset, struct config_diags *diags);
bool config_unit_key_lists(const char *key);
