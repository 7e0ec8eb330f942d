/* SPDX-License-Identifier: MIT */
/* Mounts by descriptor: made detached, then attached where nobody can redirect. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* NULL value: a flag. */
struct mount_option {
	const char *key;
	const char *value;
};

struct mount_fs {
	const char *type;
	unsigned attributes; /* MOUNT_ATTR_* */
	struct mount_option options[5];
};

int mount_fs_create(int *out, const struct mount_fs *fs, struct err *err);
void mount_tmpfs_inodes(char out[32], uint64_t size_bytes);
int mount_clone(int *out, int fd, const char *path, unsigned flags, struct err *err);
int mount_restrict(int fd, unsigned attributes, const char *what, struct err *err);
int mount_attach(int fd, int target_fd, const char *what, struct err *err);

int mount_open_dir(int *out, int root_fd, const char *path, mode_t mode, struct err *err);
int mount_open_target(int *out, int root_fd, const char *path, mode_t type, struct err *err);
int mount_check_target(int target_fd, const char *path, struct err *err);
