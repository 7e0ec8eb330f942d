/* SPDX-License-Identifier: MIT */
/* An image as an archive that every other engine reads. */
#pragma once

#include "base/err.h"
#include "image/store.h"

int image_export(const struct image *image, const char *name, int fd, struct err *err);
