/* SPDX-License-Identifier: MIT */
/* Which images are in use. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "image/digest.h"

/*
 * A pod that runs has a file of this name in its run directory: the ids of its
 * images, a line each. It goes with the directory. The order that makes it safe
 * is in supervisor/images.h.
 */
#define IMAGE_PINS_FILE "images"
#define IMAGE_PINS_MAX	16384 /* bytes */

typedef int image_pin_fn(void *ctx, const char *pod, const struct digest *id, struct err *err);

int image_pins_each(int run_fd, image_pin_fn *fn, void *ctx, struct err *err);
