/* SPDX-License-Identifier: MIT */
/* Comparing a layer with its stream. */
#include "image/compare.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/strv.h"
#include "image/attributes.h"
#include "image/tree.h"

#define CHUNK (128 * 1024)

/* What the stream says of a directory, which may be in it more than once. */
struct directory {
	char *path;
	size_t order;
	bool implied; /* has no entry here: something in it has */
	mode_t mode;
	uid_t uid;
	gid_t gid;
	struct timespec mtime;
	struct attribute *attributes;
};

struct paths {
	char **list;
	size_t n;
};

struct comparison {
	const struct compare_args *args;
	struct layer_reader *reader;
	struct tree tree;
	struct paths files; /* and all else that is no directory */
	struct paths whiteouts, opaque;
	struct directory *directories;
	size_t directory_n, directory_room;
	char *buf;
};

static int out_of_memory(struct err *err)
{
	return err_set(err, ENOMEM, "compare the layer: out of memory");
}

/**
 * compare_differs() - -EBADMSG, with a sentence that says what is not as it was
 */
int compare_differs(struct err *err, const char *path, const char *how)
{
	return err_set(err, EBADMSG, "'%.200s' is not what it was unpacked as: %s", path, how);
}

/**
 * compare_attribute_differs() - the same of an extended attribute
 */
int compare_attribute_differs(struct err *err, const char *path, const char *name)
{
	return err_set(err, EBADMSG, "'%.200s' is not what it was unpacked as: its attribute "
		       "'%.200s'", path, name);
}

/* ----------------------------------------------------------------------- paths */

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int paths_add(struct paths *p, const char *path, struct err *err)
{
	return strv_push_copy(&p->list, &p->n, path) < 0 ? out_of_memory(err) : 0;
}

static void paths_sort(struct paths *p)
{
	if (p->n > 0)
		qsort(p->list, p->n, sizeof(*p->list), by_bytes);
}

/* Of a sorted list. */
static bool paths_have(const struct paths *p, const char *path)
{
	return p->n > 0 && bsearch(&path, p->list, p->n, sizeof(*p->list), by_bytes);
}

/* Whether a path is one of the list, or below one. */
static bool paths_cover(const struct paths *p, const char *path)
{
	char part[PATH_MAX];

	snprintf(part, sizeof(part), "%s", path);
	for (;;) {
		char *slash = strrchr(part, '/');

		if (paths_have(p, part))
			return true;
		if (!slash)
			return false;
		*slash = '\0';
	}
}

/* ----------------------------------------------------------------- directories */

static int by_path_and_order(const void *a, const void *b)
{
	const struct directory *x = a, *y = b;
	int r = strcmp(x->path, y->path);

	return r != 0 ? r : (x->order > y->order) - (x->order < y->order);
}

/* Takes @d's attributes. */
static int add_directory(struct comparison *c, const char *path, struct directory d,
			 struct err *err)
{
	if (c->directory_n == c->directory_room) {
		size_t room = c->directory_room ? c->directory_room * 2 : 256;
		struct directory *grown = realloc(c->directories, room * sizeof(*grown));

		if (grown) {
			c->directories = grown;
			c->directory_room = room;
		}
	}
	d.path = c->directory_n < c->directory_room ? strdup(path) : NULL;
	d.order = c->directory_n;
	if (!d.path) {
		attributes_free(d.attributes);
		return out_of_memory(err);
	}
	c->directories[c->directory_n++] = d;
	return 0;
}

static int imply(struct comparison *c, const char *path, struct err *err)
{
	return add_directory(c, path,
			     (struct directory){ .implied = true, .mode = TREE_IMPLIED_MODE },
							    err);
}

/* The directories on the way to a path. A tar has the files of one together. */
static int imply_way(struct comparison *c, const char *path, struct err *err)
{
	const char *last = strrchr(path, '/');
	char part[PATH_MAX];
	int r = 0;

	snprintf(part, sizeof(part), "%.*s", last ? (int)(last - path) : 0, path);
	if (strcmp(c->directories[c->directory_n - 1].path, part) == 0)
		return 0;
	for (const char *s = strchr(path, '/'); r == 0 && s; s = strchr(s + 1, '/')) {
		snprintf(part, sizeof(part), "%.*s", (int)(s - path), path);
		r = imply(c, part, err);
	}
	return r;
}

