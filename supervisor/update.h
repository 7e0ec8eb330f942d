/* SPDX-License-Identifier: MIT */
/* Other images for a pod that runs, on trial, with a way back. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "image/generation.h"
#include "supervisor/backoff.h"
#include "supervisor/helper.h"
#include "supervisor/loop.h"

/*
 * Theory of operation
 *
 * What is true of an update is in two files (image/generation.h): the pod's
 * generations, on the disk, and the marker of the trial, in the run directory.
 * podd writes them in this order, each step so that a podd or a boot that comes
 * next goes on or back from what is there:
 *
 *	asked	nothing yet		a next podd: has not heard of it
 *	begin	generations "trial"	a next podd or boot: back
 *		marker			a next podd: goes on; a next boot: back
 *		reload			the changed containers start anew
 *	ready	marker with deadline	absolute, CLOCK_BOOTTIME
 *	passed	generations "keeping"	kept, whatever comes
 *		no marker
 *	failed	marker "failed"		a next podd: goes on going back
 *		reload			to the former ones
 *		generations "back"
 *		no marker
 *	at last	names in the store	by podd-image, in the background
 *		generations "settled"	only now, or once blocked, is the outcome told
 *
 * What cannot be done, since the pod's file is bad or the store cannot be written, is
 * tried again, each time later, and status says what it waits for.
 *
 * podctl fetches the images and asks for the trial, and may go away then. The
 * trial ends the pod's start over at the first failure: a container that ends
 * without having been asked to, other than as a success that its restart policy
 * leaves alone, or that cannot be started. That is seen before the machine is told
 * of the end, so that what it starts next is the former image already, and
 * whatever the policy: a pod never ends because of what is on trial.
 */
struct pod;
struct member;

/* One that was asked for, while podd-image looks at its images. */
struct update_request {
	struct generation was, g;
};

struct update {
	struct update_request *request; /* or NULL */
	bool begun;    /* what an earlier podd has left was seen to */
	bool on_trial;
	bool failed;   /* on the way back */
	uint64_t deadline_ns;
	char reason[GENERATION_REASON_MAX];
	struct timer timer; /* the deadline, or the next try of what is blocked */
	struct backoff tries;
	const char *outcome; /* "kept" or "back", to be told once the names are set; or NULL */
	char blocked[GENERATION_REASON_MAX]; /* why the way back, or the names, have to wait */
	struct helper helper;
	bool overpinned; /* more images may be pinned than the pod needs */
};

int update_open(struct pod *pod, struct err *err);
int update_refused(struct pod *pod, struct err *err);
void update_started(struct pod *pod);
void update_close(struct pod *pod);
void update_note(struct pod *pod);
int update_begin(struct pod *pod, const json_t *images, bool back, struct err *err);
bool update_is_under_way(const struct pod *pod);
bool update_exited(struct member *m, int wait_status, bool oom);
bool update_start_failed(struct member *m);
void update_check(struct pod *pod);
void update_let_go(struct pod *pod);
json_t *update_describe(const struct pod *pod);
