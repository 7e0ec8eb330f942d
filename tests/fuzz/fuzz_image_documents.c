/* SPDX-License-Identifier: MIT */
/* Fuzz target: any bytes as index, manifest or config give sound structures, or an error. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "image/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_descriptor(const struct image_descriptor *d)
{
	struct digest again;

	assert(digest_parse_hex(&again, d->digest.hex));
	assert(d->size <= INT64_MAX);
}

static void try_index(struct image_bytes bytes, struct err *err)
{
	struct image_descriptor d = { .media = IMAGE_MEDIA_UNKNOWN };
	int r = image_index_choose(&d, bytes, &image_platform_here, err);

	assert((r == 0) == (err->code == 0) && r == -err->code);
	if (r < 0)
		return;
	check_descriptor(&d);
	assert(d.media == IMAGE_MEDIA_INDEX || d.media == IMAGE_MEDIA_MANIFEST);
	assert(image_index_check(bytes, err) == 0);
}

static void try_manifest(struct image_bytes bytes, struct err *err)
{
	struct image_manifest m;
	int r = image_manifest_parse(&m, bytes, err);

	assert((r == 0) == (err->code == 0) && r == -err->code);
	if (r < 0)
		return;
	check_descriptor(&m.config);
	assert(m.config.media == IMAGE_MEDIA_CONFIG);
	assert(m.layer_n > 0 && m.layer_n <= IMAGE_LAYERS_MAX);
	for (unsigned i = 0; i < m.layer_n; i++) {
		check_descriptor(&m.layers[i]);
		assert(m.layers[i].media >= IMAGE_MEDIA_TAR);
	}
	/* It is not an index as well (CVE-2021-41190). */
	assert(image_index_check(bytes, err) < 0);
}

static void try_config(struct image_bytes bytes, struct err *err)
{
	struct image_config *c = NULL;
	struct digest again;
	int r = image_config_parse(&c, bytes, err);

	assert((r == 0) == (c != NULL) && r == -err->code);
	if (r < 0)
		return;
	assert(c->layer_n <= IMAGE_LAYERS_MAX);
	for (unsigned i = 0; i < c->layer_n; i++)
		assert(digest_parse_hex(&again, c->diff_ids[i].hex));
	for (char **e = c->env; e && *e; e++)
		assert(strchr(*e, '=') > *e);
	assert(!c->cwd || c->cwd[0] == '/');
	assert(!c->user || c->user[0]);
	image_config_free(c);
}

/* The first byte chooses the kind. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const tries[])(struct image_bytes, struct err *) = { try_index, try_manifest,
									   try_config };
	struct err err = { 0 };

	if (size < 1)
		return 0;
	tries[data[0] % 3]((struct image_bytes){ (const char *)data + 1, size - 1 }, &err);
	assert((err.code != 0) == (err.msg[0] != '\0'));
	return 0;
}
