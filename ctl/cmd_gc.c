/* SPDX-License-Identifier: MIT */
/* podctl gc: remove what dead pods left. */
#include "ctl/ctl.h"
#include "supervisor/gc.h"

enum { OPT_DRY_RUN = CTL_OPT_FIRST };

struct listing {
	struct ctl *ctl;
	json_t *list;
	bool dry_run, failed;
};

static void found(void *ctx, const char *kind, const char *name, const struct err *failed)
{
	struct listing *l = ctx;

	(void)json_array_append_new(
		l->list, json_pack("{s:s, s:s, s:s*}", "kind", kind, "name", name,
				   "failure", failed ? failed->msg : NULL));
	if (failed)
		(void)ctl_fail(l->ctl, CTL_FAILED, failed);
	else if (!l->ctl->json)
		fprintf(l->ctl->out, "%s %s %s\n",
			l->dry_run ? "would remove" : "removed", kind, name);
	l->failed |= failed != NULL;
}

static int collect(struct ctl *ctl, struct listing *l)
{
	const struct gc_report report = { .found = found, .ctx = l, .dry_run = l->dry_run };
	json_auto_t *document = NULL;
	struct paths paths;
	struct err err = { 0 };
	int r = paths_open(&paths, ctl->root, l->dry_run ? PATHS_FIND : PATHS_CREATE, &err);

	if (r < 0)
		return ctl_fail(ctl, CTL_FAILED, &err);
	r = gc_run(&paths, &report, &err);
	paths_close(&paths);
	document = json_pack("{s:i, s:b, s:O}", "version", 1,
			     "dry_run", l->dry_run, "found", l->list);
	if (ctl->json)
		ctl_print_json(ctl, document);
	if (r < 0)
		return ctl_fail(ctl, CTL_FAILED, &err);
	return l->failed ? CTL_FAILED : CTL_OK;
}

/* podctl gc */
int cmd_gc(struct ctl *ctl, int argc, char **argv)
{
	static const struct option longs[] = { { "dry-run", no_argument, NULL, OPT_DRY_RUN },
					       CTL_COMMON_OPTIONS };
	struct listing l = { .ctl = ctl };
	int c, code;

	while ((c = ctl_option(ctl, argc, argv, ":", longs)) > 0)
		l.dry_run = true;
	if (c == CTL_STOP)
		return ctl->exit_code;
	code = ctl_positional(ctl, argc, argv, 0, 0);
	if (code)
		return code;
	l.list = json_array();
	code = collect(ctl, &l);
	json_decref(l.list);
	return code;
}
