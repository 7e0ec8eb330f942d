/* SPDX-License-Identifier: MIT */
/* What [Install] of a pod file says, as systemctl enable would do it. */
#pragma once

#include <stddef.h>

#include "generator/find.h"
#include "generator/source.h"

int install_links(int out_fd, const struct pod_file *file, const struct source *s,
		  struct err *err);
const char *install_default_instance(const struct source *s);
