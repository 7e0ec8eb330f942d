/* SPDX-License-Identifier: MIT */
/* image/: hostile layers. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "image/unpack.h"
#include "tests/unit/test_image_corpus.h"

#define THROUGH_LINK "its path leads through a link"
#define THROUGH_FILE "its path leads through what is no directory"
#define TWICE	     "it is there twice"
#define NOT_IN_LAYER "which is not in the layer"
#define NO_ID	     "its owner is no valid id"
#define NO_PIECE     "a piece that is not where the file has room for it"

/* ------------------------------------------------------------- what is written */

static void fill_zeros_behind(struct bytes *tar)
{
	cleanup_free char *zeros = calloc(1, 8 << 20);

	tar_end(tar);
	bytes_add(tar, zeros, 8 << 20);
}

static void fill_large_file(struct bytes *tar)
{
	struct bytes zeros = { .p = calloc(1, 8 << 20), .n = 8 << 20 };

	tar_add_bytes(tar, "zeros", &zeros);
	bytes_done(&zeros);
}

static void fill_sparse(struct bytes *tar)
{
	tar_add_sparse(tar, "GNU.sparse.realsize=4611686018427387904", "1\n0\n0\n", "");
}

static void fill_sparse_far(struct bytes *tar)
{
	tar_add_sparse(tar, "GNU.sparse.realsize=65536", "1\n4611686018427387904\n3\n", "one");
}

static void fill_sparse_past_end(struct bytes *tar)
{
	tar_add_sparse(tar, "GNU.sparse.realsize=65536", "1\n65534\n3\n", "one");
}

static void fill_sparse_backwards(struct bytes *tar)
{
	tar_add_sparse(tar, "GNU.sparse.realsize=65536", "2\n4096\n3\n4095\n3\n", "onetwo");
}

static void fill_attribute(struct bytes *tar, const char *key, size_t n)
{
	static const struct tar_entry e = { .name = "f", .content = "x" };
	cleanup_free char *value = calloc(1, n);
	struct bytes records = { 0 };

	tar_pax_record(&records, key, value, n);
	tar_pax(tar, &records);
	tar_add(tar, &e);
}

/* linux/limits.h: XATTR_SIZE_MAX, XATTR_NAME_MAX; linux/capability.h: 20 or 24 bytes. */
static void fill_attribute_of_100_kb(struct bytes *tar)
{
	fill_attribute(tar, "SCHILY.xattr.user.large", 100000);
}

static void fill_attribute_of_a_long_name(struct bytes *tar)
{
	fill_attribute(tar, "SCHILY.xattr.user." X255, 1);
}

static void fill_attribute_no_capability(struct bytes *tar)
{
	fill_attribute(tar, "SCHILY.xattr.security.capability", 3);
}

/* Of the next entry's name or records, more than there is. */
static void fill_claim(struct bytes *tar, char type)
{
	const struct tar_entry e = { .name = "claim", .type = type, .size = UINT64_C(1) << 40 };

	tar_add(tar, &e);
}

static void fill_long_name_of_1_tib(struct bytes *tar)
{
	fill_claim(tar, 'L');
}

static void fill_pax_of_1_tib(struct bytes *tar)
{
	fill_claim(tar, 'x');
}

static void fill_global_pax_of_1_tib(struct bytes *tar)
{
	fill_claim(tar, 'g');
}

static void more_files(struct bytes *archive, const struct made *m)
{
	char name[16];
	const struct tar_entry e = { .name = name };

	(void)m;
	for (int i = 0; i <= 8192; i++) {
		snprintf(name, sizeof(name), "%d", i);
		tar_add(archive, &e);
	}
}

/* ------------------------------------------------------------------- the corpus */

