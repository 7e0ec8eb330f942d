/* SPDX-License-Identifier: MIT */
/* libFuzzer entry of what is read of /proc/self/mountinfo and /proc/self/cgroup: in bounds. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "cgroup/cgroup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_within(const char *s, const char *text, size_t n)
{
	return s >= text && s <= text + n && strlen(s) <= (size_t)(text + n - s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *mount = strndup(size ? (const char *)data : "", size);
	cleanup_free char *own = strndup(size ? (const char *)data : "", size);
	size_t n = mount ? strlen(mount) : 0;
	struct cgroup_mount m;
	const char *group;

	if (!mount || !own)
		return 0;
	if (cgroup_mount_parse(mount, &m) &&
	    (!is_within(m.root, mount, n) || !is_within(m.point, mount, n)))
		abort();
	group = cgroup_own_parse(own);
	if (group && (group[0] != '/' || !is_within(group, own, n)))
		abort();
	return 0;
}
