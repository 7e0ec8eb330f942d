/* SPDX-License-Identifier: MIT */
/* Whether board, record and kernel agree about the containers of a pod to adopt. */
#pragma once

#include "base/err.h"
#include "cgroup/cgroup.h"
#include "supervisor/pause.h"

/*
 * Theory of operation
 *
 * A podd that takes a pod over goes by the board: a slot that says what is not so
 * would end a healthy container, or let a stop wait for an end that nobody records.
 * So each container's slot is held against two others that know. The record says
 * whether a process may be there at all; the kernel has that process, a child of
 * the pause, in the container's group. Where they contradict each other the pod is
 * left alone. All of this before anything is touched.
 *
 * The pause goes on meanwhile: a slot may turn from RUNNING to EXITED at any time.
 */
int board_check(struct pause *p, const struct cgroup *pod, struct err *err);
