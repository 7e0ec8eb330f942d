/* SPDX-License-Identifier: MIT */
/* podctl image pull. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/io.h"
#include "ctl/image/budget.h"
#include "ctl/image/pull.h"
#include "image/http.h"

#define AUTH_FILE_MAX (256 * 1024)
#define STALL_S_MAX   86400
#define RETRIES_MAX   20

enum { OPT_AUTHFILE = CTL_OPT_FIRST, OPT_TIMEOUT, OPT_RETRIES, OPT_POLICY, OPT_KEEP };

/* ------------------------------------------------------------------- its files */

/* One that is not there is none, unless somebody named it. */
static int read_auth(struct auth *auth, int dirfd, const char *path, bool named, struct err *err)
{
	cleanup_free char *text = malloc(AUTH_FILE_MAX);
	ssize_t n;
	int r;

	if (!text)
		return err_set(err, ENOMEM, "read '%s': out of memory", path);
	n = io_read_file(dirfd, path, text, AUTH_FILE_MAX, err);
	if (n < 0)
		return n == -ENOENT && !named ? 0 : (int)n;
	r = auth_add(auth, text, (size_t)n, err);
	explicit_bzero(text, (size_t)n);
	return r < 0 ? err_wrap(err, r, "'%s'", path) : 0;
}

static int load_auth(struct pull *p, struct err *err)
{
	const char *named = p->authfile ? p->authfile : getenv("REGISTRY_AUTH_FILE");
	const char *home = getenv("HOME");
	char path[PATH_MAX];
	int r = 0;

	if (named && *named)
		return read_auth(&p->auth, AT_FDCWD, named, true, err);
	if (p->paths.etc >= 0)
		r = read_auth(&p->auth, p->paths.etc, "auth.json", false, err);
	if (r < 0 || !home ||
	    snprintf(path, sizeof(path), "%s/.docker/config.json", home) >= (int)sizeof(path))
		return r;
	return read_auth(&p->auth, AT_FDCWD, path, false, err);
}

static int load_registries(struct pull *p, struct err *err)
{
	cleanup_free char *text = malloc(REGISTRIES_BYTES_MAX);
	ssize_t n = -ENOENT;
	int r;

	p->registries = calloc(1, sizeof(*p->registries));
	if (!text || !p->registries)
		return err_set(err, ENOMEM, "read '%s': out of memory", REGISTRIES_FILE);
	if (p->paths.etc >= 0)
		n = io_read_file(p->paths.etc, REGISTRIES_FILE, text, REGISTRIES_BYTES_MAX, err);
	if (n < 0)
		return n == -ENOENT ? 0 : (int)n;
	r = registries_parse(p->registries, text, (size_t)n, err);
	if (r == 0)
		r = registries_load_cas(p->registries, err);
	return r < 0 ? err_wrap(err, r, "'%s/etc/podd/%s'", p->paths.root, REGISTRIES_FILE) : 0;
}

/* --------------------------------------------------------------------- pulling */

/**
 * pull_init() - nothing is open yet; @p->args are the defaults
 */
void pull_init(struct pull *p, struct ctl *ctl)
{
	*p = (struct pull){ .ctl = ctl,
			    .used = json_array(),
			    .keep = json_object(),
			    .w = IMAGE_WRITER_EMPTY,
			    .paths = { .etc = -EBADF, .run = -EBADF, .lib = -EBADF, .log = -EBADF },
			    .args = { .stall_s = HTTP_STALL_S,
				      .retries = HTTP_RETRIES,
				      .limits = import_limits_default } };
}

/**
 * pull_begin() - read what says how registries are asked, become the store's writer
 * @p: pull_init()ed; released by pull_end(), whatever this returned
 *
 * Return: 0 or -errno with @err filled.
 */
int pull_begin(struct pull *p, struct err *err)
{
	int r = paths_open(&p->paths, p->ctl->root, PATHS_CREATE, err);

	if (r < 0)
		return r;
	p->result = calloc(1, sizeof(*p->result));
	if (!p->result)
		return err_set(err, ENOMEM, "out of memory");
	r = load_registries(p, err);
	if (r == 0)
		r = load_auth(p, err);
	if (r == 0)
		r = policy_choose(&p->chosen, p->policy, &p->paths, err);
	p->args.policy = &p->chosen.policy;
	p->args.keys = &p->chosen.keys;
	p->args.registries = p->registries;
	p->args.auth = &p->auth;
	return r < 0 ? r : writer_open(&p->w, p->ctl, &p->paths, err);
}

/**
 * pull_end() - let go of the store and free all
 */
void pull_end(struct pull *p)
{
	image_writer_close(&p->w);
	paths_close(&p->paths);
	auth_done(&p->auth);
	policy_done(&p->chosen);
	if (p->registries)
		registries_done(p->registries);
	free(p->registries);
	free(p->result);
	json_decref(p->keep);
	json_decref(p->used);
}

