/* SPDX-License-Identifier: MIT */
/* Sections and assignments as they come from the reader: into the spec. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/install.h"
#include "config/loader.h"
#include "config/names.h"
#include "config/origin.h"
#include "config/reader.h"
#include "config/unit_section.h"
#include "config/value.h"

static enum foreign_section foreign_section(const char *name)
{
	return strcmp(name, "Unit") == 0    ? FOREIGN_UNIT :
	       strcmp(name, "Install") == 0 ? FOREIGN_INSTALL :
					      FOREIGN_NONE;
}

/**
 * config_member() - where a key of the section being read is stored
 */
void *config_member(struct loader *l, const struct config_key *key)
{
	if (key->object == CONFIG_IN_POD)
		return (char *)l->spec + key->offset;
	return (char *)(l->container ? l->container : &l->defaults) + key->offset;
}

/* A container that is not there yet: all keys at their defaults. */
static int add_container(struct loader *l, const char *name)
{
	size_t n = l->spec->container_n;
	struct pod_container *containers =
		realloc(l->spec->containers, (n + 1) * sizeof(*containers));
	struct section_state *states;
	int r = 0;

	if (!containers)
		return -ENOMEM;
	l->spec->containers = containers;
	states = realloc(l->containers, (n + 1) * sizeof(*states));
	if (!states)
		return -ENOMEM;
	l->containers = states;
	l->state = &states[n];
	l->container = &containers[n];
	memset(l->state, 0, sizeof(*l->state));
	memset(l->container, 0, sizeof(*l->container));
	l->spec->container_n++;
	for (size_t i = 0; r == 0 && i < CONFIG_KEY_N; i++)
		if (config_keys[i].section == CONFIG_CONTAINER)
			r = config_key_reset(&config_keys[i], config_member(l, &config_keys[i]));
	return r < 0 ? r : config_value_string(&l->container->run.name, name, strlen(name));
}

static int begin_container(struct loader *l, const char *name, struct config_pos pos)
{
	pos.column += (unsigned)strlen("[Container ");
	if (!config_container_name_valid(name))
		config_diags_add(l->diags, pos,
				 "'%s' is no container name (a-z, 0-9, '-', at most %d bytes, "
				 "not 'pause')", name, CONFIG_NAME_MAX);
	for (size_t i = 0; i < l->spec->container_n; i++) {
		if (strcmp(l->spec->containers[i].run.name, name) == 0) {
			l->container = &l->spec->containers[i];
			l->state = &l->containers[i];
			return 0;
		}
	}
	if (l->spec->container_n == POD_CONTAINERS_MAX) {
		config_diags_add(l->diags, pos, "more than %d containers", POD_CONTAINERS_MAX);
		return 0;
	}
	return add_container(l, name);
}

static void complain_section(struct loader *l, const char *name, struct config_pos pos)
{
	const char *nearest = config_section_nearest(name);

	config_diags_add(l->diags, pos, "unknown section '%s'%s%s%s", name,
			 nearest ? "; did you mean '" : "", nearest ? nearest : "",
			 nearest ? "'?" : "");
}

/* Finds or makes what l->state and l->container shall be; leaves NULL when there is none. */
static int enter(struct loader *l, const char *name, const char *argument, struct config_pos pos)
{
	size_t i;

	for (i = 0; i < CONFIG_SECTION_N; i++)
		if (strcmp(config_section_names[i], name) == 0)
			break;
	if (i == CONFIG_SECTION_N) {
		complain_section(l, name, pos);
		return 0;
	}
	l->section = (enum config_section)i;
	if (i == CONFIG_CONTAINER)
		return begin_container(l, argument, pos);
	if (*argument)
		config_diags_add(l->diags, pos, "[%s] takes no name, but '%s' was given", name,
				 argument);
	l->state = i == CONFIG_POD ? &l->pod : &l->network;
	return 0;
}

static void check_twice(struct loader *l, const char *name, struct config_pos last,
			struct config_pos pos)
{
	if (last.line && last.file == pos.file)
		config_diags_add(l->diags, pos,
				 "section [%s] is already on line %u", name, last.line);
}

/* [Unit] and [Install]. */
static int begin_foreign(struct loader *l, const char *name, struct config_pos pos)
{
	const struct config_sink *sink = l->env->foreign;

	check_twice(l, name, l->foreign_last[l->foreign], pos);
	l->foreign_last[l->foreign] = pos;
	return sink ? sink->section(sink->arg, name, pos) : 0;
}

/**
 * config_begin_section() - callback of the reader: a section starts
 */
int config_begin_section(void *loader, const char *name, struct config_pos pos)
{
	size_t n = strcspn(name, " \t");
	char *kind = strndup(name, n);
	struct loader *l = loader;
	int r = 0;

	if (!kind)
		return -ENOMEM;
	l->state = NULL;
	l->container = NULL;
	l->foreign = foreign_section(name);
	if (l->foreign)
		r = begin_foreign(l, name, pos);
	else if (strncmp(name, "X-", 2) != 0) /* whoever's that is */
		r = enter(l, kind, name + n + strspn(name + n, " \t"), pos);
	free(kind);
	if (r < 0 || !l->state)
		return r;
	check_twice(l, name, l->state->last, pos);
	if (!l->state->first.line)
		l->state->first = pos;
	l->state->last = pos;
	return 0;
}

static void complain_key(struct loader *l, const char *key, struct config_pos pos)
{
	const char *here = config_section_names[l->section];
	const char *nearest = config_key_nearest(l->section, key);

	for (size_t i = 0; i < CONFIG_SECTION_N; i++) {
		if (config_key_find((enum config_section)i, key)) {
			config_diags_add(l->diags, pos, "key '%s' belongs in [%s], not in [%s]",
					 key, config_section_names[i], here);
			return;
		}
	}
	config_diags_add(l->diags, pos, "unknown key '%s' in [%s]%s%s%s", key, here,
			 nearest ? "; did you mean '" : "", nearest ? nearest : "",
			 nearest ? "'?" : "");
}

