/* SPDX-License-Identifier: MIT */
/* Looking up a spec's images, and keeping them. */
#include "supervisor/images.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/strv.h"
#include "config/load.h"
#include "config/signal.h"
#include "image/generation.h"
#include "image/pins.h"
#include "image/store.h"
#include "supervisor/images_note.h"
#include "supervisor/say.h"

static int no_memory(struct err *err)
{
	return err_set(err, ENOMEM, "out of memory");
}

static bool needs_image(const struct pod_container *c)
{
	return c->image.name && !c->image.id[0];
}

/**
 * images_used() - whether a container of the spec has an Image=
 */
bool images_used(const struct pod_spec *spec)
{
	for (size_t i = 0; i < spec->container_n; i++)
		if (spec->containers[i].image.name)
			return true;
	return false;
}

/* ------------------------------------------------------------ one container */

static int copy_list(char ***out, char *const *list)
{
	size_t n = 0;
	int r = 0;

	for (; r == 0 && list && *list; list++)
		r = strv_push_copy(out, &n, *list);
	return r;
}

/*
 * As docker and podman have it: an Entrypoint= of the file stands alone, without
 * the image's Cmd, which was meant for the image's entrypoint.
 */
static int take_program(struct pod_container *c, const struct image_config *image, struct err *err)
{
	int r = 0;

	if (!c->entrypoint) {
		r = copy_list(&c->entrypoint, image->entrypoint);
		if (r == 0 && !c->run.argv)
			r = copy_list(&c->run.argv, image->cmd);
	}
	if (r < 0)
		return no_memory(err);
	if (!c->entrypoint && !c->run.argv)
		return err_set(err, EINVAL, "the image has neither Entrypoint nor Cmd, and the file no "
			       "Exec=");
	return 0;
}

static bool is_set(char *const *env, const char *variable)
{
	size_t n = strcspn(variable, "=") + 1;

	for (; env && *env; env++)
		if (strncmp(*env, variable, n) == 0)
			return true;
	return false;
}

/* The image's variables that the file does not set, then the file's. */
static int take_env(struct pod_container *c, char *const *image, struct err *err)
{
	char **env = NULL;
	size_t n = 0;
	int r = 0;

	for (; r == 0 && image && *image; image++)
		if (!is_set(c->run.env, *image))
			r = strv_push_copy(&env, &n, *image);
	for (char **s = c->run.env; r == 0 && s && *s; s++)
		r = strv_push_copy(&env, &n, *s);
	if (r < 0) {
		strv_free(env);
		return no_memory(err);
	}
	strv_free(c->run.env);
	c->run.env = env;
	return 0;
}

static int take_string(char **member, const char *image)
{
	if (*member || !image)
		return 0;
	*member = strdup(image);
	return *member ? 0 : -ENOMEM;
}

static int take_settings(struct pod_container *c, const struct image_config *image, struct err *err)
{
	if (take_string(&c->run.cwd, image->cwd) < 0 || take_string(&c->run.user, image->user) < 0)
		return no_memory(err);
	if (c->stop_signal >= 0 || !image->stop_signal)
		return 0;
	c->stop_signal = signal_parse(image->stop_signal);
	if (c->stop_signal < 0)
		return err_set(err, EINVAL, "the image's StopSignal '%.40s' is no signal",
			       image->stop_signal);
	return 0;
}

static int take_image(struct pod_container *c, const struct image_config *image, struct err *err)
{
	int r = take_program(c, image, err);

	if (r == 0)
		r = take_env(c, image->env, err);
	if (r == 0)
		r = take_settings(c, image, err);
	if (r == 0 && config_complete(c) < 0)
		r = no_memory(err);
	return r;
}

/* Of a pod; the file may hold its names to other images than the store does. */
struct lookup {
	struct image_stores stores;
	struct generation *generation; /* or NULL: it holds none */
	bool on_trial;
};

/* What the stores say that a name means, the first one that has it; empty: none has. */
static int find_stored(struct digest *out, const struct lookup *look, const struct image_ref *ref,
		       struct err *err)
{
	const struct image_store *store;
	int r = image_stores_find(out, &store, &look->stores, ref, err);

