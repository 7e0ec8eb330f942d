/* SPDX-License-Identifier: MIT */
/* podd's own log: one line for one fact, on stderr. */
#pragma once

/* syslog(3) levels, as sd-daemon(3) prefixes them. */
enum say_level { SAY_ERR = 3, SAY_WARNING = 4, SAY_NOTICE = 5, SAY_INFO = 6, SAY_DEBUG = 7 };

void say_init(void);
void say(enum say_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void say_fault(const char *text);
