/* SPDX-License-Identifier: MIT */
/* Fuzz target: any bytes as a config give what a container can be run with, or an error. */
#include <string.h>

#include "tests/fuzz/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_config(const struct image_config *c)
{
	assert(c->layer_n <= IMAGE_LAYERS_MAX);
	for (unsigned i = 0; i < c->layer_n; i++)
		check_digest(&c->diff_ids[i]);
	for (char **e = c->env; e && *e; e++)
		assert(strchr(*e, '=') > *e);
	assert(!c->cwd || c->cwd[0] == '/');
	assert(!c->user || c->user[0]);
	assert(!c->stop_signal || c->stop_signal[0]);
}

/* Only the number of layers and the platform are compared. */
static void check_pair(const struct image_config *c)
{
	struct image_manifest m = { .layer_n = c->layer_n };
	struct err err = { 0 };

	check_error(image_check_pair(&m, c, &err), &err);
	m.layer_n++;
	err = (struct err){ 0 };
	assert(image_check_pair(&m, c, &err) < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct image_config *c = NULL;
	struct err err = { 0 };
	int r = image_config_parse(&c, fuzz_bytes(data, size), &err);

	check_error(r, &err);
	assert((r == 0) == (c != NULL));
	if (c) {
		check_config(c);
		check_pair(c);
	}
	image_config_free(c);
	return 0;
}
