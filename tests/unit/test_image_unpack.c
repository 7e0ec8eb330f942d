/* SPDX-License-Identifier: MIT */
/* image/: layers unpacked on a real file system, as they should be.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "image/unpack.h"
#include "tests/unit/test_image_world.h"

#define DIR_(n)                                                                                    \
	{                                                                                          \
		.name = n, .type = '5'                                                             \
	}
#define FILE_(n)                                                                                   \
	{                                                                                          \
		.name = n, .content = "x"                                                          \
	}

/* ------------------------------------------------------------------- unpacking */

struct tree_rig {
	struct world world;
	struct unpack_result result;
	int root_fd;
};

static int rig_try(struct tree_rig *rig, const struct bytes *blob, enum image_media media,
		   const struct layer_limits *limits, struct err *err)
{
	struct unpack_args how = { .media = media, .limits = *limits };
	struct bytes list = { 0 };
	int r;

	world_open(&rig->world);
	rig->root_fd = rig->world.source_fd;
	how.root_fd = rig->root_fd;
	how.blob_fd = bytes_open(blob);
	how.opaque_fd = bytes_open(&list);
	r = unpack_layer(&rig->result, &how, err);
	if (r == 0)
		r = unpack_mark_opaque(how.root_fd, how.opaque_fd, err);
	close_fd(&how.blob_fd);
	close_fd(&how.opaque_fd);
	return r;
}

static void rig_unpack(struct tree_rig *rig, const struct bytes *blob, enum image_media media)
{
	struct err err = { 0 };

	if (rig_try(rig, blob, media, &import_limits_default.layers, &err) < 0)
		fail_msg("%s", err.msg);
}

static void rig_init(struct tree_rig *rig, const struct tar_entry *entries)
{
	struct bytes tar = { 0 };

	for (const struct tar_entry *e = entries; e->name; e++)
		tar_add(&tar, e);
	tar_end(&tar);
	rig_unpack(rig, &tar, IMAGE_MEDIA_TAR);
	bytes_done(&tar);
}

static void rig_done(struct tree_rig *rig)
{
	world_close(&rig->world);
}

static struct stat look(const struct tree_rig *rig, const char *path)
{
	struct stat st = { 0 };

