/* SPDX-License-Identifier: MIT */
/* Delays that double. */
#include "supervisor/backoff.h"

static uint64_t longer(uint64_t last_ns, const struct restart_spec *spec)
{
	uint64_t ns = last_ns ? last_ns : spec->first_ns;

	if (last_ns)
		ns = ns > spec->max_ns / 2 ? spec->max_ns : ns * 2;
	return ns < spec->max_ns ? ns : spec->max_ns;
}

/**
 * backoff_next() - the delay after a run that has ended
 * @b: the row of ends so far; this one is added
 * @spec: the delays, in nanoseconds
 * @ran_ns: how long the run was; 0 if it never began
 *
 * Return: nanoseconds, 0 for at once.
 */
uint64_t backoff_next(struct backoff *b, const struct restart_spec *spec, uint64_t ran_ns)
{
	if (ran_ns >= spec->reset_ns)
		*b = (struct backoff){ 0 };
	if (b->ends++ > 0)
		b->last_ns = longer(b->last_ns, spec);
	return b->last_ns;
}
