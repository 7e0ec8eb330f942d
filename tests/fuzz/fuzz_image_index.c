/* SPDX-License-Identifier: MIT */
/* Fuzz target: any bytes as an index give a manifest or another index, or an error. */
#include "tests/fuzz/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct image_platform platforms[] = {
		{ "linux", "amd64", NULL },
		{ "linux", "arm64", "v8" },
	};
	struct image_bytes bytes = fuzz_bytes(data, size);

	for (size_t i = 0; i < sizeof(platforms) / sizeof(platforms[0]); i++) {
		struct image_descriptor d = { .media = IMAGE_MEDIA_UNKNOWN };
		struct image_manifest m;
		struct err err = { 0 };
		int r = image_index_choose(&d, bytes, &platforms[i], &err);

		check_error(r, &err);
		if (r < 0)
			continue;
		check_descriptor(&d);
		assert(d.media == IMAGE_MEDIA_INDEX || d.media == IMAGE_MEDIA_MANIFEST);
		assert(image_index_check(bytes, &err) == 0);
		/* It is not a manifest as well (CVE-2021-41190). */
		assert(image_manifest_parse(&m, bytes, &err) < 0);
	}
	return 0;
}
