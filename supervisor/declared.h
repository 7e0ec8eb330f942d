/* SPDX-License-Identifier: MIT */
/* Mounts that the host declares: a directory below one is not there without it. */
#pragma once

#include "base/err.h"
#include "container/spec.h"

/*
 * Theory of operation
 *
 * A disk that did not come leaves its mount point: an empty directory of another file
 * system, in which a database would start anew. So what fstab(5) or a mount unit of the
 * host's own (not one that a package ships, or that has conditions) names is to be
 * mounted before a container gets something below it, be it a volume, a root, a
 * credential or a profile (supervisor/seccomp_files.c). A volume that is optional is
 * left out, as where nothing is at all. The unit
 * of a pod only waits for these mounts (generator/unit.c): whether they are there is
 * found out here, where the line of the file can be told, and tried again.
 *
 * Whether a mount is one that the host means to have now does not matter ("noauto"):
 * who names a place below it wants it.
 */
int declared_check(const char *root, const char *path, struct err *err);
int declared_check_root(bool absent[CONTAINER_VOLUMES_MAX], const char *root,
			const struct container_spec *spec, bool has_image, struct err *err);
int declared_check_credentials(const char *root, const struct container_spec *spec,
			       struct err *err);
