/* SPDX-License-Identifier: MIT */
/* podctl image tag, remove and prune: what changes the list of images. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "ctl/image/budget.h"
#include "image/collect.h"
#include "image/generation.h"
#include "image/usage.h"

#define PRUNE_VERSION 1

enum { OPT_REPLACE = CTL_OPT_FIRST, OPT_FORCE, OPT_ALL, OPT_KEEP_BYTES, OPT_DRY_RUN };

/**
 * change_begin() - become the store's writer, and see who needs what
 * @c: released by change_end(), whatever this returned
 *
 * Return: 0 or -errno with @err filled.
 */
int change_begin(struct change *c, struct ctl *ctl, struct err *err)
{
	int r;

	*c = (struct change){
		.ctl = ctl, .out = ctl->out, .w = IMAGE_WRITER_EMPTY, .removed = json_array()
	};
	for (size_t i = 0; i < IMAGE_STORES_MAX; i++)
		c->stores.list[i].dirfd = -EBADF;
	r = paths_open(&c->paths, ctl->root, PATHS_CREATE, err);
	if (r < 0)
		return r;
	r = writer_open(&c->w, ctl, &c->paths, err);
	if (r == 0)
		r = image_stores_open(&c->stores, &c->paths, err);
	if (r == 0)
		r = uses_collect(&c->uses, &c->paths, &c->stores, err);
	return r < 0 ? r : image_store_index(&c->index, &c->w.store, err);
}

void change_end(struct change *c)
{
	uses_done(&c->uses);
	image_stores_close(&c->stores);
	image_writer_close(&c->w);
	paths_close(&c->paths);
	json_decref(c->index);
	json_decref(c->removed);
}

/* ------------------------------------------------------------------------ tag */

static int tag(struct change *c, const char *image, const char *name, bool replace,
	       struct err *err)
{
	struct image_entry entry = { .size = 0 };
	struct image_ref ref;
	struct found found;
	struct image whole;
	int r = image_ref_parse(&ref, name, err);

	if (r == 0 && (ref.kind != IMAGE_REF_NAME || ref.digest.hex[0]))
		r = err_set(err, EINVAL, "'%.200s' is no name for an image", name);
	if (r == 0)
		r = find_changeable(&found, c->index, &c->stores, image, err);
	if (r == 0)
		r = image_load(&whole, &c->w.store, &found.id, err);
	if (r < 0)
		return r;
	image_done(&whole);
	entry.id = found.id;
	/* Its entry has the size and the index. */
	for (size_t i = 0; i < json_array_size(json_object_get(c->index, "manifests")); i++) {
		const json_t *e = json_array_get(json_object_get(c->index, "manifests"), i);
		const char *index = json_string_value(
			json_object_get(json_object_get(e, "annotations"), IMAGE_INDEX_ANNOTATION));
		struct digest id;

		if (!image_index_digest(e, &id) || !digest_equal(&id, &entry.id))
			continue;
		entry.size = (uint64_t)json_integer_value(json_object_get(e, "size"));
		if (index)
			(void)digest_parse(&entry.index, index); /* else it stays empty */
	}
	memcpy(entry.name, ref.name, sizeof(entry.name));
	r = image_index_enter(c->index, &entry, replace, err);
	return r < 0 ? r : image_writer_replace_index(&c->w, c->index, err);
}

/* podctl image tag */
int cmd_image_tag(struct ctl *ctl, int argc, char **argv)
{
	static const struct option longs[] = { { "replace", no_argument, NULL, OPT_REPLACE },
					       CTL_COMMON_OPTIONS };
	struct change change;
	struct err err = { 0 };
	bool replace = false;
	int c, code, r;

	while ((c = ctl_option(ctl, argc, argv, ":", longs)) > 0)
		replace = true;
	if (c == CTL_STOP)
		return ctl->exit_code;
	code = ctl_positional(ctl, argc, argv, 2, 2);
	if (code)
		return code;
	r = change_begin(&change, ctl, &err);
	if (r == 0)
		r = tag(&change, argv[optind], argv[optind + 1], replace, &err);
	change_end(&change);
	return r < 0 ? ctl_fail(ctl, CTL_FAILED, &err) : CTL_OK;
}

/* --------------------------------------------------------------------- removal */

/**
 * change_tell() - that something goes; change_write() says so
 * @kind: "image", "name", "blob", "layer", "generations" or "download"
 */
void change_tell(struct change *c, const char *kind, const char *name, uint64_t bytes)
{
	(void)json_array_append_new( /* short only without memory */
		c->removed, json_pack("{s:s, s:s, s:I}", "kind", kind, "name", name, "bytes",
				      (json_int_t)bytes));
	c->freed_bytes += bytes;
}

