/* SPDX-License-Identifier: MIT */
/* Which pods need which images: those that run, and those that are declared. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "config/load.h"
#include "ctl/image/image.h"
#include "ctl/text.h"
#include "image/generation.h"
#include "image/pins.h"

#define SUFFIX ".pod"

static int add_to(json_t *set, const char *key, const char *pod, struct err *err)
{
	json_t *pods = json_object_get(set, key);
	int r = 0;

	if (!pods) {
		pods = json_object();
		r = json_object_set_new(set, key, pods);
	}
	if (r == 0)
		r = json_object_set_new(pods, pod, json_true());
	return r < 0 ? err_set(err, ENOMEM, "look which images are in use: out of memory") : 0;
}

static int add(struct uses *u, const struct digest *id, const char *pod, struct err *err)
{
	return add_to(u->pods, id->hex, pod, err);
}

static int add_pin(void *ctx, const char *pod, const struct digest *id, struct err *err)
{
	return add(ctx, id, pod, err);
}

/* Where pod files are. A name that is in both counts twice: what is kept is harmless. */
static const char *const places[] = { CONFIG_DIR, CONFIG_VENDOR_DIR };

static bool has_file(const struct paths *paths, const char *pod, size_t n, const char *suffix)
{
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		char path[PATH_MAX];

		if (snprintf(path, sizeof(path), "%s%s/%.*s%s", paths->root, places[i], (int)n, pod,
			     suffix) < (int)sizeof(path) && access(path, F_OK) == 0)
			return true;
	}
	return false;
}

/* How a pod is declared. */
enum declaration { NOT_DECLARED, BY_FILE, BY_TEMPLATE };

static enum declaration declaration_of(const struct paths *paths, const char *pod)
{
	size_t n = strcspn(pod, "@");

	if (has_file(paths, pod, strlen(pod), SUFFIX))
		return BY_FILE;
	return pod[n] && has_file(paths, pod, n, "@" SUFFIX) ? BY_TEMPLATE : NOT_DECLARED;
}

/* Whether it runs, or ran and nobody has cleared up behind it. */
static bool is_there(const struct paths *paths, const char *pod)
{
	return paths->run >= 0 && faccessat(paths->run, pod, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

struct declared {
	struct uses *uses;
	const struct paths *paths;
	const struct image_stores *stores;
};

static int add_text(json_t *list, json_t *text_take, struct err *err)
{
	return json_array_append_new(list, text_take) < 0 ?
		       err_set(err, ENOMEM, "look which images are in use: out of memory") : 0;
}

/* It may need any image. */
static int add_damaged(struct declared *d, const char *pod, const struct err *damage,
		       struct err *err)
{
	struct uses *u = d->uses;

	snprintf(u->unreadable, sizeof(u->unreadable), "%s/var/lib/podd/" GENERATIONS_DIR "/%s",
		 d->paths->root, pod);
	return add_text(u->warnings, json_sprintf("%s; what pod '%s' may need is kept", damage->msg,
						  pod), err);
}

/* By a digest, no name is needed. */
static int add_name(struct uses *u, const char *image, const char *pod, struct err *err)
{
	struct image_ref ref;

	if (image_ref_parse(&ref, image, NULL) < 0 || ref.digest.hex[0])
		return 0;
	return add_to(u->names, ref.name, pod, err);
}

static int add_spec(struct uses *u, const struct pod_spec *spec, const struct image_stores *stores,
		    struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < spec->container_n; i++) {
		const char *name = spec->containers[i].image.name;
		struct image image;

		if (!name)
			continue;
		r = add_name(u, name, spec->name, err);
		if (r < 0 || image_find(&image, stores, name, NULL) < 0)
			continue;
		r = add(u, &image.id, spec->name, err);
		image_done(&image);
	}
	return r;
}

/* @path: of a pod's file; there is none for an instance of a template. */
static int add_loaded(struct uses *u, const char *path, const struct image_stores *stores,
		      struct err *err)
{
	struct config_diags diags = { 0 };
	struct pod_spec *spec = NULL;
	int r;

	if (config_file_hidden(AT_FDCWD, path))
		return 0;
	r = config_load(&spec, path, NULL, &diags, NULL);
	config_diags_done(&diags);
	if (r < 0) {
		snprintf(u->unreadable, sizeof(u->unreadable), "%s", path);
		u->any_name = true;
		return 0;
	}
	r = add_spec(u, spec, stores, err);
	pod_spec_free(spec);
	return r;
}

/* What the file of an instance says, which is its template's. */
static int add_instance(struct declared *d, const char *pod, struct err *err)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s" CONFIG_DIR "/%s" SUFFIX, d->paths->root, pod) >=
	    (int)sizeof(path))
		return err_set(err, ENAMETOOLONG, "pod file '%s': name too long", pod);
	return add_loaded(d->uses, path, d->stores, err);
}

