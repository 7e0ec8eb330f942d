/* SPDX-License-Identifier: MIT */
/* The corpora of the fuzzers, as tests. */
#pragma once

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/io.h"

#define REPLAY_INPUT_MAX ((size_t)1024 * 1024)

typedef int replay_fn(const uint8_t *data, size_t size);

/* As a whole and cut at each @step bytes of its first 2 KiB. */
static inline void replay_cut(const void *bytes, size_t n, size_t step, replay_fn *target)
{
	for (size_t cut = 0; cut < n && cut < 2048; cut += step)
		(void)target(bytes, cut);
	(void)target(bytes, n);
}

/* Each file of tests/fuzz/corpus/@name, of which there are at least @least. */
static inline void replay(const char *name, replay_fn *target, int least)
{
	cleanup_free char *bytes = malloc(REPLAY_INPUT_MAX);
	struct err err = { 0 };
	char path[64];
	struct dirent *d;
	DIR *dir;

	snprintf(path, sizeof(path), "tests/fuzz/corpus/%s", name);
	dir = opendir(path);
	if (!dir)
		fail_msg("no '%s': tests run from the top directory", path);
	assert_non_null(bytes);
	while ((d = readdir(dir))) {
		ssize_t n;

		if (d->d_name[0] == '.')
			continue;
		n = io_read_file(dirfd(dir), d->d_name, bytes, REPLAY_INPUT_MAX, &err);
		if (n < 0)
			fail_msg("%s", err.msg);
		replay_cut(bytes, (size_t)n, 1, target);
		least--;
	}
	(void)closedir(dir);
	assert_true(least <= 0);
}
