/* SPDX-License-Identifier: MIT */
/* podctl security: what the containers of a pod may do, by the lines of its file. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "config/load.h"
#include "config/names.h"
#include "ctl/ctl.h"
#include "ctl/pods.h"
#include "ctl/security.h"
#include "ctl/text.h"
#include "image/policy.h"

#define SECURITY_VERSION 1

/* One run of the command. */
struct security {
	struct ctl *ctl;
	char path[PATH_MAX]; /* of the pod file */
	unsigned threshold;  /* tenths */
	struct config_diags diags;
	struct config_origins origins;
	struct pod_spec *spec;
	struct security_report report;
};

static void security_done(struct security *s)
{
	security_report_done(&s->report);
	config_origins_done(&s->origins);
	pod_spec_free(s->spec);
	config_diags_done(&s->diags);
}

/* ------------------------------------------------------------------------- the file */

/* A name is that of a pod, all else a file's. Return: 0, or an exit code having told. */
static int find_file(struct security *s, const char *what)
{
	size_t n = strlen(what);
	struct err err;

	if (strchr(what, '/') || (n > 4 && strcmp(what + n - 4, ".pod") == 0)) {
		if (snprintf(s->path, sizeof(s->path), "%s", what) < (int)sizeof(s->path))
			return CTL_OK;
	} else if (config_pod_name_valid(what) && pods_file(&s->ctl->paths, what, s->path)) {
		return CTL_OK;
	}
	err_set(&err, ENOENT, "no pod file of a pod '%.255s'", what);
	return ctl_fail(s->ctl, CTL_NO_POD, &err);
}

/* Return: 0, or an exit code having told. */
static int judge_file(struct security *s)
{
	const struct config_env env = { .origins = &s->origins };
	char policy[IMAGE_POLICY_TEXT_MAX], line[1024];
	struct err err = { 0 };

	if (config_load(&s->spec, s->path, &env, &s->diags, &err) < 0) {
		for (size_t i = 0; config_diags_line(&s->diags, i, line, sizeof(line)); i++)
			fprintf(s->ctl->errors, "%s\n", line);
		return s->diags.total ? CTL_USAGE : ctl_fail(s->ctl, CTL_USAGE, &err);
	}
	if (image_policy_read(policy, s->ctl->paths.etc, &err) < 0)
		return ctl_fail(s->ctl, CTL_FAILED, &err);
	if (security_judge(&s->report, s->spec, &s->origins, policy) < 0) {
		err_set(&err, ENOMEM, "out of memory");
		return ctl_fail(s->ctl, CTL_FAILED, &err);
	}
	return CTL_OK;
}

/* -------------------------------------------------------------------------- for people */

