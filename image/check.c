/* SPDX-License-Identifier: MIT */
/* Comparing an image with its digests. */
#include "image/check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/strv.h"
#include "image/hash.h"
#include "image/layer.h"
#include "image/signed.h"
#include "image/tree.h"

#define CHUNK (128 * 1024)

struct check {
	const struct image_store *store;
	struct digest id;
};

/* What the stream says of a directory, which may be in it more than once. */
struct directory {
	char *path;
	size_t order;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	struct timespec mtime;
};

/* One layer: the stream, the tree, and the paths that the stream has named. */
struct comparison {
	struct layer_reader *reader;
	struct tree tree;
	char **paths;
	size_t path_n;
	struct directory *directories;
	size_t directory_n, directory_room;
	char *buf;
};

/* ----------------------------------------------------------------------- blobs */

static int check_blob(const struct image_store *store, const struct digest *d, uint64_t size,
		      struct err *err)
{
	char name[DIGEST_HEX_LEN + 32];
	cleanup_close int fd = -EBADF;
	struct digest is = { "" };
	struct stat st;
	int r;

	snprintf(name, sizeof(name), "blobs/sha256/%s", d->hex);
	fd = openat(store->dirfd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "open the blob '%s'", d->hex);
	r = hash_file(&is, fd, err);
	if (r < 0)
		return r;
	if (!digest_equal(&is, d) || (size && (uint64_t)st.st_size != size))
		return err_set(err, EBADMSG, "the blob '%s' is damaged", d->hex);
	return 0;
}

/* ------------------------------------------------------------------- one entry */

static int differs(struct err *err, const char *path, const char *how)
{
	return err_set(err, EBADMSG, "'%.200s' is not what it was unpacked as: %s", path, how);
}

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
			return differs(err, e->path, "its content");
		if (end)
			return 0;
		while (n > 0) {
			ssize_t got = pread(fd, c->buf, n < CHUNK ? n : CHUNK, offset);

			if (got <= 0 || memcmp(c->buf, data, (size_t)got) != 0)
				return differs(err, e->path, "its content");
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
		return differs(err, e->path, "its type");
	target[n] = '\0';
	return strcmp(target, e->link) == 0 ? 0 : differs(err, e->path, "where the link leads");
}

static int compare_hard_link(const struct comparison *c, const struct stat *st,
			     const struct layer_entry *e, struct err *err)
{
	cleanup_close int fd = tree_open(&c->tree, e->link, O_PATH);
	struct stat other;

	if (fd < 0 || fstat(fd, &other) < 0 || other.st_ino != st->st_ino)
		return differs(err, e->path, "what it is a link to");
	return 0;
}

static int compare_attributes(const struct stat *st, const struct layer_entry *e, struct err *err)
{
	if ((st->st_mode & S_IFMT) != (e->mode & S_IFMT))
		return differs(err, e->path, "its type");
	if (!S_ISLNK(st->st_mode) && (st->st_mode & 07777) != (e->mode & 07777))
		return differs(err, e->path, "its mode");
	if (st->st_uid != e->uid || st->st_gid != e->gid)
		return differs(err, e->path, "its owner");
	if (e->kind == LAYER_FILE && (uint64_t)st->st_size != e->size)
		return differs(err, e->path, "its size");
	if (e->kind == LAYER_DEVICE && st->st_rdev != e->device)
		return differs(err, e->path, "its device");
	if (st->st_mtim.tv_sec != e->mtime.tv_sec)
		return differs(err, e->path, "its time");
	return 0;
}

static int compare_there(struct comparison *c, int dir, const char *name,
			 const struct layer_entry *e, struct err *err)
{
	cleanup_close int fd = -EBADF;
	struct stat st;
	int r;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return differs(err, e->path, "it is gone");
	if (e->kind == LAYER_HARD_LINK)
		return compare_hard_link(c, &st, e, err);
	r = compare_attributes(&st, e, err);
	if (r == 0 && e->kind == LAYER_SYMLINK)
		return compare_link(dir, name, e, err);
	if (r < 0 || e->kind != LAYER_FILE)
		return r;
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? differs(err, e->path, "it cannot be read") : compare_content(c, fd, e, err);
}

