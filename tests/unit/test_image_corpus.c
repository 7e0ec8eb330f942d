/* SPDX-License-Identifier: MIT */
/* image/: hostile and broken images, each refused with its reason and without a trace. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>

#include "image/unpack.h"
#include "tests/unit/test_image_world.h"

struct hostile {
	const char *name;
	int code;
	const char *expected; /* in the message */
	struct recipe recipe;
	uint64_t bytes, inodes, source_bytes; /* limits; 0: the usual ones */
	const char *select;
	bool taken; /* another image has the name already */
};

#define ENTRIES(...) .recipe = { .entries = (const struct tar_entry[]){ __VA_ARGS__, { NULL } } }
#define DIR_(n)                                                                                    \
	{                                                                                          \
		.name = n, .type = '5'                                                             \
	}
#define FILE_(n)                                                                                   \
	{                                                                                          \
		.name = n, .content = "x"                                                          \
	}
#define LINK(n, to)                                                                                \
	{                                                                                          \
		.name = n, .type = '2', .link = to                                                 \
	}
#define HARD(n, to)                                                                                \
	{                                                                                          \
		.name = n, .type = '1', .link = to                                                 \
	}

#define TEN(x)	   x x x x x x x x x x
#define HUNDRED(x) TEN(TEN(x))
#define X255	   HUNDRED("x") HUNDRED("x") TEN("x") TEN("x") TEN("x") TEN("x") TEN("x") "xxxxx"
#define LONG_PATH                                                                                  \
	X255 "/" X255 "/" X255 "/" X255 "/" X255 "/" X255 "/" X255 "/" X255 "/" X255 "/" X255      \
	     "/" X255 "/" X255 "/" X255 "/" X255 "/" X255 "/" X255
#define TEN_KIB	   HUNDRED(HUNDRED("x")) HUNDRED("xx") TEN("xxxx")
#define LAYERS_121 HUNDRED(THE_LAYER ",") TEN(THE_LAYER ",") TEN(THE_LAYER ",") THE_LAYER
#define UP	   "../../../../../../../../../../../../"

#define THROUGH_LINK "its path leads through a link"
#define THROUGH_FILE "its path leads through what is no directory"
#define TWICE	     "it is there twice"
#define NOT_IN_LAYER "which is not in the layer"
#define NO_ID	     "its owner is no valid id"
#define NO_PIECE     "a piece that is not where the file has room for it"
#define DAMAGED	     ": it is damaged"

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

static void fill_nothing(struct bytes *out)
{
	(void)out;
}

/* The same ones each time, of no format. */
static void fill_random(struct bytes *out)
{
	uint32_t x = 1;

	for (int i = 0; i < 20000; i++) {
		x = x * 1664525 + 1013904223;
		bytes_add(out, (char *)&x + 3, 1);
	}
}

static void fill_other_tar(struct bytes *out)
{
	static const struct tar_entry e = FILE_("readme");

	tar_add(out, &e);
	tar_end(out);
}

static void fill_gzip_cut(struct bytes *out)
{
	struct bytes tar = { 0 };

	fill_random(&tar);
	pack(out, &tar, IMAGE_MEDIA_TAR_GZIP);
	out->n /= 2;
	bytes_done(&tar);
}

static void more_blob_link(struct bytes *archive, const struct made *m)
{
	char name[96];
	struct tar_entry e = LINK(name, "/etc/passwd");

	snprintf(name, sizeof(name), "blobs/sha256/%s", made_digest(m, 'L'));
	tar_add(archive, &e);
}

static void more_blob_hard_link(struct bytes *archive, const struct made *m)
{
	char name[96];
	struct tar_entry e = HARD(name, UP "etc/passwd");

	snprintf(name, sizeof(name), "blobs/sha256/%s", made_digest(m, 'L'));
	tar_add(archive, &e);
}

/* An index that has itself in it, as far as its digest can be believed. */
static void more_loop(struct bytes *archive, const struct made *m)
{
	const struct tar_entry e = { .name = "blobs/sha256/" WRONG_HEX,
				     .content = INDEX_OF(DESC(MEDIA_INDEX, WRONG_HEX, "184", "")) };

	(void)m;
	tar_add(archive, &e);
}

