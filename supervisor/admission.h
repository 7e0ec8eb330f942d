/* SPDX-License-Identifier: MIT */
/* Whether a pod's images are what its policy asks for. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/paths.h"
#include "config/spec.h"
#include "image/generation.h"
#include "supervisor/helper.h"
#include "supervisor/loop.h"

/*
 * Theory of operation
 *
 * podd verifies nothing: that takes OpenSSL, and documents that strangers wrote.
 * It asks podd-image, for so long and no longer; an answer that does not come is
 * a refusal. Without a policy, nobody is asked.
 *
 * Asked is before anything of an image runs that did not run before: at a start,
 * at a reload that has something to do, before a trial, and when a podd that takes
 * over a pod finds containers that are not what the file says, since those would
 * be made anew. A container that runs has been asked about; another policy is for
 * what comes next, and ends nobody.
 *
 * A start waits for the answer: there is nothing yet that podd could neglect.
 * All others go on with the loop, and are called when it comes.
 */
#define ADMISSION_TIMEOUT_S 10 /* for a disk that has to wake up */

struct admission;
/* @refusal: or NULL: all are allowed. */
typedef void admission_fn(struct admission *a, const struct err *refusal);

/* Embedded in its owner; all zero is one that asks nothing. */
struct admission {
	struct loop *loop;
	admission_fn *fn;
	struct helper helper;
	struct timer timer;
};

struct admission_question {
	const struct pod_spec *spec; /* with the images looked up */
	const struct paths *paths;
	const struct generation *trial; /* or NULL; its images are asked about instead */
};

void admission_begin(struct admission *a, struct loop *loop, const struct admission_question *q,
		     admission_fn *fn);
bool admission_is_busy(const struct admission *a);
void admission_end(struct admission *a);
int admission_ask(const struct admission_question *q, struct loop *loop, struct err *err);