/* A whiteout's name may be that of an entry of the same layer, which stands. */
static int compare_whiteout(int dir, const char *name, const struct layer_entry *e,
			    struct err *err)
{
	if (faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return differs(err, e->path, "the whiteout is gone");
	return 0;
}

static int remember(struct comparison *c, const char *path, struct err *err)
{
	char part[PATH_MAX];

	snprintf(part, sizeof(part), "%s", path);
	for (char *slash = part; *path; slash = strrchr(part, '/')) {
		if (!slash)
			break;
		if (slash != part)
			*slash = '\0';
		if (c->path_n > 0 && strcmp(c->paths[c->path_n - 1], part) == 0)
			break; /* its parents, too, are there */
		if (strv_push_copy(&c->paths, &c->path_n, part) < 0)
			return err_set(err, ENOMEM, "out of memory");
	}
	return 0;
}

static int remember_directory(struct comparison *c, const struct layer_entry *e, struct err *err)
{
	struct directory *d;

	if (c->directory_n == c->directory_room) {
		size_t room = c->directory_room ? c->directory_room * 2 : 256;
		struct directory *grown = realloc(c->directories, room * sizeof(*grown));

		if (!grown)
			return err_set(err, ENOMEM, "out of memory");
		c->directories = grown;
		c->directory_room = room;
	}
	d = &c->directories[c->directory_n];
	*d = (struct directory){ strdup(e->path), c->directory_n, e->mode, e->uid, e->gid, e->mtime };
	if (!d->path)
		return err_set(err, ENOMEM, "out of memory");
	c->directory_n++;
	return 0;
}

static int by_path_and_order(const void *a, const void *b)
{
	const struct directory *x = a, *y = b;
	int r = strcmp(x->path, y->path);

	return r != 0 ? r : (x->order > y->order) - (x->order < y->order);
}

static int compare_directory(const struct comparison *c, const struct directory *d, struct err *err)
{
	cleanup_close int fd = tree_open(&c->tree, d->path, O_PATH | O_DIRECTORY);
	struct layer_entry e = { .kind = LAYER_DIRECTORY, .mode = d->mode, .uid = d->uid,
				 .gid = d->gid, .mtime = d->mtime };
	struct stat st;

	snprintf(e.path, sizeof(e.path), "%s", d->path);
	if (fd < 0 || fstat(fd, &st) < 0)
		return differs(err, d->path, fd == -ENOENT ? "it is gone" : "its type");
	return compare_attributes(&st, &e, err);
}

/* Of one that is there twice, the last word counts (image/unpack.c). */
static int compare_directories(struct comparison *c, struct err *err)
{
	int r = 0;

	if (c->directory_n > 0)
		qsort(c->directories, c->directory_n, sizeof(*c->directories), by_path_and_order);
	for (size_t i = 0; r == 0 && i < c->directory_n; i++)
		if (i + 1 == c->directory_n ||
		    strcmp(c->directories[i].path, c->directories[i + 1].path) != 0)
			r = compare_directory(c, &c->directories[i], err);
	return r;
}

static int compare_entry(struct comparison *c, const struct layer_entry *e, struct err *err)
{
	const char *name;
	int dir, r = remember(c, e->path, err);

	if (r < 0 || e->kind == LAYER_OPAQUE)
		return r;
	if (e->kind == LAYER_DIRECTORY)
		return remember_directory(c, e, err);
	dir = tree_parent(&c->tree, e->path, false, &name, err);
	if (e->kind == LAYER_WHITEOUT && (dir == -ENOTDIR || dir == -ELOOP))
		return 0; /* as image/unpack.c has it */
	if (dir < 0)
		return differs(err, e->path, "it is gone");
	return e->kind == LAYER_WHITEOUT ? compare_whiteout(dir, name, e, err) :
					   compare_there(c, dir, name, e, err);
}

/* ---------------------------------------------------------- and nothing else */

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int find_strangers(struct comparison *c, const char *path, struct err *err);

static int look_at(struct comparison *c, const char *dir, const struct dirent *d, struct err *err)
{
	char path[PATH_MAX], *key = path;

	if (snprintf(path, sizeof(path), "%s%s%s", dir, *dir ? "/" : "", d->d_name) >=
	    (int)sizeof(path))
		return differs(err, dir, "there is more in it");
	if (c->path_n == 0 || !bsearch(&key, c->paths, c->path_n, sizeof(*c->paths), by_bytes))
		return differs(err, path, "it was not in the layer");
	return d->d_type == DT_DIR ? find_strangers(c, path, err) : 0;
}

static int find_strangers(struct comparison *c, const char *path, struct err *err)
{
	int fd = tree_open(&c->tree, path, O_RDONLY | O_DIRECTORY), r = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;

	if (!dir) {
		close_fd(&fd);
		return differs(err, path, "it cannot be read");
	}
	while (r == 0 && (d = readdir(dir)))
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			r = look_at(c, path, d, err);
	(void)closedir(dir);
	return r;
}

/* ---------------------------------------------------------------------- layers */

static int compare(struct comparison *c, const struct digest *diff_id, struct err *err)
{
	struct layer_entry e;
	struct digest is = { "" };
	bool end = false;
	int r = 0;

	while (r == 0) {
		r = layer_next(c->reader, &e, &end, err);
		if (r < 0 || end)
			break;
		r = compare_entry(c, &e, err);
	}
	if (r == 0)
		r = layer_finish(c->reader, &is, err);
	if (r == 0 && !digest_equal(&is, diff_id))
		r = err_set(err, EBADMSG, "its diff id is " DIGEST_PREFIX "%s", is.hex);
	if (r == 0)
		r = compare_directories(c, err);
	if (r < 0)
		return r;
	if (c->path_n > 0)
		qsort(c->paths, c->path_n, sizeof(*c->paths), by_bytes);
	return find_strangers(c, "", err);
}

static int check_layer(const struct image_store *store, const struct image_descriptor *layer,
		       const struct digest *diff_id, struct err *err)
{
	const struct layer_limits unlimited = { UINT64_MAX, UINT64_MAX };
	char blob_name[DIGEST_HEX_LEN + 32], root_name[DIGEST_HEX_LEN + 32];
	cleanup_close int blob = -EBADF, root = -EBADF;
	struct comparison c = { .buf = malloc(CHUNK) };
	int r;

	snprintf(blob_name, sizeof(blob_name), "blobs/sha256/%s", layer->digest.hex);
	snprintf(root_name, sizeof(root_name), "layers/%s", diff_id->hex);
	blob = openat(store->dirfd, blob_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	root = openat(store->dirfd, root_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	tree_init(&c.tree, root);
	if (!c.buf)
		r = err_set(err, ENOMEM, "out of memory");
	else if (blob < 0 || root < 0)
		r = err_sys(err, "open '%s'", blob < 0 ? blob_name : root_name);
	else
		r = layer_open(&c.reader, blob, layer->media, &unlimited, err);
	if (r == 0)
		r = compare(&c, diff_id, err);
	layer_close(c.reader);
	tree_done(&c.tree);
	strv_free(c.paths);
	while (c.directory_n > 0)
		free(c.directories[--c.directory_n].path);
	free(c.directories);
	free(c.buf);
	return r;
}

static int check_loaded(const struct image *image, struct err *err)
{
	const struct image_manifest *m = &image->manifest;
	int r = 0;

	for (unsigned i = 0; r == 0 && i < m->layer_n; i++) {
		r = check_blob(image->store, &m->layers[i].digest, m->layers[i].size, err);
		if (r == 0)
			r = check_layer(image->store, &m->layers[i], &image->config->diff_ids[i], err);
		if (r < 0)
			r = err_wrap(err, r, "layer %u", i + 1);
	}
	return r;
}

/* Each before it is parsed. */
static int check_documents(const struct check *c, struct err *err)
{
	cleanup_free struct image_manifest *m = calloc(1, sizeof(*m));
	cleanup_free char *text = NULL;
	size_t n = 0;
	int r = m ? check_blob(c->store, &c->id, 0, err) : err_set(err, ENOMEM, "out of memory");

	if (r == 0)
		r = image_store_read(&text, &n, c->store, &c->id, err);
	if (r == 0)
		r = image_manifest_parse(m, (struct image_bytes){ text, n }, err);
	return r < 0 ? r : check_blob(c->store, &m->config.digest, m->config.size, err);
}

/* What speaks for it; whether that is enough is a policy's question. */
static int check_signatures(const struct check *c, struct err *err)
{
	struct image_documents documents;
	json_auto_t *index = NULL;
	int r = image_store_index(&index, c->store, err);

	if (r < 0)
		return r;
	image_signed_of(&documents, index, &c->id);
	for (unsigned i = 0; r == 0 && i < documents.n; i++)
		r = check_blob(c->store, &documents.list[i], 0, err);
	return r < 0 ? err_wrap(err, r, "its signatures") : 0;
}

static int work(void *arg, struct worker_progress *progress, struct err *err)
{
	const struct check *c = arg;
	struct image image;
	int r = check_documents(c, err);

	(void)progress;
	if (r == 0)
		r = image_load(&image, c->store, &c->id, err);
	if (r < 0)
		return r;
	r = check_loaded(&image, err);
	image_done(&image);
	return r < 0 ? r : check_signatures(c, err);
}

/**
 * image_check() - compare an image with its digests
 *
 * Return: 0; -EBADMSG for what is damaged; -errno. @err is filled.
 */
int image_check(const struct image_store *store, const struct digest *id,
		const struct worker_limits *limits, struct err *err)
{
	struct check c = { .store = store, .id = *id };
	const struct worker_args args = {
		.fn = work, .arg = &c, .root_fd = store->dirfd, .limits = *limits,
	};

	return worker_run(&args, err);
}
