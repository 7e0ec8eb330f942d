/* SPDX-License-Identifier: MIT */
/* config/: what fuzzing has found and started from, replayed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>

#include "base/fd.h"
#include "base/io.h"
#include "config/reader.h"

#undef NDEBUG /* the target's checks are asserts */
#include "tests/fuzz/fuzz_config.c"

#define CORPUS "tests/fuzz/corpus/config"

static void corpus__each_file__no_check_fails(void **state)
{
	cleanup_free char *bytes = malloc(CONFIG_FILE_MAX + 1);
	struct err err = { 0 };
	DIR *dir = opendir(CORPUS);
	struct dirent *d;
	int files = 0;

	(void)state;
	assert_non_null(bytes);
	assert_non_null(dir);
	while ((d = readdir(dir))) {
		ssize_t n;

		if (d->d_name[0] == '.')
			continue;
		n = io_read_file(dirfd(dir), d->d_name, bytes, CONFIG_FILE_MAX + 1, &err);
		if (n < 0)
			fail_msg("%s", err.msg);
		/* As a whole and cut anywhere in its first KiB. */
		for (ssize_t cut = 0; cut <= n && cut < 1024; cut++)
			LLVMFuzzerTestOneInput((uint8_t *)bytes, (size_t)cut);
		LLVMFuzzerTestOneInput((uint8_t *)bytes, (size_t)n);
		files++;
	}
	closedir(dir);
	assert_true(files >= 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(corpus__each_file__no_check_fails),
	};

	return cmocka_run_group_tests_name("config corpus", tests, NULL, NULL);
}