static const char *file_of(const struct security *s, struct config_pos pos)
{
	const char *path = s->diags.files[pos.file], *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void print_subject(const struct security *s, const struct security_subject *subject)
{
	static const char *const head[] = { "SCORE", "KEY", "VALUE", "LINE", "WHAT IT MEANS" };
	struct table t = { .columns = 5, .state_column = -1 };

	for (size_t i = 0; i < t.columns; i++)
		table_add(&t, "%s", head[i]);
	for (size_t i = 0; i < subject->n; i++) {
		const struct security_row *row = &subject->rows[i];

		table_add(&t, "%u.%u", row->score / 10, row->score % 10);
		table_add(&t, "%s=", row->key);
		table_add(&t, "%s", row->value);
		if (row->pos.line)
			table_add(&t, "%s:%u", file_of(s, row->pos), row->pos.line);
		else
			table_add(&t, "%s", "default");
		table_add(&t, "%s", row->about);
	}
	table_print(&t, s->ctl->out, false);
	table_done(&t);
}

static void print_text(const struct security *s)
{
	const struct security_report *r = &s->report;
	FILE *out = s->ctl->out;

	fprintf(out, "pod %s: exposure %u.%u %s\n", s->spec->name, r->pod.exposure / 10,
		r->pod.exposure % 10, security_level(r->pod.exposure));
	print_subject(s, &r->pod);
	for (size_t i = 0; i < r->container_n; i++) {
		unsigned e = r->containers[i].exposure;

		fprintf(out, "\ncontainer %s: exposure %u.%u %s\n", r->containers[i].name, e / 10,
			e % 10, security_level(e));
		print_subject(s, &r->containers[i]);
	}
}

/* ------------------------------------------------------------------------ for programs */

static json_t *rows_json(const struct security *s, const struct security_subject *subject)
{
	json_t *list = json_array();

	for (size_t i = 0; i < subject->n; i++) {
		const struct security_row *row = &subject->rows[i];
		json_t *o = json_pack("{s:s, s:o, s:f, s:s}", "key", row->key, "value",
				      json_text_string(row->value), "score", row->score / 10.0,
				      "about", row->about);

		if (row->pos.line)
			(void)json_object_update_new(o, json_pack( /* short only without memory */
				"{s:o, s:i}",
				"file", json_text_string(s->diags.files[row->pos.file]),
				"line", row->pos.line));
		(void)json_array_append_new(list, o); /* as above */
	}
	return list;
}

static void print_json(const struct security *s)
{
	const struct security_report *r = &s->report;
	json_t *containers = json_array();
	json_auto_t *document = json_pack(
		"{s:i, s:s, s:o, s:f, s:s, s:o, s:o}", "version", SECURITY_VERSION,
		"name", s->spec->name, "file", json_text_string(s->path),
		"exposure", r->pod.exposure / 10.0, "level", security_level(r->pod.exposure),
		"rows", rows_json(s, &r->pod), "containers", containers);

	for (size_t i = 0; i < r->container_n; i++)
		(void)json_array_append_new( /* short only without memory */
			containers, json_pack("{s:s, s:f, s:s, s:o}", "name", r->containers[i].name,
					      "exposure", r->containers[i].exposure / 10.0, "level",
					      security_level(r->containers[i].exposure), "rows",
					      rows_json(s, &r->containers[i])));
	ctl_print_json(s->ctl, document);
}

/* ------------------------------------------------------------------------- the command */

/* "N" or "N.N", 0 to 10, as tenths. */
static int read_threshold(const char *text, unsigned *out)
{
	size_t n = strspn(text, "0123456789");
	unsigned whole = (unsigned)strtoul(text, NULL, 10), tenth = 0;
	const char *rest = text + n;

	if (n == 0 || n > 2)
		return -EINVAL;
	if (rest[0] == '.' && rest[1] >= '0' && rest[1] <= '9') {
		tenth = (unsigned)(rest[1] - '0');
		rest += 2;
	}
	if (*rest || whole * 10 + tenth > SECURITY_ROW_MAX)
		return -EINVAL;
	*out = whole * 10 + tenth;
	return 0;
}

/* podctl security: exit code 1 when the pod is more exposed than the threshold */
int cmd_security(struct ctl *ctl, int argc, char **argv)
{
	enum { OPT_THRESHOLD = CTL_OPT_FIRST };
	static const struct option longs[] = {
		{ "threshold", required_argument, NULL, OPT_THRESHOLD },
		CTL_COMMON_OPTIONS
	};
	__attribute__((cleanup(security_done))) struct security s = {
		.ctl = ctl, .threshold = SECURITY_ROW_MAX,
	};
	int c, code;

	while ((c = ctl_option(ctl, argc, argv, ":", longs)) != -1) {
		if (c == CTL_STOP)
			return ctl->exit_code;
		if (read_threshold(optarg, &s.threshold) < 0)
			return ctl_usage_error(ctl, "'%s' is no exposure, such as 4.5", optarg);
	}
	code = ctl_positional(ctl, argc, argv, 1, 1);
	if (!code)
		code = ctl_open(ctl);
	if (!code)
		code = find_file(&s, argv[optind]);
	if (!code)
		code = judge_file(&s);
	if (code)
		return code;
	if (ctl->json)
		print_json(&s);
	else
		print_text(&s);
	return s.report.pod.exposure > s.threshold ? CTL_FAILED : CTL_OK;
}