/*
 * What all entries of one directory come to: of its attributes, each is set; of the
 * rest, the last word counts (image/unpack.c).
 */
static void merge(struct directory *earlier, struct directory *later)
{
	attributes_move(&earlier->attributes, &later->attributes);
	later->attributes = earlier->attributes;
	earlier->attributes = NULL;
	if (later->implied && !earlier->implied) {
		later->implied = false;
		later->mode = earlier->mode;
		later->uid = earlier->uid;
		later->gid = earlier->gid;
		later->mtime = earlier->mtime;
	}
}

/* Sorted, and each of them once. */
static void settle_directories(struct comparison *c)
{
	struct directory *d = c->directories;
	size_t n = 0;

	qsort(d, c->directory_n, sizeof(*d), by_path_and_order);
	for (size_t i = 0; i < c->directory_n; i++) {
		if (i + 1 < c->directory_n && strcmp(d[i].path, d[i + 1].path) == 0) {
			merge(&d[i], &d[i + 1]);
			free(d[i].path);
		} else {
			d[n++] = d[i];
		}
	}
	c->directory_n = n;
}

/* The path is what a directory begins with. */
static bool has_directory(const struct comparison *c, const char *path)
{
	return bsearch(&path, c->directories, c->directory_n, sizeof(*c->directories), by_bytes);
}

/* ------------------------------------------------------------------- one entry */

static bool is_zeros(struct comparison *c, int fd, off_t from, off_t to)
{
	while (from < to) {
		size_t n = to - from < CHUNK ? (size_t)(to - from) : CHUNK;
		ssize_t got = pread(fd, c->buf, n, from);

		if (got <= 0 || c->buf[0] || memcmp(c->buf, c->buf + 1, (size_t)got - 1) != 0)
			return false;
		from += got;
	}
	return true;
}

static int compare_content(struct comparison *c, int fd, const struct layer_entry *e,
			   struct err *err)
{
	const void *data;
	off_t offset, at = 0;
	size_t n;
	bool end;

	for (;; at = offset) {
		int r = layer_data(c->reader, &data, &n, &offset, &end, err);

		if (r < 0)
			return r;
		/* What no piece covers is a hole. */
		if (!is_zeros(c, fd, at, end ? (off_t)e->size : offset))
			return compare_differs(err, e->path, "its content");
		if (end)
			return 0;
		while (n > 0) {
			ssize_t got = pread(fd, c->buf, n < CHUNK ? n : CHUNK, offset);

			if (got <= 0 || memcmp(c->buf, data, (size_t)got) != 0)
				return compare_differs(err, e->path, "its content");
			data = (const char *)data + got;
			n -= (size_t)got;
			offset += got;
		}
	}
}

static int compare_link(int dir, const char *name, const struct layer_entry *e, struct err *err)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(dir, name, target, sizeof(target) - 1);

	if (n < 0)
		return compare_differs(err, e->path, "its type");
	target[n] = '\0';
	if (strcmp(target, e->link) != 0)
		return compare_differs(err, e->path, "where the link leads");
	return 0;
}

static int compare_hard_link(const struct comparison *c, const struct stat *st,
			     const struct layer_entry *e, struct err *err)
{
	cleanup_close int fd = tree_open(&c->tree, e->link, O_PATH);
	struct stat other;

	if (fd < 0 || fstat(fd, &other) < 0 || other.st_ino != st->st_ino)
		return compare_differs(err, e->path, "what it is a link to");
	return 0;
}

static int compare_stat(const struct stat *st, const struct layer_entry *e, struct err *err)
{
	if ((st->st_mode & S_IFMT) != (e->mode & S_IFMT))
		return compare_differs(err, e->path, "its type");
	if (!S_ISLNK(st->st_mode) && (st->st_mode & 07777) != (e->mode & 07777))
		return compare_differs(err, e->path, "its mode");
	if (st->st_uid != e->uid || st->st_gid != e->gid)
		return compare_differs(err, e->path, "its owner");
	if (e->kind == LAYER_FILE && (uint64_t)st->st_size != e->size)
		return compare_differs(err, e->path, "its size");
	if (e->kind == LAYER_DEVICE && st->st_rdev != e->device)
		return compare_differs(err, e->path, "its device");
	if (st->st_mtim.tv_sec != e->mtime.tv_sec &&
	    (st->st_mtim.tv_sec != INT32_MAX || e->mtime.tv_sec < INT32_MAX)) /* it holds no more */
		return compare_differs(err, e->path, "its time");
	return 0;
}

