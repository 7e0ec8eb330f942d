/* SPDX-License-Identifier: MIT */
/* Reading the files of a source. */
#include "image/source.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "image/hash.h"
#include "image/layer.h"
#include "image/room.h"
#include "image/tree.h"

#define BLOCK_SIZE (128 * 1024)
#define LINKS_MAX  8

/* ------------------------------------------------------------------ an archive */

struct unloading {
	struct source *s;
	struct archive *a;
	struct archive_entry *entry;
	int incoming_fd;
	uint64_t bytes, bytes_max;
};

static int archive_failure(struct archive *a, struct err *err)
{
	return err_set(err, EBADMSG, "read the archive: %s", layer_archive_error(a));
}

static const char *plain_name(const char *name)
{
	while (strncmp(name, "./", 2) == 0)
		name += 2;
	return name;
}

static int add_file(struct source *s, const char *name, const char *link, struct err *err)
{
	struct source_file *f;

	if (strlen(name) > SOURCE_NAME_MAX)
		return err_set(err, EBADMSG, "archive: the name '%.80s...' is too long", name);
	if (source_find(s, name))
		return err_set(err, EBADMSG, "archive: '%s' is there twice", name);
	if (s->file_n == SOURCE_FILES_MAX)
		return err_set(err, E2BIG, "archive: more than %d files", SOURCE_FILES_MAX);
	if (!s->files)
		s->files = calloc(SOURCE_FILES_MAX, sizeof(*s->files));
	if (!s->files)
		return err_set(err, ENOMEM, "read the archive: out of memory");
	f = &s->files[s->file_n];
	*f = (struct source_file){ .name = strdup(name), .link = link ? strdup(link) : NULL };
	if (!f->name || (link && !f->link))
		return err_set(err, ENOMEM, "read the archive: out of memory");
	s->file_n++;
	return 0;
}

static void number_of(const struct source *s, const struct source_file *f, char name[16])
{
	snprintf(name, 16, "%zu", (size_t)(f - s->files));
}

static int too_large(const struct unloading *u, struct err *err)
{
	return err_set(err, EFBIG, "archive: more than %llu bytes",
		       (unsigned long long)u->bytes_max);
}

static int copy_out(struct unloading *u, struct source_file *f, int fd, struct err *err)
{
	__attribute__((cleanup(hash_done))) struct hash h = { 0 };
	const void *buf;
	la_int64_t offset;
	size_t n;
	int r = hash_begin(&h, err), a;

	while (r == 0 && (a = archive_read_data_block(u->a, &buf, &n, &offset)) != ARCHIVE_EOF) {
		if (a != ARCHIVE_OK)
			return archive_failure(u->a, err);
		u->bytes += n;
		if ((uint64_t)offset != f->size)
			return err_set(err, EBADMSG, "archive: '%s' is a sparse file", f->name);
		if (u->bytes > u->bytes_max)
			return too_large(u, err);
		hash_add(&h, buf, n);
		f->size += n;
		r = io_write_all(fd, buf, n);
		if (r < 0)
			return err_set(err, -r, "copy '%s' of the archive: %s",
				       f->name, strerror(-r));
	}
	if (r == 0)
		hash_end(&h, &f->digest);
	return r;
}

/* "../ID/layer.tar", as seen from the link's own directory, of one level. */
static const char *link_target(const char *name, const char *link, char buf[PATH_MAX])
{
	const char *slash = strrchr(name, '/');

	if (strncmp(link, "../", 3) == 0 && slash &&
	    memchr(name, '/', (size_t)(slash - name)) == NULL)
		return link + 3;
	snprintf(buf, PATH_MAX, "%.*s%s", slash ? (int)(slash - name + 1) : 0, name, link);
	return buf;
}

/* By the header, before anything of it is copied. */
static int check_size(const struct unloading *u, const char *path, struct err *err)
{
	la_int64_t size = archive_entry_size_is_set(u->entry) ? archive_entry_size(u->entry) : 0;

	if (size < 0)
		return err_set(err, EBADMSG, "archive: the size of '%.200s' is no valid one", path);
	if ((uint64_t)size > u->bytes_max - u->bytes)
		return too_large(u, err);
	return room_check_copy(u->incoming_fd, (uint64_t)size, err);
}

