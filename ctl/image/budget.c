/* SPDX-License-Identifier: MIT */
/* The store's budget: what has to fit, and what goes. */
#include "ctl/image/budget.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "image/usage.h"

#define SPACE " \t\n"

/* One size, blanks around it, and nothing else. */
static int parse_file(uint64_t *out, char *text, size_t n, struct err *err)
{
	char *size = text + strspn(text, SPACE);

	if (strlen(text) < n)
		return err_set(err, EINVAL, "it is no text");
	while (n > 0 && strchr(SPACE, text[n - 1]))
		text[--n] = '\0';
	if (strchr(size, '\n'))
		return err_set(err, EINVAL, "it holds more than one line");
	return size_parse(out, size, err);
}

/* Return: 0 or -errno with @err filled; without the file, *out is ROOM_NO_BUDGET. */
static int read_budget(uint64_t *out, const struct paths *paths, struct err *err)
{
	char text[256];
	ssize_t n = paths->etc < 0 ? -ENOENT :
				     io_read_file(paths->etc, BUDGET_FILE, text, sizeof(text), err);
	int r;

	*out = ROOM_NO_BUDGET;
	if (n < 0)
		return n == -ENOENT ? 0 : (int)n;
	r = parse_file(out, text, (size_t)n, err);
	return r < 0 ? err_wrap(err, r, "'%s/etc/podd/" BUDGET_FILE "'", paths->root) : 0;
}

static bool is_kept(const json_t *keep, const struct digest *id)
{
	return json_object_get(keep, id->hex) != NULL;
}

