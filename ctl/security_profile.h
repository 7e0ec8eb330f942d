/* SPDX-License-Identifier: MIT */
/* What a seccomp profile of the pod file's lets through beyond podd's own. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Theory of operation
 *
 * podd's own profile is the measure: whatever a rule of the file allows, and podd's does
 * not, is beyond it. In both the first rule whose args match decides, as podd reads them:
 * where podd's own denies some args of a call before it allows the call, a rule of the
 * file is within it when it matches none of these, or an earlier one of the file
 * denies them. A rule with args is within another when each of its args is
 * that one's, or is a value or a mask that fits; more is not worked out, and counts as
 * beyond.
 */
#define SECURITY_CALLS_SIZE 160

struct security_profile {
	bool refuses;	 /* what it does not name; false as well when it cannot be read */
	unsigned beyond; /* calls and ABIs that podd's own refuses */
	unsigned told;	 /* so many of them are named */
	char calls[SECURITY_CALLS_SIZE]; /* "bpf io_uring_setup and 3 more" */
};

void security_profile_look(struct security_profile *out, const char *path, uint64_t capabilities);
