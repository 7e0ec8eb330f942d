/* SPDX-License-Identifier: MIT */
/* The end of a struct pod_spec. */
#include <stdlib.h>

#include "config/load.h"
#include "config/value.h"

/* What owns memory is in the table, so nothing can be forgotten here. */
static void clear_members(void *object, enum config_object kind)
{
	for (size_t i = 0; i < CONFIG_KEY_N; i++)
		if (config_keys[i].object == kind && config_keys[i].type->clear)
			config_keys[i].type->clear((char *)object + config_keys[i].offset);
}

/**
 * pod_spec_free() - free a spec, whole or half-built; NULL is fine
 */
void pod_spec_free(struct pod_spec *spec)
{
	if (!spec)
		return;
	for (size_t i = 0; i < spec->container_n; i++) {
		clear_members(&spec->containers[i], CONFIG_IN_CONTAINER);
		free(spec->containers[i].run.name);
	}
	clear_members(spec, CONFIG_IN_POD);
	free(spec->containers);
	free(spec->name);
	free(spec->instance);
	free(spec->path);
	free(spec);
}