static const struct hostile corpus[] = {
	/* Links that lead out of the layer, and entries that go through them. */
	{ "file_through_absolute_link", ELOOP, "layer 1: entry 'l/x': " THROUGH_LINK,
	  ENTRIES(LINK("l", "/"), FILE_("l/x")) },
	{ "file_through_relative_link", ELOOP, THROUGH_LINK,
	  ENTRIES(LINK("l", UP "tmp"), FILE_("l/x")) },
	{ "file_through_link_to_the_root", ELOOP, THROUGH_LINK,
	  ENTRIES(LINK("l", "."), FILE_("l/x")) },
	{ "file_through_links_in_a_row", ELOOP, THROUGH_LINK,
	  ENTRIES(LINK("a", "b"), LINK("b", "/"), FILE_("a/tmp/x")) },
	{ "file_through_link_in_the_middle", ELOOP, THROUGH_LINK,
	  ENTRIES(DIR_("d"), LINK("d/l", ".."), FILE_("d/l/d/x")) },
	{ "directory_through_link", ELOOP, THROUGH_LINK, ENTRIES(LINK("l", "/"), DIR_("l/tmp/d")) },
	{ "directory_in_place_of_link", ELOOP, TWICE ", and not as a directory",
	  ENTRIES(LINK("l", UP "tmp"), DIR_("l/")) },
	{ "link_through_link", ELOOP, THROUGH_LINK, ENTRIES(LINK("l", "/"), LINK("l/m", "x")) },
	{ "opaque_through_link", ELOOP, THROUGH_LINK,
	  ENTRIES(LINK("l", "/"), FILE_("l/.wh..wh..opq")) },
	{ "fifo_through_link", ELOOP, THROUGH_LINK,
	  ENTRIES(LINK("l", "/"), { .name = "l/p", .type = '6' }) },
	{ "etc_is_a_link", ELOOP, "entry 'etc/passwd': " THROUGH_LINK,
	  ENTRIES(LINK("etc", "/tmp/x"), FILE_("etc/passwd")) },
	{ "proc_is_a_link", ELOOP, "entry 'proc/self/exe': " THROUGH_LINK,
	  ENTRIES(LINK("proc", "/proc"), FILE_("proc/self/exe")) },
	{ "dev_is_a_link", ELOOP, "entry 'dev/sda': " THROUGH_LINK,
	  ENTRIES(LINK("dev", "/dev"), { .name = "dev/sda", .type = '4', .major = 8 }) },
	{ "sys_is_a_link", ELOOP, "entry 'sys/x': " THROUGH_LINK,
	  ENTRIES(LINK("sys", UP "sys"), FILE_("sys/x")) },
	{ "link_without_target", EBADMSG, "a symbolic link that leads nowhere",
	  ENTRIES(LINK("l", "")) },
	{ "link_of_4_kib", EBADMSG, "a symbolic link that leads nowhere",
	  ENTRIES(LINK("l", LONG_PATH "/")) },

	/* Hard links. */
	{ "hard_link_up", EBADMSG, "layer 1: entry 'h': a hard link to '../x': '..' in the name",
	  ENTRIES(HARD("h", "../x")) },
	{ "hard_link_up_from_below", EBADMSG, "'..' in the name",
	  ENTRIES(DIR_("d"), HARD("h", "d/" UP "etc/passwd")) },
	{ "hard_link_absolute", EBADMSG,
	  "entry 'h': a hard link to '/etc/passwd': an absolute name",
	  ENTRIES(HARD("h", "/etc/passwd")) },
	{ "hard_link_missing", ENOENT, "make a hard link to 'no'", ENTRIES(HARD("h", "no")) },
	{ "hard_link_missing_directory", ENOENT, "a hard link to 'no/no', " NOT_IN_LAYER,
	  ENTRIES(HARD("h", "no/no")) },
	{ "hard_link_through_link", ELOOP, "a hard link to 'l/passwd', " NOT_IN_LAYER,
	  ENTRIES(LINK("l", "/etc"), HARD("h", "l/passwd")) },
	{ "hard_link_through_file", ENOTDIR, NOT_IN_LAYER, ENTRIES(FILE_("f"), HARD("h", "f/x")) },
	{ "hard_link_to_whiteout", EBADMSG, "a hard link to a whiteout",
	  ENTRIES(FILE_(".wh.a"), HARD("h", "a")) },
	{ "hard_link_to_directory", EPERM, "make a hard link to 'd'",
	  ENTRIES(DIR_("d"), HARD("h", "d")) },
	{ "hard_link_to_itself", ENOENT, "make a hard link to 'h'", ENTRIES(HARD("h", "h")) },
	{ "hard_link_to_the_root", ENOENT, "make a hard link to ''", ENTRIES(HARD("h", "./")) },
	{ "hard_link_to_what_comes_later", ENOENT, "make a hard link to 'f'",
	  ENTRIES(HARD("h", "f"), FILE_("f")) },

	/* Names. */
	{ "name_up", EBADMSG, "entry '../x': '..' in the name", ENTRIES(FILE_("../x")) },
	{ "name_up_in_the_middle", EBADMSG, "'..' in the name", ENTRIES(FILE_("a/../../x")) },
	{ "name_that_is_up", EBADMSG, "entry '..': '..' in the name", ENTRIES(DIR_("..")) },
	{ "name_that_ends_up", EBADMSG, "'..' in the name", ENTRIES(DIR_("a/..")) },
	{ "name_absolute", EBADMSG, "entry '/x': an absolute name", ENTRIES(FILE_("/x")) },
	{ "name_absolute_by_pax", EBADMSG, "entry '//x': an absolute name",
	  ENTRIES({ .name = "x", .pax = { "path=//x" } }) },
	{ "name_up_by_pax", EBADMSG, "'..' in the name",
	  ENTRIES({ .name = "x", .pax = { "path=" UP "tmp/x" } }) },
	{ "name_empty", EBADMSG, "entry '': it has no name", ENTRIES({ .name = "" }) },
	{ "name_of_256_bytes", EBADMSG, "the name is too long", ENTRIES(FILE_(X255 "x")) },
	{ "name_of_4_kib", EBADMSG, "the name is too long", ENTRIES(FILE_(LONG_PATH "/x")) },
	{ "directories_too_deep", EBADMSG, "too many directories in each other",
	  ENTRIES(DIR_(X255 "/" HUNDRED("d/") HUNDRED("d/") TEN("d/d/d/d/d/") "d/d/d/d/d/d")) },

	/* What stands for something else. */
	{ "device_0_0", EBADMSG, "entry 'd': a device 0:0", ENTRIES({ .name = "d", .type = '3' }) },
	{ "root_is_a_file", EBADMSG, "entry '.': the root is no directory", ENTRIES(FILE_(".")) },
	{ "root_is_a_link", EBADMSG, "the root is no directory", ENTRIES(LINK(".", UP "tmp")) },
	{ "root_is_a_hard_link", EBADMSG, "the root is no directory",
	  ENTRIES(FILE_("f"), HARD(".", "f")) },
	{ "root_is_a_device", EBADMSG, "the root is no directory",
	  ENTRIES({ .name = ".", .type = '4', .major = 8 }) },
	{ "whiteout_of_no_name", EBADMSG, "entry '.wh.': a whiteout of no name",
	  ENTRIES(FILE_(".wh.")) },
	{ "whiteout_of_dot", EBADMSG, "entry '.wh..': a whiteout of no name",
	  ENTRIES(FILE_(".wh..")) },
	{ "whiteout_of_dot_dot", EBADMSG, "a whiteout of no name", ENTRIES(FILE_(".wh...")) },
	{ "whiteout_of_dot_dot_below", EBADMSG, "entry 'd/.wh...': a whiteout of no name",
	  ENTRIES(FILE_("d/.wh...")) },
	{ "opaque_root", EBADMSG, "a whiteout of the root", ENTRIES(FILE_(".wh..wh..opq")) },
	{ "opaque_root_by_dot", EBADMSG, "a whiteout of the root",
	  ENTRIES(FILE_("././.wh..wh..opq")) },
	{ "opaque_file", ENOTDIR, THROUGH_FILE, ENTRIES(FILE_("f"), FILE_("f/.wh..wh..opq")) },
	{ "file_through_file", ENOTDIR, "entry 'f/x': " THROUGH_FILE,
	  ENTRIES(FILE_("f"), FILE_("f/x")) },
	{ "file_through_device", ENOTDIR, THROUGH_FILE,
	  ENTRIES({ .name = "z", .type = '3', .major = 1, .minor = 5 }, FILE_("z/x")) },
	{ "file_through_fifo", ENOTDIR, THROUGH_FILE,
	  ENTRIES({ .name = "p", .type = '6' }, FILE_("p/x")) },
	{ "file_twice", EEXIST, "entry 'f': " TWICE, ENTRIES(FILE_("f"), FILE_("./f")) },
	{ "file_then_directory", ENOTDIR, TWICE, ENTRIES(FILE_("f"), DIR_("f")) },
	{ "directory_then_file", EEXIST, TWICE, ENTRIES(DIR_("d"), FILE_("d")) },
	{ "link_then_file", EEXIST, TWICE, ENTRIES(LINK("l", "/tmp/x"), FILE_("l")) },
	{ "link_then_device", EEXIST, TWICE,
	  ENTRIES(LINK("l", "/tmp/x"), { .name = "l", .type = '3', .major = 1 }) },
	{ "hard_link_then_file", EEXIST, TWICE, ENTRIES(FILE_("f"), HARD("h", "f"), FILE_("h")) },
	{ "uid_of_minus_1", EBADMSG, "entry 'f': " NO_ID,
	  ENTRIES({ .name = "f", .uid = UINT32_MAX }) },
	{ "gid_of_minus_1", EBADMSG, NO_ID, ENTRIES({ .name = "f", .gid = UINT32_MAX }) },
	{ "uid_of_48_bits", EBADMSG, NO_ID, ENTRIES({ .name = "f", .uid = UINT64_C(1) << 47 }) },
	{ "uid_negative", EBADMSG, NO_ID, ENTRIES({ .name = "f", .pax = { "uid=-1" } }) },

	/* Too much. */
	{ "too_many_files", EFBIG, "layer 1: more than 2 files",
	  ENTRIES(FILE_("a"), DIR_("b"), FILE_("c")), .inodes = 2 },
	{ "too_many_skipped_files", EFBIG, "more than 2 files",
	  ENTRIES(FILE_(".wh..wh.a"), FILE_(".wh..wh.b"), FILE_(".wh..wh.c")), .inodes = 2 },
	{ "too_many_implied_directories", EFBIG, "layer 1: more than 4 files",
	  ENTRIES(FILE_("a/b/c/d/f")), .inodes = 4 },
	{ "too_many_implied_by_each_file", EFBIG, "layer 1: more than 6 files",
	  ENTRIES(FILE_("a/b/f"), FILE_("c/d/f"), FILE_("e/f")), .inodes = 6 },
	{ "too_many_implied_by_a_whiteout", EFBIG, "layer 1: more than 3 files",
	  ENTRIES(FILE_("a/b/c/.wh.f")), .inodes = 3 },
	{ "too_many_implied_by_an_opaque_mark", EFBIG, "layer 1: more than 3 files",
	  ENTRIES(FILE_("a/b/c/.wh..wh..opq")), .inodes = 3 },
	{ "too_many_bytes", EFBIG, "more than 1048576 bytes", .recipe = { .fill = fill_large_file },
	  .bytes = 1 << 20 },
	{ "bomb_of_gzip", EFBIG, "more than 1048576 bytes",
	  .recipe = { .fill = fill_large_file, .media = IMAGE_MEDIA_TAR_GZIP }, .bytes = 1 << 20 },
	{ "bomb_of_zstd", EFBIG, "more than 1048576 bytes",
	  .recipe = { .fill = fill_large_file, .media = IMAGE_MEDIA_TAR_ZSTD }, .bytes = 1 << 20 },
	{ "bomb_behind_the_end", EFBIG, "more than 1048576 bytes unpacked",
	  .recipe = { .fill = fill_zeros_behind, .media = IMAGE_MEDIA_TAR_GZIP },
	  .bytes = 1 << 20 },
	{ "sparse_file_of_4_eib", EFBIG, "entry 's': more than 68719476736 bytes in all",
	  .recipe = { .fill = fill_sparse } },
	{ "sparse_piece_at_4_eib", EBADMSG, "layer 1: entry 's': " NO_PIECE,
	  .recipe = { .fill = fill_sparse_far } },
	{ "sparse_piece_past_the_end", EBADMSG, NO_PIECE,
	  .recipe = { .fill = fill_sparse_past_end } },
	{ "sparse_pieces_backwards", EBADMSG, NO_PIECE,
	  .recipe = { .fill = fill_sparse_backwards } },
	{ "file_that_claims_4_eib", EFBIG, "more than 68719476736 bytes in all",
	  ENTRIES({ .name = "f", .size = UINT64_C(1) << 62 }) },
	{ "file_that_claims_8_eib", EBADMSG, "read the tar: Tar entry size overflow",
	  ENTRIES({ .name = "f", .size = INT64_MAX }) },
	{ "long_name_of_1_tib", EBADMSG, "read the tar: ",
	  .recipe = { .fill = fill_long_name_of_1_tib } },
	{ "pax_records_of_1_tib", EBADMSG, "read the tar: ",
	  .recipe = { .fill = fill_pax_of_1_tib } },
	{ "global_pax_records_of_1_tib", EBADMSG, "read the tar: ",
	  .recipe = { .fill = fill_global_pax_of_1_tib } },
	{ "pax_records_cut", EBADMSG, "read the tar: ",
	  .recipe = { .fill = fill_attribute_of_100_kb, .tar_keep = 50000 } },
	{ "pax_records_without_their_entry", EBADMSG, "read the tar: ",
	  .recipe = { .fill = fill_attribute_no_capability, .tar_keep = 1024 } },
	{ "sparse_map_cut", EBADMSG, "read the tar: ",
	  .recipe = { .fill = fill_sparse_backwards, .tar_keep = 1536 + 100 } },
	{ "archive_too_large", EFBIG, "archive: more than 1000 bytes",
	  .recipe = { .form = FORM_ARCHIVE }, .source_bytes = 1000 },
	{ "archive_of_8193_files", E2BIG, "archive: more than 8192 files",
	  .recipe = { .form = FORM_ARCHIVE, .more = more_files } },

	/* Attributes. */
	{ "attribute_of_100_kb", E2BIG, "entry 'f': set the attribute 'user.large'",
	  .recipe = { .fill = fill_attribute_of_100_kb } },
	{ "attribute_of_a_long_name", ERANGE, "entry 'f': set the attribute 'user.xxx",
	  .recipe = { .fill = fill_attribute_of_a_long_name } },
	{ "capability_of_3_bytes", EINVAL, "entry 'f': set the attribute 'security.capability'",
	  .recipe = { .fill = fill_attribute_no_capability } },
};