static int compare_file(struct comparison *c, int dir, const struct layer_entry *e,
			const char *name, struct err *err)
{
	cleanup_close int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct attribute *attributes = NULL;
	int r;

	if (fd < 0)
		return compare_differs(err, e->path, "it cannot be read");
	r = attributes_take(&attributes, c->reader, err);
	if (r == 0)
		r = attributes_compare(attributes, fd, e->path, err);
	attributes_free(attributes);
	return r < 0 ? r : compare_content(c, fd, e, err);
}

static int compare_there(struct comparison *c, int dir, const char *name,
			 const struct layer_entry *e, struct err *err)
{
	struct stat st;
	int r;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return compare_differs(err, e->path, "it is gone");
	if (e->kind == LAYER_HARD_LINK)
		return compare_hard_link(c, &st, e, err);
	r = compare_stat(&st, e, err);
	if (r == 0 && e->kind == LAYER_SYMLINK)
		return compare_link(dir, name, e, err);
	return r < 0 || e->kind != LAYER_FILE ? r : compare_file(c, dir, e, name, err);
}

static int take_directory(struct comparison *c, const struct layer_entry *e, struct err *err)
{
	struct directory d = { .mode = e->mode, .uid = e->uid, .gid = e->gid, .mtime = e->mtime };
	int r = attributes_take(&d.attributes, c->reader, err);

	if (r == 0)
		return add_directory(c, e->path, d, err);
	attributes_free(d.attributes);
	return r;
}

static int take_opaque(struct comparison *c, const struct layer_entry *e, struct err *err)
{
	int r = imply(c, e->path, err);

	return r < 0 ? r : paths_add(&c->opaque, e->path, err);
}

static int compare_entry(struct comparison *c, const struct layer_entry *e, struct err *err)
{
	const char *name;
	int dir, r;

	if (e->kind == LAYER_WHITEOUT)
		return paths_add(&c->whiteouts, e->path, err);
	r = imply_way(c, e->path, err);
	if (r < 0)
		return r;
	if (e->kind == LAYER_OPAQUE)
		return take_opaque(c, e, err);
	if (e->kind == LAYER_DIRECTORY)
		return take_directory(c, e, err);
	r = paths_add(&c->files, e->path, err);
	if (r < 0)
		return r;
	dir = tree_parent(&c->tree, e->path, false, &name, err);
	return dir < 0 ? compare_differs(err, e->path, "it is gone") :
			 compare_there(c, dir, name, e, err);
}

static int compare_entries(struct comparison *c, struct err *err)
{
	struct layer_entry e;
	struct digest is = { "" };
	bool end = false;
	int r = imply(c, "", err);

	while (r == 0) {
		r = layer_next(c->reader, &e, &end, err);
		if (r < 0 || end)
			break;
		r = compare_entry(c, &e, err);
	}
	if (r == 0)
		r = layer_finish(c->reader, &is, err);
	if (r == 0 && !digest_equal(&is, c->args->diff_id))
		r = err_set(err, EBADMSG, "its diff id is " DIGEST_PREFIX "%s", is.hex);
	return r;
}

/* --------------------------------------------------------- when all is known */

/*
 * A whiteout of what the layer has as a file, or below one, is none (umoci: a
 * directory is a file now); of any other, the way to it is there.
 */
static int settle_whiteouts(struct comparison *c, struct err *err)
{
	struct paths kept = { .n = 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->whiteouts.n; i++) {
		const char *path = c->whiteouts.list[i];

		if (paths_cover(&c->files, path))
			continue;
		r = imply_way(c, path, err);
		if (r == 0)
			r = paths_add(&kept, path, err);
	}
	strv_free(c->whiteouts.list);
	c->whiteouts = kept;
	paths_sort(&c->whiteouts);
	return r;
}

static int compare_whiteout(struct comparison *c, const char *path, struct err *err)
{
	const char *name;
	int dir;

	if (has_directory(c, path)) /* which hides what lower layers have in it */
		return paths_add(&c->opaque, path, err);
	dir = tree_parent(&c->tree, path, false, &name, NULL);
	return dir >= 0 && tree_is_whiteout(dir, name) ?
		       0 : compare_differs(err, path, "the whiteout is gone");
}

