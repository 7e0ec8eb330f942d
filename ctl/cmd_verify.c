/* SPDX-License-Identifier: MIT */
/* podctl verify: are these pod files right, and if not, where. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config/load.h"
#include "ctl/ctl.h"

#define VERIFY_VERSION 1

static json_t *faults_json(const struct config_diags *diags, bool warnings)
{
	json_t *list = json_array();

	for (size_t i = 0; i < diags->n; i++) {
		const struct config_diag *d = &diags->list[i];

		if (d->warning != warnings)
			continue;
		/* Too short only without memory. */
		(void)json_array_append_new(
			list, json_pack("{s:o, s:i, s:i, s:o}", "file",
					json_text_string(diags->files[d->pos.file]), "line",
					d->pos.line, "column", d->pos.column, "message",
					json_text_string(d->message)));
	}
	return list;
}

/* @err: what is wrong, else empty */
static void print_faults(struct ctl *ctl, const struct config_diags *diags, const struct err *err)
{
	char line[1024];

	for (size_t i = 0; config_diags_line(diags, i, line, sizeof(line)); i++)
		fprintf(ctl->errors, "%s\n", line);
	if (err->code && diags->total == 0) /* not a fault of the contents: it could not be read */
		(void)ctl_fail(ctl, CTL_USAGE, err);
}

static bool has_own(const char *instance)
{
	char drop_ins[PATH_MAX + 2];

	snprintf(drop_ins, sizeof(drop_ins), "%s.d", instance);
	return access(instance, F_OK) == 0 || access(drop_ins, F_OK) == 0;
}

/* A template is checked as an instance is that has no file and no drop-ins of its own.
 * Return: @path, or @buf. */
static const char *path_to_load(char buf[PATH_MAX], const char *path)
{
	static const char end[] = "@.pod";
	size_t n = strlen(path), tail = strlen(end);

	if (n < tail || strcmp(path + n - tail, end) != 0)
		return path;
	for (unsigned i = 0; i == 0 || has_own(buf); i++)
		if (snprintf(buf, PATH_MAX, "%.*s@instance%.*u.pod", (int)(n - tail), path,
			     i > 0, i) >= PATH_MAX)
			return path;
	return buf;
}

/* Return: whether the file is right. */
static bool verify(struct ctl *ctl, const char *path, json_t *files)
{
	char buf[PATH_MAX];
	struct config_diags diags = { 0 };
	struct pod_spec *spec = NULL;
	struct err err = { 0 };
	bool ok = config_load(&spec, path_to_load(buf, path), NULL, &diags, &err) == 0;

	if (ctl->json)
		(void)json_array_append_new( /* as above */
			files, json_pack("{s:o, s:b, s:o, s:o, s:o*}",
					 "path", json_text_string(path), "ok", ok,
					 "errors", faults_json(&diags, false),
					 "warnings", faults_json(&diags, true),
					 "failure",
					 ok || diags.total ? NULL : json_text_string(err.msg)));
	else
		print_faults(ctl, &diags, &err);
	if (ok)
		pod_spec_free(spec);
	config_diags_done(&diags);
	return ok;
}

/* podctl verify: all faults of all files, exit code 2 if there are any */
int cmd_verify(struct ctl *ctl, int argc, char **argv)
{
	static const struct option longs[] = { CTL_COMMON_OPTIONS };
	json_auto_t *document = NULL;
	json_t *files = json_array();
	bool ok = true;
	int code;

	document = json_pack("{s:i, s:o}", "version", VERIFY_VERSION, "files", files);
	if (ctl_option(ctl, argc, argv, ":", longs) == CTL_STOP)
		return ctl->exit_code;
	code = ctl_positional(ctl, argc, argv, 1, argc);
	if (code)
		return code;
	for (int i = optind; i < argc; i++)
		ok = verify(ctl, argv[i], files) && ok;
	if (ctl->json)
		ctl_print_json(ctl, document);
	return ok ? CTL_OK : CTL_USAGE;
}
