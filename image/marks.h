/* SPDX-License-Identifier: MIT */
/* overlayfs's marks in unpacked layers: those that are to be there, and no others. */
#pragma once

#include "base/err.h"
#include "image/store.h"

/*
 * Theory of operation
 *
 * trusted.* attributes are seen by CAP_SYS_ADMIN alone (xattr(7)), which a worker
 * has not. It has read the stream and said which directories are to be opaque;
 * here the trees are walked, of which it has found that they are as unpacked.
 * Any other of overlayfs's attributes would make it show something else than the
 * layer says: redirect, metacopy, whiteout. The rest of trusted.* is not for it
 * (some file systems keep their own there), and no container sees it.
 */
int marks_check(const struct image *image, int marks_fd, struct err *err);
