/* SPDX-License-Identifier: MIT */
/* The sources of volumes. */
#pragma once

#include "base/err.h"
#include "base/paths.h"
#include "container/spec.h"

#define VOLUMES_MAX 128

int source_open_all(int fds[VOLUMES_MAX], const struct container_spec *spec,
		    const struct paths *paths, struct err *err);
int source_keep_all(int out[VOLUMES_MAX], const int fds[VOLUMES_MAX], struct err *err);
int source_note_all(const int fds[VOLUMES_MAX], const struct container_spec *spec,
		    const struct paths *paths, struct err *err);