static void more_links(struct bytes *archive, const struct made *m)
{
	static const struct tar_entry entries[] = { LINK("a.tar", "b.tar"), LINK("b.tar", "a.tar"),
						    LINK("own.tar", "own.tar"),
						    LINK("out.tar", "/etc/passwd"),
						    LINK("up.tar", UP "etc/passwd") };

	(void)m;
	for (size_t i = 0; i < ARRAY_SIZE(entries); i++)
		tar_add(archive, &entries[i]);
}

static void more_fifo(struct bytes *archive, const struct made *m)
{
	static const struct tar_entry e = { .name = "pipe", .type = '6' };

	(void)m;
	tar_add(archive, &e);
}

static void more_twice(struct bytes *archive, const struct made *m)
{
	static const struct tar_entry e = { .name = "./index.json", .content = "{}" };

	(void)m;
	tar_add(archive, &e);
}

static void more_long_name(struct bytes *archive, const struct made *m)
{
	static const struct tar_entry e = FILE_(X255 "/" X255 "/x");

	(void)m;
	tar_add(archive, &e);
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
	{ "hard_link_up", EBADMSG, "entry '../x': '..' in the name", ENTRIES(HARD("h", "../x")) },
	{ "hard_link_up_from_below", EBADMSG, "'..' in the name",
	  ENTRIES(DIR_("d"), HARD("h", "d/" UP "etc/passwd")) },
	{ "hard_link_absolute", EBADMSG, "entry '/etc/passwd': an absolute name",
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
	{ "archive_too_large", EFBIG, "archive: more than 1000 bytes",
	  .recipe = { .form = FORM_ARCHIVE }, .source_bytes = 1000 },
	{ "archive_of_8193_files", E2BIG, "archive: more than 8192 files",
	  .recipe = { .form = FORM_ARCHIVE, .more = more_files } },

	/* Cut off. */
	{ "tar_cut_in_a_header", EBADMSG,
	  "layer 1: read the tar: ", .recipe = { .tar_keep = 1024 + 100 } },
	{ "tar_cut_in_the_first_header", EBADMSG, "read the tar: ", .recipe = { .tar_keep = 100 } },
	{ "tar_cut_in_content", EBADMSG,
	  "layer 1: entry 'f': read the tar: ", .recipe = { .tar_keep = 512 + 3 } },
	{ "gzip_cut", EBADMSG, "truncated gzip input",
	  .recipe = { .media = IMAGE_MEDIA_TAR_GZIP, .blob_keep = 60 } },
	{ "gzip_cut_in_its_header", EBADMSG,
	  "layer 1: ", .recipe = { .media = IMAGE_MEDIA_TAR_GZIP, .blob_keep = 9 } },
	{ "gzip_cut_in_its_end", EBADMSG, "truncated gzip input",
	  .recipe = { .fill = fill_other_tar, .media = IMAGE_MEDIA_TAR_GZIP, .blob_keep = 100 } },
	{ "zstd_cut", EBADMSG, "Truncated zstd input",
	  .recipe = { .media = IMAGE_MEDIA_TAR_ZSTD, .blob_keep = 40 } },
	{ "layer_of_random_bytes", EBADMSG, "layer 1: ", .recipe = { .fill = fill_random } },
	{ "index_json_cut", EBADMSG, "'index.json': bad JSON",
	  .recipe = { .damage = CUT, .of = 'I' } },
	{ "manifest_cut", EBADMSG, "manifest: bad JSON",
	  .recipe = { .manifest = "{\"schemaVersion\":2,\"con" } },
	{ "config_cut", EBADMSG, "config: bad JSON", .recipe = { .config = "{\"os\":\"li" } },
	{ "manifest_empty", EBADMSG, "manifest: bad JSON", .recipe = { .manifest = "" } },
	{ "manifest_json_cut", EBADMSG, "'manifest.json': bad JSON",
	  .recipe = { .form = FORM_SAVED, .damage = CUT, .of = 'I' } },
	{ "archive_cut_in_a_header", EBADMSG,
	  "read the archive: ", .recipe = { .form = FORM_ARCHIVE, .source_keep = 3172 } },
	{ "archive_cut_in_content", EBADMSG, "read the archive: Truncated tar",
	  .recipe = { .form = FORM_ARCHIVE, .source_keep = 515 } },
	{ "archive_cut_between_files", EBADMSG, "it is neither an OCI layout nor",
	  .recipe = { .form = FORM_SAVED, .source_keep = 2560 } },
	{ "archive_gzip_cut", EBADMSG,
	  "read the archive: ", .recipe = { .form = FORM_RAW, .fill = fill_gzip_cut } },

	/* Digests and sizes. */
	{ "layer_flipped", EBADMSG, DAMAGED, .recipe = { .damage = FLIPPED, .of = 'L' } },
	{ "config_flipped", EBADMSG, DAMAGED, .recipe = { .damage = FLIPPED, .of = 'C' } },
	{ "manifest_flipped", EBADMSG, DAMAGED, .recipe = { .damage = FLIPPED, .of = 'M' } },
	{ "layer_cut", EBADMSG, DAMAGED, .recipe = { .damage = CUT, .of = 'L' } },
	{ "config_cut_after", EBADMSG, DAMAGED, .recipe = { .damage = CUT, .of = 'C' } },
	{ "manifest_cut_after", EBADMSG, DAMAGED, .recipe = { .damage = CUT, .of = 'M' } },
	{ "layer_flipped_in_an_archive", EBADMSG, DAMAGED,
	  .recipe = { .form = FORM_ARCHIVE, .damage = FLIPPED, .of = 'L' } },
	{ "config_flipped_in_an_archive", EBADMSG, DAMAGED,
	  .recipe = { .form = FORM_ARCHIVE, .damage = FLIPPED, .of = 'C' } },
	{ "manifest_flipped_in_an_archive", EBADMSG, DAMAGED,
	  .recipe = { .form = FORM_ARCHIVE, .damage = FLIPPED, .of = 'M' } },
	{ "layer_missing", ENOENT, "layer 1: open 'blobs/sha256/",
	  .recipe = { .damage = GONE, .of = 'L' } },
	{ "config_missing", ENOENT, "open 'blobs/sha256/",
	  .recipe = { .damage = GONE, .of = 'C' } },
	{ "manifest_missing_in_an_archive", ENOENT, "there is no 'blobs/sha256/",
	  .recipe = { .form = FORM_ARCHIVE, .damage = GONE, .of = 'M' } },
	{ "layer_of_another_size", EBADMSG, "layer 1: the blob '",
	  .recipe = { .manifest = MANIFEST_OF(THE_CONFIG, DESC("$T", "$L", "1", ""), "") } },
	{ "layer_of_8_eib", ENOSPC, "it needs about 17592186044415 MiB, and",
	  .recipe = { .manifest = MANIFEST_OF(THE_CONFIG,
					      DESC("$T", "$L", "9223372036854775807", ""), "") } },
	{ "config_of_another_size", EBADMSG, " bytes, its descriptor says 7",
	  .recipe = { .manifest = MANIFEST_OF(DESC(MEDIA_CONFIG, "$C", "7", ""), THE_LAYER, "") } },
	{ "manifest_of_another_size", EBADMSG, " bytes, its descriptor says 7",
	  .recipe = { .index = INDEX_OF(DESC(MEDIA_MANIFEST, "$M", "7", "")) } },
	{ "config_too_large", EFBIG, "is larger than 4194304 bytes",
	  .recipe = { .manifest =
			  MANIFEST_OF(DESC(MEDIA_CONFIG, "$C", "4194305", ""), THE_LAYER, "") } },
	{ "index_json_too_large", EFBIG, "'index.json' is larger than 4194304 bytes",
	  .recipe = { .damage = PADDED, .of = 'I' } },
	{ "diff_id_of_something_else", EBADMSG, ", the config says sha256:" WRONG_HEX,
	  .recipe = { .config = CONFIG_OF("\"sha256:" WRONG_HEX "\"") } },
	{ "diff_id_of_the_packed_layer", EBADMSG, "layer 1: its diff id is sha256:",
	  .recipe = { .config = CONFIG_OF("\"sha256:$L\""), .media = IMAGE_MEDIA_TAR_GZIP } },

	/* What the store or the import has already, claimed by somebody else. */
	{ "diff_id_of_another_image", EBADMSG, "layer 1: its diff id is sha256:",
	  .recipe = { .manifest = MANIFEST_OF(THE_CONFIG, DESC(MEDIA_TAR, "$C", "$c", ""), "") },
	  .taken = true },
	{ "diff_id_of_another_image_packed", EBADMSG, "layer 1: its diff id is sha256:",
	  .recipe = { .manifest =
			  MANIFEST_OF(THE_CONFIG, DESC(MEDIA_TAR "+gzip", "$C", "$c", ""), "") },
	  .taken = true },
	{ "diff_id_of_the_layer_before", EBADMSG, "layer 2: its diff id is sha256:",
	  .recipe = { .config = CONFIG_OF("\"sha256:$D\",\"sha256:$D\""),
		      .manifest = MANIFEST_OF(THE_CONFIG,
					      THE_LAYER "," DESC(MEDIA_TAR, "$C", "$c", ""), "") } },
	{ "blob_of_the_store_as_another_type", EBADMSG, "layer 1: its diff id is sha256:",
	  .recipe = { .media = IMAGE_MEDIA_TAR_GZIP,
		      .damage = GONE,
		      .of = 'L',
		      .manifest = MANIFEST_OF(THE_CONFIG, DESC(MEDIA_TAR, "$L", "$l", ""), "") },
	  .taken = true },
	{ "blob_of_the_store_as_another_layer", EBADMSG, ", the config says sha256:" WRONG_HEX,
	  .recipe = { .media = IMAGE_MEDIA_TAR_GZIP,
		      .damage = GONE,
		      .of = 'L',
		      .config = CONFIG_OF("\"sha256:" WRONG_HEX "\"") },
	  .taken = true },

	/* Documents that say other things than they should. */
	{ "manifest_with_manifests", EBADMSG, "manifest: it has both manifests and layers",
	  .recipe = { .manifest = MANIFEST_OF(THE_CONFIG, THE_LAYER, ",\"manifests\":[]") } },
	{ "index_json_with_layers", EBADMSG, "index: it has both manifests and layers",
	  .recipe = { .index = "{\"schemaVersion\":2,\"layers\":[],\"manifests\":[" THE_MANIFEST
			       "]}" } },
	{ "index_json_with_layers_and_names", EBADMSG, "index: it has both manifests and layers",
	  .recipe = { .index = "{\"schemaVersion\":2,\"layers\":[],\"manifests\":[" DESC(
			  MEDIA_MANIFEST, "$M", "$m", NAMED("me/x:1")) "]}" } },
	{ "manifest_is_an_index", EBADMSG, "manifest: its mediaType is that of something else",
	  .recipe = { .manifest = MANIFEST_OF(THE_CONFIG, THE_LAYER,
					      ",\"mediaType\":\"" MEDIA_INDEX "\"") } },
	{ "manifest_of_schema_1", EBADMSG, "manifest: schemaVersion is not 2",
	  .recipe = { .manifest = "{\"schemaVersion\":1,\"fsLayers\":[]}" } },
	{ "manifest_with_a_key_twice", EBADMSG, "duplicate object key",
	  .recipe = { .manifest = MANIFEST_OF(THE_CONFIG, THE_LAYER, ",\"layers\":[]") } },
	{ "manifest_too_deep", EBADMSG, "manifest: JSON nested deeper than 32 levels",
	  .recipe = { .manifest =
			  MANIFEST_OF(THE_CONFIG, THE_LAYER, ",\"x\":" TEN("[[[[") TEN("]]]]")) } },
	{ "config_too_deep", EBADMSG, "config: JSON nested deeper than 32 levels",
	  .recipe = { .config = "{\"x\":" HUNDRED("[[[[") "1" HUNDRED("]]]]") "}" } },
	{ "index_json_too_deep", EBADMSG, "'index.json': JSON nested deeper",
	  .recipe = { .index = HUNDRED("[[") } },
	{ "layer_of_foreign_type", EOPNOTSUPP, "which is not supported",
	  .recipe = { .manifest = MANIFEST_OF(
			  THE_CONFIG,
			  DESC("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "$L",
			       "$l", ""),
			  "") } },
	{ "layer_of_xz", EOPNOTSUPP, "layer 1 is of type '" MEDIA_TAR "+xz'",
	  .recipe = { .manifest =
			  MANIFEST_OF(THE_CONFIG, DESC(MEDIA_TAR "+xz", "$L", "$l", ""), "") } },
	{ "layer_of_another_compression", EBADMSG, "layer 1: read the tar: ",
	  .recipe = { .media = IMAGE_MEDIA_TAR_ZSTD,
		      .manifest =
			  MANIFEST_OF(THE_CONFIG, DESC(MEDIA_TAR "+gzip", "$L", "$l", ""), "") } },
	{ "config_of_foreign_type", EOPNOTSUPP, "manifest: it is no container image",
	  .recipe = { .manifest =
			  MANIFEST_OF(DESC("application/vnd.oci.empty.v1+json", "$C", "$c", ""),
				      THE_LAYER, "") } },
	{ "layers_too_many", E2BIG, "manifest: more than 120 layers",
	  .recipe = { .manifest = MANIFEST_OF(THE_CONFIG, LAYERS_121, "") } },
	{ "layers_none", EBADMSG, "manifest: it has no layers",
	  .recipe = { .manifest = MANIFEST_OF(THE_CONFIG, "", "") } },
	{ "config_of_no_layers", EBADMSG, "the manifest has 1 layers, the config 0",
	  .recipe = { .config = CONFIG_OF("") } },
	{ "config_of_two_layers", EBADMSG, "the manifest has 1 layers, the config 2",
	  .recipe = { .config = CONFIG_OF("\"sha256:$D\",\"sha256:$D\"") } },
	{ "diff_id_with_a_path", EBADMSG, "diff_ids has an entry that is no sha256 digest",
	  .recipe = { .config = CONFIG_OF("\"sha256:../../../../x\"") } },
	{ "layer_digest_with_a_path", EBADMSG, "manifest: a descriptor has no sha256 digest",
	  .recipe = { .manifest =
			  MANIFEST_OF(THE_CONFIG, DESC(MEDIA_TAR, "../$L", "$l", ""), "") } },
	{ "image_for_another_architecture", ENOEXEC, "the image is for s390x, not ",
	  .recipe = { .config = "{\"architecture\":\"s390x\",\"os\":\"linux\",\"rootfs\":{\"type\":"
				"\"layers\","
				"\"diff_ids\":[\"sha256:$D\"]}}" } },
	{ "image_for_another_system", ENOEXEC, "the image is for windows, not linux",
	  .recipe = { .config = "{\"os\":\"windows\",\"rootfs\":{\"type\":\"layers\","
				"\"diff_ids\":[\"sha256:$D\"]}}" } },
	{ "config_env_without_value", EBADMSG, "config: Env has an entry that is not NAME=VALUE",
	  .recipe = { .config = "{\"config\":{\"Env\":[\"A\"]},\"rootfs\":{\"type\":\"layers\","
				"\"diff_ids\":[\"sha256:$D\"]}}" } },

	/* Indexes. */
	{ "indexes_too_deep", ELOOP, "more than 4 indexes in each other",
	  .recipe = { .indexes = 5, .index = INDEX_OF(DESC(MEDIA_INDEX, "$N", "$n", "")) } },
	{ "index_in_itself", EBADMSG, DAMAGED,
	  .recipe = { .form = FORM_ARCHIVE,
		      .more = more_loop,
		      .index = INDEX_OF(DESC(MEDIA_INDEX, WRONG_HEX, "184", "")) } },
	{ "index_for_another_platform", ENOENT, "index: nothing in it is for linux/",
	  .recipe = { .index = INDEX_OF(
			  DESC(MEDIA_MANIFEST, "$M", "$m",
			       ",\"platform\":{\"os\":\"linux\",\"architecture\":\"s390x\"}")) } },
	{ "index_of_nothing", ENOENT, "index: nothing in it is for linux/",
	  .recipe = { .index = INDEX_OF("") } },
	{ "index_of_no_list", EBADMSG, "index: it has no list of manifests",
	  .recipe = { .index = "{\"schemaVersion\":2}" } },
	{ "index_of_a_layer", EOPNOTSUPP, "it is no image, but something of another media type",
	  .recipe = { .index = INDEX_OF(DESC(MEDIA_TAR, "$L", "$l", NAMED("me/x:1"))) } },
	{ "index_entry_with_a_path", EBADMSG, "'index.json' has an entry without digest or size",
	  .recipe = { .index = INDEX_OF(DESC(MEDIA_MANIFEST, "../../x", "1", NAMED("me/x:1"))) } },
	{ "second_image_broken", EBADMSG, " bytes, its descriptor says 7",
	  .recipe = { .index = INDEX_OF(DESC(MEDIA_MANIFEST, "$M", "$m", NAMED("me/a:1")) "," DESC(
			  MEDIA_MANIFEST, "$M", "7", NAMED("me/b:1"))) } },

	/* Names that an image gives itself. */
	{ "ref_name_up", EINVAL, "image '../../x': no valid name of a registry",
	  .recipe = { .index = INDEX_OF(DESC(MEDIA_MANIFEST, "$M", "$m", NAMED("../../x"))) } },
	{ "ref_name_with_control_characters", EINVAL, "no valid",
	  .recipe = { .index =
			  INDEX_OF(DESC(MEDIA_MANIFEST, "$M", "$m", NAMED("a/b:\\u001b[2J"))) } },
	{ "ref_name_with_spaces", EINVAL, "no valid name",
	  .recipe = { .index = INDEX_OF(DESC(MEDIA_MANIFEST, "$M", "$m", NAMED("a /b"))) } },
	{ "ref_name_that_is_a_path", EINVAL, "'/etc/passwd' is no name for an image",
	  .recipe = { .index = INDEX_OF(DESC(MEDIA_MANIFEST, "$M", "$m", NAMED("/etc/passwd"))) } },
	{ "ref_name_that_is_a_digest", EINVAL, "is no name for an image",
	  .recipe = { .index = INDEX_OF(
			  DESC(MEDIA_MANIFEST, "$M", "$m", NAMED("sha256:" WRONG_HEX))) } },
	{ "ref_name_of_10_kib", EINVAL, "the name is too long",
	  .recipe = { .index = INDEX_OF(DESC(MEDIA_MANIFEST, "$M", "$m", NAMED("a/" TEN_KIB))) } },
	{ "repo_tag_up", EINVAL, "image '../../x:1': no valid name of a registry",
	  .recipe = { .form = FORM_SAVED,
		      .saved = SAVED_OF("[\"../../x:1\"]", "[\"layer.tar\"]") } },
	{ "repo_tag_with_control_characters", EINVAL, "no valid name",
	  .recipe = { .form = FORM_SAVED, .saved = SAVED_OF("[\"a\\nb:1\"]", "[\"layer.tar\"]") } },
	{ "repo_tag_that_is_a_path", EINVAL, "is no name for an image",
	  .recipe = { .form = FORM_SAVED,
		      .saved = SAVED_OF("[\"/srv/x.tar\"]", "[\"layer.tar\"]") } },
	{ "repo_tag_of_10_kib", EINVAL, "the name is too long",
	  .recipe = { .form = FORM_SAVED,
		      .saved = SAVED_OF("[\"a:" TEN_KIB "\"]", "[\"layer.tar\"]") } },
	{ "repo_tag_no_string", EBADMSG, "'manifest.json' has a tag that is no string",
	  .recipe = { .form = FORM_SAVED, .saved = SAVED_OF("[7]", "[\"layer.tar\"]") } },
	{ "repo_tags_no_list", EBADMSG, "'manifest.json' has tags that are no list",
	  .recipe = { .form = FORM_SAVED, .saved = SAVED_OF("\"me/x:1\"", "[\"layer.tar\"]") } },
	{ "name_of_another_image", EEXIST,
	  "the name 'docker.io/me/saved:1' is that of another image",
	  .recipe = { .form = FORM_SAVED }, .taken = true },
	{ "name_that_is_not_there", ENOENT, "nothing in it has the name 'me/y:1'",
	  .recipe = { .form = FORM_SAVED }, .select = "me/y:1" },

	/* Sources. */
	{ "blob_is_a_fifo", EBADMSG, "is no regular file",
	  .recipe = { .damage = A_FIFO, .of = 'L' } },
	{ "manifest_is_a_fifo", EBADMSG, "is no regular file",
	  .recipe = { .damage = A_FIFO, .of = 'M' } },
	{ "index_json_is_a_fifo", EBADMSG, "'index.json' is no regular file",
	  .recipe = { .damage = A_FIFO, .of = 'I' } },
	{ "blob_is_a_link", ELOOP, "Too many levels of symbolic links",
	  .recipe = { .damage = A_LINK, .of = 'L' } },
	{ "manifest_is_a_link", ELOOP, "Too many levels of symbolic links",
	  .recipe = { .damage = A_LINK, .of = 'M' } },
	{ "directory_without_index", EBADMSG,
	  "it is neither an OCI layout nor what docker save writes",
	  .recipe = { .damage = GONE, .of = 'I' } },
	{ "archived_blob_is_a_link", ENOENT, "there is no 'blobs/sha256/",
	  .recipe = { .form = FORM_ARCHIVE, .damage = GONE, .of = 'L', .more = more_blob_link } },
	{ "archived_blob_is_a_hard_link", ENOENT, "there is no 'blobs/sha256/",
	  .recipe = { .form = FORM_ARCHIVE,
		      .damage = GONE,
		      .of = 'L',
		      .more = more_blob_hard_link } },
	{ "archive_with_a_fifo", EBADMSG, "archive: 'pipe' is no file",
	  .recipe = { .form = FORM_ARCHIVE, .more = more_fifo } },
	{ "archive_with_a_file_twice", EBADMSG, "archive: 'index.json' is there twice",
	  .recipe = { .form = FORM_ARCHIVE, .more = more_twice } },
	{ "archive_with_a_name_too_long", EBADMSG, "is too long",
	  .recipe = { .form = FORM_ARCHIVE, .more = more_long_name } },
	{ "archive_of_something_else", EBADMSG, "it is neither an OCI layout nor what docker save",
	  .recipe = { .form = FORM_RAW, .fill = fill_other_tar } },
	{ "archive_empty", EBADMSG,
	  "read the archive: ", .recipe = { .form = FORM_RAW, .fill = fill_nothing } },
	{ "archive_of_random_bytes", EBADMSG,
	  "read the archive: ", .recipe = { .form = FORM_RAW, .fill = fill_random } },
	{ "saved_layer_missing", ENOENT, "there is no 'no.tar' in the archive",
	  .recipe = { .form = FORM_SAVED, .saved = SAVED_OF("null", "[\"no.tar\"]") } },
	{ "saved_layer_outside", ENOENT, "there is no '" UP "etc/passwd' in the archive",
	  .recipe = { .form = FORM_SAVED, .saved = SAVED_OF("null", "[\"" UP "etc/passwd\"]") } },
	{ "saved_layer_links_in_a_loop", ENOENT, "there is no 'a.tar' in the archive",
	  .recipe = { .form = FORM_SAVED,
		      .more = more_links,
		      .saved = SAVED_OF("null", "[\"a.tar\"]") } },
	{ "saved_layer_links_to_itself", ENOENT, "there is no 'own.tar' in the archive",
	  .recipe = { .form = FORM_SAVED,
		      .more = more_links,
		      .saved = SAVED_OF("null", "[\"own.tar\"]") } },
	{ "saved_layer_links_outside", ENOENT, "there is no 'out.tar' in the archive",
	  .recipe = { .form = FORM_SAVED,
		      .more = more_links,
		      .saved = SAVED_OF("null", "[\"out.tar\"]") } },
	{ "saved_layer_links_up", ENOENT, "there is no 'up.tar' in the archive",
	  .recipe = { .form = FORM_SAVED,
		      .more = more_links,
		      .saved = SAVED_OF("null", "[\"up.tar\"]") } },
	{ "saved_layer_no_string", EBADMSG, "'manifest.json' lists a layer that is no string",
	  .recipe = { .form = FORM_SAVED, .saved = SAVED_OF("null", "[{}]") } },
	{ "saved_layers_none", EBADMSG, "'manifest.json' lists no layers",
	  .recipe = { .form = FORM_SAVED, .saved = SAVED_OF("null", "null") } },
	{ "saved_layer_of_another_diff_id", EBADMSG, ", the config says sha256:" WRONG_HEX,
	  .recipe = { .form = FORM_SAVED, .config = CONFIG_OF("\"sha256:" WRONG_HEX "\"") } },
	{ "saved_config_missing", ENOENT, "there is no 'config.json' in the archive",
	  .recipe = { .form = FORM_SAVED, .damage = GONE, .of = 'C' } },
	{ "saved_without_config", EBADMSG, "'manifest.json' names no config",
	  .recipe = { .form = FORM_SAVED, .saved = "[{\"Layers\":[\"layer.tar\"]}]" } },
	{ "saved_nothing", EBADMSG, "'manifest.json': it lists no images",
	  .recipe = { .form = FORM_SAVED, .saved = "[]" } },
	{ "saved_no_list", EBADMSG, "'manifest.json': it lists no images",
	  .recipe = { .form = FORM_SAVED, .saved = "{}" } },
};

/* ------------------------------------------------------------------- the tests */

static struct import_args args_of(const struct hostile *h)
{
	struct import_args args = { .limits = import_limits_default, .select = h->select };

	if (h->bytes)
		args.limits.layers.bytes = h->bytes;
	if (h->inodes)
		args.limits.layers.inodes = h->inodes;
	if (h->source_bytes)
		args.limits.source_bytes = h->source_bytes;
	return args;
}

static void expect(int r, const struct err *err, const struct hostile *h)
{
	if (r != -h->code || err->code != h->code || !strstr(err->msg, h->expected))
		fail_msg("%s: %d, %d '%s'; not %d '%s'", h->name, r, err->code, err->msg, h->code,
			 h->expected);
}

static void import__hostile_image__refused_without_a_trace(void **state)
{
	const struct recipe sound = { .form = FORM_SAVED, .media = IMAGE_MEDIA_TAR_GZIP };
	const struct import_args usual = { .limits = import_limits_default };
	cleanup_free struct import_result *out = calloc(1, sizeof(*out));
	const struct hostile *h = *state;
	struct bytes before = { 0 };
	struct err err = { 0 };
	struct world world;
	int r;

	world_open(&world);
	if (h->taken)
		assert_int_equal(world_import(&world, out, &sound, usual, NULL, &err), 0);
	r = world_import(&world, out, &h->recipe, args_of(h), &before, &err);
	expect(r, &err, h);
	assert_as_before(&before, world.path);
	world_close(&world);
}

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
	for (size_t i = 0; i < COUNT; i++) {
		snprintf(names[i], sizeof(names[i]), "import__%s__refused_without_a_trace",
			 corpus[i].name);
		tests[i] = (struct CMUnitTest){
			.name = names[i],
			.test_func = import__hostile_image__refused_without_a_trace,
			.initial_state = (void *)&corpus[i],
		};
	}
	tests[COUNT] = (struct CMUnitTest)cmocka_unit_test(
	    unpack__hostile_layers__nothing_outside_of_the_tree);
	tests[COUNT + 1] = (struct CMUnitTest)cmocka_unit_test(
	    layer__a_million_tiny_files__refused_at_the_usual_limit);
	return cmocka_run_group_tests_name("image corpus", tests, NULL, NULL);
}
