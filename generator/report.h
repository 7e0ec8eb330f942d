/* SPDX-License-Identifier: MIT */
/* What the generator has to say: in the kernel's log, where the journal finds it. */
#pragma once

enum report_level { REPORT_ERR = 3, REPORT_WARNING = 4 }; /* of syslog(3) */

void report_to_kernel(void);
void report(enum report_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
