/* SPDX-License-Identifier: MIT */
/* How long to wait before a container is started again. Pure. */
#pragma once

#include <stdint.h>

#include "config/spec.h"

/*
 * Theory of operation
 *
 * As Kubernetes does it: the first end in a row is followed by a start at
 * once, the second one after @first_ns, then twice as long each time, up to
 * @max_ns. A run of @reset_ns or more forgets the row. Nothing needs a timer
 * for that: whoever reports an end says how long the run was.
 *
 * first_ns 0: always at once. reset_ns 0: every run is long enough, so again
 * always at once.
 */

/* All zero: no end yet. */
struct backoff {
	uint64_t ends;    /* in a row */
	uint64_t last_ns; /* the delay given last */
};

uint64_t backoff_next(struct backoff *b, const struct restart_spec *spec, uint64_t ran_ns);