	if (fstatat(rig->root_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		fail_msg("%s: %s", path, strerror(errno));
	return st;
}

static bool is_there(const struct tree_rig *rig, const char *path)
{
	return faccessat(rig->root_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool is_whiteout(const struct tree_rig *rig, const char *path)
{
	struct stat st = look(rig, path);

	return S_ISCHR(st.st_mode) && st.st_rdev == 0;
}

/* The length of an attribute, or -errno; of a directory or file. */
static ssize_t xattr(const struct tree_rig *rig, const char *path, const char *name, char *value,
		     size_t size)
{
	cleanup_close int fd = openat(rig->root_fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t n = fgetxattr(fd, name, value, size);

	assert_true(fd >= 0);
	return n < 0 ? -errno : n;
}

static bool is_opaque(const struct tree_rig *rig, const char *path)
{
	char value[8];

	return xattr(rig, path, "trusted.overlay.opaque", value, sizeof(value)) == 1 &&
	       value[0] == 'y';
}

static void expect_directories_and_links(const struct tree_rig *rig)
{
	struct stat st = look(rig, ".");
	char target[16];

	assert_true((st.st_mode & 07777) == 0711 && st.st_uid == 1 && st.st_gid == 2);
	assert_int_equal(st.st_mtime, 10);
	st = look(rig, "bin");
	assert_true(st.st_mode == (S_IFDIR | 01777) && st.st_uid == 3 && st.st_gid == 4);
	assert_int_equal(st.st_mtime, 20);
	st = look(rig, "bin/su");
	assert_true(st.st_mode == (S_IFREG | 06755) && st.st_uid == 5 && st.st_gid == 6);
	assert_true(st.st_mtime == 30 && st.st_size == 2 && st.st_nlink == 2);
	assert_int_equal(look(rig, "bin/h").st_ino, st.st_ino);
	st = look(rig, "bin/l");
	assert_true(S_ISLNK(st.st_mode) && st.st_uid == 7 && st.st_gid == 8 && st.st_mtime == 40);
	assert_int_equal(readlinkat(rig->root_fd, "bin/l", target, sizeof(target)), 7);
	assert_memory_equal(target, "/../etc", 7);
	assert_int_equal(look(rig, "hl").st_ino, st.st_ino);
}

static void expect_nodes(const struct tree_rig *rig)
{
	struct stat st = look(rig, "null");

	assert_true(st.st_mode == (S_IFCHR | 0666) && st.st_rdev == makedev(1, 3));
	assert_int_equal(st.st_mtime, 50);
	st = look(rig, "disk");
	assert_true(st.st_mode == (S_IFBLK | 0660) && st.st_rdev == makedev(300, 70000));
	st = look(rig, "pipe");
	assert_true(st.st_mode == (S_IFIFO | 0620) && st.st_uid == 9);
}

static void unpack__files_of_each_kind__as_the_layer_says(void **state)
{
	static const struct tar_entry entries[] = {
		{ .name = "./", .type = '5', .mode = 0711, .uid = 1, .gid = 2, .mtime = 10 },
		{ .name = "bin/", .type = '5', .mode = 01777, .uid = 3, .gid = 4, .mtime = 20 },
		{ .name = "bin/su",
		  .mode = 06755,
		  .uid = 5,
		  .gid = 6,
		  .mtime = 30,
		  .content = "su" },
		{ .name = "bin/l",
		  .type = '2',
		  .link = "/../etc",
		  .uid = 7,
		  .gid = 8,
		  .mtime = 40 },
		{ .name = "bin/h", .type = '1', .link = "./bin/su" },
		{ .name = "hl", .type = '1', .link = "bin/l" },
		{ .name = "null", .type = '3', .mode = 0666, .major = 1, .minor = 3, .mtime = 50 },
		{ .name = "disk",
		  .type = '4',
		  .mode = 0660,
		  .major = 300,
		  .minor = 70000,
		  .gid = 6 },
		{ .name = "pipe", .type = '6', .mode = 0620, .uid = 9 },
		{ .name = "a/b/c", .content = "deep", .mtime = 60 },
		{ .name = "empty" },
		{ .name = "high", .uid = 4294967294, .gid = 4294967294, .mtime = 4000000000 },
		{ .name = "\xc3\xa4", .content = "u" },
		{ NULL },
	};
	struct tree_rig rig;
	struct stat st;

	(void)state;
	rig_init(&rig, entries);
	expect_directories_and_links(&rig);
	expect_nodes(&rig);
	assert_int_equal(look(&rig, "a/b").st_mode, S_IFDIR | 0755);
	assert_int_equal(look(&rig, "a/b/c").st_mtime, 60);
	assert_int_equal(look(&rig, "empty").st_size, 0);
	st = look(&rig, "high");
	assert_true(st.st_uid == 4294967294 && st.st_mtime == 4000000000);
	assert_int_equal(look(&rig, "\xc3\xa4").st_size, 1);
	assert_true(rig.result.inodes == 15 && rig.result.bytes == 7);
	rig_done(&rig);
}

static void unpack__whiteouts__devices_0_0_and_opaque_directories(void **state)
{
	static const struct tar_entry entries[] = {
		FILE_(".wh.gone"),
		FILE_("d/.wh.gone"),
		FILE_(".wh.first"),
		FILE_("first"),
		FILE_("then"),
		FILE_(".wh.then"),
		FILE_(".wh.dir"),
		DIR_("dir/"),
		FILE_(".wh.way"),
		FILE_("way/to/x"),
		DIR_("later"),
		FILE_(".wh.later"),
		FILE_("o/.wh..wh..opq"),
		FILE_("o/x"),
		FILE_("p/x"),
		FILE_("p/.wh..wh..opq"),
		FILE_(".wh..wh.plnk"),
		FILE_("d/.wh..wh.aufs"),
		FILE_(".wh.\xc3\xa4 .wh."),
		{ NULL },
	};
	struct tree_rig rig;

	(void)state;
	rig_init(&rig, entries);
	assert_true(is_whiteout(&rig, "gone") && is_whiteout(&rig, "d/gone"));
	assert_true(is_whiteout(&rig, "\xc3\xa4 .wh."));
	assert_true(S_ISREG(look(&rig, "first").st_mode) && S_ISREG(look(&rig, "then").st_mode));
	assert_true(is_opaque(&rig, "dir") && is_opaque(&rig, "way") && is_opaque(&rig, "later"));
	assert_true(is_opaque(&rig, "o") && is_opaque(&rig, "p"));
	assert_false(is_opaque(&rig, "d") || is_opaque(&rig, "way/to") || is_opaque(&rig, "."));
	assert_true(is_there(&rig, "way/to/x") && is_there(&rig, "o/x") && is_there(&rig, "p/x"));
	assert_false(is_there(&rig, ".wh..wh.plnk") || is_there(&rig, ".wh.plnk"));
	assert_false(is_there(&rig, "o/.wh..wh..opq") || is_there(&rig, "d/.wh..wh.aufs"));
	rig_done(&rig);
}

/* cap_net_raw=ep, of version 2 (linux/capability.h). */
static const char capability[20] = { 1, 0, 0, 2, 0, 0x20 };

static void unpack__extended_attributes__those_of_programs_only(void **state)
{
	static const char *const dropped[] = { "trusted.overlay.opaque", "trusted.x",
					       "security.ima", "user.overlay.opaque",
					       "user.overlay.redirect" };
	static const struct tar_entry file = FILE_("f"), dir = DIR_("d");
	struct bytes tar = { 0 }, records = { 0 };
	struct tree_rig rig;
	char value[32], key[64];

	(void)state;
	tar_pax_record(&records, "SCHILY.xattr.user.x", "1\0002", 3);
	tar_pax_record(&records, "SCHILY.xattr.security.capability", capability, 20);
	for (size_t i = 0; i < ARRAY_SIZE(dropped); i++) {
		snprintf(key, sizeof(key), "SCHILY.xattr.%s", dropped[i]);
		tar_pax_record(&records, key, "y", 1);
	}
	tar_pax(&tar, &records);
	tar_add(&tar, &file);
	tar_pax_record(&records, "SCHILY.xattr.user.d", "d", 1);
	tar_pax_record(&records, "SCHILY.xattr.trusted.overlay.opaque", "y", 1);
	tar_pax(&tar, &records);
	tar_add(&tar, &dir);
	tar_end(&tar);
	rig_unpack(&rig, &tar, IMAGE_MEDIA_TAR);
	assert_int_equal(xattr(&rig, "f", "user.x", value, sizeof(value)), 3);
	assert_memory_equal(value, "1\0002", 3);
	assert_int_equal(xattr(&rig, "f", "security.capability", value, sizeof(value)), 20);
	assert_memory_equal(value, capability, 20);
	for (size_t i = 0; i < ARRAY_SIZE(dropped); i++)
		assert_int_equal(xattr(&rig, "f", dropped[i], value, sizeof(value)), -ENODATA);
	assert_int_equal(xattr(&rig, "d", "user.d", value, sizeof(value)), 1);
	assert_false(is_opaque(&rig, "d"));
	bytes_done(&tar);
	rig_done(&rig);
}

static void unpack__times_that_no_disk_holds__the_nearest(void **state)
{
	static const struct tar_entry entries[] = {
		{ .name = "far", .pax = { "mtime=4611686018427387904.5" } },
		{ .name = "early", .pax = { "mtime=-4611686018427387904" } },
		{ .name = "last", .pax = { "mtime=15032385535" } },
		{ .name = "first", .pax = { "mtime=-2147483648" } },
		{ 0 },
	};
	struct tree_rig rig;

	(void)state;
	rig_init(&rig, entries);
	assert_int_equal(look(&rig, "far").st_mtime, LAYER_TIME_MAX);
	assert_int_equal(look(&rig, "last").st_mtime, LAYER_TIME_MAX);
	assert_int_equal(look(&rig, "early").st_mtime, INT32_MIN);
	assert_int_equal(look(&rig, "first").st_mtime, INT32_MIN);
	rig_done(&rig);
}

static const struct {
	uint64_t offset;
	const char *data;
} pieces[] = { { 4096, "one" }, { 1 << 20, "two" } };

/* GNU's 1.0 form: the map, in a block of its own, before the data. */
static void fill_sparse(struct bytes *tar)
{
	static const struct tar_entry e = { .name = "sparse",
					    .size = TAR_BLOCK + 6,
					    .pax = { "GNU.sparse.major=1", "GNU.sparse.minor=0",
						     "GNU.sparse.realsize=3145728" } };

	tar_add(tar, &e);
	bytes_add(tar, "2\n4096\n3\n1048576\n3\n", 19);
	tar_pad(tar);
	bytes_add(tar, "onetwo", 6);
	tar_pad(tar);
}

static void unpack__sparse_file__pieces_where_they_belong(void **state)
{
	struct bytes tar = { 0 };
	struct tree_rig rig;
	struct stat st;

	(void)state;
	fill_sparse(&tar);
	tar_end(&tar);
	rig_unpack(&rig, &tar, IMAGE_MEDIA_TAR);
	st = look(&rig, "sparse");
	assert_int_equal(st.st_size, 3145728);
	assert_true(st.st_blocks * 512 < 1 << 20);
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		cleanup_close int fd = openat(rig.root_fd, "sparse", O_RDONLY | O_CLOEXEC);
		char got[5];

		assert_int_equal(pread(fd, got, 5, (off_t)pieces[i].offset - 1), 5);
		assert_memory_equal(got + 1, pieces[i].data, 3);
		assert_true(got[0] == '\0' && got[4] == '\0');
	}
	assert_int_equal(rig.result.bytes, 6);
	bytes_done(&tar);
	rig_done(&rig);
}

/* Its two pieces take a block each, of the 3 MiB that it claims. */
static void unpack__sparse_file__counts_as_what_it_takes_and_what_it_claims(void **state)
{
	static const struct {
		struct layer_limits limits;
		const char *refusal;
	} cases[] = {
		{ { .bytes = 3145728, .inodes = 9, .taken_bytes = 8192, .why = "; why" }, NULL },
		{ { .bytes = 3145728, .inodes = 9, .taken_bytes = 8191, .why = "; why" },
		  "entry 'sparse': more than 8191 bytes in all; why" },
		{ { .bytes = 3145727, .inodes = 9, .taken_bytes = 8192, .why = "; why" },
		  "entry 'sparse': more than 3145727 bytes in all" },
		{ { .bytes = 3145728, .inodes = 9, .taken_bytes = 1024, .why = "; why" },
		  "more than 1024 bytes unpacked; why" },
	};
	struct bytes tar = { 0 };

	(void)state;
	fill_sparse(&tar);
	tar_end(&tar);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct tree_rig rig;
		struct err err = { 0 };
		int r = rig_try(&rig, &tar, IMAGE_MEDIA_TAR, &cases[i].limits, &err);

		assert_int_equal(r, cases[i].refusal ? -EFBIG : 0);
		if (cases[i].refusal)
			assert_non_null(strstr(err.msg, cases[i].refusal));
		else
			assert_int_equal(rig.result.claimed_bytes, 3145728);
		rig_done(&rig);
	}
	bytes_done(&tar);
}

static void unpack__each_compression__the_same_diff_id(void **state)
{
	struct bytes tar = { 0 };
	struct digest d;

	(void)state;
	fill_sparse(&tar);
	tar_end(&tar);
	hash_bytes(&d, tar.p, tar.n);
	for (int media = IMAGE_MEDIA_TAR; media <= IMAGE_MEDIA_TAR_ZSTD; media++) {
		struct bytes blob = { 0 };
		struct tree_rig rig;

		pack(&blob, &tar, media);
		rig_unpack(&rig, &blob, media);
		assert_string_equal(rig.result.diff_id.hex, d.hex);
		bytes_done(&blob);
		rig_done(&rig);
	}
	bytes_done(&tar);
}

static void unpack__empty_layers__nothing_and_no_error(void **state)
{
	struct bytes tar = { 0 };
	struct tree_rig rig;

	(void)state;
	rig_unpack(&rig, &tar, IMAGE_MEDIA_TAR);
	assert_int_equal(rig.result.inodes, 0);
	rig_done(&rig);
	tar_end(&tar);
	rig_unpack(&rig, &tar, IMAGE_MEDIA_TAR);
	assert_int_equal(rig.result.inodes, 0);
	bytes_done(&tar);
	rig_done(&rig);
}

/* The list is the worker's, and marks are set by who is not shut in. */
static void mark_opaque__paths_that_lead_out__refused(void **state)
{
	static const char *const paths[] = {
		"..",	"../beside/directory", "directory/../../beside/directory", "/tmp",
		"link", "link/directory",      "up/directory",			   "file",
	};
	char path[64];
	struct world world;

	(void)state;
	world_open(&world);
	snprintf(path, sizeof(path), "%s/beside", world.path);
	assert_int_equal(mkdirat(world.source_fd, "directory", 0755), 0);
	assert_int_equal(symlinkat(path, world.source_fd, "link"), 0);
	assert_int_equal(symlinkat("../beside", world.source_fd, "up"), 0);
	assert_int_equal(io_replace_file(world.source_fd, "file", "x", 1, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct bytes list = { 0 };
		struct err err = { 0 };
		int fd;

		bytes_add(&list, paths[i], strlen(paths[i]) + 1);
		fd = bytes_open(&list);
		if (unpack_mark_opaque(world.source_fd, fd, &err) == 0)
			fail_msg("'%s' is marked", paths[i]);
		assert_non_null(strstr(err.msg, "open the opaque directory"));
		close_fd(&fd);
		bytes_done(&list);
	}
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unpack__files_of_each_kind__as_the_layer_says),
		cmocka_unit_test(unpack__whiteouts__devices_0_0_and_opaque_directories),
		cmocka_unit_test(unpack__extended_attributes__those_of_programs_only),
		cmocka_unit_test(unpack__times_that_no_disk_holds__the_nearest),
		cmocka_unit_test(unpack__sparse_file__pieces_where_they_belong),
		cmocka_unit_test(unpack__sparse_file__counts_as_what_it_takes_and_what_it_claims),
		cmocka_unit_test(unpack__each_compression__the_same_diff_id),
		cmocka_unit_test(unpack__empty_layers__nothing_and_no_error),
		cmocka_unit_test(mark_opaque__paths_that_lead_out__refused),
	};

	return cmocka_run_group_tests_name("image unpack", tests, NULL, NULL);
}
