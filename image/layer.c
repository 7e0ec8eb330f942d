/* SPDX-License-Identifier: MIT */
/* Reading a layer's tar (image-spec, layer.md), with libarchive. */
#include "image/layer.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/fd.h"
#include "image/hash.h"

#define BLOCK_SIZE (128 * 1024)
#define WHITEOUT   ".wh."
#define OPAQUE	   ".wh..wh..opq"
#define AUFS	   ".wh..wh." /* what else aufs has left: no whiteouts */
#define FS_BLOCK_BYTES 4096
#define LINK_MAX_BYTES 4095
#define DEPTH_MAX      256 /* directories in each other */
#define ID_LIMIT   INT64_C(4294967294)

struct layer_reader {
	struct archive *outer, *inner;
	struct archive_entry *entry;
	bool empty; /* of no bytes at all */
	struct hash hash;
	struct layer_limits limits;
	uint64_t stream_bytes, claimed_bytes, taken_bytes, inodes;
	uint64_t content_bytes, content_at; /* of the entry: size, and read so far */
	char link[PATH_MAX]; /* cleaned target of a hard link */
	struct err failed; /* of the stream, found while libarchive called us */
};

/**
 * layer_archive_error() - what libarchive says of a failure
 *
 * It has words for all but one: a gzip stream that ends within its last 8 bytes,
 * the checksum and length.
 *
 * Return: good until the next call for @a.
 */
const char *layer_archive_error(struct archive *a)
{
	return archive_error_string(a) ?: "truncated input";
}

/* ------------------------------------------------------------------ the stream */

static int check_stream(const struct layer_reader *l, struct err *err)
{
	if (l->stream_bytes > l->limits.bytes)
		return err_set(err, EFBIG, "more than %llu bytes unpacked",
			       (unsigned long long)l->limits.bytes);
	if (l->limits.why && l->stream_bytes > l->limits.taken_bytes)
		return err_set(err, EFBIG, "more than %llu bytes unpacked%s",
			       (unsigned long long)l->limits.taken_bytes, l->limits.why);
	return 0;
}

/* The next piece of it, hashed; 0 at its end, -1 with @failed filled. */
static la_ssize_t next_piece(struct layer_reader *l, const void **buf)
{
	la_int64_t offset;
	size_t n = 0;
	int r = l->empty ? ARCHIVE_EOF : archive_read_data_block(l->outer, buf, &n, &offset);

	if (r == ARCHIVE_EOF)
		return 0;
	if (r != ARCHIVE_OK)
		(void)err_set(&l->failed, EBADMSG, "decompress: %s",
			      layer_archive_error(l->outer));
	l->stream_bytes += n;
	if (l->failed.code == 0)
		(void)check_stream(l, &l->failed); /* it is told below */
	if (l->failed.code)
		return -1;
	hash_add(&l->hash, *buf, n);
	return (la_ssize_t)n;
}

/* libarchive's read callback of the inner reader. */
static la_ssize_t pull(struct archive *inner, void *ctx, const void **buf)
{
	struct layer_reader *l = ctx;
	la_ssize_t n = next_piece(l, buf);

	if (n < 0)
		archive_set_error(inner, l->failed.code, "%s", l->failed.msg);
	return n;
}

static int archive_failure(struct layer_reader *l, struct archive *a, const char *what,
			   struct err *err)
{
	if (l->failed.code)
		return err_set(err, l->failed.code, "%s", l->failed.msg);
	return err_set(err, EBADMSG, "%s: %s", what, layer_archive_error(a));
}

static int set_filter(struct archive *a, enum image_media media)
{
	switch (media) {
	case IMAGE_MEDIA_TAR_GZIP:
		return archive_read_support_filter_gzip(a);
	case IMAGE_MEDIA_TAR_ZSTD:
		return archive_read_support_filter_zstd(a);
	default:
		return archive_read_support_filter_none(a);
	}
}

static int open_outer(struct layer_reader *l, int fd, enum image_media media, struct err *err)
{
	struct archive_entry *entry;
	int r;

	l->outer = archive_read_new();
	if (!l->outer)
		return err_set(err, ENOMEM, "read the layer: out of memory");
	/* WARN: libarchive would run a program for it, which we do not want. */
	if (set_filter(l->outer, media) != ARCHIVE_OK)
		return err_set(err, EOPNOTSUPP, "this libarchive cannot read '%s'",
			       image_media_name(media));
	(void)archive_read_support_format_raw(l->outer);
	(void)archive_read_support_format_empty(l->outer);
	if (archive_read_open_fd(l->outer, fd, BLOCK_SIZE) != ARCHIVE_OK)
		return archive_failure(l, l->outer, "open", err);
	r = archive_read_next_header(l->outer, &entry);
	l->empty = r == ARCHIVE_EOF;
	return r == ARCHIVE_OK || r == ARCHIVE_EOF ?
		       0 : archive_failure(l, l->outer, "decompress", err);
}