static void print_removed(const struct change *c)
{
	const json_t *e;
	size_t i;

	json_array_foreach(c->ctl->json ? NULL : c->removed, i, e) {
		const char *kind = json_string_value(json_object_get(e, "kind"));

		if (strcmp(kind, "image") == 0 || strcmp(kind, "name") == 0)
			fprintf(c->out, "%s %s\n", c->dry_run ? "would remove" : "removed",
				json_string_value(json_object_get(e, "name")));
	}
}

static void found(void *ctx, const char *kind, const struct digest *d, uint64_t bytes)
{
	change_tell(ctx, kind, d->hex, bytes);
}

/**
 * change_write() - let the list of images be true
 *
 * The list first, then who uses what is read, then files go (image/store.h).
 *
 * Return: 0 or -errno with @err filled.
 */
int change_write(struct change *c, struct err *err)
{
	const struct collect_report report = { .found = found, .ctx = c, .dry_run = c->dry_run };
	int r = image_collect_list(&c->w, c->index, c->paths.run, &report, err);

	if (r < 0)
		return r;
	print_removed(c);
	return image_collect(&c->w, c->index, c->paths.run, &report, err);
}

static void print_end(struct change *c)
{
	json_auto_t *doc = NULL;
	char size[16];

	if (c->ctl->json) {
		doc = json_pack("{s:i, s:b, s:O, s:I}", "version", PRUNE_VERSION,
				"dry_run", c->dry_run, "removed", c->removed,
				"bytes", (json_int_t)c->freed_bytes);
		ctl_print_json(c->ctl, doc);
	} else if (c->freed_bytes > 0) {
		fprintf(c->ctl->out, "%s of blobs %s\n", size_text(size, c->freed_bytes),
			c->dry_run ? "would be freed" : "freed");
	}
}

static unsigned names_of(const json_t *index, const struct digest *id)
{
	const json_t *e;
	struct digest d;
	unsigned n = 0;
	size_t i;

	json_array_foreach(json_object_get(index, "manifests"), i, e)
		n += image_index_digest(e, &d) && digest_equal(&d, id);
	return n;
}

static const char *first_of(const json_t *pods)
{
	return json_object_iter_key(json_object_iter((json_t *)pods));
}

/* What cannot be read may be the file of a pod that needs it. */
static int refuse_unread(const struct change *c, const char *text, struct err *err)
{
	return err_set(err, EBUSY, "'%.200s' cannot be read, and its pod may need image '%.200s'; "
		       "--force removes it all the same", c->uses.unreadable, text);
}

static int refuse_needed_name(const struct change *c, const char *name, struct err *err)
{
	const json_t *pods = uses_of_name(&c->uses, name);

	if (c->force || !pods)
		return 0;
	return err_set(err, EBUSY,
		       "the name '%.200s' is that of an image of pod '%s'; --force removes "
		       "it all the same", name, first_of(pods));
}

/* A pod that runs one image may have been given another by its file. */
static int refuse_needed_names(const struct change *c, const struct digest *id, struct err *err)
{
	const json_t *e;
	struct digest d;
	size_t i;
	int r = 0;

	json_array_foreach(json_object_get(c->index, "manifests"), i, e)
		if (r == 0 && image_index_name(e) && image_index_digest(e, &d) &&
		    digest_equal(&d, id))
			r = refuse_needed_name(c, image_index_name(e), err);
	return r;
}

static int refuse_used(const struct change *c, const struct digest *id, const char *text,
		       struct err *err)
{
	const json_t *pods = uses_of(&c->uses, id);

	if (c->force)
		return 0;
	if (pods)
		return err_set(err, EBUSY,
			       "image '%.200s' is that of pod '%s'; --force removes it all the "
			       "same", text, first_of(pods));
	if (c->uses.unreadable[0])
		return refuse_unread(c, text, err);
	return refuse_needed_names(c, id, err);
}

static int drop_name(struct change *c, const char *name, const char *text, struct err *err)
{
	int r = refuse_needed_name(c, name, err);

	if (r == 0 && !c->force && c->uses.any_name)
		r = refuse_unread(c, text, err);
	if (r < 0)
		return r;
	change_tell(c, "name", name, 0); /* which may be of the entry that goes */
	(void)image_index_drop_name(c->index, name); /* it is there */
	return 0;
}

/* A name goes, or, by digest, the image with all of them. */
static int drop_one(struct change *c, const char *text, struct err *err)
{
	struct found found;
	int r = find_changeable(&found, c->index, &c->stores, text, err);

	if (r < 0)
		return r;
	if (found.name && names_of(c->index, &found.id) > 1)
		return drop_name(c, found.name, text, err);
	r = refuse_used(c, &found.id, text, err);
	if (r < 0)
		return r;
	(void)image_index_drop(c->index, &found.id);
	change_tell(c, "image", text, 0);
	return 0;
}

