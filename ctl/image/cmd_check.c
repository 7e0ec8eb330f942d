/* SPDX-License-Identifier: MIT */
/* podctl image verify, fsck and export: what reads all of an image. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "ctl/image/image.h"
#include "image/check.h"
#include "image/collect.h"
#include "image/export.h"
#include "image/import.h"

#define CHECK_VERSION 1
#define TRIES	      3 /* beside who changes the store */

enum { OPT_REPAIR = CTL_OPT_FIRST };

static void tell(struct ctl *ctl, json_t *images, const struct digest *id, const struct err *damage)
{
	char text[DIGEST_TEXT_SIZE];

	(void)json_array_append_new( /* short only without memory */
		images, json_pack("{s:s, s:b, s:o}", "digest", digest_text(id, text), "ok", !damage,
				  "failure", damage ? json_text_string(damage->msg) : json_null()));
	if (!ctl->json && damage)
		(void)ctl_fail(ctl, CTL_FAILED, damage);
}

/* By another command meanwhile: its files go after it has left the list. */
static bool is_removed(const struct image_store *store, const struct digest *id)
{
	json_auto_t *index = NULL;
	struct digest d;
	const json_t *e;
	size_t i;

	if (image_store_index(&index, store, NULL) < 0)
		return false;
	json_array_foreach(json_object_get(index, "manifests"), i, e)
		if (image_index_digest(e, &d) && digest_equal(&d, id))
			return false;
	return true;
}

/* A list that has changed says nothing of the time between: what it lists may have been
 * removed and come again. Return: 1: it is not listed any more. */
static int check_listed(const struct image_store *store, const struct digest *id, struct err *err)
{
	int r = 0;

	for (int i = 0; i < TRIES; i++) {
		cleanup_close int list = image_store_hold(store);

		r = image_check(store, id, &import_limits_default.worker, err);
		if (r < 0 && is_removed(store, id))
			return 1;
		if (r == 0 || image_store_is_held(store, list))
			return r;
	}
	return r;
}

static int check_one(struct ctl *ctl, json_t *images, const struct image_store *store,
		     const struct digest *id, bool *damaged)
{
	char text[DIGEST_TEXT_SIZE];
	struct err err = { 0 };
	int r = check_listed(store, id, &err);

	if (r > 0)
		return 0;
	if (r < 0)
		(void)err_wrap(&err, r, "image '%s'", digest_text(id, text));
	tell(ctl, images, id, r < 0 ? &err : NULL);
	*damaged |= r < 0;
	return r;
}

/* podctl image verify */
int cmd_image_verify(struct ctl *ctl, int argc, char **argv)
{
	static const struct option longs[] = { CTL_COMMON_OPTIONS };
	json_auto_t *images = json_array(), *doc = NULL;
	struct image_stores stores;
	struct err err = { 0 };
	bool damaged = false;
	int r, code;

	if (ctl_option(ctl, argc, argv, ":", longs) == CTL_STOP)
		return ctl->exit_code;
	code = ctl_positional(ctl, argc, argv, 1, argc);
	if (code == 0)
		code = ctl_open(ctl);
	if (code)
		return code;
	r = image_stores_open(&stores, &ctl->paths, &err);
	for (int i = optind; r == 0 && i < argc; i++) {
		const struct image_store *store;
		struct digest id;

		/* Nothing of it is read here: it may be damaged. */
		r = find_stored(&id, &store, &stores, argv[i], &err);
		if (r == 0)
			(void)check_one(ctl, images, store, &id, &damaged);
	}
	if (r == 0 && ctl->json) {
		doc = json_pack("{s:i, s:O}", "version", CHECK_VERSION, "images", images);
		ctl_print_json(ctl, doc);
	}
	image_stores_close(&stores);
	if (r < 0)
		return ctl_fail(ctl, CTL_FAILED, &err);
	return damaged ? CTL_FAILED : CTL_OK;
}

/* ----------------------------------------------------------------------- fsck */

