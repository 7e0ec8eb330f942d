/* SPDX-License-Identifier: MIT */
/* image/check: each kind of damage to an unpacked layer or a blob is found, and no other. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "image/check.h"
#include "tests/unit/test_image_world.h"

/* What is damaged: a layer of each kind of entry, and one of none. */
struct check_rig {
	struct world world;
	struct digest id;
	int root_fd; /* of the layer */
};

static const char long_content[] = "content of some length";

/* cap_net_raw=ep; as version 3 for the host's root it reads back as version 2 (capabilities(7)). */
static const char capability[20] = { 1, 0, 0, 2, 0, 0x20 };
static const char capability_3[24] = { 1, 0, 0, 3, 0, 0x20 };
static const char more_capability[20] = { 1, 0, 0, 2, 1, 0x20 };

static void add_with_attributes(struct bytes *tar)
{
	static const struct tar_entry file = { .name = "x", .content = "x" },
				      other = { .name = "x3", .content = "x" },
				      directory = { .name = "xd", .type = '5' };
	struct bytes records = { 0 };

	tar_pax_record(&records, "SCHILY.xattr.user.a", "1\0002", 3);
	tar_pax_record(&records, "SCHILY.xattr.security.capability", capability, 20);
	tar_pax_record(&records, "SCHILY.xattr.trusted.overlay.opaque", "y", 1);
	tar_pax(tar, &records);
	tar_add(tar, &file);
	tar_pax_record(&records, "SCHILY.xattr.security.capability", capability_3, 24);
	tar_pax(tar, &records);
	tar_add(tar, &other);
	/* Those of all its entries are a directory's, and the last value counts. */
	tar_pax_record(&records, "SCHILY.xattr.user.d", "1", 1);
	tar_pax_record(&records, "SCHILY.xattr.user.e", "1", 1);
	tar_pax(tar, &records);
	tar_add(tar, &directory);
	tar_pax_record(&records, "SCHILY.xattr.user.e", "2", 1);
	tar_pax(tar, &records);
	tar_add(tar, &directory);
}