static int open_stream(struct layer_reader **out, int blob_fd, enum image_media media,
		       const struct layer_limits *limits, struct err *err)
{
	struct layer_reader *l = *out = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return err_set(err, ENOMEM, "read the layer: out of memory");
	l->limits = *limits;
	r = hash_begin(&l->hash, err);
	return r < 0 ? r : open_outer(l, blob_fd, media, err);
}

/**
 * layer_open() - begin to read a layer
 * @out: released by layer_close(), whatever this returned
 * @blob_fd: borrowed, at its start
 * @media: one of the layers' types
 *
 * Return: 0 or -errno with @err filled.
 */
int layer_open(struct layer_reader **out, int blob_fd, enum image_media media,
	       const struct layer_limits *limits, struct err *err)
{
	int r = open_stream(out, blob_fd, media, limits, err);
	struct layer_reader *l = *out;

	if (r < 0)
		return r;
	l->inner = archive_read_new();
	if (!l->inner)
		return err_set(err, ENOMEM, "read the layer: out of memory");
	(void)archive_read_support_format_tar(l->inner);
	(void)archive_read_support_format_empty(l->inner);
	if (archive_read_open(l->inner, l, NULL, pull, NULL) != ARCHIVE_OK)
		return archive_failure(l, l->inner, "read the tar", err);
	return 0;
}

void layer_close(struct layer_reader *l)
{
	if (!l)
		return;
	archive_read_free(l->inner);
	archive_read_free(l->outer);
	hash_done(&l->hash);
	free(l);
}

/* ----------------------------------------------------------------- one entry */

static int refuse(struct err *err, const char *path, const char *why)
{
	return err_set(err, EBADMSG, "entry '%.200s': %s", path, why);
}

/*
 * "./a//b/" to "a/b". Leading "./" is what tar writes, and "/" alone is what umoci
 * calls the root; anything else that is absolute or with ".." is what somebody
 * writes who wants out.
 *
 * Return: NULL, or why not.
 */
static const char *clean_path(char out[PATH_MAX], const char *path)
{
	size_t used = 0, depth = 0;

	if (path[0] == '/' && path[1])
		return "an absolute name";
	for (const char *s = path; *s;) {
		size_t n = strcspn(s, "/");

		if (n == 2 && strncmp(s, "..", 2) == 0)
			return "'..' in the name";
		if (n > NAME_MAX || used + n + 2 > PATH_MAX)
			return "the name is too long";
		if (n > 0 && !(n == 1 && *s == '.')) {
			if (used > 0)
				out[used++] = '/';
			memcpy(out + used, s, n);
			used += n;
			if (++depth > DEPTH_MAX)
				return "too many directories in each other";
		}
		s += n + (s[n] == '/');
	}
	out[used] = '\0';
	return NULL;
}

static int take_ids(struct layer_entry *out, struct archive_entry *e, const char *path,
		    struct err *err)
{
	la_int64_t uid = archive_entry_uid(e), gid = archive_entry_gid(e);

	if (uid < 0 || uid > ID_LIMIT || gid < 0 || gid > ID_LIMIT)
		return refuse(err, path, "its owner is no valid id");
	out->uid = (uid_t)uid;
	out->gid = (gid_t)gid;
	return 0;
}

static int take_hard_link(struct layer_entry *out, struct layer_reader *l, const char *path,
			  struct err *err)
{
	const char *target = archive_entry_hardlink(l->entry);
	const char *wrong = clean_path(l->link, target);

	if (wrong)
		return err_set(err, EBADMSG, "entry '%.200s': a hard link to '%.200s': %s", path,
			       target, wrong);
	out->kind = LAYER_HARD_LINK;
	out->link = l->link;
	return 0;
}

static int take_kind(struct layer_entry *out, struct layer_reader *l, const char *path,
		     struct err *err)
{
	struct archive_entry *e = l->entry;