/* podctl image remove */
int cmd_image_remove(struct ctl *ctl, int argc, char **argv)
{
	static const struct option longs[] = { { "force", no_argument, NULL, OPT_FORCE },
					       CTL_COMMON_OPTIONS };
	struct change change;
	struct err err = { 0 };
	bool force = false;
	int c, code, r;

	while ((c = ctl_option(ctl, argc, argv, ":", longs)) > 0)
		force = true;
	if (c == CTL_STOP)
		return ctl->exit_code;
	code = ctl_positional(ctl, argc, argv, 1, argc);
	if (code)
		return code;
	r = change_begin(&change, ctl, &err);
	change.force = force;
	for (int i = optind; r == 0 && i < argc; i++)
		r = drop_one(&change, argv[i], &err);
	if (r == 0)
		r = change_write(&change, &err);
	if (r == 0)
		print_end(&change);
	change_end(&change);
	return r < 0 ? ctl_fail(ctl, CTL_FAILED, &err) : CTL_OK;
}

/* A file of generations outlives its pod, which may come back, but not its pod file. */
static int drop_generations(struct change *c, struct err *err)
{
	const json_t *pod;
	size_t i;
	int r = 0;

	json_array_foreach(c->uses.gone, i, pod) {
		const char *name = json_string_value(pod);

		if (r == 0 && !c->dry_run)
			r = generation_remove(c->paths.lib, name, err);
		if (r == 0)
			change_tell(c, "generations", name, 0);
	}
	return r;
}

/*
 * Images that lost their name to another; with @all, those that no pod needs. Where
 * a file of generations cannot be read, one without a name may be its pod's.
 */
static int drop_unused(struct change *c, bool all, struct err *err)
{
	json_t *manifests = json_object_get(c->index, "manifests");

	if (all && c->uses.unreadable[0])
		return err_set(err, EBUSY,
			       "'%.400s' cannot be read, and its pod may need any image",
			       c->uses.unreadable);
	for (size_t i = json_array_size(c->uses.warnings) ? 0 : json_array_size(manifests);
	     i-- > 0;) {
		const json_t *e = json_array_get(manifests, i);
		const char *name = image_index_name(e);
		char text[DIGEST_TEXT_SIZE];
		struct digest id;

		if (!image_index_digest(e, &id) || uses_of(&c->uses, &id) || (name && !all))
			continue;
		change_tell(c, "image", name ? name : digest_text(&id, text), 0);
		(void)json_array_remove(manifests, i);
	}
	return 0;
}

static int drop_leftovers(struct change *c, struct err *err)
{
	uint64_t bytes;
	int r = image_usage_of_leftovers(&bytes, &c->w, err);

	if (r == 0 && bytes > 0)
		change_tell(c, "download", IMAGE_WRITER_LEFTOVERS, bytes);
	return r < 0 || c->dry_run ? r : image_writer_drop_leftovers(&c->w, err);
}

/* podctl image prune */
int cmd_image_prune(struct ctl *ctl, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "all", no_argument, NULL, OPT_ALL },
		{ "keep-bytes", required_argument, NULL, OPT_KEEP_BYTES },
		{ "dry-run", no_argument, NULL, OPT_DRY_RUN },
		CTL_COMMON_OPTIONS
	};
	bool all = false, dry_run = false, sized = false;
	uint64_t keep = 0;
	struct change change;
	struct err err = { 0 };
	int c, code, r;

	while ((c = ctl_option(ctl, argc, argv, ":", longs)) > 0) {
		all |= c == OPT_ALL;
		dry_run |= c == OPT_DRY_RUN;
		sized |= c == OPT_KEEP_BYTES;
		if (c == OPT_KEEP_BYTES && size_parse(&keep, optarg, &err) < 0)
			return ctl_usage_error(ctl, "%s", err.msg);
	}
	if (c == CTL_STOP)
		return ctl->exit_code;
	code = ctl_positional(ctl, argc, argv, 0, 0);
	if (code)
		return code;
	if (all && sized)
		return ctl_usage_error(ctl, "--all and --keep-bytes exclude each other");
	r = change_begin(&change, ctl, &err);
	change.dry_run = dry_run;
	if (r == 0)
		r = sized ? budget_drop(&change, keep, NULL, &err) :
			    drop_unused(&change, all, &err);
	if (r == 0)
		uses_warn(&change.uses, ctl);
	if (r == 0)
		r = change_write(&change, &err);
	if (r == 0)
		r = drop_generations(&change, &err);
	if (r == 0)
		r = drop_leftovers(&change, &err);
	if (r == 0)
		print_end(&change);
	change_end(&change);
	return r < 0 ? ctl_fail(ctl, CTL_FAILED, &err) : CTL_OK;
}
