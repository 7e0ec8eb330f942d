/* SPDX-License-Identifier: MIT */
/* The state of one load, between load.c, assign.c and check.c. */
#pragma once

#include <stdbool.h>

#include "config/diag.h"
#include "config/keys.h"
#include "config/load.h"
#include "config/spec.h"
#include "config/text.h"

/* What the files said about one key of one section. */
struct assigned {
	struct config_pos pos; /* of the last assignment; line 0: there was none */
	bool set;              /* and it was not empty */
	bool bad;              /* but it was wrong */
};

struct section_state {
	struct config_pos first; /* line 0: not there */
	struct config_pos last;
	struct assigned keys[CONFIG_KEY_N];
};

/* Sections that the generator passes on to systemd. */
enum foreign_section { FOREIGN_NONE, FOREIGN_UNIT, FOREIGN_INSTALL, FOREIGN_N };

struct loader {
	struct pod_spec *spec;
	struct pod_container defaults; /* what [Pod] says for all containers */
	const struct config_env *env;
	struct config_diags *diags;
	struct section_state pod, network;
	struct section_state *containers; /* one for each of spec->containers */
	struct config_text value;
	unsigned main_file, file; /* the pod's first, the one being read */
	/* The section being read. */
	enum config_section section;
	struct section_state *state; /* NULL: its keys are passed over */
	enum foreign_section foreign; /* or told to env->foreign */
	struct config_pos foreign_last[FOREIGN_N];
	struct pod_container *container; /* of [Container], else NULL */
};

int config_begin_section(void *loader, const char *name, struct config_pos pos);
int config_assign(void *loader, const char *key, struct config_pos pos,
		  const struct config_text *line, size_t offset);
void *config_member(struct loader *l, const struct config_key *key);
int config_finish(struct loader *l);
int config_default_hostname(struct pod_spec *spec);
