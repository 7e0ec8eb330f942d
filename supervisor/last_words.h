/* SPDX-License-Identifier: MIT */
/* What a pod wrote last that was killed together with its podd: kept by the service manager. */
#pragma once

#include <stdbool.h>

#include "config/spec.h"
#include "supervisor/pause.h"

/*
 * Theory of operation
 *
 * What a container has written and podd has not put into its log yet is in two pipes
 * and a buffer, which the pause holds (supervisor/log.h). Who kills pause and podd at
 * once, as systemd-oomd or "systemctl kill -s KILL" does, takes both away. So systemd
 * holds duplicates in its store of descriptors (sd_notify(3), FDSTORE=1): the record,
 * the read ends of the pipes and the buffers. It hands them to the next podd
 * (sd_listen_fds(3)). $FDSTORE says that there is such a store (systemd.exec(5); before
 * systemd 254 our units set it): without it nothing is sent.
 *
 * A pod that lives is adopted by way of its pause, and the store is only brought in line
 * with it. When it is dead nobody writes to the pipes any more: then the logs of the
 * containers that the record names are ended with what is there, before those of the
 * new pod are opened.
 *
 * Opening a log cuts its file where the buffer's state ends, so a buffer whose log has
 * gone on without it must not be found again. Whoever is done with one clears it, and
 * nothing is stored under a name before what was there is asked back: the messages of
 * one socket are read in their order.
 *
 * Nothing here ends a pod. What cannot be kept or told is said in one line.
 */
struct pod;

enum last_words_fd {
	LAST_WORDS_STDOUT, /* of a pipe, the read end */
	LAST_WORDS_STDERR,
	LAST_WORDS_BUFFER,
	LAST_WORDS_FDS,
};

/* What the service manager has given. */
struct last_words {
	int record_fd;
	int logs[POD_CONTAINERS_MAX][LAST_WORDS_FDS]; /* by place: supervisor/pause.h */
};

void last_words_take(struct last_words *w, int first_fd);
void last_words_tell(const struct last_words *w, const struct pod *pod);
void last_words_keep(const struct last_words *w, const struct pause *pause);
void last_words_keep_logs(const struct pause *pause, unsigned place);
void last_words_drop_logs(const struct pause *pause, unsigned place);
void last_words_drop(const struct pause *pause, bool stored);
void last_words_done(struct last_words *w);
