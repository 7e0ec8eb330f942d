/* SPDX-License-Identifier: MIT */
/* Recording mode: what a container calls becomes a profile. */
#pragma once

#include "base/err.h"

int seccomp_record(int socket_fd, int out_fd, struct err *err);
