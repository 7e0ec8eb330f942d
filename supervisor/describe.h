/* SPDX-License-Identifier: MIT */
/* A pod as JSON documents: what `podctl status` and `podctl inspect` print. */
#pragma once

#include <jansson.h>

#include "supervisor/pod.h"

json_t *describe_time(uint64_t realtime_ns);
json_t *describe_status(const struct pod *pod);
json_t *describe_inspect(const struct pod *pod);