	out->link = NULL;
	out->device = 0;
	if (archive_entry_hardlink(e))
		return take_hard_link(out, l, path, err);
	switch (out->mode & S_IFMT) {
	case S_IFREG:
		out->kind = LAYER_FILE;
		return 0;
	case S_IFDIR:
		out->kind = LAYER_DIRECTORY;
		return 0;
	case S_IFLNK:
		out->kind = LAYER_SYMLINK;
		out->link = archive_entry_symlink(e);
		if (!out->link || !*out->link || strlen(out->link) > LINK_MAX_BYTES)
			return refuse(err, path, "a symbolic link that leads nowhere");
		return 0;
	case S_IFIFO:
		out->kind = LAYER_FIFO;
		return 0;
	case S_IFCHR:
	case S_IFBLK:
		out->kind = LAYER_DEVICE;
		out->device = makedev(archive_entry_rdevmajor(e), archive_entry_rdevminor(e));
		/* To overlayfs that is a whiteout, and to us ".wh." is. */
		if (S_ISCHR(out->mode) && out->device == 0)
			return refuse(err, path, "a device 0:0");
		return 0;
	default:
		return refuse(err, path, "of a type that is not supported");
	}
}

/* ".wh.NAME" and ".wh..wh..opq" (layer.md, "Whiteouts"). */
static int take_whiteout(struct layer_entry *out, bool *skip, struct err *err)
{
	char *slash = strrchr(out->path, '/');
	char *name = slash ? slash + 1 : out->path;

	if (strncmp(name, WHITEOUT, strlen(WHITEOUT)) != 0)
		return 0;
	if (strcmp(name, OPAQUE) == 0) {
		if (!slash)
			return refuse(err, out->path, "a whiteout of the root");
		out->kind = LAYER_OPAQUE;
		*slash = '\0';
		return 0;
	}
	if (strncmp(name, AUFS, strlen(AUFS)) == 0) {
		*skip = true;
		return 0;
	}
	name += strlen(WHITEOUT);
	if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return refuse(err, out->path, "a whiteout of no name");
	out->kind = LAYER_WHITEOUT;
	memmove(name - strlen(WHITEOUT), name, strlen(name) + 1);
	return 0;
}

/*
 * What a file takes of the disk: of a sparse one, the blocks that its pieces touch,
 * or many small ones would take much more than they count.
 */
static uint64_t taken_by(struct archive_entry *e, uint64_t size)
{
	la_int64_t at, n;
	uint64_t taken = 0;

	if (archive_entry_sparse_reset(e) == 0)
		return size;
	while (archive_entry_sparse_next(e, &at, &n) == ARCHIVE_OK && taken < size) {
		if (at < 0 || n < 0 || (uint64_t)n > size)
			return size; /* layer_data() refuses it */
		if (n > 0)
			taken += ((uint64_t)at % FS_BLOCK_BYTES +
				  (uint64_t)n + FS_BLOCK_BYTES - 1) /
				 FS_BLOCK_BYTES * FS_BLOCK_BYTES;
	}
	return taken < size ? taken : size;
}

/* The entry's content, against what there may be of it. */
static int count_content(struct layer_reader *l, const struct layer_entry *e, struct err *err)
{
	uint64_t taken = taken_by(l->entry, e->size);

	if (e->size > l->limits.bytes - l->claimed_bytes)
		return err_set(err, EFBIG, "entry '%.200s': more than %llu bytes in all", e->path,
			       (unsigned long long)l->limits.bytes);
	if (l->limits.why && taken > l->limits.taken_bytes - l->taken_bytes)
		return err_set(err, EFBIG, "entry '%.200s': more than %llu bytes in all%s", e->path,
			       (unsigned long long)l->limits.taken_bytes, l->limits.why);
	l->claimed_bytes += e->size;
	l->taken_bytes += taken;
	l->content_bytes = e->size;
	l->content_at = 0;
	return 0;
}

/* As near as each file system comes to it that has room for the years after 2038. */
static struct timespec mtime_of(struct archive_entry *e)
{
	struct timespec t = { archive_entry_mtime(e), archive_entry_mtime_nsec(e) };

	if (t.tv_sec > LAYER_TIME_MAX)
		return (struct timespec){ LAYER_TIME_MAX, 0 };
	return t.tv_sec < INT32_MIN ? (struct timespec){ INT32_MIN, 0 } : t;
}