static void fill_layer(struct bytes *tar)
{
	static const struct tar_entry entries[] = {
		{ .name = "d", .type = '5', .mode = 0700 },
		{ .name = "d/f", .content = long_content },
		{ .name = "i/j/k", .content = "x" },
		{ .name = "h", .type = '1', .link = "d/f" },
		{ .name = "l", .type = '2', .link = "d" },
		{ .name = "hl", .type = '1', .link = "l" },
		{ .name = "sl", .type = '2', .link = "d" },
		{ .name = "n", .type = '3', .major = 1, .minor = 3 },
		{ .name = "p", .type = '6' },
		{ .name = ".wh.w" },
		{ .name = ".wh.v" },
		{ .name = "v", .content = "v" },
		{ .name = "o/.wh..wh..opq" },
		{ .name = ".wh..wh.aufs" },
		/* Whiteouts that directories stand in the place of, before and after. */
		{ .name = ".wh.q" },
		{ .name = "q/r/s", .content = "x" },
		{ .name = "q/.wh.r" },
		{ .name = "q/only/.wh.t" },
		/* umoci: what was in a directory that is a file or a link now. */
		{ .name = "v/.wh.a" },
		{ .name = "l/.wh.a" },
		/* The last word about a directory counts. */
		{ .name = "d", .type = '5', .mode = 0750, .gid = 5, .mtime = 3 },
		{ .name = "./", .type = '5' },
		{ .name = "s",
		  .size = TAR_BLOCK + 3,
		  .pax = { "GNU.sparse.major=1", "GNU.sparse.minor=0",
			   "GNU.sparse.realsize=65536" } },
		{ .name = NULL },
	};

	add_with_attributes(tar);
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

static void harm_whiteout_by_a_file(int root)
{
	take(root, "w");
	put(root, "w", "");
	set_time(root, ".", 0);
}

static void harm_whiteout_by_a_directory(int root)
{
	take(root, "w");
	assert_int_equal(mkdirat(root, "w", 0755), 0);
	set_time(root, ".", 0);
}

static void harm_whiteout_by_another_device(int root)
{
	take(root, "w");
	assert_int_equal(mknodat(root, "w", S_IFCHR | 0644, makedev(1, 3)), 0);
	set_time(root, ".", 0);
}

static void harm_file_by_a_whiteout(int root)
{
	take(root, "v");
	assert_int_equal(mknodat(root, "v", S_IFCHR, 0), 0);
	set_time(root, ".", 0);
}

static void harm_one_whiteout_more(int root)
{
	assert_int_equal(mknodat(root, "more", S_IFCHR, 0), 0);
	set_time(root, ".", 0);
}

static void harm_implied_mode(int root)
{
	assert_int_equal(fchmodat(root, "i", 0777, 0), 0);
}

static void harm_implied_owner(int root)
{
	assert_int_equal(fchownat(root, "q/only", 1, 0, 0), 0);
}

static void harm_opaque_gone(int root)
{
	assert_int_equal(unlinkat(root, "o", AT_REMOVEDIR), 0);
	set_time(root, ".", 0);
}

static void harm_opaque_by_a_file(int root)
{
	harm_opaque_gone(root);
	put(root, "o", "");
	set_time(root, ".", 0);
}

static void harm_whiteouts_directory_by_a_file(int root)
{
	assert_int_equal(unlinkat(root, "q/only/t", 0), 0);
	assert_int_equal(unlinkat(root, "q/only", AT_REMOVEDIR), 0);
	put(root, "q/only", "");
	set_time(root, "q", 0);
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
	{ "whiteout_is_a_file", harm_whiteout_by_a_file,
	  "'w' is not what it was unpacked as: the whiteout is gone" },
	{ "whiteout_is_a_directory", harm_whiteout_by_a_directory,
	  "'w' is not what it was unpacked as: the whiteout is gone" },
	{ "whiteout_is_another_device", harm_whiteout_by_another_device,
	  "'w' is not what it was unpacked as: the whiteout is gone" },
	{ "file_is_a_whiteout", harm_file_by_a_whiteout,
	  "'v' is not what it was unpacked as: its type" },
	{ "one_whiteout_more", harm_one_whiteout_more,
	  "'more' is not what it was unpacked as: it was not in the layer" },
	{ "implied_mode", harm_implied_mode, "'i' is not what it was unpacked as: its mode" },
	{ "implied_owner", harm_implied_owner,
	  "'q/only' is not what it was unpacked as: its owner" },
	{ "opaque_directory_gone", harm_opaque_gone,
	  "'o' is not what it was unpacked as: it is gone" },
	{ "opaque_directory_is_a_file", harm_opaque_by_a_file,
	  "'o' is not what it was unpacked as: its type" },
	{ "whiteouts_directory_is_a_file", harm_whiteouts_directory_by_a_file,
	  "'q/only/t' is not what it was unpacked as: the whiteout is gone" },
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

/* One user more, who may read: the mode stays 0644. */
static const char acl[] = "\2\0\0\0"
			  "\1\0\6\0\377\377\377\377"
			  "\2\0\4\0\350\3\0\0"
			  "\4\0\4\0\377\377\377\377"
			  "\20\0\4\0\377\377\377\377"
			  "\40\0\4\0\377\377\377\377";

#define OPAQUE "trusted.overlay.opaque"
#define BYTES(a) a, sizeof(a)
#define TEXT(a)	 a, sizeof(a) - 1
#define LOST	 NULL, 0

static const struct {
	const char *path, *attribute, *value;
	size_t n;
	const char *expected;
} attributes[] = {
	{ "o", OPAQUE, LOST, "'o' is not what it was unpacked as: its opaque mark is gone" },
	{ "o", OPAQUE, TEXT("n"), "'o' is not what it was unpacked as: its opaque mark is gone" },
	{ "q", OPAQUE, LOST, "'q' is not what it was unpacked as: its opaque mark is gone" },
	{ "q/r", OPAQUE, LOST, "'q/r' is not what it was unpacked as: its opaque mark is gone" },
	{ "q/only", OPAQUE, TEXT("y"),
	  "'q/only' is not what it was unpacked as: its attribute '" OPAQUE },
	{ ".", OPAQUE, TEXT("y"), "'' is not what it was unpacked as: its attribute '" OPAQUE },
	{ "x", OPAQUE, TEXT("y"), "'x' is not what it was unpacked as: its attribute '" OPAQUE },
	{ "d", "trusted.overlay.redirect", TEXT("/etc"),
	  "'d' is not what it was unpacked as: its attribute 'trusted.overlay.redirect'" },
	{ "s", "trusted.overlay.metacopy", TEXT(""),
	  "'s' is not what it was unpacked as: its attribute 'trusted.overlay.metacopy'" },
	{ "sl", "trusted.overlay.x", TEXT(""),
	  "'sl' is not what it was unpacked as: its attribute 'trusted.overlay.x'" },
	{ "p", "trusted.overlay.x", TEXT(""),
	  "'p' is not what it was unpacked as: its attribute 'trusted.overlay.x'" },
	{ "x", "user.a", LOST, "'x' is not what it was unpacked as: its attribute 'user.a'" },
	{ "x", "user.a", TEXT("1\0003"),
	  "'x' is not what it was unpacked as: its attribute 'user.a'" },
	{ "x", "user.a", TEXT("1"), "'x' is not what it was unpacked as: its attribute 'user.a'" },
	{ "x", "user.b", TEXT(""), "'x' is not what it was unpacked as: its attribute 'user.b'" },
	{ "x", "security.capability", LOST,
	  "'x' is not what it was unpacked as: its attribute 'security.capability'" },
	{ "x", "security.capability", BYTES(more_capability),
	  "'x' is not what it was unpacked as: its attribute 'security.capability'" },
	{ "x3", "security.capability", LOST,
	  "'x3' is not what it was unpacked as: its attribute 'security.capability'" },
	{ "d/f", "security.capability", BYTES(capability),
	  "'d/f' is not what it was unpacked as: its attribute 'security.capability'" },
	{ "d/f", "system.posix_acl_access", TEXT(acl),
	  "'d/f' is not what it was unpacked as: its attribute 'system.posix_acl_access'" },
	{ "xd", "user.d", LOST, "'xd' is not what it was unpacked as: its attribute 'user.d'" },
	{ "xd", "user.e", TEXT("1"),
	  "'xd' is not what it was unpacked as: its attribute 'user.e'" },
	{ "xd", "user.f", TEXT("1"),
	  "'xd' is not what it was unpacked as: its attribute 'user.f'" },
	{ "i", "user.a", TEXT("1"), "'i' is not what it was unpacked as: its attribute 'user.a'" },
	{ ".", "user.a", TEXT("1"), "'' is not what it was unpacked as: its attribute 'user.a'" },
};

static void harm_attribute(const struct check_rig *rig, size_t i)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", rig->root_fd, attributes[i].path);
	if (attributes[i].value)
		assert_int_equal(lsetxattr(path, attributes[i].attribute, attributes[i].value,
					   attributes[i].n, 0), 0);
	else
		assert_int_equal(lremovexattr(path, attributes[i].attribute), 0);
}

static void check__damaged_attribute__found(void **state)
{
	const struct recipe recipe = { .fill = fill_layer };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(attributes); i++) {
		struct err err = { 0 };
		struct check_rig rig;
		int r;

		rig_open(&rig, &recipe);
		harm_attribute(&rig, i);
		r = check(&rig, &err);
		if (r != -EBADMSG || !strstr(err.msg, attributes[i].expected))
			fail_msg("%s of %s: %d '%s'",
				 attributes[i].attribute, attributes[i].path, r, err.msg);
		rig_close(&rig);
	}
}

/* What file systems and security modules keep there is theirs. */
static void check__attribute_of_the_host__no_damage(void **state)
{
	const struct recipe recipe = { .fill = fill_layer };
	struct err err = { 0 };
	struct check_rig rig;
	char path[PATH_MAX];

	(void)state;
	rig_open(&rig, &recipe);
	snprintf(path, sizeof(path), "/proc/self/fd/%d/x", rig.root_fd);
	assert_int_equal(lsetxattr(path, "trusted.md5", "x", 1, 0), 0);
	if (check(&rig, &err) < 0)
		fail_msg("%s", err.msg);
	rig_close(&rig);
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
		cmocka_unit_test(check__damaged_attribute__found),
		cmocka_unit_test(check__attribute_of_the_host__no_damage),
		cmocka_unit_test(check__something_in_an_empty_layer__found),
		cmocka_unit_test(check__damaged_blob__found),
		cmocka_unit_test(check__layer_gone__found),
	};

	return cmocka_run_group_tests_name("image check", tests, NULL, NULL);
}
