/* SPDX-License-Identifier: MIT */
/* Loading a pod file together with what it says to systemd. */
#include "generator/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "config/reader.h"
#include "generator/report.h"

struct collector {
	struct source *source;
	enum source_section section;
};

static int begin(void *arg, const char *name, struct config_pos pos)
{
	struct collector *c = arg;

	(void)pos;
	c->section = strcmp(name, "Install") == 0 ? SOURCE_INSTALL : SOURCE_UNIT;
	return 0;
}

static int collect(void *arg, const char *key, struct config_pos pos,
		   const struct config_text *text, size_t offset)
{
	struct collector *c = arg;
	struct source *s = c->source;
	struct source_line *lines = realloc(s->lines, (s->line_n + 1) * sizeof(*lines));
	struct source_line line = { .section = c->section, .key = strdup(key),
				    .value = strdup(text->s + offset) };

	(void)pos;
	if (lines)
		s->lines = lines;
	if (!lines || !line.key || !line.value) {
		free(line.key);
		free(line.value);
		return -ENOMEM;
	}
	lines[s->line_n++] = line;
	return 0;
}

/**
 * source_load() - read a pod file and its drop-ins
 * @out: released by source_done(), whatever this returned; says itself what is
 *       wrong with the file
 *
 * Return: 0, also when the file is wrong; -ENOMEM with @err filled.
 */
int source_load(struct source *out, const char *path, struct err *err)
{
	struct collector c = { .source = out };
	const struct config_sink sink = { begin, collect, &c };
	char hostname[HOST_NAME_MAX + 1] = "";
	const struct config_env env = { .hostname = hostname, .foreign = &sink };
	struct err why = { 0 };

	/* A name that was cut is no name, and is told where %H is used. */
	(void)gethostname(hostname, sizeof(hostname) - 1);
	if (config_load(&out->spec, path, &env, &out->diags, &why) == 0)
		return 0;
	if (why.code == ENOMEM)
		return err_set(err, ENOMEM, "%s", why.msg);
	if (out->diags.total == 0)
		memcpy(out->problem, why.msg, sizeof(out->problem));
	return 0;
}

/**
 * source_next() - the lines of one section, one after the other
 * @line: the one before, NULL for the first
 * @key: only those of this key; NULL: of all
 *
 * Return: a line, or NULL after the last one.
 */
const struct source_line *source_next(const struct source *s, const struct source_line *line,
				      enum source_section section, const char *key)
{
	for (line = line ? line + 1 : s->lines; line && line < s->lines + s->line_n; line++)
		if (line->section == section && (!key || strcmp(line->key, key) == 0))
			return line;
	return NULL;
}

/**
 * source_report() - all that is wrong with the file, or looks wrong, a line each
 */
void source_report(const struct source *s)
{
	char line[1024];

	for (size_t i = 0; config_diags_line(&s->diags, i, line, sizeof(line)); i++)
		report(i < s->diags.n && s->diags.list[i].warning ? REPORT_WARNING : REPORT_ERR,
		       "%s", line);
	if (s->problem[0])
		report(REPORT_ERR, "%s", s->problem);
}

void source_done(struct source *s)
{
	for (size_t i = 0; i < s->line_n; i++) {
		free(s->lines[i].key);
		free(s->lines[i].value);
	}
	free(s->lines);
	pod_spec_free(s->spec);
	config_diags_done(&s->diags);
	*s = (struct source){ 0 };
}
