/* SPDX-License-Identifier: MIT */
/* image/check: each kind of damage to an unpacked layer or a blob is found, and no other. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <sys/sysmacros.h>

#include "image/check.h"
#include "tests/unit/test_image_world.h"

/* What is damaged: a layer of each kind of entry, and one of none. */
struct check_rig {
	struct world world;
	struct digest id;
	int root_fd; /* of the layer */
};

static const char long_content[] = "content of some length";

static void fill_layer(struct bytes *tar)
{
	static const struct tar_entry entries[] = {
		{ .name = "d", .type = '5', .mode = 0700 },
		{ .name = "d/f", .content = long_content },
		{ .name = "i/j/k", .content = "x" },
		{ .name = "h", .type = '1', .link = "d/f" },
		{ .name = "l", .type = '2', .link = "d" },
		{ .name = "hl", .type = '1', .link = "l" },
		{ .name = "n", .type = '3', .major = 1, .minor = 3 },
		{ .name = "p", .type = '6' },
		{ .name = ".wh.w" },
		{ .name = ".wh.v" },
		{ .name = "v", .content = "v" },
		{ .name = "o/.wh..wh..opq" },
		{ .name = ".wh..wh.aufs" },
		/* The last word about a directory counts. */
		{ .name = "d", .type = '5', .mode = 0750, .gid = 5, .mtime = 3 },
		{ .name = "./", .type = '5' },
		{ .name = "s",
		  .size = TAR_BLOCK + 3,
		  .pax = { "GNU.sparse.major=1", "GNU.sparse.minor=0",
			   "GNU.sparse.realsize=65536" } },
		{ .name = NULL },
	};

	for (const struct tar_entry *e = entries; e->name; e++)
		tar_add(tar, e);
	bytes_add(tar, "1\n8192\n3\n", 9);
	tar_pad(tar);
	bytes_add(tar, "one", 3);
	tar_pad(tar);
}

static void fill_nothing(struct bytes *tar)
{
	(void)tar;
}

static void rig_open(struct check_rig *rig, const struct recipe *recipe)
{
	const struct import_args args = { .limits = import_limits_default };
	cleanup_free struct import_result *out = calloc(1, sizeof(*out));
	struct err err = { 0 };
	struct image image;
	char path[PATH_MAX];

	world_open(&rig->world);
	assert_non_null(out);
	if (world_import(&rig->world, out, recipe, args, NULL, &err) < 0)
		fail_msg("%s", err.msg);
	rig->id = out->entries[0].id;
	assert_int_equal(image_load(&image, &rig->world.w.store, &rig->id, &err), 0);
	assert_int_equal(image_layer_path(path, sizeof(path), &image, 0, &err), 0);
	image_done(&image);
	rig->root_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(rig->root_fd >= 0);
}

static void rig_close(struct check_rig *rig)
{
	close_fd(&rig->root_fd);
	world_close(&rig->world);
}

static int check(const struct check_rig *rig, struct err *err)
{
	return image_check(&rig->world.w.store, &rig->id, &import_limits_default.worker, err);
}

/* --------------------------------------------------------------------- damages */

static void set_time(int root, const char *path, time_t seconds)
{
	const struct timespec times[2] = { { .tv_sec = seconds }, { .tv_sec = seconds } };

	assert_int_equal(utimensat(root, path, times, AT_SYMLINK_NOFOLLOW), 0);
}

/* Bytes into a file, whose time stays. */
static void scribble(int root, const char *path, off_t at, const char *text)
{
	cleanup_close int fd = openat(root, path, O_WRONLY | O_CLOEXEC);

	assert_int_equal(pwrite(fd, text, strlen(text), at), strlen(text));
	set_time(root, path, 0);
}

static void put(int root, const char *path, const char *text)
{
	assert_int_equal(mknodat(root, path, S_IFREG | 0644, 0), 0);
	assert_int_equal(fchmodat(root, path, 0644, 0), 0);
	if (*text)
		scribble(root, path, 0, text);
	set_time(root, path, 0);
}

static void take(int root, const char *path)
{
	assert_int_equal(unlinkat(root, path, 0), 0);
	set_time(root, ".", 0);
}

static void harm_content(int root)
{
	scribble(root, "d/f", 10, "X");
}

static void harm_size(int root)
{
	scribble(root, "d/f", (off_t)sizeof(long_content), "X");
}

