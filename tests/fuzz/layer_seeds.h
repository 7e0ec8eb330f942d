/* SPDX-License-Identifier: MIT */
/* The layers that fuzzing starts from, made when they are needed: they are binary. */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/test_image_make.h"

struct layer_seed {
	const char *name;
	struct recipe recipe;
};

static const struct tar_entry seed_ustar[] = {
	{ .name = "./", .type = '5', .mode = 0711 },
	{ .name = "d/", .type = '5' },
	{ .name = "d/f", .mode = 04755, .uid = 3, .content = "content" },
	{ .name = "d/l", .type = '2', .link = "../x" },
	{ .name = "h", .type = '1', .link = "d/f" },
	{ .name = "high", .uid = 4294967294, .gid = 4294967294, .mtime = 4000000000 },
	{ .name = NULL },
};

static const struct tar_entry seed_pax[] = {
	{ .name = "f",
	  .content = "x",
	  .pax = { "SCHILY.xattr.user.x=v", "mtime=1.5", "path=long/\xc3\xa4" } },
	{ .name = "g", .pax = { "uid=7", "gid=8", "size=0" } },
	{ .name = "l", .type = '2', .pax = { "linkpath=a/b", "LIBARCHIVE.xattr.user.y=dg" } },
	{ .name = "pax", .type = 'g', .content = "13 mtime=1.5\n" },
	{ .name = "after" },
	{ .name = NULL },
};

static const struct tar_entry seed_nodes[] = {
	{ .name = "null", .type = '3', .mode = 0666, .major = 1, .minor = 3 },
	{ .name = "zero", .type = '3' },
	{ .name = "disk", .type = '4', .major = 300, .minor = 70000 },
	{ .name = "pipe", .type = '6' },
	{ .name = NULL },
};

static const struct tar_entry seed_whiteouts[] = {
	{ .name = ".wh.a" },	    { .name = "d/.wh..wh..opq" },
	{ .name = ".wh..wh.plnk" }, { .name = ".wh." },
	{ .name = NULL },
};

/* As GNU tar has them: the name, or the link's target, of the entry behind. */
static const struct tar_entry seed_gnu[] = {
	{ .name = "././@LongLink",
	  .type = 'L',
	  .content = "n/n/n/n/n/n/n/n/n/n/n/n/n/n/n/n/n/n/n/n/n/n/n/n/n/n/n/n/n/n/n/n/n/n/n/n/"
		     "n/n/n/n/n/n/n/n/n/n/n/n/n/n/n/n/n/n/n/n/x" },
	{ .name = "n/n/n", .content = "x" },
	{ .name = "././@LongLink", .type = 'K', .content = "ttttttttttttttttttttttttttttttttttt" },
	{ .name = "l", .type = '2', .link = "ttt" },
	{ .name = NULL },
};

static const struct tar_entry seed_absolute[] = { { .name = "/etc/passwd" }, { .name = NULL } };
static const struct tar_entry seed_no_root[] = { { .name = ".wh..wh..opq" }, { .name = NULL } };

static inline void seed_one(struct bytes *tar, const char *part, int times)
{
	struct bytes name = { 0 };

	for (int i = 0; i < times; i++)
		bytes_add(&name, part, strlen(part));
	bytes_add(&name, "x", 2);
	tar_add(tar, &(struct tar_entry){ .name = name.p });
	bytes_done(&name);
}

static inline void seed_long(struct bytes *tar)
{
	seed_one(tar, "name", 100);
}

static inline void seed_deep(struct bytes *tar)
{
	seed_one(tar, "n/", 300);
}

static inline void seed_many(struct bytes *tar)
{
	for (int i = 0; i < 65; i++)
		seed_one(tar, "", 0);
}

/* More than the target takes, and packed next to nothing. */
static inline void seed_large(struct bytes *tar)
{
	struct bytes zeros = { .p = calloc(1, 192 << 10), .n = 192 << 10 };

	assert_non_null(zeros.p);
	tar_add_bytes(tar, "zeros", &zeros);
	tar_end(tar);
	bytes_add(tar, zeros.p, zeros.n);
	bytes_done(&zeros);
}

static inline void seed_sparse(struct bytes *tar)
{
	tar_add_sparse(tar, "GNU.sparse.realsize=65536", "2\n8192\n3\n16384\n3\n", "onetwo");
}

static inline void seed_piece_outside(struct bytes *tar)
{
	tar_add_sparse(tar, "GNU.sparse.name=x", "1\n8192\n3\n", "one");
}

static inline void seed_nothing(struct bytes *tar)
{
	(void)tar;
}

static const struct layer_seed layer_seeds[] = {
	{ "nothing", { .fill = seed_nothing } },
	{ "ustar", { .entries = seed_ustar } },
	{ "ustar.gz", { .entries = seed_ustar, .media = IMAGE_MEDIA_TAR_GZIP } },
	{ "ustar.zst", { .entries = seed_ustar, .media = IMAGE_MEDIA_TAR_ZSTD } },
	{ "cut.gz", { .entries = seed_ustar, .media = IMAGE_MEDIA_TAR_GZIP, .blob_keep = 60 } },
	{ "cut", { .entries = seed_ustar, .tar_keep = 3 * TAR_BLOCK } },
	{ "pax", { .entries = seed_pax } },
	{ "pax.gz", { .entries = seed_pax, .media = IMAGE_MEDIA_TAR_GZIP } },
	{ "nodes", { .entries = seed_nodes } },
	{ "whiteouts", { .entries = seed_whiteouts } },
	{ "gnu", { .entries = seed_gnu } },
	{ "absolute", { .entries = seed_absolute } },
	{ "no-root", { .entries = seed_no_root } },
	{ "long", { .fill = seed_long } },
	{ "deep", { .fill = seed_deep } },
	{ "many.zst", { .fill = seed_many, .media = IMAGE_MEDIA_TAR_ZSTD } },
	{ "large.gz", { .fill = seed_large, .media = IMAGE_MEDIA_TAR_GZIP } },
	{ "large-cut.gz",
	  { .fill = seed_large, .media = IMAGE_MEDIA_TAR_GZIP, .blob_keep = 1000 } },
	{ "sparse", { .fill = seed_sparse } },
	{ "piece-outside", { .fill = seed_piece_outside } },
};

/* An input of the target: a byte that says the compression, and the layer. */
static inline void seed_make(struct bytes *out, const struct layer_seed *seed)
{
	unsigned char first =
	    (unsigned char)(seed->recipe.media ? seed->recipe.media - IMAGE_MEDIA_TAR : 0);
	struct made m = { .recipe = &seed->recipe };

	made_layer(&m);
	bytes_add(out, &first, 1);
	bytes_add(out, m.files[0].data.p, m.files[0].data.n);
	made_done(&m);
}

/* Each in a file of its own. */
static inline void seeds_write(int dirfd)
{
	for (size_t i = 0; i < ARRAY_SIZE(layer_seeds); i++) {
		cleanup_close int fd = openat(dirfd, layer_seeds[i].name,
					      O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		struct bytes b = { 0 };

		seed_make(&b, &layer_seeds[i]);
		assert_int_equal(io_write_all(fd, b.p, b.n), 0);
		bytes_done(&b);
	}
}
