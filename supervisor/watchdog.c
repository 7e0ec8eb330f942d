/* SPDX-License-Identifier: MIT */
/* WATCHDOG=1, twice in the time that is asked for. */
#include "supervisor/watchdog.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "supervisor/notify.h"

static void on_timer(struct timer *timer)
{
	struct watchdog *w = container_of(timer, struct watchdog, timer);

	notify_send("WATCHDOG=1");
	loop_timer_set(w->loop, timer, timer_deadline(clock_boottime_ns(), w->period_ns));
}

/**
 * watchdog_begin() - give signs of life, if $WATCHDOG_USEC asks for them
 * @w: stays where it is until watchdog_end()
 *
 * $WATCHDOG_PID, if set, says whom it asks (sd_watchdog_enabled(3)).
 */
void watchdog_begin(struct watchdog *w, struct loop *loop)
{
	unsigned long long usec = notify_number("WATCHDOG_USEC");

	*w = (struct watchdog){ .timer.fn = on_timer, .loop = loop };
	if (usec < 2 || usec > UINT64_MAX / NSEC_PER_USEC ||
	    (getenv("WATCHDOG_PID") &&
	     notify_number("WATCHDOG_PID") != (unsigned long long)getpid()))
		return;
	w->period_ns = usec * NSEC_PER_USEC / 2;
	on_timer(&w->timer);
}

/**
 * watchdog_end() - no more of them; also when there were none
 */
void watchdog_end(struct watchdog *w)
{
	if (w->period_ns)
		loop_timer_clear(w->loop, &w->timer);
}
