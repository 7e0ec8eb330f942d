/* SPDX-License-Identifier: MIT */
/* Directories of the host that containers were given to write to: the list of a host. */
#pragma once

#include <limits.h>

#include "base/err.h"
#include "base/paths.h"

/*
 * Theory of operation
 *
 * What lies in such a directory may be anybody's: a path of the host that leads through
 * it must not follow a link there (base/lookup.h). Owners do not tell: volumes are
 * idmapped, so a container's root makes links that are the host's root's. Nor does a
 * pod file: the pod that had the volume may be gone, or have another file now.
 *
 * So each directory is written down before a container gets it, and stays on the list
 * when the pod ends: what was put there stays, too. The list is a file in var/lib/podd,
 * paths that each end in NUL; where that is read-only, one in run/podd, which dies with
 * the boot. What lies below another one of the list is not on it. It is read only when
 * a link is met, and compared by inodes, so another mount of the directory counts as well.
 */
int handed_note(const struct paths *paths, const char *path, struct err *err);
int handed_find(char out[PATH_MAX], const struct paths *paths, int dirfd, struct err *err);