static int take_entry(struct unloading *u, struct err *err)
{
	const char *path = archive_entry_pathname(u->entry);
	const char *link = archive_entry_symlink(u->entry);
	const char *hard = archive_entry_hardlink(u->entry);
	cleanup_close int fd = -EBADF;
	struct source_file *f;
	char buf[PATH_MAX], number[16];
	int r;

	if (!path || archive_entry_filetype(u->entry) == AE_IFDIR)
		return 0;
	path = plain_name(path);
	if (link || hard)
		return add_file(u->s, path,
				hard ? plain_name(hard) : link_target(path, link, buf), err);
	if (archive_entry_filetype(u->entry) != AE_IFREG)
		return err_set(err, EBADMSG, "archive: '%.200s' is no file", path);
	r = check_size(u, path, err);
	if (r == 0)
		r = add_file(u->s, path, NULL, err);
	if (r < 0)
		return r;
	f = &u->s->files[u->s->file_n - 1];
	number_of(u->s, f, number);
	fd = openat(u->incoming_fd, number,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, "create a file for '%s' of the archive", f->name);
	return copy_out(u, f, fd, err);
}

static int unload(struct unloading *u, int archive_fd, struct err *err)
{
	int r = 0, a;

	(void)archive_read_support_format_tar(u->a);
	(void)archive_read_support_filter_gzip(u->a);
	(void)archive_read_support_filter_zstd(u->a);
	if (archive_read_open_fd(u->a, archive_fd, BLOCK_SIZE) != ARCHIVE_OK)
		return archive_failure(u->a, err);
	while (r == 0 && (a = archive_read_next_header(u->a, &u->entry)) != ARCHIVE_EOF)
		r = a == ARCHIVE_OK || a == ARCHIVE_WARN ? take_entry(u, err) :
							   archive_failure(u->a, err);
	return r;
}

/*
 * Of a file, the size is known before it is read. A compressed one gets larger, but
 * no smaller by more than its padding; a pipe says nothing.
 */
static int check_file(int archive_fd, int incoming_fd, struct err *err)
{
	struct stat st;

	if (fstat(archive_fd, &st) < 0 || !S_ISREG(st.st_mode))
		return 0; /* reading it will tell */
	return room_check_copy(incoming_fd, (uint64_t)st.st_size, err);
}

/**
 * source_read_archive() - copy an archive's files out, to have them by name
 * @s: all zero; released by source_done(), whatever this returned
 * @archive_fd: a tar, plain or compressed with gzip or zstd; need not be seekable
 * @incoming_fd: an empty directory, borrowed as long as the source
 *
 * Return: 0 or -errno with @err filled.
 */
int source_read_archive(struct source *s, int archive_fd, int incoming_fd, uint64_t bytes_max,
			struct err *err)
{
	struct unloading u = { .s = s, .a = archive_read_new(), .incoming_fd = incoming_fd,
			       .bytes_max = bytes_max };
	int r;

	s->dirfd = incoming_fd;
	s->archive = true;
	r = u.a ? check_file(archive_fd, incoming_fd, err) :
		  err_set(err, ENOMEM, "read the archive: out of memory");
	if (r == 0)
		r = unload(&u, archive_fd, err);
	archive_read_free(u.a);
	return r;
}

void source_done(struct source *s)
{
	for (size_t i = 0; i < s->file_n; i++) {
		free(s->files[i].name);
		free(s->files[i].link);
	}
	free(s->files);
	*s = (struct source){ .dirfd = -EBADF };
}

/* ----------------------------------------------------------------- its files */

/**
 * source_find() - an archive's file of that name, links followed; or NULL
 */
const struct source_file *source_find(const struct source *s, const char *name)
{
	for (int links = 0; links < LINKS_MAX; links++) {
		const struct source_file *f = NULL;

		for (size_t i = 0; i < s->file_n && !f; i++)
			if (strcmp(s->files[i].name, name) == 0)
				f = &s->files[i];
		if (!f || !f->link)
			return f;
		name = f->link;
	}
	return NULL;
}

static int open_file(const struct source *s, const char *name, struct err *err)
{
	const struct source_file *f = s->archive ? source_find(s, name) : NULL;
	const struct tree t = { .root_fd = s->dirfd };
	char number[16];
	int fd;

	if (s->archive && !f)
		return err_set(err, ENOENT, "there is no '%.200s' in the archive", name);
	if (f)
		number_of(s, f, number);
	/* O_NONBLOCK: a FIFO in its place must not hold us up. */
	fd = tree_open(&t, f ? number : name, O_RDONLY | O_NONBLOCK);
	return fd < 0 ? err_set(err, -fd, "open '%.200s': %s", name, strerror(-fd)) : fd;
}

static int open_regular(const struct source *s, const char *name, struct stat *st, struct err *err)
{
	cleanup_close int fd = open_file(s, name, err);

	if (fd < 0)
		return fd;
	if (fstat(fd, st) < 0 || !S_ISREG(st->st_mode))
		return err_set(err, EBADMSG, "'%.200s' is no regular file", name);
	return take_fd(&fd);
}