	if (r == -ENOENT)
		out->hex[0] = '\0';
	return r == -ENOENT ? 0 : r;
}

/* The image that the pod is held to. Return: 0; -ENOENT: it is to none, or that is gone. */
static int find_held(struct image *out, const struct lookup *look, const char *name,
		     struct err *err)
{
	const struct digest *held;
	char text[DIGEST_TEXT_SIZE];
	struct image_ref ref;
	struct digest stored;
	int r = look->generation ? image_ref_parse(&ref, name, err) : -ENOENT;

	if (r < 0)
		return r;
	if (ref.digest.hex[0])
		return -ENOENT;
	r = find_stored(&stored, look, &ref, err);
	if (r < 0)
		return r;
	held = generation_held(look->generation, look->on_trial, ref.name, &stored);
	return held ? image_find(out, &look->stores, digest_text(held, text), err) : -ENOENT;
}

static int find(struct image *out, const struct lookup *look, const struct pod_container *c,
		struct err *err)
{
	int r = find_held(out, look, c->image.name, err);

	return r == -ENOENT ? image_find(out, &look->stores, c->image.name, err) : r;
}

/* A store before the image's that cannot be read may have another one of that name. */
static void warn_passed_over(const struct pod_container *c, const struct lookup *look,
			     const struct image *image)
{
	for (const struct image_store *s = look->stores.list; s != image->store; s++) {
		json_auto_t *index = NULL;
		struct err why = { 0 };

		if (image_store_index(&index, s, &why) < 0)
			say(SAY_WARNING, "container '%s': image '%s' is that of '%s': %s, ignoring",
			    c->run.name, c->image.name, image->store->path, why.msg);
	}
}

static int look_up(struct pod_container *c, const struct lookup *look, struct err *err)
{
	struct image image;
	int r = find(&image, look, c, err);

	if (r == 0) {
		warn_passed_over(c, look, &image);
		r = images_note_lowers(&c->run.lowers, &image, err);
		if (r == 0)
			r = take_image(c, image.config, err);
		(void)digest_text(&image.id, c->image.id);
		image_done(&image);
	}
	return r < 0 ? err_wrap(err, r, "container '%s'", c->run.name) : 0;
}

/* A file that cannot be read holds nothing: the pod is to start all the same. */
static int open_lookup(struct lookup *look, const struct pod_spec *spec, const struct paths *paths,
		       struct err *err)
{
	struct err why = { 0 };
	int r;

	*look = (struct lookup){ .generation = malloc(sizeof(*look->generation)) };
	if (!look->generation)
		return no_memory(err);
	r = generation_read(look->generation, paths->lib, spec->name, &why);
	if (r < 0 && r != -ENOENT)
		say(SAY_WARNING, "pod '%s': %s, ignoring", spec->name, why.msg);
	if (r < 0 || look->generation->state == GENERATION_SETTLED)
		free(take_ptr(look->generation));
	look->on_trial = generation_on_trial(paths->run, spec->name);
	r = image_stores_open(&look->stores, paths, err);
	if (r < 0)
		free(take_ptr(look->generation));
	return r;
}

static bool is_listed(const char *const *list, int n, const char *name)
{
	for (int i = 0; i < n; i++)
		if (strcmp(list[i], name) == 0)
			return true;
	return false;
}

/* Return: 1 when it is to be fetched, 0 when it is there, or -errno with @err filled. */
static int is_missing(const struct pod_container *c, const struct lookup *look, struct err *err)
{
	struct image image;
	int r = find(&image, look, c, err);

	if (r == 0)
		image_done(&image);
	if (r == -ENOENT && c->pull == PULL_MISSING)
		return 1;
	return r < 0 ? err_wrap(err, r, "container '%s'", c->run.name) : 0;
}

/**
 * images_missing() - which images of a spec are in no store and may be fetched
 * @out: their names, each once, borrowed from @spec
 *
 * Return: how many; -ENOENT for one that may not be fetched, and -errno. @err is filled.
 */
