/* SPDX-License-Identifier: MIT */
/* Directories of the host that containers were given to write to: a mark on each. */
#pragma once

#include "base/err.h"

/*
 * Theory of operation
 *
 * What lies in such a directory may be anybody's: a path of the host that leads through
 * it must not follow a link there (base/lookup.h). Owners do not tell: volumes are
 * idmapped, so a container's root makes links that are the host's root's. Nor does a
 * pod file: the pod that had the volume may be gone, or have another file now.
 *
 * So the directory itself says so, by an extended attribute of the kind that only the
 * host's root may read and set (xattr(7), "trusted"). It is set before a container gets
 * the directory and stays when the pod ends: what was put there stays, too. It goes with
 * the directory to another name, mount, or machine, and with a copy that takes such
 * attributes along. That it is there counts, not its value.
 *
 * A file system that takes none needs no mark: no link on it is followed.
 */
#define HANDED_ATTRIBUTE "trusted.podd.handed"

int handed_mark(int fd, struct err *err);
int handed_check(int dirfd, struct err *err);
