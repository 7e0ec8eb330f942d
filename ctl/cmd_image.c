/* SPDX-License-Identifier: MIT */
/* podctl image: another program's work. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "ctl/ctl.h"

/*
 * podd-image is linked with what reads archives and hashes; podctl starts
 * without. Beside podctl itself (a build directory), or in podd's library
 * directory.
 */
static int find_program(char out[PATH_MAX], struct err *err)
{
	static const char *const places[] = { "podd-image", "../lib/podd/podd-image" };
	char own[PATH_MAX - 64];
	ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);

	if (n < 0)
		return err_sys(err, "read '/proc/self/exe'");
	own[n] = '\0';
	*strrchr(own, '/') = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		snprintf(out, PATH_MAX, "%s/%s", own, places[i]);
		if (access(out, X_OK) == 0)
			return 0;
	}
	return err_sys(err, "find 'podd-image' in '%s' or '%s/../lib/podd'", own, own);
}

/* podctl image */
int cmd_image(struct ctl *ctl, int argc, char **argv)
{
	char **args = calloc((size_t)argc + 4, sizeof(*args));
	char program[PATH_MAX];
	struct err err = { 0 };
	int n = 0;

	if (!args)
		return ctl_fail(ctl, CTL_FAILED, &(struct err){ ENOMEM, "out of memory" });
	args[n++] = (char *)"podctl image";
	/* Those that came before "image" are for it as well. */
	if (ctl->root) {
		args[n++] = (char *)"--root";
		args[n++] = (char *)ctl->root;
	}
	if (ctl->json)
		args[n++] = (char *)"--json";
	memcpy(args + n, argv + 1, (size_t)(argc - 1) * sizeof(*args));
	if (find_program(program, &err) == 0) {
		(void)execv(program, args);
		(void)err_sys(&err, "execute '%s'", program);
	}
	free(args);
	return ctl_fail(ctl, CTL_FAILED, &err);
}
