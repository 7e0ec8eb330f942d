/* SPDX-License-Identifier: MIT */
/* The two clocks: boottime for every timer, realtime for what people read. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define NSEC_PER_SEC  UINT64_C(1000000000)
#define NSEC_PER_MSEC UINT64_C(1000000)
#define NSEC_PER_USEC UINT64_C(1000)
#define USEC_PER_SEC  UINT64_C(1000000)
#define USEC_PER_MSEC UINT64_C(1000)

/* "2016-10-06T00:17:09.669794202Z" and its NUL. */
#define CLOCK_RFC3339_SIZE 31

uint64_t clock_boottime_ns(void);
uint64_t clock_realtime_ns(void);
size_t clock_rfc3339(char out[CLOCK_RFC3339_SIZE], uint64_t realtime_ns);