static void harm_cut(int root)
{
	cleanup_close int fd = openat(root, "d/f", O_WRONLY | O_CLOEXEC);

	assert_int_equal(ftruncate(fd, 3), 0);
	set_time(root, "d/f", 0);
}

static void harm_hole(int root)
{
	scribble(root, "s", 100, "X");
}

static void harm_hole_at_the_end(int root)
{
	scribble(root, "s", 65535, "X");
}

static void harm_mode(int root)
{
	assert_int_equal(fchmodat(root, "d/f", 04644, 0), 0);
}

static void harm_directory_mode(int root)
{
	assert_int_equal(fchmodat(root, "d", 0777, 0), 0);
}

static void harm_root_mode(int root)
{
	assert_int_equal(fchmod(root, 0777), 0);
}

static void harm_owner(int root)
{
	assert_int_equal(fchownat(root, "d/f", 1, 0, 0), 0);
}

static void harm_link_group(int root)
{
	assert_int_equal(fchownat(root, "l", 0, 1, AT_SYMLINK_NOFOLLOW), 0);
}

static void harm_time(int root)
{
	set_time(root, "d/f", 1);
}

static void harm_more(int root)
{
	put(root, "i/j/more", "");
}

static void harm_more_directory(int root)
{
	assert_int_equal(mkdirat(root, "more", 0755), 0);
	set_time(root, ".", 0);
}

static void harm_less(int root)
{
	take(root, "i/j/k");
}

static void harm_less_device(int root)
{
	take(root, "n");
}

static void harm_target(int root)
{
	take(root, "l");
	take(root, "hl");
	assert_int_equal(symlinkat("e", root, "l"), 0);
	assert_int_equal(linkat(root, "l", root, "hl", 0), 0);
	set_time(root, "l", 0);
	set_time(root, ".", 0);
}

static void harm_hard_link(int root)
{
	take(root, "h");
	put(root, "h", long_content);
	set_time(root, ".", 0);
}

static void harm_type(int root)
{
	take(root, "p");
	put(root, "p", "");
	set_time(root, ".", 0);
}

static void harm_link_to_file(int root)
{
	take(root, "l");
	put(root, "l", "d");
	set_time(root, ".", 0);
}

static void harm_device(int root)
{
	take(root, "n");
	assert_int_equal(mknodat(root, "n", S_IFCHR | 0644, makedev(1, 5)), 0);
	assert_int_equal(fchmodat(root, "n", 0644, 0), 0);
	set_time(root, "n", 0);
	set_time(root, ".", 0);
}

static void harm_whiteout(int root)
{
	take(root, "w");
}

static void harm_directory_is_a_link(int root)
{
	assert_int_equal(renameat(root, "i/j", root, "d/j"), 0);
	assert_int_equal(symlinkat("../d/j", root, "i/j"), 0);
}

static const struct {
	const char *name;
	void (*harm)(int root);
	const char *expected;
} damages[] = {
	{ "content", harm_content, "layer 1: 'd/f' is not what it was unpacked as: its content" },
	{ "size", harm_size, "'d/f' is not what it was unpacked as: its size" },
	{ "cut", harm_cut, "'d/f' is not what it was unpacked as: its size" },
	{ "hole", harm_hole, "'s' is not what it was unpacked as: its content" },
	{ "last_hole", harm_hole_at_the_end, "'s' is not what it was unpacked as: its content" },
	{ "mode", harm_mode, "'d/f' is not what it was unpacked as: its mode" },
	{ "directory_mode", harm_directory_mode, "'d' is not what it was unpacked as: its mode" },
	{ "root_mode", harm_root_mode, "'' is not what it was unpacked as: its mode" },
	{ "owner", harm_owner, "'d/f' is not what it was unpacked as: its owner" },
	{ "link_group", harm_link_group, "'l' is not what it was unpacked as: its owner" },
	{ "time", harm_time, "'d/f' is not what it was unpacked as: its time" },
	{ "one_more_file", harm_more, "'i/j/more' is not what it was unpacked as: it was not in" },
	{ "one_more_directory", harm_more_directory,
	  "'more' is not what it was unpacked as: it was" },
	{ "one_file_less", harm_less, "'i/j/k' is not what it was unpacked as: it is gone" },
	{ "one_device_less", harm_less_device, "'n' is not what it was unpacked as: it is gone" },
	{ "link_target", harm_target, "'l' is not what it was unpacked as: where the link leads" },
	{ "hard_link", harm_hard_link, "'h' is not what it was unpacked as: what it is a link to" },
	{ "type", harm_type, "'p' is not what it was unpacked as: its type" },
	{ "link_is_a_file", harm_link_to_file, "'l' is not what it was unpacked as: its type" },
	{ "device_number", harm_device, "'n' is not what it was unpacked as: its device" },
	{ "whiteout_gone", harm_whiteout,
	  "'w' is not what it was unpacked as: the whiteout is gone" },
	{ "directory_is_a_link", harm_directory_is_a_link,
	  "'i/j/k' is not what it was unpacked as: it is gone" },
};