static int take_entry(struct layer_reader *l, struct layer_entry *out, bool *skip, struct err *err)
{
	struct archive_entry *e = l->entry;
	const char *path = archive_entry_pathname(e);
	la_int64_t size = archive_entry_size_is_set(e) ? archive_entry_size(e) : 0;
	const char *wrong;
	int r;

	if (!path || !*path)
		return refuse(err, "", "it has no name");
	wrong = clean_path(out->path, path);
	if (wrong)
		return refuse(err, path, wrong);
	out->mode = archive_entry_mode(e);
	out->mtime = mtime_of(e);
	r = take_ids(out, e, path, err);
	if (r == 0)
		r = take_kind(out, l, path, err);
	if (r == 0)
		r = take_whiteout(out, skip, err);
	if (r < 0)
		return r;
	if (size < 0)
		return refuse(err, path, "its size is no valid one");
	out->size = out->kind == LAYER_FILE ? (uint64_t)size : 0;
	r = count_content(l, out, err);
	if (r < 0)
		return r;
	if (!out->path[0] && out->kind != LAYER_DIRECTORY)
		return refuse(err, path, "the root is no directory");
	return 0;
}

static int count_inode(struct layer_reader *l, struct err *err)
{
	if (++l->inodes > l->limits.inodes)
		return err_set(err, EFBIG, "more than %llu files",
			       (unsigned long long)l->limits.inodes);
	return 0;
}

/**
 * layer_count_implied() - one more directory that only a path named
 *
 * One entry's path may have DEPTH_MAX of them, so they count as entries do.
 *
 * Return: 0, or -EFBIG with @err filled.
 */
int layer_count_implied(struct layer_reader *l, struct err *err)
{
	return count_inode(l, err);
}

/**
 * layer_next() - the next entry
 * @out: its strings are good until the next call
 * @end: there is none
 *
 * Return: 0 or -errno with @err filled.
 */
int layer_next(struct layer_reader *l, struct layer_entry *out, bool *end, struct err *err)
{
	bool skip = true;

	*end = false;
	while (skip) {
		int r = archive_read_next_header(l->inner, &l->entry);

		if (r == ARCHIVE_EOF) {
			*end = true;
			return 0;
		}
		if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
			return archive_failure(l, l->inner, "read the tar", err);
		if (l->failed.code) /* libarchive has read over it */
			return archive_failure(l, l->inner, "read the tar", err);
		skip = false;
		r = count_inode(l, err);
		if (r == 0)
			r = take_entry(l, out, &skip, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/**
 * layer_data() - the next piece of the entry's content
 * @offset: where it belongs; what is between pieces is zeros
 * @end: there is none
 *
 * Return: 0 or -errno with @err filled.
 */
int layer_data(struct layer_reader *l, const void **buf, size_t *n, off_t *offset, bool *end,
	       struct err *err)
{
	la_int64_t at = 0;
	int r = archive_read_data_block(l->inner, buf, n, &at);

	*offset = at;
	*end = r == ARCHIVE_EOF;
	if (r != ARCHIVE_EOF && r != ARCHIVE_OK)
		return archive_failure(l, l->inner, "read the tar", err);
	if (*end)
		return 0;
	/* libarchive believes a sparse file's map, whatever the file's size is. */
	if (at < 0 || (uint64_t)at < l->content_at || (uint64_t)at > l->content_bytes ||
	    *n > l->content_bytes - (uint64_t)at)
		return err_set(err, EBADMSG, "a piece that is not where the file has room for it");
	l->content_at = (uint64_t)at + *n;
	return 0;
}

/**
 * layer_xattr() - the entry's next extended attribute; the first at the first call
 *
 * Return: whether there was one.
 */
bool layer_xattr(struct layer_reader *l, const char **name, const void **value, size_t *n)
{
	if (!*name)
		(void)archive_entry_xattr_reset(l->entry);
	return archive_entry_xattr_next(l->entry, name, value, n) == ARCHIVE_OK;
}

/**
 * layer_finish() - read what is behind the last entry, and get the diff id
 *
 * Return: 0 or -errno with @err filled.
 */
int layer_finish(struct layer_reader *l, struct digest *diff_id, struct err *err)
{
	const void *buf;
	la_ssize_t n;

	while ((n = next_piece(l, &buf)) > 0)
		;
	if (n < 0)
		return err_set(err, l->failed.code, "%s", l->failed.msg);
	hash_end(&l->hash, diff_id);
	return 0;
}

/**
 * layer_hash() - the diff id of a blob, without a look at what is in it
 * @blob_fd: borrowed, at its start
 * @bytes_max: of the uncompressed stream
 *
 * Return: 0 or -errno with @err filled.
 */
int layer_hash(struct digest *diff_id, int blob_fd, enum image_media media, uint64_t bytes_max,
	       struct err *err)
{
	const struct layer_limits limits = { .bytes = bytes_max };
	struct layer_reader *l = NULL;
	int r = open_stream(&l, blob_fd, media, &limits, err);

	if (r == 0)
		r = layer_finish(l, diff_id, err);
	layer_close(l);
	return r;
}
