/* SPDX-License-Identifier: MIT */
/* image/: what fuzzing has found and starts from, replayed. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/replay.h"

#undef NDEBUG /* the targets' checks are asserts */
#define LLVMFuzzerTestOneInput fuzz_index
#include "tests/fuzz/fuzz_image_index.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_manifest
#include "tests/fuzz/fuzz_image_manifest.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_config
#include "tests/fuzz/fuzz_image_config.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_signature
#include "tests/fuzz/fuzz_image_signature.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_layer
#include "tests/fuzz/fuzz_image_layer.c"

static void indexes__each_file__no_check_fails(void **state)
{
	(void)state;
	replay("image_index", fuzz_index, 5);
}

static void manifests__each_file__no_check_fails(void **state)
{
	(void)state;
	replay("image_manifest", fuzz_manifest, 5);
}

static void configs__each_file__no_check_fails(void **state)
{
	(void)state;
	replay("image_config", fuzz_config, 5);
}

static void signatures__each_file__no_check_fails(void **state)
{
	(void)state;
	replay("image_signature", fuzz_signature, 5);
}

static void layers__each_seed__no_check_fails(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(layer_seeds); i++) {
		struct bytes b = { 0 };

		seed_make(&b, &layer_seeds[i]);
		replay_cut(b.p, b.n, 7, fuzz_layer);
		bytes_done(&b);
	}
}

/* In libFuzzer's place: a byte becomes another one. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max)
{
	static unsigned seed = 1;

	(void)max;
	if (size > 0)
		data[(size_t)rand_r(&seed) % size] = (uint8_t)rand_r(&seed);
	return size;
}

static void layers__mutated_again_and_again__no_check_fails(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(layer_seeds); i++) {
		uint8_t input[65536];
		struct bytes b = { 0 };
		size_t n;

		seed_make(&b, &layer_seeds[i]);
		n = b.n;
		assert_true(n <= sizeof(input));
		memcpy(input, b.p, n);
		bytes_done(&b);
		for (unsigned seed = 0; seed < 100; seed++) {
			n = LLVMFuzzerCustomMutator(input, n, sizeof(input), seed);
			fuzz_layer(input, n);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(indexes__each_file__no_check_fails),
		cmocka_unit_test(manifests__each_file__no_check_fails),
		cmocka_unit_test(configs__each_file__no_check_fails),
		cmocka_unit_test(signatures__each_file__no_check_fails),
		cmocka_unit_test(layers__each_seed__no_check_fails),
		cmocka_unit_test(layers__mutated_again_and_again__no_check_fails),
	};

	return cmocka_run_group_tests_name("image fuzz", tests, NULL, NULL);
}
