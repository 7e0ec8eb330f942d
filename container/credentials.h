/* SPDX-License-Identifier: MIT */
/* Credentials: secrets of the host as files of a container. */
#pragma once

#include "base/err.h"
#include "container/spec.h"
#include "userns/userns.h"

/*
 * Theory of operation
 *
 * A file system of its own (tmpfs, not swapped where the kernel can say so) that is
 * mounted twice: read-only in the container, and nowhere, writable, as a descriptor
 * that podd and the pause keep. Each start writes through that one, so a restart
 * reads the files of the host anew and no path of the container is walked for it.
 *
 * The bytes go from file to file inside the kernel: they are never in podd's memory.
 */
#define CREDENTIALS_BYTES_MAX (1024 * 1024) /* of a container, as systemd has it */
#define CREDENTIALS_FILES_MAX 256

struct user_ids;

int credentials_mount(int *out, int root_fd, struct err *err);
int credentials_load(int fd, const struct container_spec *spec, struct err *err);
int credentials_give(int fd, const struct userns *userns, const struct user_ids *ids,
		     struct err *err);
