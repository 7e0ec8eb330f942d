/* SPDX-License-Identifier: MIT */
/* Comparing two pod files, key by key. */
#include "supervisor/plan.h"

#include <assert.h>
#include <string.h>

#include "base/fd.h"

/* Keys of [Pod] that are the containers' show there. */
static bool is_of_pod(const struct config_key *key)
{
	return key->object == CONFIG_IN_POD;
}

static bool is_of_container(const struct config_key *key)
{
	return key->section == CONFIG_CONTAINER;
}

static bool differs(const struct config_key *key, const void *a, const void *b)
{
	return config_key_digest(key, a, CONFIG_DIGEST_START) !=
	       config_key_digest(key, b, CONFIG_DIGEST_START);
}

/**
 * plan_find() - the container of that name, or NULL
 */
const struct pod_container *plan_find(const struct pod_spec *spec, const char *name)
{
	for (size_t i = 0; i < spec->container_n; i++)
		if (strcmp(spec->containers[i].run.name, name) == 0)
			return &spec->containers[i];
	return NULL;
}

/* With its name, and only if it says something: so a podd that knows more keys
 * comes to the same number for a file that does not use them. */
static uint64_t add_key(const struct config_key *key, const void *object, uint64_t h)
{
	if (config_key_is_default(key, object))
		return h;
	for (const char *c = key->name; *c; c++)
		h = h * 31 + (unsigned char)*c;
	return config_key_digest(key, object, h);
}

/**
 * plan_definition() - a number for all of a container that a restart puts into force
 * @container: one of @spec's
 */
uint64_t plan_definition(const struct pod_spec *spec, const struct pod_container *container)
{
	uint64_t h = CONFIG_DIGEST_START;

	for (size_t i = 0; i < CONFIG_KEY_N; i++) {
		const struct config_key *key = &config_keys[i];
		const void *object = is_of_pod(key) ? (const void *)spec : container;

		/* What [Pod] sets for all containers is in their own keys. */
		if ((is_of_pod(key) || is_of_container(key)) && config_key_restarts(key, object))
			h = add_key(key, object, h);
	}
	return h;
}

/**
 * plan_pod_definition() - a number for all of a pod that only a new one can change
 */
uint64_t plan_pod_definition(const struct pod_spec *spec)
{
	uint64_t h = CONFIG_DIGEST_START;

	for (size_t i = 0; i < CONFIG_KEY_N; i++)
		if (config_keys[i].change == CONFIG_CHANGE_NEW_POD)
			h = add_key(&config_keys[i], spec, h);
	return h;
}

/* Return: whether a key has changed that restarts every container. */
static bool compare_pods(struct plan *out, const struct pod_spec *old, const struct pod_spec *new)
{
	bool restart_all = false;

	for (size_t i = 0; i < CONFIG_KEY_N; i++) {
		const struct config_key *key = &config_keys[i];

		if (!is_of_pod(key) || !differs(key, old, new))
			continue;
		out->key[i] = out->any = true;
		out->new_pod |= key->change == CONFIG_CHANGE_NEW_POD;
		restart_all |= key->change == CONFIG_CHANGE_RESTART;
	}
	return restart_all;
}

static void compare_containers(struct plan_container *out, const struct pod_container *old,
			       const struct pod_container *new)
{
	for (size_t i = 0; i < CONFIG_KEY_N; i++) {
		const struct config_key *key = &config_keys[i];

		if (!is_of_container(key) || !differs(key, old, new))
			continue;
		out->key[i] = true;
		if (config_key_restarts(key, old) || config_key_restarts(key, new))
			out->action = PLAN_RESTART;
		else if (out->action == PLAN_UNCHANGED)
			out->action = PLAN_LIVE;
	}
}

static void plan_container(struct plan_container *out, const struct pod_spec *old,
			   const struct pod_container *new, const uint64_t *running)
{
	const struct pod_container *was = plan_find(old, new->run.name);

	*out = (struct plan_container){ .name = new->run.name, .action = PLAN_START };
	if (!was)
		return;
	out->action = PLAN_UNCHANGED;
	compare_containers(out, was, new);
	if (running && running[was - old->containers] != plan_definition(old, was)) {
		out->outdated = true;
		out->action = PLAN_RESTART;
	}
}

/* Whether those that are in both files come in another order. */
static bool reordered(const struct pod_spec *old, const struct pod_spec *new)
{
	const struct pod_container *last = NULL;

	for (size_t i = 0; i < new->container_n; i++) {
		const struct pod_container *was = plan_find(old, new->containers[i].run.name);

		if (was && last && was < last)
			return true;
		last = was ? was : last;
	}
	return false;
}

/**
 * plan_make() - what has to be done so that @new is in force in place of @old
 * @out: its names are borrowed from the specs
 * @running: plan_definition() of what each container of @old really runs, in
 *           its order; NULL: they run what @old says
 */
void plan_make(struct plan *out, const struct pod_spec *old, const struct pod_spec *new,
	       const uint64_t *running)
{
	bool restart_all;

	*out = (struct plan){ .n = 0 };
	restart_all = compare_pods(out, old, new);
	out->order = reordered(old, new);
	for (size_t i = 0; i < new->container_n; i++) {
		struct plan_container *c = &out->containers[out->n++];

		plan_container(c, old, &new->containers[i], running);
		if (restart_all && c->action != PLAN_START)
			c->action = PLAN_RESTART;
	}
	for (size_t i = 0; i < old->container_n; i++)
		if (!plan_find(new, old->containers[i].run.name))
			out->containers[out->n++] = (struct plan_container){
				.name = old->containers[i].run.name, .action = PLAN_STOP };
	out->any |= out->order;
	for (unsigned i = 0; i < out->n; i++)
		out->any |= out->containers[i].action != PLAN_UNCHANGED;
}

/**
 * plan_action_name() - the action's word in what podctl reload prints
 */
const char *plan_action_name(enum plan_action action)
{
	static const char *const names[] = {
		[PLAN_UNCHANGED] = "unchanged", [PLAN_LIVE] = "live",	[PLAN_RESTART] = "restart",
		[PLAN_START] = "start",		[PLAN_STOP] = "stop",
	};

	static_assert(ARRAY_SIZE(names) == PLAN_ACTION_N, "a word for each action");
	return names[action];
}
