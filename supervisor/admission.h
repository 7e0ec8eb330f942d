/* SPDX-License-Identifier: MIT */
/* Whether a pod's images are what its policy asks for. */
#pragma once

#include "base/err.h"
#include "base/paths.h"
#include "config/spec.h"

/*
 * Theory of operation
 *
 * podd verifies nothing: that takes OpenSSL, and documents that strangers wrote.
 * It asks podd-image, for so long and no longer; an answer that does not come is
 * a refusal. Without a policy, nobody is asked.
 *
 * Asked is before anything of an image runs that did not run before: at a start,
 * at a reload that has something to do, and when a podd that takes over a pod
 * finds containers that are not what the file says, since those would be made
 * anew. A container that runs has been asked about; another policy is for what
 * comes next, and ends nobody.
 */
int admission_ask(const struct pod_spec *spec, const struct paths *paths, struct err *err);
