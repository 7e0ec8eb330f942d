/* SPDX-License-Identifier: MIT */
/* The entries of a layer, one after the other, checked. */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/err.h"
#include "image/digest.h"
#include "image/manifest.h"

/*
 * Theory of operation
 *
 * Two readers of libarchive, one behind the other: the first takes the
 * compression off, and only the one that the media type names; the second
 * reads the tar of what comes out. Between them the stream is hashed, so the
 * layer's diff id is that of the very bytes that were read as entries, and its
 * length is bounded. A sparse file counts as what it claims to be, since whoever
 * copies or verifies it reads as much, and as what it takes, since that is what a
 * budget of the disk is about.
 *
 * An entry that comes out of here has a path that is relative, without ".."
 * or empty names; ids are in range, and times are those that file systems can
 * hold. Whether the path leads through a link is for whoever opens it to see to
 * (image/tree.h).
 */
struct layer_limits {
	uint64_t bytes;	 /* of the uncompressed stream, and of the files as large as they claim */
	uint64_t inodes; /* entries, and directories that their paths imply */
	uint64_t taken_bytes; /* of the stream, and of the files but for their holes; with @why */
	const char *why; /* these are no more, to end the refusal; NULL: they are not bounded */
};

/* ext4's last second, in 2446 (kernel: Documentation/filesystems/ext4, "Inode Timestamps"). */
#define LAYER_TIME_MAX INT64_C(15032385535)

enum layer_kind {
	LAYER_FILE,
	LAYER_DIRECTORY,
	LAYER_SYMLINK,
	LAYER_HARD_LINK,
	LAYER_DEVICE, /* character or block */
	LAYER_FIFO,
	LAYER_WHITEOUT, /* @path is what is gone */
	LAYER_OPAQUE,	/* all that lower layers have in @path is gone */
};

struct layer_entry {
	enum layer_kind kind;
	char path[PATH_MAX]; /* "": the root itself */
	const char *link;    /* target of a link, until the next entry */
	mode_t mode;	     /* type and permissions */
	uid_t uid;
	gid_t gid;
	struct timespec mtime;
	dev_t device;
	uint64_t size;
};

struct layer_reader;
struct archive; /* libarchive's */

int layer_open(struct layer_reader **out, int blob_fd, enum image_media media,
	       const struct layer_limits *limits, struct err *err);
int layer_next(struct layer_reader *l, struct layer_entry *out, bool *end, struct err *err);
int layer_data(struct layer_reader *l, const void **buf, size_t *n, off_t *offset, bool *end,
	       struct err *err);
int layer_count_implied(struct layer_reader *l, struct err *err);
bool layer_xattr(struct layer_reader *l, const char **name, const void **value, size_t *n);
int layer_finish(struct layer_reader *l, struct digest *diff_id, struct err *err);
void layer_close(struct layer_reader *l);
const char *layer_archive_error(struct archive *a);
int layer_hash(struct digest *diff_id, int blob_fd, enum image_media media, uint64_t bytes_max,
	       struct err *err);
