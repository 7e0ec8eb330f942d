/* SPDX-License-Identifier: MIT */
/* A store of its own for each test, something beside it that must not change, and what is there. */
#pragma once

#include <fts.h>

#include "base/paths.h"
#include "image/import.h"
#include "image/writer.h"
#include "tests/unit/test_image_make.h"

struct world {
	char path[32]; /* in it: root, beside, source */
	int dirfd, source_fd;
	struct paths paths;
	struct image_writer w;
};

static inline void world_open(struct world *world)
{
	char root[64];
	struct err err = { 0 };

	*world = (struct world){ .path = "/tmp/podd-image-XXXXXX", .w = IMAGE_WRITER_EMPTY };
	assert_non_null(mkdtemp(world->path));
	world->dirfd = open(world->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(io_mkdir_path(world->dirfd, "root", 0755, &err), 0);
	assert_int_equal(io_mkdir_path(world->dirfd, "source", 0755, &err), 0);
	assert_int_equal(io_mkdir_path(world->dirfd, "beside/directory", 0755, &err), 0);
	assert_int_equal(io_replace_file(world->dirfd, "beside.txt", "untouched", 9, &err), 0);
	world->source_fd = openat(world->dirfd, "source", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(root, sizeof(root), "%s/root", world->path);
	if (paths_open(&world->paths, root, PATHS_CREATE, &err) < 0 ||
	    image_writer_open(&world->w, &world->paths, &err) < 0)
		fail_msg("%s", err.msg);
}

static inline void world_close(struct world *world)
{
	struct err err;

	image_writer_close(&world->w);
	paths_close(&world->paths);
	close_fd(&world->source_fd);
	close_fd(&world->dirfd);
	assert_int_equal(io_remove_tree(AT_FDCWD, world->path, &err), 0);
}

/* -------------------------------------------------------------- what is there */

static inline int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static inline void snapshot_detail(char *text, size_t size, const FTSENT *e)
{
	cleanup_close int fd = -EBADF;
	struct digest d = { "" };
	ssize_t n;

	text[0] = '\0';
	if (S_ISLNK(e->fts_statp->st_mode)) {
		n = readlink(e->fts_accpath, text, size - 1);
		text[n > 0 ? n : 0] = '\0';
	}
	if (!S_ISREG(e->fts_statp->st_mode))
		return;
	fd = open(e->fts_accpath, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	assert_int_equal(hash_file(&d, fd, NULL), 0);
	snprintf(text, size, "%s", d.hex);
}

/* A line for each file: its path, type, mode, owner, size and content. */
static inline void snapshot(struct bytes *out, const char *path)
{
	char *const paths[] = { (char *)path, NULL };
	FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
	char line[2 * PATH_MAX + 128], detail[PATH_MAX];
	FTSENT *e;

	assert_non_null(fts);
	while ((e = fts_read(fts))) {
		const struct stat *st = e->fts_statp;

		if (e->fts_info == FTS_DP)
			continue;
		snapshot_detail(detail, sizeof(detail), e);
		snprintf(line, sizeof(line), "%s %o %u:%u %lld %s\n", e->fts_path + strlen(path),
			 st->st_mode, st->st_uid, st->st_gid,
			 S_ISDIR(st->st_mode) ? 0 : (long long)st->st_size, detail);
		bytes_add(out, line, strlen(line));
	}
	bytes_add(out, "", 1);
	fts_close(fts);
}

/* @before goes. */
static inline void assert_as_before(struct bytes *before, const char *path)
{
	struct bytes after = { 0 };

	snapshot(&after, path);
	assert_string_equal(after.p, before->p);
	bytes_done(&after);
	bytes_done(before);
}

/* ------------------------------------------------------------------- an import */

/* An image into the store; @before: what there was when its source had been written, or NULL. */
static inline int world_import(struct world *world, struct import_result *out,
			       const struct recipe *recipe, struct import_args args,
			       struct bytes *before, struct err *err)
{
	struct made made;
	int r;

	made_init(&made, recipe);
	args.source_fd = made_open(&made, world->source_fd);
	args.directory = recipe->form == FORM_DIRECTORY;
	made_done(&made);
	if (before)
		snapshot(before, world->path);
	r = image_import(out, &world->w, &args, err);
	close_fd(&args.source_fd);
	return r;
}