static bool is_here(const struct image_writer *w, const struct digest *id)
{
	return faccessat(w->blobs_fd, id->hex, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Of a set of digests, those that this store has and that are not counted yet. */
static int count_set(struct image_usage *u, const json_t *set, const json_t *but, struct err *err)
{
	struct digest id;
	const char *hex;
	json_t *value;
	int r = 0;

	json_object_foreach((json_t *)set, hex, value)
		if (r == 0 && digest_parse_hex(&id, hex) && is_here(u->w, &id) &&
		    !is_kept(but, &id))
			r = image_usage_add(u, &id, err);
	return r;
}

/* ------------------------------------------------------------------ before a load */

/* What the other images have. One that is damaged has nothing that could be shared. */
static int measure_others(struct room *out, struct image_usage *u, struct err *err)
{
	json_auto_t *index = NULL;
	const json_t *e;
	struct digest id;
	size_t i;
	int r = image_store_index(&index, &u->w->store, err);

	out->losable = r < 0 ? NULL : json_object();
	json_array_foreach(json_object_get(index, "manifests"), i, e)
		if (r != -ENOMEM && image_index_digest(e, &id))
			r = image_usage_beside(out->losable, u, &id, err);
	return r == -ENOMEM || !index ? r : 0;
}

static int measure(struct room *out, const struct uses *uses, const struct image_writer *w,
		   const json_t *keep, struct err *err)
{
	struct image_usage u;
	int r = image_usage_begin(&u, w, err);

	if (r == 0)
		r = count_set(&u, uses->pods, NULL, err);
	if (r == 0)
		r = count_set(&u, keep, uses->pods, err);
	out->kept_bytes = u.total;
	if (r == 0)
		r = measure_others(out, &u, err);
	image_usage_done(&u);
	return r;
}

/**
 * budget_room() - what a load has to fit into
 * @out: released by room_done(), whatever this returned
 *
 * Return: 0 or -errno with @err filled.
 */
int budget_room(struct room *out, const struct paths *paths, const struct image_writer *w,
		const json_t *keep, struct err *err)
{
	struct image_stores stores;
	struct uses uses;
	int r;

	*out = (struct room){ .budget_bytes = ROOM_NO_BUDGET };
	r = read_budget(&out->budget_bytes, paths, err);
	if (r < 0 || out->budget_bytes == ROOM_NO_BUDGET)
		return r;
	r = image_stores_open(&stores, paths, err);
	if (r < 0)
		return r;
	r = uses_collect(&uses, paths, &stores, err);
	if (r == 0)
		r = measure(out, &uses, w, keep, err);
	uses_done(&uses);
	image_stores_close(&stores);
	return r < 0 ? err_wrap(err, r, "the image store's budget") : 0;
}

/* ------------------------------------------------------------------- after a load */

/* Whether entry @i is the one that the image was taken in by, or named by, last. */
static bool is_last_of(const json_t *manifests, size_t i, const struct digest *id)
{
	struct digest d;

	while (++i < json_array_size(manifests))
		if (image_index_digest(json_array_get(manifests, i), &d) && digest_equal(&d, id))
			return false;
	return true;
}

static int count_all(struct image_usage *u, const struct change *c, struct err *err)
{
	const json_t *manifests = json_object_get(c->index, "manifests"), *e;
	json_auto_t *seen = json_object();
	struct digest id;
	size_t i;
	int r = 0;

	json_array_foreach(manifests, i, e) {
		if (r < 0 || !image_index_digest(e, &id) || !is_last_of(manifests, i, &id))
			continue;
		r = image_usage_add(u, &id, err);
		if (r == 0 && json_object_set_new(seen, id.hex, json_true()) < 0)
			r = err_set(err, ENOMEM, "measure the images: out of memory");
	}
	/* What runs stays on the disk, whether it is still in the list or not. */
	return r < 0 ? r : count_set(u, c->uses.pods, seen, err);
}

static int drop_image(struct change *c, struct image_usage *u, const struct digest *id,
		      const char *name, struct err *err)
{
	char text[DIGEST_TEXT_SIZE];
	int r = image_usage_drop(u, id, err);

	if (r < 0)
		return r;
	change_tell(c, "image", name ? name : digest_text(id, text), 0);
	(void)image_index_drop(c->index, id); /* it is there */
	return 0;
}

/* Where a file of generations cannot be read, one without a name may be its pod's. */
static bool may_go(const struct change *c, const json_t *entry, const struct digest *id,
		   const json_t *keep)
{
	if (uses_of(&c->uses, id) || is_kept(keep, id))
		return false;
	return image_index_name(entry) || json_array_size(c->uses.warnings) == 0;
}

/* Return: the position in the list to go on at, or -errno with @err filled. */
static int look_at(struct change *c, struct image_usage *u, size_t i, const json_t *keep,
		   struct err *err)
{
	const json_t *manifests = json_object_get(c->index, "manifests");
	const json_t *e = json_array_get(manifests, i);
	size_t before = json_array_size(manifests);
	struct digest id;
	int r;

	if (!image_index_digest(e, &id) || !is_last_of(manifests, i, &id) ||
	    !may_go(c, e, &id, keep))
		return (int)i + 1;
	r = drop_image(c, u, &id, image_index_name(e), err);
	/* All of its entries were at this place or before it. */
	return r < 0 ? r : (int)(i + 1 - (before - json_array_size(manifests)));
}

static int drop_oldest(struct change *c, struct image_usage *u, uint64_t bytes,
		       const json_t *keep, struct err *err)
{
	int i = 0;

	while (i >= 0 && u->total > bytes &&
	       (size_t)i < json_array_size(json_object_get(c->index, "manifests")))
		i = look_at(c, u, (size_t)i, keep, err);
	if (i >= 0 && u->total > bytes) {
		char is[16], wanted[16];

		fprintf(c->ctl->errors, "podctl: the images that must stay take %s, more than %s\n",
			size_text(is, u->total), size_text(wanted, bytes));
	}
	return i < 0 ? i : 0;
}

/**
 * budget_drop() - take from the list what no pod needs, until the rest takes so many bytes
 *
 * The one that was taken or named longest ago goes first. change_write() does the rest.
 *
 * Return: 0; -EBUSY when a pod's file cannot be read; -errno. @err is filled.
 */
int budget_drop(struct change *c, uint64_t bytes, const json_t *keep, struct err *err)
{
	struct image_usage u;
	int r = image_usage_begin(&u, &c->w, err);

	if (r == 0)
		r = count_all(&u, c, err);
	if (r == 0 && u.total > bytes && c->uses.unreadable[0])
		r = err_set(err, EBUSY, "'%.400s' cannot be read, and its pod may need any image",
			    c->uses.unreadable);
	if (r == 0)
		r = drop_oldest(c, &u, bytes, keep, err);
	image_usage_done(&u);
	return r;
}

static int drop_and_write(struct change *c, uint64_t bytes, const json_t *keep, struct err *err)
{
	const json_t *manifests = json_object_get(c->index, "manifests");
	size_t before = json_array_size(manifests);
	int r;

	c->out = c->ctl->errors;
	r = budget_drop(c, bytes, keep, err);
	return r < 0 || json_array_size(manifests) == before ? r : change_write(c, err);
}

static int enforce(struct ctl *ctl, const json_t *keep, struct err *err)
{
	struct change c;
	struct paths paths;
	uint64_t bytes;
	int r = paths_open(&paths, ctl->root, PATHS_CREATE, err);

	if (r < 0)
		return r;
	r = read_budget(&bytes, &paths, err);
	paths_close(&paths);
	if (r < 0 || bytes == ROOM_NO_BUDGET)
		return r;
	r = change_begin(&c, ctl, err);
	if (r == 0)
		r = drop_and_write(&c, bytes, keep, err);
	change_end(&c);
	return r;
}

/**
 * budget_enforce() - after a load: remove what the budget has no room for
 *
 * The load has been done, so what goes wrong is told and fails nothing.
 */
void budget_enforce(struct ctl *ctl, const json_t *keep)
{
	struct err err = { 0 };

	if (enforce(ctl, keep, &err) < 0)
		fprintf(ctl->errors, "podctl: the image store's budget: %s, ignoring\n", err.msg);
}
