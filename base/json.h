/* SPDX-License-Identifier: MIT */
/* JSON from outside and strings into JSON: what jansson leaves open. */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "base/err.h"

/* jansson's parser recurses once per level: a bound of ours, not 2048. */
#define JSON_TEXT_DEPTH_MAX 32

/* For json_dump*(): numbers with a fraction as people write them, 0.12 and not 0.12 in binary. */
#define JSON_TEXT_REALS JSON_REAL_PRECISION(6)

int json_text_parse(json_t **out, const char *text, size_t n, struct err *err);
json_t *json_text_string(const char *s);
