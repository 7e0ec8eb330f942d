/* SPDX-License-Identifier: MIT */
/* Fuzz target: any bytes as a pod file give a sound spec, or errors that can be told. */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/load.h"
#include "config/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_spec(const struct pod_spec *spec)
{
	assert(config_hostname_valid(spec->hostname));
	assert(spec->container_n > 0 && spec->container_n <= POD_CONTAINERS_MAX);
	assert(spec->network.prefix_len >= 8 && spec->network.prefix_len <= 30);
	for (size_t i = 0; i < spec->container_n; i++) {
		const struct pod_container *c = &spec->containers[i];

		assert(config_container_name_valid(c->run.name));
		assert(c->run.argv[0][0] && c->run.lowers[0][0] == '/' && c->run.cwd[0] == '/');
		assert(c->restart.first_ns <= c->restart.max_ns && c->log.max_files >= 1);
		assert(c->stop_signal >= 1 && c->stop_signal <= 64);
		for (char **v = c->run.env; v && *v; v++)
			assert(strchr(*v, '=') > *v);
		for (size_t k = 0; k < c->run.volume_n; k++)
			assert(!strstr(c->run.volumes[k].target, "/../"));
	}
}

static void check_diags(const struct config_diags *diags, const struct err *err)
{
	char line[4096];

	assert(diags->total > 0 && diags->n > 0 && err->msg[0]);
	for (size_t i = 0; i < diags->n; i++)
		assert(diags->list[i].pos.line > 0 && diags->list[i].pos.column > 0);
	for (size_t i = 0; config_diags_line(diags, i, line, sizeof(line)); i++)
		assert(line[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct config_env env = { .hostname = "host.example" };
	const struct config_bytes file = { "kiosk@left.pod", (const char *)data, size };
	struct config_diags diags = { 0 };
	struct pod_spec *spec = NULL;
	struct err err = { 0 };

	if (!data) /* libFuzzer's first, empty input: none to load_bytes() means "from disk" */
		return 0;
	if (config_load_bytes(&spec, &file, &env, &diags, &err) == 0)
		check_spec(spec);
	else
		check_diags(&diags, &err);
	assert((spec != NULL) == (diags.total == 0));
	pod_spec_free(spec);
	config_diags_done(&diags);
	return 0;
}