/* One that runs, of a file that is elsewhere: its names are those that it was started with. */
static int add_undeclared(struct declared *d, const char *pod, const struct generation *g,
			  struct err *err)
{
	int r = 0;

	if (!is_there(d->paths, pod))
		return d->paths->etc < 0 ? 0 : add_text(d->uses->gone, json_string(pod), err);
	for (unsigned i = 0; g && r == 0 && i < g->n; i++)
		r = add_to(d->uses->names, g->images[i].name, pod, err);
	return r;
}

/*
 * What a pod runs, ran before, and has on trial, also while it is stopped. A pod
 * that is not declared needs what its podd has pinned, as long as there is one;
 * one that starts just now writes the file later than we can remove it.
 */
static int add_generation(void *ctx, const char *pod, const struct generation *g,
			  const struct err *damage, struct err *err)
{
	struct declared *d = ctx;
	enum declaration how = declaration_of(d->paths, pod);
	int r = 0;

	if (how == NOT_DECLARED)
		return add_undeclared(d, pod, g, err);
	if (how == BY_TEMPLATE)
		r = add_instance(d, pod, err);
	if (r == 0 && !g)
		r = add_damaged(d, pod, damage, err);
	for (unsigned i = 0; g && r == 0 && i < g->n; i++) {
		const struct generation_image *m = &g->images[i];

		r = add(d->uses, &m->now, pod, err);
		if (r == 0 && m->before.hex[0])
			r = add(d->uses, &m->before, pod, err);
		if (r == 0 && m->trial.hex[0])
			r = add(d->uses, &m->trial, pod, err);
	}
	return r;
}

/* @file: "NAME.pod" in @dir; of a template, what any instance would need. */
static int add_file(struct uses *u, const char *dir, const char *file,
		    const struct image_stores *stores, struct err *err)
{
	size_t n = strlen(file) - strlen(SUFFIX);
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/%.*s%s" SUFFIX, dir, (int)n, file,
		     n > 0 && file[n - 1] == '@' ? "template" : "") >= (int)sizeof(path))
		return err_set(err, ENAMETOOLONG, "pod file '%s': name too long", file);
	return add_loaded(u, path, stores, err);
}

static int add_directory(struct uses *u, const char *path, const struct image_stores *stores,
			 struct err *err)
{
	DIR *dir = opendir(path);
	struct dirent *d;
	int r = 0;

	if (!dir)
		return errno == ENOENT ? 0 : err_sys(err, "list the pod files in '%s'", path);
	while (r == 0 && (d = readdir(dir))) {
		size_t n = strlen(d->d_name);

		if (n > strlen(SUFFIX) && strcmp(d->d_name + n - strlen(SUFFIX), SUFFIX) == 0)
			r = add_file(u, path, d->d_name, stores, err);
	}
	(void)closedir(dir);
	return r;
}

static int add_declared(struct uses *u, const struct paths *paths,
			const struct image_stores *stores, struct err *err)
{
	char dir[PATH_MAX];
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(places); i++) {
		snprintf(dir, sizeof(dir), "%s%s", paths->root, places[i]);
		r = add_directory(u, dir, stores, err);
	}
	return r;
}

/**
 * uses_collect() - find out which pods need which images
 * @out: released by uses_done(), whatever this returned
 *
 * Return: 0 or -errno with @err filled.
 */
int uses_collect(struct uses *out, const struct paths *paths, const struct image_stores *stores,
		 struct err *err)
{
	int r;

	*out = (struct uses){
		.pods = json_object(), .names = json_object(),
		.warnings = json_array(), .gone = json_array(),
	};
	r = image_pins_each(paths->run, add_pin, out, err);
	if (r == 0)
		r = generations_each(paths->lib, add_generation,
				     &(struct declared){ out, paths, stores }, err);
	return r < 0 ? r : add_declared(out, paths, stores, err);
}

/**
 * uses_warn() - tell which files could not be read, a line each
 */
void uses_warn(const struct uses *uses, struct ctl *ctl)
{
	const json_t *warning;
	char text[1024];
	size_t i;

	json_array_foreach(uses->warnings, i, warning)
		fprintf(ctl->errors, "podctl: warning: %s\n",
			text_clean(text, sizeof(text), json_string_value(warning)));
}

/**
 * uses_of() - the pods that need an image: an object whose keys they are, or NULL
 */
const json_t *uses_of(const struct uses *uses, const struct digest *id)
{
	return json_object_get(uses->pods, id->hex);
}

/**
 * uses_of_name() - the pods that look an image up by a name: as uses_of()
 * @name: as struct image_ref has it
 */
const json_t *uses_of_name(const struct uses *uses, const char *name)
{
	return json_object_get(uses->names, name);
}

void uses_done(struct uses *uses)
{
	json_decref(take_ptr(uses->names));
	json_decref(take_ptr(uses->pods));
	json_decref(take_ptr(uses->warnings));
	json_decref(take_ptr(uses->gone));
}