/**
 * source_has() - whether there is a file of that name
 */
bool source_has(const struct source *s, const char *name)
{
	cleanup_close int fd = open_file(s, name, NULL);

	return fd >= 0;
}

/**
 * source_read() - a document, whole
 * @out: @n bytes and a NUL, the caller's to free
 *
 * Return: 0 or -errno with @err filled.
 */
int source_read(char **out, size_t *n, const struct source *s, const char *name, struct err *err)
{
	cleanup_free char *text = NULL;
	struct stat st = { 0 };
	cleanup_close int fd = open_regular(s, name, &st, err);
	ssize_t got;

	if (fd < 0)
		return fd;
	if (st.st_size > IMAGE_DOCUMENT_MAX)
		return err_set(err, EFBIG, "'%.200s' is larger than %u bytes",
			       name, IMAGE_DOCUMENT_MAX);
	text = calloc(1, (size_t)st.st_size + 1);
	if (!text)
		return err_set(err, ENOMEM, "read '%.200s': out of memory", name);
	got = pread(fd, text, (size_t)st.st_size, 0);
	if (got < 0)
		return err_sys(err, "read '%.200s'", name);
	*n = (size_t)got;
	*out = take_ptr(text);
	return 0;
}

/**
 * source_media() - what a layer is, by its first bytes; docker save does not say
 *
 * Return: 0 or -errno with @err filled.
 */
int source_media(enum image_media *out, const struct source *s, const char *name, struct err *err)
{
	unsigned char magic[4] = { 0 };
	struct stat st = { 0 };
	cleanup_close int fd = open_regular(s, name, &st, err);

	if (fd < 0)
		return fd;
	if (pread(fd, magic, sizeof(magic), 0) < 0)
		return err_sys(err, "read '%.200s'", name);
	*out = IMAGE_MEDIA_TAR;
	if (magic[0] == 0x1f && magic[1] == 0x8b) /* RFC 1952 */
		*out = IMAGE_MEDIA_TAR_GZIP;
	else if (memcmp(magic, "\x28\xb5\x2f\xfd", 4) == 0) /* RFC 8878 */
		*out = IMAGE_MEDIA_TAR_ZSTD;
	return 0;
}

static int wrong_digest(struct err *err, const char *name, const struct digest *is)
{
	return err_set(err, EBADMSG,
		       "'%.200s' has the digest " DIGEST_PREFIX "%s: it is damaged",
		       name, is->hex);
}

static int copy_blob(const struct source *s, const char *name, const struct digest *want,
		     int blobs_fd, struct err *err)
{
	struct digest is = { "" };
	struct stat st = { 0 };
	cleanup_close int from = open_regular(s, name, &st, err), to = -EBADF;
	int r;

	if (from < 0)
		return from;
	to = openat(blobs_fd, want->hex,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (to < 0)
		return errno == EEXIST ? 0 : err_sys(err, "create a blob");
	r = hash_copy(&is, from, to, err);
	if (r < 0)
		r = err_wrap(err, r, "copy '%.200s'", name);
	else if (!digest_equal(&is, want))
		r = wrong_digest(err, name, &is);
	if (r < 0)
		(void)unlinkat(blobs_fd, want->hex, 0); /* all of the import goes anyway */
	else if (s->consume)
		(void)unlinkat(s->dirfd, name, 0); /* only room is won by it */
	return r;
}

static int move_blob(struct source *s, const struct source_file *f, const struct digest *want,
		     int blobs_fd, struct err *err)
{
	char number[16];

	if (!digest_equal(&f->digest, want))
		return wrong_digest(err, f->name, &f->digest);
	if (f->taken)
		return 0;
	number_of(s, f, number);
	/* A link, so that the file can still be read by its name here. */
	if (linkat(s->dirfd, number, blobs_fd, want->hex, 0) < 0 && errno != EEXIST)
		return err_sys(err, "put the blob '%s' in place", f->name);
	s->files[f - s->files].taken = true;
	return 0;
}

/**
 * source_take() - put a file among blobs, if its digest is right
 * @want: what it must be
 * @blobs_fd: where it gets the name of its digest; one that is there stays
 *
 * Return: 0; -EBADMSG for another digest; -errno. @err is filled.
 */
int source_take(struct source *s, const char *name, const struct digest *want, int blobs_fd,
		struct err *err)
{
	const struct source_file *f;

	if (!s->archive)
		return copy_blob(s, name, want, blobs_fd, err);
	f = source_find(s, name);
	if (!f)
		return err_set(err, ENOENT, "there is no '%.200s' in the archive", name);
	return move_blob(s, f, want, blobs_fd, err);
}
