/* SPDX-License-Identifier: MIT */
/* The names in the store after an update: podd-image sets them, beside the loop. */
#include "supervisor/update_parts.h"

#include <stdlib.h>

#include "base/fault.h"
#include "base/fd.h"

static void settled(struct helper *h, int status, const char *last_line)
{
	struct pod *pod = container_of(h, struct pod, update.helper);
	cleanup_free struct generation *g = NULL;
	struct err err = { 0 };

	if (status != 0) { /* the file goes on to say what the names mean */
		say(SAY_WARNING, "pod '%s': update: the names in the image store stay as they were: %s, "
		    "ignoring", pod->spec->name, last_line);
		return;
	}
	fault_kill("update-named");
	g = update_file_read(pod, &err);
	if (!g || (g->state != GENERATION_KEEPING && g->state != GENERATION_BACK))
		return;
	generation_settle(g);
	if (update_file_write(pod, g, &err) < 0)
		update_warn(pod, &err);
	fault_kill("update-settled");
}

/**
 * update_set_names() - begin to set them; the file says to what
 */
void update_set_names(struct pod *pod)
{
	const char *root = pod->paths->root[0] ? pod->paths->root : "/";
	char *const argv[] = { (char *)"podctl image", (char *)"--root", (char *)root,
			       (char *)"update", (char *)"--settle", (char *)pod->spec->name, NULL };
	struct err err = { 0 };

	if (!helper_is_busy(&pod->update.helper) &&
	    helper_start(&pod->update.helper, pod->loop, argv, settled, &err) < 0)
		update_warn(pod, &err);
}
