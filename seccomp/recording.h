/* SPDX-License-Identifier: MIT */
/* What a container has called, and the profile that lets this through and nothing else. */
#pragma once

#include <linux/seccomp.h>
#include <stdbool.h>

#include "base/err.h"
#include "seccomp/profile.h"

/*
 * Theory of operation
 *
 * Minimal means: sockets of the families that were opened, no new namespaces but if
 * some were made, no input pushed into a terminal but if that was done.
 */
struct recording;

struct recording *recording_new(void);
void recording_free(struct recording *w);
void recording_note(struct recording *w, const struct seccomp_data *data);
bool recording_hides(const struct seccomp_data *data);
void recording_merge(struct recording *w, const struct seccomp_profile *p);
char *recording_profile(struct recording *w);