static void keep_id(struct pull *p, const struct digest *id)
{
	(void)json_object_set_new(p->keep, id->hex, json_true()); /* fails without memory only */
}

/**
 * pull_keep() - the budget leaves the image of that name alone, if the store has it
 * @p: begun
 */
void pull_keep(struct pull *p, const char *name)
{
	struct image_ref ref;
	struct digest id;

	if (image_ref_parse(&ref, name, NULL) == 0 &&
	    image_store_find(&id, &p->w.store, &ref, NULL) == 0)
		keep_id(p, &id);
}

/**
 * pull_one() - pull one image; @p->result tells what came
 *
 * Return: 0 or -errno with @err filled.
 */
int pull_one(struct pull *p, const char *name, struct err *err)
{
	struct progress progress;
	struct image_ref ref;
	int r = image_ref_parse(&ref, name, err);

	if (r < 0)
		return r;
	if (ref.kind != IMAGE_REF_NAME)
		return err_set(err, EINVAL, "'%.200s' is not the name of an image in a registry",
			       name);
	r = budget_room(&p->args.limits.room, &p->paths, &p->w, p->keep, err);
	if (r < 0) {
		room_done(&p->args.limits.room);
		return r;
	}
	progress_begin(&progress, p->ctl->errors);
	p->args.ref = &ref;
	p->args.watch = progress_watch;
	p->args.watch_ctx = &progress;
	r = image_pull(p->result, &p->w, &p->args, err);
	progress_end(&progress);
	room_done(&p->args.limits.room);
	for (unsigned i = 0; r == 0 && i < p->result->n; i++)
		keep_id(p, &p->result->entries[i].id);
	return r < 0 ? err_wrap(err, r, "pull '%.200s'", name) : 0;
}

static int pull(struct pull *p, int n, char **names)
{
	json_auto_t *keep = json_incref(p->keep);
	struct entries entries;
	struct err err = { 0 };
	int r = pull_begin(p, &err);
	const json_t *name;
	size_t k;

	json_array_foreach(p->used, k, name)
		if (r == 0)
			pull_keep(p, json_string_value(name));
	entries_begin(&entries, p->ctl);
	for (int i = 0; r == 0 && i < n; i++) {
		r = pull_one(p, names[i], &err);
		if (r == 0)
			entries_tell(&entries, p->result);
	}
	entries_end(&entries, r == 0);
	pull_end(p);
	if (json_object_size(keep) > 0)
		budget_enforce(p->ctl, keep);
	return r < 0 ? ctl_fail(p->ctl, CTL_FAILED, &err) : CTL_OK;
}

static int take_number(struct ctl *ctl, unsigned *out, long min, long max, const char *what)
{
	long n;

	if (ctl_count(optarg, &n) < 0 || n < min || n > max)
		return ctl_usage_error(ctl, "'%s' is no number of %s from %ld to %ld",
				       optarg, what, min, max);
	*out = (unsigned)n;
	return 0;
}

/* Return: 0, or the exit code. */
static int take_option(struct pull *p, int c)
{
	switch (c) {
	case OPT_AUTHFILE:
		p->authfile = optarg;
		return 0;
	case OPT_POLICY:
		p->policy = optarg;
		return 0;
	case OPT_KEEP: /* podd's: what a pod that starts has already (supervisor/missing.c) */
		(void)json_array_append_new(p->used, json_string(optarg));
		return 0;
	case OPT_TIMEOUT:
		return take_number(p->ctl, &p->args.stall_s, 1, STALL_S_MAX, "seconds");
	case OPT_RETRIES:
		return take_number(p->ctl, &p->args.retries, 0, RETRIES_MAX, "retries");
	default:
		return limits_take(p->ctl, c, &p->args.limits);
	}
}

/* podctl image pull */
int cmd_image_pull(struct ctl *ctl, int argc, char **argv)
{
	static const struct option longs[] = { { "authfile", required_argument, NULL,
						 OPT_AUTHFILE },
					       { "timeout", required_argument, NULL, OPT_TIMEOUT },
					       { "retries", required_argument, NULL, OPT_RETRIES },
					       { "policy", required_argument, NULL, OPT_POLICY },
					       { "keep", required_argument, NULL, OPT_KEEP },
					       IMAGE_LIMIT_OPTIONS,
					       CTL_COMMON_OPTIONS };
	struct pull p;
	int c, code;

	pull_init(&p, ctl);
	while ((c = ctl_option(ctl, argc, argv, ":", longs)) > 0) {
		code = take_option(&p, c);
		if (code)
			return code;
	}
	if (c == CTL_STOP)
		return ctl->exit_code;
	code = ctl_positional(ctl, argc, argv, 1, INT_MAX);
	return code ? code : pull(&p, argc - optind, argv + optind);
}
