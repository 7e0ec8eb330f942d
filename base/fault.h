/* SPDX-License-Identifier: MIT */
/* Named points at which a build for tests can be told to fail or to die. */
#pragma once

#include <stdbool.h>

#include "base/err.h"

/*
 * `make FAULTS=1` builds a podd in which a test can break each step:
 *
 *	PODD_FAULT=POINT  the step fails
 *	PODD_KILL=DIR     DIR/kill holds "POINT N": podd removes that file and
 *	                  ends by SIGKILL the Nth time that it comes to the point.
 *	                  DIR/trace, if it is there, gets a line for each point
 *	                  that is passed. Both are looked for each time, so a test
 *	                  can arm a podd that runs.
 *
 * Points to die at stand between any two steps that a later podd could tell
 * apart. In every other build they are nothing and cost nothing.
 *
 * A child at work inside a pod has neither a pid of podd nor DIR. It asks, in
 * memory that the two share, and podd ends itself where it waits for the child,
 * which stands still until its parent is gone and goes on then, if it still can.
 */
#ifdef PODD_FAULTS
bool fault_at(const char *point);
void fault_kill(const char *point);
void fault_child_begin(void);
void fault_child_wait(void);
void fault_child(const char *work, const char *step);
#else
static inline bool fault_at(const char *point)
{
	(void)point;
	return false;
}

static inline void fault_kill(const char *point)
{
	(void)point;
}

static inline void fault_child_begin(void)
{
}

static inline void fault_child_wait(void)
{
}

static inline void fault_child(const char *work, const char *step)
{
	(void)work;
	(void)step;
}
#endif

int fault_error(const char *point, struct err *err);