struct fsck {
	struct ctl *ctl;
	struct paths paths;
	struct image_writer w;
	json_t *index, *images;
	unsigned unused;
	bool repair, damaged;
	bool rebuilt; /* there was no list of images that could be read */
};

static void count_unused(void *ctx, const char *kind, const struct digest *d, uint64_t bytes)
{
	struct fsck *f = ctx;

	(void)kind;
	(void)d;
	(void)bytes;
	f->unused++;
}

/* Each image once, however many names it has; repaired, a damaged one is gone. */
static void check_all(struct fsck *f)
{
	json_t *manifests = json_object_get(f->index, "manifests");
	json_auto_t *seen = json_object();

	for (size_t i = 0; i < json_array_size(manifests);) {
		struct digest id;

		if (!image_index_digest(json_array_get(manifests, i), &id) ||
		    json_object_get(seen, id.hex)) {
			i++;
			continue;
		}
		(void)json_object_set_new(seen, id.hex, json_true());
		if (check_one(f->ctl, f->images, &f->w.store, &id, &f->damaged) < 0 && f->repair)
			(void)image_index_drop(f->index, &id);
		else
			i++;
	}
}

/* Beside a writer, who takes images from the list before their files: one that never
 * stands still lets nothing be counted. */
static int count(struct fsck *f, const struct collect_report *report, struct err *err)
{
	for (int i = 0; i < TRIES; i++) {
		cleanup_close int list = image_store_hold(&f->w.store);
		json_auto_t *index = NULL;
		int r = image_store_index(&index, &f->w.store, err);

		f->unused = 0;
		if (r == 0)
			r = image_collect(&f->w, index, f->paths.run, report, err);
		if (r == 0 || image_store_is_held(&f->w.store, list))
			return r;
	}
	f->unused = 0;
	return 0;
}

/* What is unused is no damage: a power cut leaves it. With --repair it goes, unless
 * it is the list that was damaged: that may yet be mended by hand. */
static int collect(struct fsck *f, struct err *err)
{
	const struct collect_report report = { .found = count_unused, .ctx = f,
					       .dry_run = !f->repair || f->rebuilt };
	int r;

	if (!f->repair) /* what a damaged image is made of cannot be told */
		return f->damaged ? 0 : count(f, &report, err);
	r = image_collect_list(&f->w, f->index, f->paths.run, &report, err);
	return r < 0 ? r : image_collect(&f->w, f->index, f->paths.run, &report, err);
}

