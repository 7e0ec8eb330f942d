/* SPDX-License-Identifier: MIT */
/* Loading one line of a pod file, and what is said about it. */
#pragma once

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "config/load.h"

#define MIB UINT64_C(1048576)
#define SEC NSEC_PER_SEC

static const char *const headers[] = { "[Pod]", "[Network]", "[Container c]" };

/* A pod of one container with one more line: in [Pod], [Network] (0, 1), or the container. */
static int load_line(struct pod_spec **out, int section, const char *assignment, char *fault,
		     size_t size)
{
	static const struct config_env env = { .hostname = "box" };
	struct config_diags diags = { 0 };
	struct config_bytes file = { .path = "f.pod" };
	char bytes[PATH_MAX + 256];
	int r;

	file.bytes = bytes;
	file.n = (size_t)snprintf(bytes, sizeof(bytes), "%s\n%s\n%s\n%s%s", headers[section],
				  assignment, section == 2 ? "" : headers[2],
				  strncmp(assignment, "Rootfs", 6) == 0 ? "" : "Rootfs=/r\n",
				  strncmp(assignment, "Exec", 4) == 0 ? "" : "Exec=x\n");
	assert_true(file.n < sizeof(bytes));
	*out = NULL;
	r = config_load_bytes(out, &file, &env, &diags, NULL);
	fault[0] = '\0';
	config_diags_line(&diags, 0, fault, size);
	config_diags_done(&diags);
	return r;
}

static struct pod_spec *good(int section, const char *assignment)
{
	struct pod_spec *spec;
	char fault[512];

	if (load_line(&spec, section, assignment, fault, sizeof(fault)) < 0)
		fail_msg("%s", fault);
	return spec;
}

struct fault {
	int section;
	const char *assignment, *expected; /* without "f.pod:2:" */
};

static void expect_faults(const struct fault *faults, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct pod_spec *spec;
		char fault[512];

		assert_int_equal(load_line(&spec, faults[i].section, faults[i].assignment, fault,
					   sizeof(fault)), -EINVAL);
		assert_memory_equal(fault, "f.pod:2:", 8);
		assert_string_equal(fault + 8, faults[i].expected);
	}
}
