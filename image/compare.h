/* SPDX-License-Identifier: MIT */
/* An unpacked layer, compared with the blob that it came from. */
#pragma once

#include "base/err.h"
#include "image/layer.h"

/*
 * Theory of operation
 *
 * The stream is read as image/unpack.h does it, and each entry compared with what
 * is there. What is only known at the end waits until then: whether a directory
 * has an entry of its own, or else is what unpacking makes of it; and whether
 * something of the layer stands in the place of a whiteout, which makes an opaque
 * directory of it if it is one. Last comes a walk through the tree, for what
 * the stream has not named.
 *
 * A worker does it, who cannot see the marks of opaque directories. So it writes
 * down which ones there are to be, for its parent (image/marks.h).
 */
struct compare_args {
	int blob_fd; /* at its start */
	enum image_media media;
	int root_fd;
	const struct digest *diff_id;
	int marks_fd; /* "DIFFID/PATH" and a NUL for each opaque directory are added */
};

int compare_layer(const struct compare_args *args, struct err *err);
int compare_differs(struct err *err, const char *path, const char *how);
int compare_attribute_differs(struct err *err, const char *path, const char *name);
