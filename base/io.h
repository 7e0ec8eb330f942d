/* SPDX-License-Identifier: MIT */
/* Small files and directories, always relative to a directory's descriptor; and descriptors. */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

const char *io_path_of(int fd, char path[PATH_MAX]);
int io_write_all(int fd, const void *buf, size_t n);
int io_mkdir_path(int dirfd, const char *path, mode_t mode, struct err *err);
ssize_t io_read_file(int dirfd, const char *path, char *buf, size_t size, struct err *err);
int io_write_file(int dirfd, const char *path, const char *text, struct err *err);
int io_replace_file(int dirfd, const char *name, const void *buf, size_t n, struct err *err);
int io_replace_file_synced(int dirfd, const char *name, const void *buf, size_t n, struct err *err);
int io_lock_directory(int dirfd, const char *name, struct err *err);
int io_remove_tree(int dirfd, const char *name, struct err *err);
bool io_same_file(int a, int b);
int io_send_fd(int sock, const void *data, size_t n, int fd);