int images_missing(const char *out[POD_CONTAINERS_MAX], const struct pod_spec *spec,
		   const struct paths *paths, struct err *err)
{
	struct lookup look;
	int r, n = 0;

	if (!images_used(spec))
		return 0;
	r = open_lookup(&look, spec, paths, err);
	if (r < 0)
		return r;
	for (size_t i = 0; r >= 0 && i < spec->container_n; i++) {
		const struct pod_container *c = &spec->containers[i];

		if (!needs_image(c))
			continue;
		r = is_missing(c, &look, err);
		if (r > 0 && !is_listed(out, n, c->image.name))
			out[n++] = c->image.name;
	}
	image_stores_close(&look.stores);
	free(look.generation);
	return r < 0 ? r : n;
}

/**
 * images_look_up() - find the images of a spec, and take what it gets from them
 *
 * Return: 0; -ENOENT, -EBADMSG or -EINVAL for an image that is not there, damaged,
 * or that has no program to run; -errno. @err is filled.
 */
int images_look_up(struct pod_spec *spec, const struct paths *paths, struct err *err)
{
	struct lookup look;
	int r;

	if (!images_used(spec))
		return 0;
	r = open_lookup(&look, spec, paths, err);
	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < spec->container_n; i++)
		if (needs_image(&spec->containers[i]))
			r = look_up(&spec->containers[i], &look, err);
	image_stores_close(&look.stores);
	free(look.generation);
	return r;
}

/* What it runs is what it goes on with, whatever its image's name means now. */
static int take_noted(struct pod_container *c, const json_t *entry, struct err *err)
{
	struct images_note_entry noted;
	int r = images_note_parse(&noted, entry, err);

	if (r == -EBADMSG) {
		say(SAY_WARNING, "container '%s': %s, ignoring", c->run.name, err->msg);
		return 0;
	}
	if (r < 0)
		return r;
	c->run.lowers = take_ptr(noted.lowers);
	r = take_image(c, noted.config, err);
	memcpy(c->image.id, noted.id, sizeof(noted.id));
	images_note_entry_done(&noted);
	return r < 0 ? err_wrap(err, r, "container '%s'", c->run.name) : 0;
}

/* The note of a pod, or an empty one: without it, images are looked up by their
 * names, as for a start. */
static json_t *note_of(const struct pod_spec *spec, int run_fd)
{
	struct err err = { 0 };
	json_t *entries = NULL;
	int r = images_note_read(&entries, run_fd, &err);

	if (r < 0 && r != -ENOENT)
		say(SAY_WARNING, "pod '%s': %s, ignoring", spec->name, err.msg);
	return r < 0 ? json_array() : entries;
}

/**
 * images_adopt() - as images_look_up(), for a pod that runs already
 * @run_fd: its run directory
 *
 * An image that a container runs is taken as it was, whether its name means
 * another one by now or it is gone. Others are looked up.
 *
 * Return: as images_look_up().
 */
int images_adopt(struct pod_spec *spec, int run_fd, const struct paths *paths, struct err *err)
{
	json_t *entries;
	int r = 0;

	if (!images_used(spec))
		return 0;
	entries = note_of(spec, run_fd);
	for (size_t i = 0; r == 0 && i < spec->container_n; i++) {
		struct pod_container *c = &spec->containers[i];
		const json_t *entry = c->image.name ? images_note_find(entries, c) : NULL;

		if (entry)
			r = take_noted(c, entry, err);
	}
	json_decref(entries);
	return r < 0 ? r : images_look_up(spec, paths, err);
}

/**
 * images_check() - whether an image is in a store, and can be read
 *
 * Return: 0 or -errno with @err filled.
 */
int images_check(const char *text, const struct paths *paths, struct err *err)
{
	struct image_stores stores;
	struct image image;
	int r = image_stores_open(&stores, paths, err);

	if (r < 0)
		return r;
	r = image_find(&image, &stores, text, err);
	if (r == 0)
		image_done(&image);
	image_stores_close(&stores);
	return r;
}

/* ------------------------------------------------------------------- the pin */

static int add_id(char *text, size_t size, const char *id)
{
	size_t n = strlen(text);

	if (!*id || strstr(text, id))
		return 0;
	return snprintf(text + n, size - n, "%s\n", id) < (int)(size - n) ? 0 : -E2BIG;
}

