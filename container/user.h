/* SPDX-License-Identifier: MIT */
/* Who a container's process is: User= resolved in the container's own files. */
#pragma once

#include <limits.h>
#include <sys/types.h>

#include "base/err.h"

#define USER_GROUPS_MAX 256

struct user_ids {
	uid_t uid;
	gid_t gid;
	gid_t groups[USER_GROUPS_MAX]; /* supplementary, @gid included */
	size_t group_n;
	char home[256];
};

int user_resolve(struct user_ids *out, int root_fd, const char *user, struct err *err);
