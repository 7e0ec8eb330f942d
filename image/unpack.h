/* SPDX-License-Identifier: MIT */
/* A layer, unpacked as overlayfs takes it for a lower. */
#pragma once

#include "base/err.h"
#include "image/layer.h"

/* overlayfs's mark of a directory that hides what lower layers have in it; "y". */
#define OPAQUE_XATTR "trusted.overlay.opaque"

/*
 * Theory of operation
 *
 * The one who unpacks has no privilege that it does not need, CAP_SYS_ADMIN
 * least of all (image/worker.h), and only that may set trusted.overlay.opaque.
 * So opaque directories are written down, one path and a NUL each, and whoever
 * puts the layer in place marks them (unpack_mark_opaque()).
 *
 * Directories get their owner, mode and time when all is in them.
 */
struct unpack_args {
	int blob_fd;
	enum image_media media;
	int root_fd;   /* an empty directory */
	int opaque_fd; /* an empty file, for the paths of opaque directories */
	struct layer_limits limits;
};

struct unpack_result {
	struct digest diff_id;
	uint64_t bytes; /* of files' contents, holes left out */
	uint64_t claimed_bytes; /* with them */
	uint64_t inodes; /* entries, and implied directories */
};

int unpack_layer(struct unpack_result *out, const struct unpack_args *args, struct err *err);
int unpack_mark_opaque(int root_fd, int opaque_fd, struct err *err);
bool unpack_keeps_xattr(const char *name);
