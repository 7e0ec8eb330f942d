/* SPDX-License-Identifier: MIT */
/* What podd answers, as text for people. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "base/json.h"

void show_list(FILE *out, const json_t *pods, bool colour);
void show_status(FILE *out, const json_t *status, bool colour);
void show_pressure(FILE *out, const json_t *status);
void show_event(FILE *out, const json_t *event);
