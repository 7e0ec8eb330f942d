/* SPDX-License-Identifier: MIT */
/* The sources of volumes. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "container/spec.h"

int source_open_all(int fds[CONTAINER_VOLUMES_MAX], const struct container_spec *spec,
		    const bool *absent, struct err *err);
int source_keep_all(int out[CONTAINER_VOLUMES_MAX], const int fds[CONTAINER_VOLUMES_MAX],
		    struct err *err);
int source_mark_all(const int fds[CONTAINER_VOLUMES_MAX], const bool held[CONTAINER_VOLUMES_MAX],
		    const struct container_spec *spec, const char **given_away, struct err *err);
