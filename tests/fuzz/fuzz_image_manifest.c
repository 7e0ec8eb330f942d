/* SPDX-License-Identifier: MIT */
/* Fuzz target: any bytes as a manifest give a config and layers within bounds, or an error. */
#include "tests/fuzz/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct image_bytes bytes = fuzz_bytes(data, size);
	struct err err = { 0 };
	struct image_manifest m;
	int r = image_manifest_parse(&m, bytes, &err);

	check_error(r, &err);
	if (r < 0)
		return 0;
	check_descriptor(&m.config);
	assert(m.config.media == IMAGE_MEDIA_CONFIG);
	assert(m.layer_n > 0 && m.layer_n <= IMAGE_LAYERS_MAX);
	for (unsigned i = 0; i < m.layer_n; i++) {
		check_descriptor(&m.layers[i]);
		assert(m.layers[i].media >= IMAGE_MEDIA_TAR);
	}
	/* It is not an index as well (CVE-2021-41190). */
	assert(image_index_check(bytes, &err) < 0);
	return 0;
}
