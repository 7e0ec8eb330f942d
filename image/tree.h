/* SPDX-License-Identifier: MIT */
/* Paths of a layer, followed by descriptor and never through a link. */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "base/err.h"

/* Of a directory until its own entry says, or for good when it has none; its owner is root. */
#define TREE_IMPLIED_MODE (S_IFDIR | 0755)

/* The mode of a layer's own directory, of root, when the layer has no entry for "/": one
 * below it may have. */
#define IMAGE_LAYER_UNSAID_MODE 01700

/*
 * Every path is resolved by openat2(2) with RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS
 * and RESOLVE_NO_XDEV from the root's descriptor, so a link that the layer itself
 * has planted leads nowhere (CVE-2025-47290 and its kin). The last directory is
 * remembered: a tar has the files of one together.
 */
struct tree {
	int root_fd; /* borrowed */
	int dir_fd;
	char dir[PATH_MAX]; /* what @dir_fd is */
	/* A directory takes the place of a whiteout: it is to hide what is below. */
	int (*uncovered)(void *ctx, const char *path, struct err *err);
	/* A directory was made that no entry has named yet. */
	int (*implied)(void *ctx, struct err *err);
	void *ctx;
};

void tree_init(struct tree *t, int root_fd);
void tree_done(struct tree *t);
int tree_parent(struct tree *t, const char *path, bool create, const char **name, struct err *err);
int tree_open(const struct tree *t, const char *path, int flags);
bool tree_is_whiteout(int dirfd, const char *name);
