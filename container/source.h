/* SPDX-License-Identifier: MIT */
/* The sources of volumes. */
#pragma once

#include "base/err.h"
#include "base/paths.h"
#include "container/spec.h"

int source_open_all(int fds[CONTAINER_VOLUMES_MAX], const struct container_spec *spec,
		    const bool *absent, const struct paths *paths, struct err *err);
int source_keep_all(int out[CONTAINER_VOLUMES_MAX], const int fds[CONTAINER_VOLUMES_MAX],
		    struct err *err);
int source_note_all(const int fds[CONTAINER_VOLUMES_MAX], const struct container_spec *spec,
		    const struct paths *paths, struct err *err);
