/* SPDX-License-Identifier: MIT */
/* The names in the store, after an update of a pod. */
#pragma once

#include "base/err.h"
#include "image/generation.h"
#include "image/writer.h"

/*
 * A name of the update that still means one of the pod's generations comes to
 * mean the one that the pod runs now. Another one has been moved by somebody
 * else, and stays. Can be done again, with nothing left to do.
 */
int image_settle(struct image_writer *w, const struct generation *g, struct err *err);
