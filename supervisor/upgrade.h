/* SPDX-License-Identifier: MIT */
/* Another podd binary in place of this one, over the running pod. */
#pragma once

#include "base/err.h"

/*
 * Theory of operation
 *
 * podd becomes the new binary by execve(2): the same process, so the same pid
 * for systemd, and still the parent of the pause. All of its descriptors are
 * O_CLOEXEC and all that must outlive it is with the pause, so nothing has to
 * be taken apart before: for the pod it is as if podd had been killed at a
 * moment when nothing was under way, and the new podd adopts it
 * (supervisor/pod.h). When execve fails nothing has happened.
 *
 * The binary is the one at the path that podd was started by, whatever is there
 * now. The new podd reads the pod file, so one that it would refuse, or that has
 * changed, is refused here: a change of podd is not to change the pod.
 *
 * Connections to the control socket end. The lock of the run directory is the
 * one descriptor that passes through execve, with its number in the
 * environment, so that no other podd takes the pod in between. A new binary
 * that does not say that it inherits the lock (an older podd) would stand before
 * it: there it is given up for that moment, and whoever takes it supervises the
 * pod.
 *
 * The new podd writes into the run directory. Where that cannot be done the old
 * one goes on.
 *
 * Before, the new binary is asked (`podd --adopts`) which versions it knows of
 * what the pause holds: one that does not know ours would leave the pod alone,
 * without a podd. It may print a line for each version that it can go on from.
 */
struct pod;

void upgrade_say(void);

int upgrade_inherited_lock(void);
int upgrade_exec(const struct pod *pod, struct err *err);
