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
 * Minimal means: sockets of the families that were opened, and not the kernel's audit
 * but if that was, no new namespaces but if some were made, no input pushed into a
 * terminal but if that was done. So it is within podd's own profile as long as
 * the container was.
 *
 * A profile that is there is added to, so it must be of this form: of any other a rule
 * would be lost, or let more through than it did. A bare rule of a call that is
 * bounded in this form counts as what was called beyond the bound.
 */
struct recording;

struct recording *recording_new(void);
void recording_free(struct recording *w);
void recording_note(struct recording *w, const struct seccomp_data *data);
bool recording_hides(const struct seccomp_data *data);
int recording_check(const struct seccomp_profile *p, struct err *err);
void recording_merge(struct recording *w, const struct seccomp_profile *p);
char *recording_profile(struct recording *w);
