/* SPDX-License-Identifier: MIT */
/* What a pull that came to no good end had fetched of blobs. */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "image/manifest.h"

/*
 * Theory of operation
 *
 * A pull works in a layout. When it fails, or whoever made it is killed, the writer
 * keeps that directory for the next pull (image/writer.h), whose worker puts all that
 * lies among its blobs aside before it begins, and takes from there what it wants:
 * whole blobs, and beginnings of blobs. Nothing of it is believed: it is hashed as if it
 * came from the registry. What this pull does not want goes: leftovers are those of the
 * last pull only.
 *
 * The worker does all of this itself, as the user who owns the directory.
 */
int leftovers_put_aside(int *former_fd, int layout_fd, int blobs_fd, struct err *err);
void leftovers_keep_only(int former_fd, const struct image_descriptor *wanted, unsigned n);
uint64_t leftovers_bytes(int former_fd, const struct image_descriptor *wanted, unsigned n);
int leftovers_take(int former_fd, int blobs_fd, const struct digest *d);
void leftovers_give(int former_fd, int blobs_fd, const struct digest *d);
void leftovers_end(int layout_fd);
void leftovers_drop(int layout_fd);