static int rebuild(struct fsck *f, const struct err *damage, struct err *err)
{
	struct rebuilt found;
	struct err told;
	bool was_there = faccessat(f->w.store.dirfd, "index.json", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	int r = rebuild_index(&found, &f->index, &f->w, &f->paths, err);

	if (r == 0) /* a check reads it */
		r = image_writer_replace_index(&f->w, f->index, err);
	if (r < 0)
		return r;
	f->rebuilt = f->damaged = true;
	(void)err_set(&told, damage->code,
		      "%s; %sin a new one are %u images with %u names: all other "
		      "names are lost, and what is known of signatures", damage->msg,
		      was_there ? "it is 'index.json.damaged' now, and " : "", found.images,
		      found.names);
	(void)ctl_fail(f->ctl, CTL_FAILED, &told);
	return 0;
}

static int read_index(struct fsck *f, struct err *err)
{
	struct err damage = { 0 };
	int r = image_store_index(&f->index, &f->w.store, &damage);

	if (f->repair && (r == -EBADMSG || r == -EFBIG))
		return rebuild(f, &damage, err);
	if (r == -EBADMSG || r == -EFBIG)
		return err_set(err, -r, "%s; --repair makes a new one", damage.msg);
	return r < 0 ? err_set(err, -r, "%s", damage.msg) : 0;
}

/* Only who repairs waits for others. */
static int open_store(struct fsck *f, struct err *err)
{
	int r = f->repair ? -ENOENT : image_writer_look(&f->w, &f->paths, err);

	if (r != -ENOENT)
		return r;
	image_writer_close(&f->w); /* there is none yet, or not all of one */
	return writer_open(&f->w, f->ctl, &f->paths, err);
}

static int fsck(struct fsck *f, struct err *err)
{
	int r = paths_open(&f->paths, f->ctl->root, PATHS_CREATE, err);

	if (r < 0)
		return r;
	r = open_store(f, err);
	if (r == 0)
		r = read_index(f, err);
	if (r == 0)
		check_all(f);
	if (r == 0)
		r = collect(f, err);
	image_writer_close(&f->w);
	paths_close(&f->paths);
	return r;
}

static void print_fsck(struct fsck *f)
{
	json_auto_t *doc = NULL;

	if (f->ctl->json) {
		doc = json_pack("{s:i, s:O, s:i, s:b, s:b}", "version", CHECK_VERSION,
				"images", f->images, "unused", f->unused,
				"repaired", f->repair, "rebuilt", f->rebuilt);
		ctl_print_json(f->ctl, doc);
		return;
	}
	fprintf(f->ctl->out, "%zu images, %s; %u unused blobs and layers%s\n",
		json_array_size(f->images), f->damaged ? "damage found" : "all whole", f->unused,
		f->repair && !f->rebuilt ? " removed" : "");
}

/* podctl image fsck */
int cmd_image_fsck(struct ctl *ctl, int argc, char **argv)
{
	static const struct option longs[] = { { "repair", no_argument, NULL, OPT_REPAIR },
					       CTL_COMMON_OPTIONS };
	struct fsck f = { .ctl = ctl, .w = IMAGE_WRITER_EMPTY };
	struct err err = { 0 };
	int c, code, r;

	while ((c = ctl_option(ctl, argc, argv, ":", longs)) > 0)
		f.repair = true;
	if (c == CTL_STOP)
		return ctl->exit_code;
	code = ctl_positional(ctl, argc, argv, 0, 0);
	if (code)
		return code;
	f.images = json_array();
	r = fsck(&f, &err);
	if (r == 0)
		print_fsck(&f);
	json_decref(f.images);
	json_decref(f.index);
	if (r < 0)
		return ctl_fail(ctl, CTL_FAILED, &err);
	return f.damaged ? CTL_FAILED : CTL_OK;
}

/* --------------------------------------------------------------------- export */

static int open_target(const char *path, struct err *err)
{
	int fd;

	if (strcmp(path, "-") == 0) {
		if (isatty(STDOUT_FILENO))
			return err_set(err, EINVAL, "an archive is not for a terminal");
		fd = dup(STDOUT_FILENO);
	} else {
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0644);
	}
	return fd < 0 ? err_sys(err, "open '%s'", path) : fd;
}

static int export_to(struct ctl *ctl, const char *text, const char *path, struct err *err)
{
	cleanup_close int fd = -EBADF;
	struct image_stores stores;
	struct image_ref ref;
	struct image image;
	bool named;
	int r = image_stores_open(&stores, &ctl->paths, err);

	if (r < 0)
		return r;
	r = find_image(&image, &stores, text, err);
	if (r == 0) {
		fd = open_target(path, err);
		named = image_ref_parse(&ref, text, NULL) == 0 && ref.kind == IMAGE_REF_NAME &&
			!ref.digest.hex[0];
		r = fd < 0 ? fd : image_export(&image, named ? ref.name : NULL, fd, err);
		image_done(&image);
	}
	image_stores_close(&stores);
	return r;
}

/* podctl image export */
int cmd_image_export(struct ctl *ctl, int argc, char **argv)
{
	static const struct option longs[] = { CTL_COMMON_OPTIONS };
	struct err err = { 0 };
	int code;

	if (ctl_option(ctl, argc, argv, ":", longs) == CTL_STOP)
		return ctl->exit_code;
	code = ctl_positional(ctl, argc, argv, 2, 2);
	if (code == 0)
		code = ctl_open(ctl);
	if (code)
		return code;
	return export_to(ctl, argv[optind], argv[optind + 1], &err) < 0 ?
		       ctl_fail(ctl, CTL_FAILED, &err) : CTL_OK;
}
