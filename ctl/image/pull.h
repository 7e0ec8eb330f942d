/* SPDX-License-Identifier: MIT */
/* What pull and update share: the files of a pull, and one name of it. */
#pragma once

#include "ctl/image/image.h"
#include "image/pull.h"

struct pull {
	struct ctl *ctl;
	const char *authfile; /* of --authfile, or NULL */
	const char *policy;   /* of --policy, or NULL */
	struct chosen_policy chosen;
	struct registries *registries;
	struct auth auth;
	struct paths paths;
	struct image_writer w;
	struct pull_args args;
	struct import_result *result;
	json_t *used; /* names, of --keep */
	json_t *keep; /* images that the budget leaves alone: by their digits */
};

void pull_init(struct pull *p, struct ctl *ctl);
int pull_begin(struct pull *p, struct err *err);
int pull_one(struct pull *p, const char *name, struct err *err);
void pull_keep(struct pull *p, const char *name);
void pull_end(struct pull *p);