static void check__damaged_layer__found(void **state)
{
	const struct recipe recipe = { .fill = fill_layer, .media = IMAGE_MEDIA_TAR_GZIP };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(damages); i++) {
		struct err err = { 0 };
		struct check_rig rig;
		int r;

		rig_open(&rig, &recipe);
		if (check(&rig, &err) < 0)
			fail_msg("%s", err.msg);
		damages[i].harm(rig.root_fd);
		r = check(&rig, &err);
		if (r != -EBADMSG || !strstr(err.msg, damages[i].expected))
			fail_msg("%s: %d '%s'", damages[i].name, r, err.msg);
		rig_close(&rig);
	}
}

static void check__something_in_an_empty_layer__found(void **state)
{
	const struct recipe recipe = { .fill = fill_nothing };
	struct err err = { 0 };
	struct check_rig rig;

	(void)state;
	rig_open(&rig, &recipe);
	assert_int_equal(check(&rig, &err), 0);
	put(rig.root_fd, "more", "");
	assert_int_equal(check(&rig, &err), -EBADMSG);
	assert_string_equal(err.msg,
			    "layer 1: 'more' is not what it was unpacked as: it was not in the "
			    "layer");
	rig_close(&rig);
}

/* The blob of @what: 'L', 'C' or 'M'. */
static struct digest blob_of(const struct check_rig *rig, char what)
{
	struct err err = { 0 };
	struct image image;
	struct digest d;

	assert_int_equal(image_load(&image, &rig->world.w.store, &rig->id, &err), 0);
	d = what == 'L'	  ? image.manifest.layers[0].digest
	    : what == 'C' ? image.manifest.config.digest
			  : rig->id;
	image_done(&image);
	return d;
}

static void check__damaged_blob__found(void **state)
{
	static const struct {
		char of;
		const char *expected;
	} table[] = { { 'L', "layer 1: the blob '" },
		      { 'C', "the blob '" },
		      { 'M', "the blob '" } };
	const struct recipe recipe = { .media = IMAGE_MEDIA_TAR_ZSTD };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct err err = { 0 };
		struct check_rig rig;
		struct digest d;

		rig_open(&rig, &recipe);
		d = blob_of(&rig, table[i].of);
		/* A space for a brace or a byte of the stream: of the same length. */
		scribble(rig.world.w.blobs_fd, d.hex, 30, "~");
		assert_int_equal(check(&rig, &err), -EBADMSG);
		assert_int_equal(strncmp(err.msg, table[i].expected, strlen(table[i].expected)), 0);
		assert_non_null(strstr(err.msg, d.hex));
		assert_non_null(strstr(err.msg, "' is damaged"));
		assert_int_equal(unlinkat(rig.world.w.blobs_fd, d.hex, 0), 0);
		assert_int_equal(check(&rig, &err), -ENOENT);
		assert_non_null(strstr(err.msg, d.hex));
		rig_close(&rig);
	}
}

static void check__layer_gone__found(void **state)
{
	const struct recipe recipe = { .form = FORM_SAVED };
	struct err err = { 0 }, ignored;
	struct check_rig rig;
	struct digest d;

	(void)state;
	rig_open(&rig, &recipe);
	d = blob_of(&rig, 'L'); /* plain: its diff id, too */
	assert_int_equal(io_remove_tree(rig.world.w.layers_fd, d.hex, &ignored), 0);
	assert_int_equal(check(&rig, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "layer 1: open 'layers/"));
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check__damaged_layer__found),
		cmocka_unit_test(check__something_in_an_empty_layer__found),
		cmocka_unit_test(check__damaged_blob__found),
		cmocka_unit_test(check__layer_gone__found),
	};

	return cmocka_run_group_tests_name("image check", tests, NULL, NULL);
}