/* What a specifier stands for; NULL after a complaint. */
static const char *specifier(struct loader *l, char c, struct config_pos pos)
{
	switch (c) {
	case '\0': /* one at the end is itself, as for systemd: CPUQuota=150% */
	case '%':
		return "%";
	case 'n':
		return l->spec->name;
	case 'i':
		if (l->spec->instance)
			return l->spec->instance;
		config_diags_add(l->diags, pos, "'%%i' in a pod that is no instance of a template");
		return NULL;
	case 'd':
		if (l->section == CONFIG_CONTAINER)
			return CONTAINER_CREDENTIALS_PATH;
		config_diags_add(l->diags, pos, "'%%d' is for keys of [Container NAME]");
		return NULL;
	case 'H':
		if (config_hostname_valid(l->env->hostname))
			return l->env->hostname;
		config_diags_add(l->diags, pos, "'%%H' on a host whose name is no hostname");
		return NULL;
	default:
		config_diags_add(l->diags, pos,
				 "unknown specifier '%%%.*s' "
				 "(there are %%d, %%i, %%n, %%H and %%%%)",
				 c > ' ' && c < 0x7f, &c);
		return NULL;
	}
}

/* l->value = @line from @offset on, specifiers put in. 0, -EINVAL or -ENOMEM. */
static int expand(struct loader *l, const struct config_text *line, size_t offset)
{
	const char *s = line->s, *with;
	int r, bad = 0;

	config_text_reset(&l->value);
	r = config_text_append(&l->value, "", 0,
			       (struct config_mark){ .pos = config_text_pos(line, offset) });
	while (r == 0 && offset < line->n) {
		struct config_mark from = { .pos = config_text_pos(line, offset) };
		size_t run = config_text_run(line, offset);
		const char *percent = memchr(s + offset, '%', run);

		if (percent != s + offset) {
			if (percent)
				run = (size_t)(percent - (s + offset));
			r = config_text_append(&l->value, s + offset, run, from);
			offset += run;
			continue;
		}
		with = specifier(l, s[offset + 1], from.pos);
		from.fixed = true;
		if (with)
			r = config_text_append(&l->value, with, strlen(with), from);
		else
			bad = -EINVAL;
		offset += s[offset + 1] ? 2 : 1;
	}
	return r < 0 ? r : bad;
}

static int set(struct loader *l, const struct config_key *key, const struct config_text *line,
	       size_t offset)
{
	struct config_value v = { .key = key, .text = &l->value, .diags = l->diags };
	int r = expand(l, line, offset);

	if (r < 0)
		return r;
	v.s = l->value.s;
	if (!*v.s && !key->told)
		return config_key_reset(key, config_member(l, key));
	return key->type->parse(&v, config_member(l, key));
}

/* The generator puts the instance in; all other specifiers are systemd's. */
static bool check_instance(struct loader *l, const struct config_text *line, size_t offset)
{
	for (const char *s = line->s + offset; *s; s++) {
		if (s[0] == '%' && s[1] == 'i' &&
		    !specifier(l, 'i', config_text_pos(line, (size_t)(s - line->s))))
			return false;
		s += s[0] == '%' && s[1];
	}
	return true;
}

/* [Unit] is systemd's to read; [Install] is put into force by the generator. */
static int assign_foreign(struct loader *l, const char *name, struct config_pos pos,
			  const struct config_text *line, size_t offset)
{
	const struct config_sink *sink = l->env->foreign;
	int r;

	if (l->foreign == FOREIGN_UNIT) {
		r = config_unit_check(name, pos, line, offset, l->diags);
		if (r < 0 || !check_instance(l, line, offset))
			return 0;
	} else {
		if (strncmp(name, "X-", 2) == 0)
			return 0;
		r = expand(l, line, offset);
		if (r == 0)
			r = config_install_check(name, pos, &l->value, l->spec->instance != NULL,
						 l->diags);
		if (r < 0)
			return r == -EINVAL ? 0 : r;
		line = &l->value;
		offset = 0;
	}
	return sink ? sink->assign(sink->arg, name, pos, line, offset) : 0;
}

/* l->value is what was assigned. */
static int note_origin(const struct loader *l, const struct config_key *key, struct config_pos pos)
{
	const struct config_origin origin = {
		.key = key, .pos = pos, .value = l->value.s,
		.container = l->container ? l->container->run.name : NULL,
	};

	return l->env->origins ? config_origins_add(l->env->origins, &origin) : 0;
}

/**
 * config_assign() - callback of the reader: an assignment
 *
 * An empty value takes the key back to its default, but for one that has to say it.
 */
int config_assign(void *loader, const char *name, struct config_pos pos,
		  const struct config_text *line, size_t offset)
{
	struct loader *l = loader;
	const struct config_key *key;
	struct assigned *a;
	int r;

	if (l->foreign)
		return assign_foreign(l, name, pos, line, offset);
	if (!l->state || strncmp(name, "X-", 2) == 0)
		return 0;
	key = config_key_find(l->section, name);
	if (!key) {
		complain_key(l, name, pos);
		return 0;
	}
	a = &l->state->keys[key - config_keys];
	if (!key->list && a->pos.line && a->pos.file == pos.file)
		config_diags_add(l->diags, pos, "'%s' is already set on line %u", name,
				 a->pos.line);
	r = set(l, key, line, offset);
	if (r == -ENOMEM)
		return r;
	*a = (struct assigned){ pos, offset < line->n, r < 0 };
	return r < 0 ? 0 : note_origin(l, key, pos);
}
