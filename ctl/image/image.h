/* SPDX-License-Identifier: MIT */
/* What the commands of `podctl image` share. */
#pragma once

#include <limits.h>

#include "ctl/ctl.h"
#include "image/import.h"
#include "image/keys.h"
#include "image/policy.h"
#include "image/store.h"
#include "image/worker.h"
#include "image/writer.h"

/*
 * Theory of operation
 *
 * podd-image is podctl for images: the same table of commands, options and exit
 * codes (ctl/ctl.h), in a program of its own, since it is linked with what
 * reads archives and hashes. podctl executes it.
 */
int cmd_image_import(struct ctl *ctl, int argc, char **argv);
int cmd_image_pull(struct ctl *ctl, int argc, char **argv);
int cmd_image_update(struct ctl *ctl, int argc, char **argv);
int cmd_image_list(struct ctl *ctl, int argc, char **argv);
int cmd_image_inspect(struct ctl *ctl, int argc, char **argv);
int cmd_image_tag(struct ctl *ctl, int argc, char **argv);
int cmd_image_remove(struct ctl *ctl, int argc, char **argv);
int cmd_image_prune(struct ctl *ctl, int argc, char **argv);
int cmd_image_verify(struct ctl *ctl, int argc, char **argv);
int cmd_image_fsck(struct ctl *ctl, int argc, char **argv);
int cmd_image_export(struct ctl *ctl, int argc, char **argv);
int cmd_image_admit(struct ctl *ctl, int argc, char **argv);

/* find.c: images by what the operator calls them */
struct found {
	struct digest id;
	const char *name; /* that it was found by; NULL: by its digest, or digits of that */
};

int find_stored(struct digest *out, const struct image_store **store,
		const struct image_stores *stores, const char *text, struct err *err);
int find_image(struct image *out, const struct image_stores *stores, const char *text,
	       struct err *err);
int find_changeable(struct found *out, const json_t *index, const struct image_stores *stores,
		    const char *text, struct err *err);

/* limits.c: sizes, and what import and pull bound alike */
enum { IMAGE_OPT_BYTES = CTL_OPT_FIRST + 100, IMAGE_OPT_FILES };
#define IMAGE_LIMIT_OPTIONS                                            \
	{ "max-bytes", required_argument, NULL, IMAGE_OPT_BYTES },     \
	{                                                              \
		"max-files", required_argument, NULL, IMAGE_OPT_FILES  \
	}

int size_parse(uint64_t *out, const char *text, struct err *err);
int limits_take(struct ctl *ctl, int option, struct import_limits *limits);

/* open.c */
int writer_open(struct image_writer *w, const struct ctl *ctl, const struct paths *paths,
		struct err *err);

/* policy.c: the one that is in force */
struct chosen_policy {
	struct image_policy policy;
	struct image_keys keys;
};

int policy_choose(struct chosen_policy *out, const char *given, const struct paths *paths,
		  struct err *err);
void policy_done(struct chosen_policy *chosen);

/* cmd_admit.c: images against a policy */
int admit_images(const struct paths *paths, const char *policy, char *const *images, int n,
		 struct err *err);

/* signatures.c: for inspect */
json_t *signatures_of(const struct image *image, const char *asked, const char *policy,
		      const struct paths *paths);

/* uses.c: which pods need which images */
struct uses {
	json_t *pods;	  /* an image's digits -> an object whose keys are pods */
	json_t *names;	  /* a name that a pod's Image= means -> the same */
	json_t *warnings; /* of files of generations that cannot be read: sentences */
	json_t *gone;	  /* pods that are neither declared nor there, and have such a file */
	char unreadable[PATH_MAX]; /* a file of which it cannot be told, or "" */
	bool any_name;		   /* that is a pod file: it may need any name, too */
};

int uses_collect(struct uses *out, const struct paths *paths, const struct image_stores *stores,
		 struct err *err);
void uses_warn(const struct uses *uses, struct ctl *ctl);
const json_t *uses_of(const struct uses *uses, const struct digest *id);
const json_t *uses_of_name(const struct uses *uses, const char *name);
void uses_done(struct uses *uses);

/* rebuild.c: for fsck --repair, what a new index.json has */
struct rebuilt {
	unsigned images, names;
};

int rebuild_index(struct rebuilt *out, json_t **index, const struct image_writer *w,
		  const struct paths *paths, struct err *err);

/* entries.c: what import and pull have taken */
struct entries {
	struct ctl *ctl;
	json_t *images;
};

void entries_begin(struct entries *e, struct ctl *ctl);
void entries_tell(struct entries *e, const struct import_result *result);
void entries_end(struct entries *e, bool all);

/* progress.c */
struct progress {
	FILE *out;
	bool terminal, shown;
	bool fetching;	/* told last */
	uint32_t layer; /* told last */
	uint64_t began_ns;
	char host[WORKER_HOST_MAX]; /* that is waited for */
	uint64_t waits_ns;	    /* since when */
	bool told_host;
};

void progress_begin(struct progress *p, FILE *out);
void progress_watch(void *progress, const struct worker_progress *now);
void progress_end(struct progress *p);
const char *size_text(char buf[16], uint64_t bytes);
