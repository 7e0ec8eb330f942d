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
#include "image/pins.h"
#include "image/store.h"
#include "image/tree.h"
#include "supervisor/image_names.h"
#include "supervisor/origin.h"
#include "supervisor/images_note.h"

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
		return err_set(err, EINVAL,
			       "the image has neither Entrypoint nor Cmd, and the file no Exec=");
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

/* What a container that runs goes on with. */
static int take_noted(struct pod_container *c, struct images_note_entry *note, struct err *err)
{
	int r;

	c->run.lowers = take_ptr(note->lowers);
	c->run.unsaid_mode = IMAGE_LAYER_UNSAID_MODE;
	r = take_image(c, note->config, err);
	memcpy(c->image.id, note->id, sizeof(note->id));
	return r;
}

static int take_stored(struct pod_container *c, const struct image *image, struct err *err)
{
	int r = images_note_lowers(&c->run.lowers, image, err);

	c->run.unsaid_mode = IMAGE_LAYER_UNSAID_MODE;
	if (r == 0)
		r = take_image(c, image->config, err);
	(void)digest_text(&image->id, c->image.id);
	return r;
}

static int look_up(struct pod_container *c, const struct image_names *names, struct err *err)
{
	struct image_meaning m;
	int r = image_names_find(&m, names, c, err);

	if (r == 0) {
		r = m.is_noted ? take_noted(c, &m.note, err) : take_stored(c, &m.image, err);
		image_meaning_done(&m);
	}
	return r < 0 ? origin_container(err, err_about(err, r, "Image", 0), c->run.name) : 0;
}

static bool is_listed(const char *const *list, int n, const char *name)
{
	for (int i = 0; i < n; i++)
		if (strcmp(list[i], name) == 0)
			return true;
	return false;
}

/* Return: 1 when it is to be fetched, 0 when it is there, or -errno with @err filled. */
static int is_missing(const struct pod_container *c, const struct image_names *names,
		      struct err *err)
{
	struct image_meaning m;
	int r = image_names_find(&m, names, c, err);

	if (r == 0)
		image_meaning_done(&m);
	if (r == -ENOENT && c->pull == PULL_MISSING)
		return 1;
	return r < 0 ? origin_container(err, err_about(err, r, "Image", 0), c->run.name) : 0;
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
	struct image_names names;
	int r, n = 0;

	if (!images_used(spec))
		return 0;
	r = image_names_open(&names, spec, paths, err);
	if (r < 0)
		return r;
	names.quiet = true; /* images_look_up() comes, and tells */
	for (size_t i = 0; r >= 0 && i < spec->container_n; i++) {
		const struct pod_container *c = &spec->containers[i];

		if (!needs_image(c))
			continue;
		r = is_missing(c, &names, err);
		if (r > 0 && !is_listed(out, n, c->image.name))
			out[n++] = c->image.name;
	}
	image_names_close(&names);
	return r < 0 ? r : n;
}

static int look_all_up(struct pod_spec *spec, const struct paths *paths, int run_fd,
		       struct err *err)
{
	struct image_names names;
	int r;

	if (!images_used(spec))
		return 0;
	r = image_names_open(&names, spec, paths, err);
	if (r < 0)
		return r;
	if (run_fd >= 0)
		image_names_take_note(&names, spec, run_fd);
	for (size_t i = 0; r == 0 && i < spec->container_n; i++)
		if (needs_image(&spec->containers[i]))
			r = look_up(&spec->containers[i], &names, err);
	image_names_close(&names);
	return r;
}

/**
 * images_look_up() - find the images of a spec, and take what it gets from them
 *
 * Return: 0; -ENOENT, -EBADMSG or -EINVAL for an image that is not there, damaged,
 * or that has no program to run; -errno. @err is filled.
 */
int images_look_up(struct pod_spec *spec, const struct paths *paths, struct err *err)
{
	return look_all_up(spec, paths, -EBADF, err);
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
	return look_all_up(spec, paths, run_fd, err);
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
