/* SPDX-License-Identifier: MIT */
/* Loading the text of a pod file, and what is said about it. */
#pragma once

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/load.h"

#define NEEDED "Rootfs=/r\nExec=/bin/true\n"

static const struct config_env env = { .hostname = "box" };

static int load_bytes(struct pod_spec **out, const char *path, const char *bytes, size_t n,
		      struct config_diags *diags)
{
	const struct config_bytes file = { path, bytes, n };
	struct err err = { 0 };

	return config_load_bytes(out, &file, &env, diags, &err);
}

/* Loads a file that has no fault. */
static struct pod_spec *good(const char *bytes)
{
	struct config_diags diags = { 0 };
	struct pod_spec *spec = NULL;
	char line[512];

	if (load_bytes(&spec, "web.pod", bytes, strlen(bytes), &diags) < 0)
		fail_msg("%s", config_diags_line(&diags, 0, line, sizeof(line)));
	config_diags_done(&diags);
	return spec;
}

/* Loads a file with faults and compares what is said about them, line by line. */
static void expect_faults(const char *bytes, size_t n, const char *expected)
{
	struct config_diags diags = { 0 };
	struct pod_spec *spec = NULL;
	char all[8192] = "", line[1024];
	size_t len = 0;

	assert_int_equal(load_bytes(&spec, "f.pod", bytes, n, &diags), -EINVAL);
	assert_null(spec);
	for (size_t i = 0; config_diags_line(&diags, i, line, sizeof(line)); i++)
		len += (size_t)snprintf(all + len, sizeof(all) - len, "%s\n", line);
	config_diags_done(&diags);
	assert_string_equal(all, expected);
}

struct fault {
	const char *bytes, *expected;
};

static void expect_all_faults(const struct fault *faults, size_t n)
{
	for (size_t i = 0; i < n; i++)
		expect_faults(faults[i].bytes, strlen(faults[i].bytes), faults[i].expected);
}
