/* SPDX-License-Identifier: MIT */
/* image/: what fuzzing has found and started from, replayed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>

#include "base/fd.h"
#include "base/io.h"

#undef NDEBUG /* the targets' checks are asserts */
#define LLVMFuzzerTestOneInput fuzz_documents
#include "tests/fuzz/fuzz_image_documents.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_layer
#include "tests/fuzz/fuzz_image_layer.c"

#define CORPUS	  "tests/fuzz/corpus/"
#define INPUT_MAX 65536

static void replay(const char *corpus, int (*target)(const uint8_t *data, size_t size))
{
	cleanup_free char *bytes = malloc(INPUT_MAX);
	struct err err = { 0 };
	DIR *dir = opendir(corpus);
	struct dirent *d;
	int files = 0;

	assert_non_null(bytes);
	assert_non_null(dir);
	while ((d = readdir(dir))) {
		ssize_t n;

		if (d->d_name[0] == '.')
			continue;
		n = io_read_file(dirfd(dir), d->d_name, bytes, INPUT_MAX, &err);
		if (n < 0)
			fail_msg("%s", err.msg);
		/* As a whole and cut anywhere in its first 2 KiB. */
		for (ssize_t cut = 0; cut <= n && cut < 2048; cut++)
			target((uint8_t *)bytes, (size_t)cut);
		target((uint8_t *)bytes, (size_t)n);
		files++;
	}
	closedir(dir);
	assert_true(files >= 5);
}

static void documents__each_file__no_check_fails(void **state)
{
	(void)state;
	replay(CORPUS "image_documents", fuzz_documents);
}

static void layers__each_file__no_check_fails(void **state)
{
	(void)state;
	replay(CORPUS "image_layer", fuzz_layer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documents__each_file__no_check_fails),
		cmocka_unit_test(layers__each_file__no_check_fails),
	};

	return cmocka_run_group_tests_name("image fuzz", tests, NULL, NULL);
}
