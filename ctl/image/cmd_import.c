/* SPDX-License-Identifier: MIT */
/* podctl image import. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "ctl/image/budget.h"
#include "image/import.h"

enum { OPT_NAME = CTL_OPT_FIRST, OPT_SELECT, OPT_REPLACE, OPT_POLICY };

static int open_source(struct import_args *args, const char *path, char real[PATH_MAX],
		       struct err *err)
{
	cleanup_close int fd = -EBADF;
	struct stat st;

	if (strcmp(path, "-") == 0) {
		args->source_fd = dup(STDIN_FILENO);
		return args->source_fd < 0 ? err_sys(err, "use the standard input") : 0;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) < 0 || !realpath(path, real))
		return err_sys(err, "open '%s'", path);
	args->directory = S_ISDIR(st.st_mode);
	args->path = real;
	args->source_fd = take_fd(&fd);
	return 0;
}

static int import_here(struct import_result *out, struct import_args *args,
		       const struct ctl *ctl, const struct paths *paths, struct err *err)
{
	struct image_writer w = IMAGE_WRITER_EMPTY;
	int r = writer_open(&w, ctl, paths, err);

	if (r == 0)
		r = budget_room(&args->limits.room, paths, &w, NULL, err);
	if (r == 0)
		r = image_import(out, &w, args, err);
	room_done(&args->limits.room);
	image_writer_close(&w);
	return r;
}

static void tell_and_make_room(struct ctl *ctl, const struct import_result *result)
{
	json_auto_t *keep = json_object();
	struct entries entries;

	for (unsigned i = 0; i < result->n; i++) /* fails without memory only */
		(void)json_object_set_new(keep, result->entries[i].id.hex, json_true());

	entries_begin(&entries, ctl);
	entries_tell(&entries, result);
	entries_end(&entries, true);
	budget_enforce(ctl, keep);
}

static int import(struct ctl *ctl, struct import_args *args, const char *policy, const char *path)
{
	struct import_result *result = calloc(1, sizeof(*result));
	struct chosen_policy chosen;
	struct progress progress;
	char real[PATH_MAX];
	struct paths paths;
	struct err err = { 0 };
	int r = result ? paths_open(&paths, ctl->root, PATHS_CREATE, &err) :
			 err_set(&err, ENOMEM, "out of memory");

	if (r < 0) {
		free(result);
		return ctl_fail(ctl, CTL_FAILED, &err);
	}
	progress_begin(&progress, ctl->errors);
	args->watch = progress_watch;
	args->watch_ctx = &progress;
	r = policy_choose(&chosen, policy, &paths, &err);
	args->policy = &chosen.policy;
	args->keys = &chosen.keys;
	if (r == 0)
		r = open_source(args, path, real, &err);
	if (r == 0)
		r = import_here(result, args, ctl, &paths, &err);
	policy_done(&chosen);
	progress_end(&progress);
	close_fd(&args->source_fd);
	paths_close(&paths);
	if (r < 0)
		(void)err_wrap(&err, r, "import '%s'", path);
	else
		tell_and_make_room(ctl, result);
	free(result);
	return r < 0 ? ctl_fail(ctl, CTL_FAILED, &err) : CTL_OK;
}

static int take_name(struct ctl *ctl, struct import_args *args)
{
	static struct image_ref ref; /* until the process ends: the name is borrowed */
	struct err err;

	if (image_ref_parse(&ref, optarg, &err) < 0 || ref.kind != IMAGE_REF_NAME ||
	    ref.digest.hex[0])
		return ctl_usage_error(ctl, "'%s' is no name for an image", optarg);
	args->name = ref.name;
	return 0;
}

static int take_option(struct ctl *ctl, int c, struct import_args *args)
{
	switch (c) {
	case OPT_NAME:
		return take_name(ctl, args);
	case OPT_SELECT:
		args->select = optarg;
		return 0;
	case OPT_REPLACE:
		args->replace = true;
		return 0;
	default:
		return limits_take(ctl, c, &args->limits);
	}
}

/* podctl image import */
int cmd_image_import(struct ctl *ctl, int argc, char **argv)
{
	static const struct option longs[] = { { "name", required_argument, NULL, OPT_NAME },
					       { "select", required_argument, NULL, OPT_SELECT },
					       { "replace", no_argument, NULL, OPT_REPLACE },
					       { "policy", required_argument, NULL, OPT_POLICY },
					       IMAGE_LIMIT_OPTIONS,
					       CTL_COMMON_OPTIONS };
	struct import_args args = { .source_fd = -EBADF, .limits = import_limits_default };
	const char *policy = NULL;
	int c, code;

	while ((c = ctl_option(ctl, argc, argv, ":", longs)) > 0) {
		if (c == OPT_POLICY) {
			policy = optarg;
			continue;
		}
		code = take_option(ctl, c, &args);
		if (code)
			return code;
	}
	if (c == CTL_STOP)
		return ctl->exit_code;
	code = ctl_positional(ctl, argc, argv, 1, 1);
	return code ? code : import(ctl, &args, policy, argv[optind]);
}
