/* SPDX-License-Identifier: MIT */
/* Pause and unpause: the groups of containers frozen, and let go on. */
#pragma once

#include "supervisor/pod.h"

/*
 * Theory of operation
 *
 * The group of a container is frozen, never that of the pod: the pause has to reap
 * while a frozen process is killed, and podd needs its word. So a paused pod is one
 * of paused containers, frozen one after another.
 *
 * A write to cgroup.freeze only asks; the kernel says in cgroup.events when the last
 * process stands still, and that may be never: one in an uninterruptible sleep
 * (NFS, a dying disk) is not frozen. So whoever asked waits in the loop, for
 * FREEZE_TIMEOUT_NS, and then the container is let go on and he is told.
 *
 * The kernel holds the state: cgroup.freeze outlives podd, and the next podd goes by
 * that, not by the record. Nothing may be started in a frozen group: its first
 * process would stand still before it ran, and podd with it, since that waits for it.
 */
void freeze_begin(struct member *m);
void freeze_end(struct member *m);
void freeze_resume(struct pod *pod, unsigned i);
void freeze_answer(struct pod *pod);
