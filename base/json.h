/* SPDX-License-Identifier: MIT */
/* JSON from outside and strings into JSON: what jansson leaves open. */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "base/err.h"

/* jansson's parser recurses once per level: a bound of ours, not 2048. */
#define JSON_TEXT_DEPTH_MAX 32

int json_text_parse(json_t **out, const char *text, size_t n, struct err *err);
json_t *json_text_string(const char *s);
