/* SPDX-License-Identifier: MIT */
/* Where podd's other programs are. */
#include "base/program.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

/**
 * program_find() - a program beside this one (a build directory), or in podd's library directory
 *
 * Return: 0 or -errno with @err filled.
 */
int program_find(char out[PATH_MAX], const char *name, struct err *err)
{
	static const char *const places[] = { "", "../lib/podd/" };
	char own[PATH_MAX - 64];
	ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);

	if (n < 0)
		return err_sys(err, "read '/proc/self/exe'");
	own[n] = '\0';
	*strrchr(own, '/') = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		snprintf(out, PATH_MAX, "%s/%s%.40s", own, places[i], name);
		if (access(out, X_OK) == 0)
			return 0;
	}
	return err_sys(err, "find '%s' in '%s' or '%s/../lib/podd'", name, own, own);
}
