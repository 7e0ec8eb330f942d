/* SPDX-License-Identifier: MIT */
/* Another podd binary in place of this one, over the running pod. */
#include "supervisor/upgrade.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "config/load.h"
#include "supervisor/images.h"
#include "supervisor/plan.h"
#include "supervisor/pod.h"
#include "supervisor/say.h"

/* Whether the new podd, which reads the file anew, would go on with this very pod. */
static int check_file(const struct pod *pod, struct err *err)
{
	cleanup_free struct config_diags *diags = calloc(1, sizeof(*diags));
	cleanup_free struct plan *plan = calloc(1, sizeof(*plan));
	const char *path = pod->spec->path;
	struct pod_spec *spec = NULL;
	char line[sizeof(err->msg)];
	int r;

	if (!diags || !plan)
		return err_set(err, ENOMEM, "read '%s': out of memory", path);
	r = images_load_spec(&spec, path, pod->paths, diags, err);
	if (r < 0 && diags->n > 0)
		r = err_set(err, EINVAL, "%s", config_diags_line(diags, 0, line, sizeof(line)));
	if (r == 0) {
		plan_make(plan, pod->spec, spec, NULL);
		if (plan->any)
			r = err_set(err, EINVAL, "'%s' has changed: reload it first", path);
	}
	config_diags_done(diags);
	pod_spec_free(spec);
	return r;
}

/*
 * argv[0], or where this binary was when its name was found along $PATH: the
 * kernel marks one that was replaced (d_path()). Not execvp(3): that gives a
 * file of no known format to the shell.
 */
static int find_binary(const struct pod *pod, char path[PATH_MAX], struct err *err)
{
	static const char deleted[] = " (deleted)";
	const char *name = pod->argv[0];
	char *end;
	ssize_t n;

	if (strchr(name, '/')) {
		snprintf(path, PATH_MAX, "%s", name);
		return 0;
	}
	n = readlink("/proc/self/exe", path, PATH_MAX - 1);
	if (n < 0)
		return err_sys(err, "read '/proc/self/exe'");
	path[n] = '\0';
	end = path + n - strlen(deleted);
	if (end > path && strcmp(end, deleted) == 0)
		*end = '\0';
	return 0;
}

/**
 * upgrade_exec() - become the podd that is installed now
 *
 * Call it from the loop, when no step of the machine is under way.
 *
 * Return: only on failure: -errno with @err filled, and podd goes on as before.
 */
int upgrade_exec(const struct pod *pod, struct err *err)
{
	char binary[PATH_MAX];
	int r = check_file(pod, err);

	if (r == 0)
		r = find_binary(pod, binary, err);
	if (r == 0 && pod_machine_is_final(&pod->machine))
		r = err_set(err, EBUSY, "it is about to end");
	if (r < 0)
		return err_wrap(err, r, "replace podd of pod '%s'", pod->spec->name);
	say(SAY_NOTICE, "pod '%s': podd replaces itself by '%s'", pod->spec->name, binary);
	fault_kill("upgrade");
	(void)execve(binary, pod->argv, environ);
	return err_sys(err, "replace podd of pod '%s': execute '%s'", pod->spec->name, binary);
}
