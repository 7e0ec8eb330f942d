/* SPDX-License-Identifier: MIT */
/* What the parts of an update share: update.c, update_begin.c, update_file.c, update_names.c. */
#pragma once

#include "supervisor/pod.h"
#include "supervisor/say.h"
#include "supervisor/update.h"

/* update.c: the course of a trial */
void update_publish(struct pod *pod, enum say_level level, const char *state, const char *message);
void update_warn(const struct pod *pod, const struct err *err);
int update_load(struct pod_spec **out, const struct pod *pod, struct err *err);
void update_fail(struct pod *pod, const char *reason);
void update_block(struct pod *pod, const char *what, const char *why);
void update_tell_outcome(struct pod *pod);
void update_unblock(struct pod *pod);
void update_go_on(struct pod *pod);

/* update_file.c: the pod's generations on the disk */
struct generation *update_file_read(const struct pod *pod, struct err *err);
int update_file_write(const struct pod *pod, const struct generation *g, struct err *err);
bool update_file_note(const struct pod *pod, struct generation *g);

/* update_names.c: the names in the store */
void update_set_names(struct pod *pod);