/* ------------------------------------------------------------------- the tests */

/* Without the worker's root around it, what gets out of the tree is in the host's. */
static void unpack_alone(struct world *world, const struct hostile *h)
{
	struct import_args args = args_of(h);
	struct unpack_result out;
	struct unpack_args how = { .media = h->recipe.media ? h->recipe.media : IMAGE_MEDIA_TAR,
				   .limits = args.limits.layers };
	struct bytes before = { 0 }, list = { 0 };
	struct err err = { 0 };
	struct made made;
	int r;

	made_init(&made, &h->recipe);
	how.blob_fd = bytes_open(&made.files[0].data);
	how.opaque_fd = bytes_open(&list);
	how.root_fd = openat(world->source_fd, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snapshot(&before, world->path);
	r = unpack_layer(&out, &how, &err);
	close_fd(&how.blob_fd);
	close_fd(&how.opaque_fd);
	close_fd(&how.root_fd);
	made_done(&made);
	assert_int_equal(r, -h->code);
	assert_int_equal(io_remove_tree(world->source_fd, "tree", &err), 0);
	assert_int_equal(mkdirat(world->source_fd, "tree", 0755), 0);
	assert_as_before(&before, world->path);
}

static void unpack__hostile_layers__nothing_outside_of_the_tree(void **state)
{
	struct world world;
	int layers = 0;

	(void)state;
	world_open(&world);
	assert_int_equal(mkdirat(world.source_fd, "tree", 0755), 0);
	for (size_t i = 0; i < ARRAY_SIZE(corpus); i++)
		if (corpus[i].recipe.entries) {
			unpack_alone(&world, &corpus[i]);
			layers++;
		}
	world_close(&world);
	assert_true(layers >= 60);
}

/* 512 MB of headers, packed on the way. */
static void million_files(struct bytes *out)
{
	struct archive *a = pack_open(out, IMAGE_MEDIA_TAR_ZSTD);
	struct bytes some = { 0 };
	char name[16];

	for (unsigned i = 0; i < 1000000; i++) {
		const struct tar_entry e = { .name = name };

		snprintf(name, sizeof(name), "%u/%u", i / 1000, i);
		tar_header(&some, &e, 0);
		if (i % 1000 == 999) {
			pack_add(a, some.p, some.n);
			some.n = 0;
		}
	}
	bytes_done(&some);
	pack_close(a);
}

/* Read only: to make 900,000 files takes a disk minutes. */
static void layer__a_million_tiny_files__refused_at_the_usual_limit(void **state)
{
	cleanup_free struct layer_entry *e = calloc(1, sizeof(*e));
	struct layer_reader *l = NULL;
	struct bytes blob = { 0 };
	struct err err = { 0 };
	unsigned n = 0;
	bool end;
	int fd;

	(void)state;
	million_files(&blob);
	fd = bytes_open(&blob);
	bytes_done(&blob);
	assert_int_equal(
	    layer_open(&l, fd, IMAGE_MEDIA_TAR_ZSTD, &import_limits_default.layers, &err), 0);
	while (layer_next(l, e, &end, &err) == 0)
		n++;
	assert_int_equal(n, 900000);
	assert_int_equal(err.code, EFBIG);
	assert_string_equal(err.msg, "more than 900000 files");
	layer_close(l);
	close_fd(&fd);
}

#define COUNT ARRAY_SIZE(corpus)

int main(void)
{
	static struct CMUnitTest tests[COUNT + 2];
	static char names[COUNT][96];

	_Static_assert(COUNT >= 60, "as many as the issue wants");
	corpus_tests(tests, names, corpus, COUNT);
	tests[COUNT] = (struct CMUnitTest)cmocka_unit_test(
	    unpack__hostile_layers__nothing_outside_of_the_tree);
	tests[COUNT + 1] = (struct CMUnitTest)cmocka_unit_test(
	    layer__a_million_tiny_files__refused_at_the_usual_limit);
	return cmocka_run_group_tests_name("image corpus: layers", tests, NULL, NULL);
}
