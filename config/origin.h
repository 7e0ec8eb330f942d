/* SPDX-License-Identifier: MIT */
/* Which line of which file says what: for whoever explains a pod file. */
#pragma once

#include <stddef.h>

#include "config/diag.h"
#include "config/keys.h"

/* One assignment that config_load() has read. */
struct config_origin {
	const struct config_key *key;
	char *container;       /* its name; NULL: in [Pod] or [Network] */
	char *value;           /* specifiers put in; "" takes the key back to its default */
	struct config_pos pos; /* its file is one of the load's struct config_diags */
};

/* In the order in which they were read. Starts as { 0 }. */
struct config_origins {
	struct config_origin *list;
	size_t n;
};

int config_origins_add(struct config_origins *o, const struct config_origin *origin);
struct config_pos config_origin_of(const struct config_origins *o, enum config_section section,
				   const char *container, const char *key);
struct config_pos config_origin_nth(const struct config_origins *o, const char *container,
				    const char *key, size_t nth);
struct config_pos config_origin_word(const struct config_origins *o, const char *container,
				     const char *key, const char *word);
void config_origins_done(struct config_origins *o);
