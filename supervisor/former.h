/* SPDX-License-Identifier: MIT */
/* What an earlier podd has left of a pod: to be adopted, ended or cleared away. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "supervisor/pod.h"

/*
 * Theory of operation
 *
 * "alive" in the run directory is a lock that the pause holds, too. Held, while
 * we have podd's own lock, it says that a pod lives whose podd was killed: that
 * one is adopted, or, when it never ran or the file asks for another pod, ended.
 * Free, it says that the pod is dead, and what it left is cleared away, unless the
 * pause turns out to live and hold another file. Looking comes before settling,
 * so that a pod whose images are not there ends nobody.
 *
 * A pod that lives and cannot be adopted is left alone: whatever fails until that
 * is decided removes nothing (pod->hands_off).
 */
int former_look(struct pod *pod, struct err *err);
int former_settle(struct pod *pod, struct err *err);
bool former_runs_file(const struct pod *pod);
int former_remove_disk(const struct pod *pod, struct err *err);
