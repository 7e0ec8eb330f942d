/* SPDX-License-Identifier: MIT */
/* Which images a pod runs, which it ran before, and which one it tries. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "image/digest.h"
#include "image/ref.h"

/*
 * Theory of operation
 *
 * A pod that uses images has a file var/lib/podd/generations/NAME: for each name
 * of an image the digest that the pod runs, the one before that, during an update
 * the one that is on trial, and the last one that the pod went back from. podd
 * alone writes it (it holds the pod's lock), in one step and through to the disk.
 * So it is the one truth about an update:
 *
 *	settled	a name means what the store says
 *	trial	a name means @trial while the marker is there, else @now
 *	back	a name means @now: the trial failed, or was cut short
 *	keeping	a name means @now, which was @trial and has passed
 *
 * An update moves no name in the store until it has passed its trial: a power cut
 * before that finds the former names. In all states but the first the file, not
 * the store, says what a name means, until the store's names are as it says
 * (image/settle.h), which takes its writer's lock and is done in the background,
 * again after a crash. A name that an operator has meanwhile given to a third
 * image is left to that.
 *
 * What a pod went back from is remembered, and not kept: whoever updates it by a
 * timer asks for an image that failed again and again, until its name moves.
 *
 * The marker is the file "trial" in the pod's run directory: it dies with the boot
 * and with the pod, and so does the trial. After either the former generation
 * starts, without anybody having written anything. A podd that was killed leaves
 * marker and pod alone, and the next one goes on.
 *
 * @now and @before of all declared pods are not removed by prune or the budget.
 * The file of a pod that is neither declared nor there goes with a prune. One that
 * cannot be read keeps its podd from updates, not from starting, and any image may
 * be its pod's; a damaged one is written anew when that starts, another podd's is not.
 */
#define GENERATIONS_DIR	       "generations"
#define GENERATION_IMAGES_MAX  32 /* a pod's containers */
#define GENERATION_REASON_MAX  256
#define GENERATION_MARKER      "trial"

enum generation_state {
	GENERATION_SETTLED,
	GENERATION_TRIAL,
	GENERATION_BACK,
	GENERATION_KEEPING,
	GENERATION_STATE_N,
};

struct generation_image {
	char name[IMAGE_NAME_MAX + 1]; /* as struct image_ref has it */
	struct digest now, before; /* of manifests; or empty */
	struct digest trial; /* or empty: no part of the update that is under way */
	struct digest failed; /* what it went back from last; or empty */
};

struct generation {
	enum generation_state state;
	unsigned n;
	struct generation_image images[GENERATION_IMAGES_MAX];
	bool kept;		       /* how the last trial ended, once it has */
	uint64_t since_ns; /* CLOCK_REALTIME: on trial, or that it ended; 0: not known */
	char reason[GENERATION_REASON_MAX]; /* why it came to nothing, or "" */
};

/* What outlives podd, and nothing else, of a trial. */
struct generation_marker {
	bool failed;	      /* on its way back */
	uint64_t deadline_ns; /* CLOCK_BOOTTIME: kept from then on; 0: not ready yet */
	char reason[GENERATION_REASON_MAX]; /* if it failed */
};

int generation_parse(struct generation *out, const char *text, size_t n, struct err *err);
char *generation_print(const struct generation *g);
int generation_read(struct generation *out, int lib_fd, const char *pod, struct err *err);
int generation_write(const struct generation *g, int lib_fd, const char *pod, struct err *err);
int generation_remove(int lib_fd, const char *pod, struct err *err);

struct generation_image *generation_find(const struct generation *g, const char *name);
const struct digest *generation_held(const struct generation *g, bool on_trial, const char *name,
				     const struct digest *stored);
int generation_note(struct generation *g, const char *name, const struct digest *now,
		    bool *changed);
int generation_try(struct generation *g, const char *name, const struct digest *trial);
void generation_keep(struct generation *g, uint64_t now_ns);
void generation_go_back(struct generation *g, const char *reason, uint64_t now_ns);
void generation_try_former(struct generation *g, struct generation_image *m);
void generation_settle(struct generation *g);
const char *generation_state_name(enum generation_state state);

int generation_marker_read(struct generation_marker *out, int run_fd);
int generation_marker_write(const struct generation_marker *m, int run_fd, struct err *err);
int generation_marker_remove(int run_fd, struct err *err);
bool generation_on_trial(int runs_fd, const char *pod);

/* @g: NULL for one that cannot be read; @damage says why, and it is told on. */
typedef int generation_fn(void *ctx, const char *pod, const struct generation *g,
			  const struct err *damage, struct err *err);
int generations_each(int lib_fd, generation_fn *fn, void *ctx, struct err *err);
