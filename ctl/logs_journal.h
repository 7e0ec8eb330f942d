/* SPDX-License-Identifier: MIT */
/* podctl logs, of containers whose lines are not in files: LogDriver=. */
#pragma once

#include "base/json.h"
#include "config/spec.h"
#include "ctl/ctl.h"
#include "ctl/logs.h"

/*
 * Theory of operation
 *
 * Where a container's lines go says podd, or, where none runs, the pod file. A pod of
 * which nobody knows that any more has what files it has. The journal is read by
 * journalctl, which podctl becomes: it asks for the fields that podd gives to each
 * line. What is passed through podd has no such fields.
 */
struct logs_drivers {
	json_t *drivers; /* names of containers to words of LogDriver=; NULL: nobody knows */
	json_t *groups;	 /* and to the control groups of those that run, as podd tells them */
};

int logs_drivers_find(struct logs_drivers *out, struct ctl *ctl, const char *pod, struct err *err);
enum log_driver logs_driver_of(const struct logs_drivers *d, const char *container);
void logs_passed_to(char *out, size_t size, const struct logs_drivers *d, const char *pod,
		    const char *container);
unsigned logs_drivers_count(const struct logs_drivers *d, const char *container,
			    enum log_driver driver);
int logs_journal_show(const struct ctl *ctl, const struct logs_query *query, const char *pod,
		      struct err *err);
void logs_drivers_done(struct logs_drivers *d);