static int add_digest(char *text, size_t size, const struct digest *d)
{
	char id[DIGEST_TEXT_SIZE];

	return d->hex[0] ? add_id(text, size, digest_text(d, id)) : 0;
}

/**
 * images_unpin() - of all images that were pinned, keep those that the pod may still need
 * @spec: whose images all of its containers run
 * @g: whose images the pod may go to; or NULL: none
 *
 * Return: 0 or -errno with @err filled; then more are pinned.
 */
int images_unpin(const struct pod_spec *spec, const struct generation *g, int run_fd,
		 struct err *err)
{
	char text[IMAGE_PINS_MAX] = "";
	int r = 0;

	for (size_t i = 0; r == 0 && i < spec->container_n; i++)
		r = add_id(text, sizeof(text), spec->containers[i].image.id);
	for (unsigned i = 0; g && r == 0 && i < g->n; i++) {
		r = add_digest(text, sizeof(text), &g->images[i].now);
		if (r == 0)
			r = add_digest(text, sizeof(text), &g->images[i].before);
		if (r == 0)
			r = add_digest(text, sizeof(text), &g->images[i].trial);
	}
	if (r < 0)
		return err_set(err, E2BIG, "the pod has too many images");
	return io_replace_file(run_fd, IMAGE_PINS_FILE, text, strlen(text), err);
}

/* The image is still there: its id was pinned before. */
static json_t *make_entry(const struct pod_container *c, const struct image_stores *stores,
			  struct err *err)
{
	struct image image;
	json_t *entry;

	if (image_find(&image, stores, c->image.id, err) < 0)
		return NULL;
	entry = images_note_make(c, &image);
	image_done(&image);
	return entry ? entry : json_null();
}

/* Of those that run already, what was noted. */
static int make_note(json_t *out, const struct pod_spec *spec, const json_t *former,
		     const struct image_stores *stores, struct err *err)
{
	for (size_t i = 0; i < spec->container_n; i++) {
		const struct pod_container *c = &spec->containers[i];
		json_t *entry = c->image.name ? json_incref(images_note_find(former, c)) : NULL;

		if (c->image.name && !entry)
			entry = make_entry(c, stores, err);
		if (c->image.name && !entry)
			return -err->code;
		if (entry && json_array_append_new(out, entry) < 0)
			return no_memory(err);
	}
	return 0;
}

static int write_note(const struct pod_spec *spec, int run_fd, const json_t *former,
		      const struct paths *paths, struct err *err)
{
	json_auto_t *entries = json_array();
	struct image_stores stores;
	int r = image_stores_open(&stores, paths, err);

	if (r < 0)
		return r;
	r = make_note(entries, spec, former, &stores, err);
	image_stores_close(&stores);
	return r < 0 ? r : images_note_write(entries, run_fd, err);
}

/**
 * images_pin() - keep the images of a spec from being removed while the pod lives
 * @run_fd: the pod's run directory; what is pinned there stays so
 * @adopting: of what runs already, the images may be gone
 *
 * Return: 0; -ENOENT when one was removed since it was looked up; -errno. @err is
 * filled.
 */
int images_pin(const struct pod_spec *spec, int run_fd, const struct paths *paths, bool adopting,
	       struct err *err)
{
	json_auto_t *former = NULL;
	char text[IMAGE_PINS_MAX];
	int r = 0;

	if (!images_used(spec))
		return 0;
	if (io_read_file(run_fd, IMAGE_PINS_FILE, text, sizeof(text), NULL) < 0)
		text[0] = '\0'; /* none yet */
	for (size_t i = 0; r == 0 && i < spec->container_n; i++)
		r = add_id(text, sizeof(text), spec->containers[i].image.id);
	if (r < 0)
		return err_set(err, E2BIG, "the pod has used too many images since it was started");
	r = io_replace_file(run_fd, IMAGE_PINS_FILE, text, strlen(text), err);
	if (r < 0)
		return r;
	if (adopting) /* what is wrong with it was told by images_adopt() */
		(void)images_note_read(&former, run_fd, NULL);
	return write_note(spec, run_fd, former, paths, err);
}
