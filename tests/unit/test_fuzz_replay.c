/* SPDX-License-Identifier: MIT */
/* The corpora of fuzzers; those of images are in test_image_fuzz. */
#undef NDEBUG /* some targets' checks are asserts */
#include "tests/unit/replay.h"

#define LLVMFuzzerTestOneInput fuzz_user
#include "tests/fuzz/fuzz_user.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_mountinfo
#include "tests/fuzz/fuzz_mountinfo.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_uevent
#include "tests/fuzz/fuzz_uevent.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_registry
#include "tests/fuzz/fuzz_registry.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_cri
#include "tests/fuzz/fuzz_cri.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_config
#include "tests/fuzz/fuzz_config.c"

static void user__corpus__replayed(void **state)
{
	(void)state;
	replay("user", fuzz_user, 6);
}

static void mountinfo__corpus__replayed(void **state)
{
	(void)state;
	replay("mountinfo", fuzz_mountinfo, 6);
}

static void uevent__corpus__replayed(void **state)
{
	(void)state;
	replay("uevent", fuzz_uevent, 6);
}

static void registry__corpus__replayed(void **state)
{
	(void)state;
	replay("registry", fuzz_registry, 13);
}

static void cri__corpus__replayed(void **state)
{
	(void)state;
	replay("cri", fuzz_cri, 10);
}

static void config__corpus__replayed(void **state)
{
	(void)state;
	replay("config", fuzz_config, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(user__corpus__replayed),
		cmocka_unit_test(mountinfo__corpus__replayed),
		cmocka_unit_test(uevent__corpus__replayed),
		cmocka_unit_test(registry__corpus__replayed),
		cmocka_unit_test(cri__corpus__replayed),
		cmocka_unit_test(config__corpus__replayed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