static int compare_directory(const struct comparison *c, const struct directory *d, struct err *err)
{
	cleanup_close int fd = tree_open(&c->tree, d->path, O_RDONLY | O_DIRECTORY);
	struct layer_entry e = { .kind = LAYER_DIRECTORY, .mode = d->mode, .uid = d->uid,
				 .gid = d->gid, .mtime = d->mtime };
	struct stat st;
	int r;

	snprintf(e.path, sizeof(e.path), "%s", d->path);
	if (fd < 0 || fstat(fd, &st) < 0)
		return compare_differs(err, d->path, fd == -ENOENT ? "it is gone" : "its type");
	if (d->implied)
		e.mtime = st.st_mtim; /* when it was unpacked */
	if (d->implied && !d->path[0] && (st.st_mode & 07777) == IMAGE_LAYER_UNSAID_MODE)
		e.mode = st.st_mode; /* older podds had it as any other */
	r = compare_stat(&st, &e, err);
	return r < 0 ? r : attributes_compare(d->attributes, fd, d->path, err);
}

static int write_marks(const struct comparison *c, struct err *err)
{
	char line[DIGEST_HEX_LEN + PATH_MAX + 2];

	for (size_t i = 0; i < c->opaque.n; i++) {
		int n = snprintf(line, sizeof(line), "%s/%s",
				 c->args->diff_id->hex, c->opaque.list[i]);
		int r = io_write_all(c->args->marks_fd, line, (size_t)n + 1);

		if (r < 0)
			return err_set(err, -r, "write the list of opaque directories: %s",
				       strerror(-r));
	}
	return 0;
}

static int find_strangers(struct comparison *c, const char *path, struct err *err);

static int look_at(struct comparison *c, const char *dir, const struct dirent *d, struct err *err)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s%s%s", dir, *dir ? "/" : "", d->d_name) >=
	    (int)sizeof(path))
		return compare_differs(err, dir, "there is more in it");
	if (d->d_type == DT_DIR && has_directory(c, path))
		return find_strangers(c, path, err);
	if (d->d_type != DT_DIR && (paths_have(&c->files, path) || paths_have(&c->whiteouts, path)))
		return 0;
	return compare_differs(err, path, "it was not in the layer");
}

static int find_strangers(struct comparison *c, const char *path, struct err *err)
{
	int fd = tree_open(&c->tree, path, O_RDONLY | O_DIRECTORY), r = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;

	if (!dir) {
		close_fd(&fd);
		return compare_differs(err, path, "it cannot be read");
	}
	while (r == 0 && (d = readdir(dir)))
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			r = look_at(c, path, d, err);
	(void)closedir(dir);
	return r;
}

static int compare_rest(struct comparison *c, struct err *err)
{
	int r;

	paths_sort(&c->files);
	r = settle_whiteouts(c, err);
	if (r < 0)
		return r;
	settle_directories(c);
	for (size_t i = 0; r == 0 && i < c->whiteouts.n; i++)
		r = compare_whiteout(c, c->whiteouts.list[i], err);
	for (size_t i = 0; r == 0 && i < c->directory_n; i++)
		r = compare_directory(c, &c->directories[i], err);
	if (r == 0)
		r = find_strangers(c, "", err);
	return r < 0 ? r : write_marks(c, err);
}

static void comparison_done(struct comparison *c)
{
	layer_close(c->reader);
	tree_done(&c->tree);
	strv_free(c->files.list);
	strv_free(c->whiteouts.list);
	strv_free(c->opaque.list);
	while (c->directory_n > 0) {
		struct directory *d = &c->directories[--c->directory_n];

		attributes_free(d->attributes);
		free(d->path);
	}
	free(c->directories);
	free(c->buf);
}

/**
 * compare_layer() - compare a layer's tree with the stream of its blob
 *
 * Return: 0; -EBADMSG for what is not as it was unpacked; -errno. @err is filled.
 */
int compare_layer(const struct compare_args *args, struct err *err)
{
	const struct layer_limits unlimited = { .bytes = UINT64_MAX, .inodes = UINT64_MAX };
	struct comparison c = { .args = args, .buf = malloc(CHUNK) };
	int r;

	tree_init(&c.tree, args->root_fd);
	r = c.buf ? layer_open(&c.reader, args->blob_fd, args->media, &unlimited, err) :
		    out_of_memory(err);
	if (r == 0)
		r = compare_entries(&c, err);
	if (r == 0)
		r = compare_rest(&c, err);
	comparison_done(&c);
	return r;
}
