/* SPDX-License-Identifier: MIT */
/* The table of all keys: for the parser, podctl verify, the man page, the completions. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum config_section { CONFIG_POD, CONFIG_NETWORK, CONFIG_CONTAINER, CONFIG_SECTION_N };

/* What the offset of a key counts from. */
enum config_object {
	CONFIG_IN_POD,       /* struct pod_spec */
	CONFIG_IN_CONTAINER, /* struct pod_container; from [Pod], the defaults of all */
};

/* What it takes to put a changed value into force in a pod that runs. */
enum config_change {
	CONFIG_CHANGE_LIVE = 1, /* nothing is restarted */
	CONFIG_CHANGE_RESTART,  /* the container is made anew; from [Network], all are */
	CONFIG_CHANGE_NEW_POD,  /* the pod has to be stopped and started */
};

struct config_type;

struct config_key {
	const char *name;
	enum config_section section;
	enum config_change change;
	const struct config_type *type;
	const char *form;         /* how a value is written, for people */
	const char *const *words; /* of a type that chooses: word i is stored as i */
	const char *fallback;     /* the default, as it would be written; NULL: none */
	const char *unsaid;       /* what the kernel or podd does without it, where that is no value
				   * of its own; NULL: nothing to be told */
	const char *min, *max;    /* as they would be written, NULL: no bound */
	const char *unit;         /* of a bare number, or NULL */
	unsigned restart_word;    /* number of a word that only a restart puts into force; or 0 */
	uint64_t infinity;        /* what "infinity" is stored as; 0: it is refused */
	uint64_t standard;        /* what the default is stored as, if not as if it had been said;
				   * or 0 */
	bool list;                /* assignments add up, an empty one starts over */
	bool required;
	bool told; /* an empty value is for the type to judge: no default that opens a wall */
	bool inherit; /* a container takes the value of the same key in [Pod] */
	const char *since;
	const char *about; /* one line, a sentence */
	enum config_object object;
	size_t offset, size;
};

/* In the order of the man page: by section. */
#define CONFIG_KEY_N 86
extern const struct config_key config_keys[CONFIG_KEY_N];
extern const char *const config_section_names[CONFIG_SECTION_N];

/* What holds when nobody says anything, for people; or NULL. */
static inline const char *config_key_default(const struct config_key *key)
{
	return key->inherit ? "what [Pod] says" :
	       key->unsaid  ? key->unsaid :
	       key->fallback || !key->infinity ? key->fallback : "no limit of its own";
}

const struct config_key *config_key_find(enum config_section section, const char *name);
const char *config_key_nearest(enum config_section section, const char *name);
const char *config_section_nearest(const char *name);
int config_key_reset(const struct config_key *key, void *member);

#define CONFIG_DIGEST_START UINT64_C(0xcbf29ce484222325)
bool config_key_restarts(const struct config_key *key, const void *object);
bool config_key_is_default(const struct config_key *key, const void *object);
uint64_t config_key_digest(const struct config_key *key, const void *object, uint64_t h);
