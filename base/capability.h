/* SPDX-License-Identifier: MIT */
/* Capabilities (capabilities(7)) as bits of a mask, and by their names. */
#pragma once

#include <stdint.h>

/* Bit N for capability N of <linux/capability.h>. */
#define CAPABILITY(name) (UINT64_C(1) << CAP_##name)
/* "all": also those that only a newer kernel has. */
#define CAPABILITY_ALL   UINT64_MAX

int capability_parse(const char *name);
const char *capability_name(unsigned number);
const char *capability_nearest(const char *name);
