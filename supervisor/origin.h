/* SPDX-License-Identifier: MIT */
/* The pod file's line in front of an error that is about one of its keys. */
#pragma once

#include "base/err.h"
#include "config/spec.h"

/*
 * Theory of operation
 *
 * Who fails says which key it was about (err_about()), whoever knows the container adds
 * that, and where the sentence is complete the line is looked for: in the file, which is
 * read once more then. So a pod that runs holds no list of lines. A file that is not what
 * the spec was made of any more has other lines, and none is told.
 */
int origin_container(struct err *err, int r, const char *name);
int origin_tell(struct err *err, int r, const struct pod_spec *spec);
