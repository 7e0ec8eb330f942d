/* SPDX-License-Identifier: MIT */
/* Pods that run in a unit of their own and have no file any more. */
#pragma once

#include "base/err.h"
#include "generator/find.h"

/*
 * Theory of operation
 *
 * A unit whose file goes while it is active has none of its settings any more from the
 * next daemon-reload on. To a pod in its unit's group that is a Delegate= and a KillMode=,
 * and the unit that stops it when it has no podd. So the unit is made as long as the pod
 * runs; it cannot be started again, since its podd finds no file.
 */
int living_find(struct pod_files *files, const char *root, struct err *err);
