/* SPDX-License-Identifier: MIT */
/* A sign of life to the service manager, as long as the loop turns. */
#pragma once

#include "supervisor/loop.h"

/*
 * Theory of operation
 *
 * Who sets $WATCHDOG_USEC (WatchdogSec= of a unit, systemd.service(5)) ends podd when it
 * has said nothing for so long. The word is given by a timer of the loop, so it is
 * given as long as the loop gets round. Without the variable there is no timer: an
 * idle podd does not wake for it.
 */
struct watchdog {
	struct timer timer;
	struct loop *loop;
	uint64_t period_ns;
};

void watchdog_begin(struct watchdog *w, struct loop *loop);
void watchdog_end(struct watchdog *w);
