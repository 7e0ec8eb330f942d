/* SPDX-License-Identifier: MIT */
/* Asking PID 1 what it is, without asking it: it waits for the generator. */
#include "generator/manager.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"

/*
 * systemd's own libraries have its version in their names since 209; a number that is
 * followed by more, as in libsystemd-core-254.5-1.fc39.so, is a distribution's.
 */
static const char *const libraries[] = { "/libsystemd-core-", "/libsystemd-shared-" };

static unsigned version_in(const char *line)
{
	for (size_t i = 0; i < ARRAY_SIZE(libraries); i++) {
		const char *at = strstr(line, libraries[i]);
		unsigned long n = at ? strtoul(at + strlen(libraries[i]), NULL, 10) : 0;

		if (n > 0 && n < UINT_MAX)
			return (unsigned)n;
	}
	return 0;
}

/**
 * manager_version() - the version of the systemd that runs as PID 1
 * @root: "" for the host's /proc
 *
 * By the libraries that it has mapped (proc_pid_maps(5)): those on the disk may be of the
 * next version already.
 *
 * Return: as 257; 0: it is not known.
 */
unsigned manager_version(const char *root)
{
	char path[PATH_MAX + sizeof("/proc/1/maps")];
	cleanup_free char *line = NULL;
	unsigned version = 0;
	size_t size = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/proc/1/maps", root);
	f = fopen(path, "re");
	while (f && version == 0 && getline(&line, &size, f) > 0)
		version = version_in(line);
	if (f)
		(void)fclose(f); /* only read */
	return version;
}
