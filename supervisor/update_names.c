/* SPDX-License-Identifier: MIT */
/* The names in the store after an update: podd-image sets them, beside the loop. */
#include "supervisor/update_parts.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"

static void block(struct pod *pod, const char *why)
{
	update_block(pod, "the names in the image store stay as they were", why);
	update_tell_outcome(pod);
}

static void settled(struct helper *h, int status, const char *last_line)
{
	struct pod *pod = container_of(h, struct pod, update.helper);
	cleanup_free struct generation *g = NULL;
	struct err err = { 0 };

	if (status != 0) { /* the file goes on to say what the names mean */
		block(pod, *last_line ? last_line : "podd-image was killed");
		return;
	}
	fault_kill("update-named");
	g = update_file_read(pod, &err);
	if (g && (g->state == GENERATION_KEEPING || g->state == GENERATION_BACK)) {
		generation_settle(g);
		(void)update_file_write(pod, g, &err);
	}
	if (err.code) {
		block(pod, err.msg);
		return;
	}
	update_unblock(pod);
	fault_kill("update-settled");
	pod->update.overpinned = true;
	update_let_go(pod);
	update_tell_outcome(pod);
}

static int start(struct pod *pod, struct err *err)
{
	const char *root = pod->paths->root[0] ? pod->paths->root : "/";
	char *const argv[] = { (char *)"podctl image", (char *)"--root", (char *)root,
			       (char *)"update", (char *)"--settle",
			       (char *)pod->spec->name, NULL };

	return helper_start(&pod->update.helper, pod->loop, argv, settled, err);
}

/**
 * update_set_names() - begin to set them; the file says to what
 *
 * A trial that is still in there when there is none has not passed: that was to be
 * written, and could not.
 */
void update_set_names(struct pod *pod)
{
	cleanup_free struct generation *g = NULL;
	struct err err = { 0 };

	if (helper_is_busy(&pod->update.helper))
		return;
	loop_timer_clear(pod->loop, &pod->update.timer);
	g = update_file_read(pod, &err);
	if (g && g->state == GENERATION_TRIAL) {
		generation_go_back(g, pod->update.reason, clock_realtime_ns());
		(void)update_file_write(pod, g, &err);
	}
	if (err.code == 0)
		(void)start(pod, &err);
	if (err.code == ENOENT) /* without a file there is nothing to set */
		update_tell_outcome(pod);
	else if (err.code)
		block(pod, err.msg);
}
