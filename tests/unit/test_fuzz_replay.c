/* SPDX-License-Identifier: MIT */
/* The corpora of fuzzers that no other test replays. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#define LLVMFuzzerTestOneInput fuzz_user
#include "tests/fuzz/fuzz_user.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_mountinfo
#include "tests/fuzz/fuzz_mountinfo.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_uevent
#include "tests/fuzz/fuzz_uevent.c"

static void replay(const char *name, int (*fn)(const uint8_t *data, size_t size), int least)
{
	char path[64];
	struct dirent *d;
	DIR *dir;

	snprintf(path, sizeof(path), "tests/fuzz/corpus/%s", name);
	dir = opendir(path);
	if (!dir) {
		print_message("run from the top directory to replay %s\n", path);
		skip();
	}
	while ((d = readdir(dir))) {
		uint8_t data[16384];
		int fd = openat(dirfd(dir), d->d_name, O_RDONLY | O_CLOEXEC);
		ssize_t n = read(fd, data, sizeof(data));

		for (ssize_t i = n; i >= 0 && i > n - 64; i--) /* cut at the end, too */
			(void)fn(data, (size_t)i);
		least -= n >= 0; /* not a directory */
		(void)close(fd);
	}
	(void)closedir(dir);
	assert_true(least <= 0);
}

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(user__corpus__replayed),
		cmocka_unit_test(mountinfo__corpus__replayed),
		cmocka_unit_test(uevent__corpus__replayed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
