/* SPDX-License-Identifier: MIT */
/* Images that a pod is to have and the store has not: podd-image fetches them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "config/spec.h"
#include "supervisor/helper.h"
#include "supervisor/loop.h"

/*
 * Theory of operation
 *
 * With Pull=missing, a start or a reload whose image is in no store has "podctl
 * image pull" fetch it, under the pod's ImagePolicy=, and looks the images up
 * once more. That is a process beside podd (supervisor/helper.h), which dies with
 * podd and has an hour; it is given up sooner by what bounds each of its
 * connections (image/http.h).
 *
 * At a reload the loop goes on: the pod's containers are supervised as ever, and
 * the answer comes when the images have. At a start there is nothing to supervise:
 * podd waits, and ends when it is told to. The service manager, which has a timeout
 * for either, is asked for patience.
 * A podd that takes over a pod fetches nothing, since what runs has its images.
 */
struct pod;

/* @why: NULL: the images are there. */
typedef void missing_fn(struct pod *pod, const struct err *why);

struct missing {
	struct helper helper;
	missing_fn *fn;
	struct timer timer; /* the next word to the service manager, or the end */
	uint64_t until_ns;  /* given up then, CLOCK_BOOTTIME */
	bool ended;
	struct err why; /* it came to nothing; code 0: the images are there */
};

int missing_fetch(struct pod *pod, const struct pod_spec *spec, missing_fn *fn, struct err *err);
int missing_fetch_at_start(struct pod *pod, struct err *err);
bool missing_is_busy(const struct pod *pod);
void missing_close(struct pod *pod);
