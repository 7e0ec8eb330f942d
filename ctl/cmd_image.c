/* SPDX-License-Identifier: MIT */
/* podctl image: another program's work. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/program.h"
#include "ctl/ctl.h"

/* podctl image: podd-image is linked with what reads archives and hashes; podctl
 * starts without. */
int cmd_image(struct ctl *ctl, int argc, char **argv)
{
	char **args = calloc((size_t)argc + 4, sizeof(*args));
	char program[PATH_MAX];
	struct err err = { 0 };
	int n = 0;

	if (!args)
		return ctl_fail(ctl, CTL_FAILED,
				&(struct err){ .code = ENOMEM, .msg = "out of memory" });
	args[n++] = (char *)"podctl image";
	/* Those that came before "image" are for it as well. */
	if (ctl->root) {
		args[n++] = (char *)"--root";
		args[n++] = (char *)ctl->root;
	}
	if (ctl->json)
		args[n++] = (char *)"--json";
	memcpy(args + n, argv + 1, (size_t)(argc - 1) * sizeof(*args));
	if (program_find(program, "podd-image", &err) == 0) {
		(void)execv(program, args);
		(void)err_sys(&err, "execute '%s'", program);
	}
	free(args);
	return ctl_fail(ctl, CTL_FAILED, &err);
}
