/* SPDX-License-Identifier: MIT */
/* image/: what the store takes in, finds, removes and gives back, and the worker's bounds.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>

#include "image/collect.h"
#include "image/export.h"
#include "image/pins.h"
#include "image/worker.h"
#include "tests/unit/test_image_world.h"

#define FILE_(n) { .name = n, .content = "x" }

/* -------------------------------------------------------------------- importing */

static const struct import_args usual = { .limits = { .layers = { 1 << 30, 1000 },
						      .worker = { 512 << 20, 60 },
						      .source_bytes = 1 << 30 } };

static struct digest import(struct world *world, const struct recipe *recipe,
			    const struct import_args *args)
{
	cleanup_free struct import_result *out = calloc(1, sizeof(*out));
	struct err err = { 0 };

	assert_non_null(out);
	if (world_import(world, out, recipe, *args, NULL, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(io_remove_tree(world->dirfd, "source", &err), 0);
	assert_int_equal(io_mkdir_path(world->dirfd, "source", 0755, &err), 0);
	close_fd(&world->source_fd);
	world->source_fd = openat(world->dirfd, "source", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return out->entries[0].id;
}

static void import__names_of_each_source__as_they_say(void **state)
{
	static const struct {
		struct recipe recipe;
		const char *name, *path, *found;
	} table[] = {
		{ { .form = FORM_SAVED }, NULL, NULL, "me/saved:1" },
		{ { .form = FORM_SAVED }, "docker.io/me/other:2", NULL, "me/other:2" },
		{ { .form = FORM_ARCHIVE }, NULL, "/srv/x.tar", "/srv/x.tar" },
		{ { .form = FORM_DIRECTORY,
		    .media = IMAGE_MEDIA_TAR_ZSTD,
		    .index = INDEX_OF(DESC(MEDIA_MANIFEST, "$M", "$m", NAMED("quay.io/a/b:c"))) },
		  NULL,
		  NULL,
		  "quay.io/a/b:c" },
		/* A tag alone is no name; the image is there by its digest. */
		{ { .index = INDEX_OF(DESC(MEDIA_MANIFEST, "$M", "$m", NAMED("latest"))) },
		  NULL,
		  NULL,
		  NULL },
		{ { .indexes = 4, .index = INDEX_OF(DESC(MEDIA_INDEX, "$N", "$n", NAMED("me/x"))) },
		  NULL,
		  NULL,
		  "me/x:latest" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct import_args args = usual;
		struct image_stores stores;
		struct err err = { 0 };
		struct world world;
		struct image image;
		char id[DIGEST_TEXT_SIZE], path[PATH_MAX];
		struct digest d;

		world_open(&world);
		args.name = table[i].name;
		args.path = table[i].path;
		d = import(&world, &table[i].recipe, &args);
		assert_int_equal(image_stores_open(&stores, &world.paths, &err), 0);
		if (image_find(&image, &stores,
			       table[i].found ? table[i].found : digest_text(&d, id), &err) < 0)
			fail_msg("%s", err.msg);
		assert_string_equal(image.id.hex, d.hex);
		assert_string_equal(image.config->cmd[0], "/f");
		assert_int_equal(image_layer_path(path, sizeof(path), &image, 0, &err), 0);
		assert_int_equal(strncmp(path, world.path, strlen(world.path)), 0);
		assert_int_equal(access(strcat(path, "/f"), F_OK), 0);
		image_done(&image);
		image_stores_close(&stores);
		world_close(&world);
	}
}

static void find__not_there__said_of_which(void **state)
{
	struct image_stores stores;
	struct err err = { 0 };
	struct world world;
	struct image image;

	(void)state;
	world_open(&world);
	assert_int_equal(image_stores_open(&stores, &world.paths, &err), 0);
	assert_int_equal(image_find(&image, &stores, "nginx", &err), -ENOENT);
	assert_non_null(strstr(err.msg, "nginx"));
	assert_int_equal(image_find(&image, &stores, "../x", &err), -EINVAL);
	image_stores_close(&stores);
	world_close(&world);
}

/* ------------------------------------------------------------- what is there already */

static int import_again(struct world *world, const struct recipe *recipe, uint64_t bytes,
			struct err *err)
{
	cleanup_free struct import_result *out = calloc(1, sizeof(*out));
	struct import_args args = usual;
	struct err ignored;

	assert_non_null(out);
	(void)io_remove_tree(world->source_fd, "blobs", &ignored); /* there or not, as the next */
	(void)unlinkat(world->source_fd, "index.json", 0);
	(void)unlinkat(world->source_fd, "oci-layout", 0);
	args.limits.layers.bytes = bytes;
	return world_import(world, out, recipe, args, NULL, err);
}

static void diff_id_of(char out[DIGEST_HEX_LEN + 1], const struct world *world,
		       const struct digest *id)
{
	struct err err = { 0 };
	struct image image;

	assert_int_equal(image_load(&image, &world->w.store, id, &err), 0);
	strcpy(out, image.config->diff_ids[0].hex);
	image_done(&image);
}

static void import__another_layers_diff_id__refused(void **state)
{
	static const struct tar_entry other[] = { FILE_("other"), { NULL } };
	const struct recipe victim = { .media = IMAGE_MEDIA_TAR_GZIP };
	char diff_id[DIGEST_HEX_LEN + 1], config[512], wanted[128];
	struct err err = { 0 };
	struct world world;
	struct digest id;

	(void)state;
	world_open(&world);
	id = import(&world, &victim, &usual);
	diff_id_of(diff_id, &world, &id);
	snprintf(config, sizeof(config), CONFIG_OF("\"sha256:%s\""), diff_id);
	snprintf(wanted, sizeof(wanted), ", the config says sha256:%s", diff_id);
	for (int media = IMAGE_MEDIA_TAR; media <= IMAGE_MEDIA_TAR_ZSTD; media++) {
		const struct recipe hostile = {
			.entries = other, .media = media, .config = config
		};

		assert_int_equal(import_again(&world, &hostile, 1 << 30, &err), -EBADMSG);
		assert_int_equal(strncmp(err.msg, "layer 1: its diff id is sha256:", 31), 0);
		assert_non_null(strstr(err.msg, wanted));
	}
	world_close(&world);
}

/* What is known is not decompressed again: a bound of one byte shows which is. */
static void import__layer_that_is_there__hashed_unless_an_image_has_the_pair(void **state)
{
	const struct recipe first = { .media = IMAGE_MEDIA_TAR_GZIP },
			    otherwise = { .media = IMAGE_MEDIA_TAR_ZSTD },
			    none = { .media = IMAGE_MEDIA_TAR_GZIP, .damage = GONE, .of = 'L' };
	struct err err = { 0 };
	json_t *index = NULL;
	struct world world;
	struct digest id;

	(void)state;
	world_open(&world);
	id = import(&world, &first, &usual);
	assert_int_equal(import_again(&world, &first, 1, &err), 0);
	/* A blob that only the store has is what its digest says, so it will do. */
	assert_int_equal(import_again(&world, &none, 1, &err), 0);
	assert_int_equal(import_again(&world, &otherwise, 1, &err), -EFBIG);
	assert_string_equal(err.msg, "layer 1: more than 1 bytes unpacked");
	assert_int_equal(import_again(&world, &otherwise, 1 << 30, &err), 0);
	assert_int_equal(import_again(&world, &otherwise, 1, &err), 0);
	/* Of an image that is no longer there, nothing is known. */
	assert_int_equal(image_store_index(&index, &world.w.store, &err), 0);
	assert_true(image_index_drop(index, &id));
	assert_int_equal(image_writer_replace_index(&world.w, index, &err), 0);
	assert_int_equal(import_again(&world, &first, 1, &err), -EFBIG);
	assert_int_equal(import_again(&world, &first, 1 << 30, &err), 0);
	json_decref(index);
	world_close(&world);
}

/* -------------------------------------------------------------------- the index */

static struct image_entry entry_of(char digit, const char *name)
{
	struct image_entry e = { .size = 7 };

	memset(e.id.hex, digit, DIGEST_HEX_LEN);
	snprintf(e.name, sizeof(e.name), "%s", name);
	return e;
}

/* "a=NAME b= ...": the first digit of each digest and its name. */
static void assert_index(const json_t *index, const char *expected)
{
	char text[256] = "";
	const json_t *entry;
	size_t i, n = 0;

	json_array_foreach(json_object_get(index, "manifests"), i, entry)
	{
		const char *name = image_index_name(entry);
		struct digest d;

		assert_true(image_index_digest(entry, &d));
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%c=%s", n ? " " : "", d.hex[0],
				      name ? name : "");
	}
	assert_string_equal(text, expected);
}

static void enter(json_t *index, char digit, const char *name, bool move)
{
	const struct image_entry e = entry_of(digit, name);
	struct err err = { 0 };

	if (image_index_enter(index, &e, move, &err) < 0)
		fail_msg("%s", err.msg);
}

static void index__enter_move_and_drop__names_are_of_one_image(void **state)
{
	json_t *index = json_pack("{s:i, s:[]}", "schemaVersion", 2, "manifests");
	const struct image_entry other = entry_of('b', "x");
	struct digest b = other.id;
	struct err err = { 0 };

	(void)state;
	enter(index, 'a', "", false);
	assert_index(index, "a=");
	enter(index, 'a', "x", false); /* no longer without a name */
	enter(index, 'a', "x", false);
	enter(index, 'a', "", false);
	assert_index(index, "a=x");
	enter(index, 'a', "y", false);
	assert_index(index, "a=x a=y");
	assert_int_equal(image_index_enter(index, &other, false, &err), -EEXIST);
	assert_string_equal(err.msg,
			    "the name 'x' is that of another image; --replace takes it from "
			    "that");
	assert_index(index, "a=x a=y");
	enter(index, 'b', "x", true);
	assert_index(index, "a=y b=x");
	enter(index, 'b', "y", true); /* a's last name */
	assert_index(index, "a= b=x b=y");
	assert_true(image_index_drop_name(index, "x"));
	assert_false(image_index_drop_name(index, "x"));
	assert_index(index, "a= b=y");
	enter(index, 'b', "z", false);
	assert_true(image_index_drop(index, &b));
	assert_false(image_index_drop(index, &b));
	assert_index(index, "a=");
	json_decref(index);
}

/* ------------------------------------------------------------- what is removed */

static void count(void *ctx, const char *kind, const struct digest *d, uint64_t bytes)
{
	unsigned *n = ctx;

	(void)d;
	(void)bytes;
	n[strcmp(kind, "layer") == 0]++;
}

static void collect(struct world *world, const json_t *index, bool dry_run, unsigned blobs,
		    unsigned layers)
{
	unsigned n[2] = { 0 };
	const struct collect_report report = { .found = count, .ctx = n, .dry_run = dry_run };
	struct err err = { 0 };

	if (image_collect(&world->w, index, world->paths.run, &report, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(n[0], blobs);
	assert_int_equal(n[1], layers);
}

static void pin(struct world *world, const char *text)
{
	struct err err;

	assert_int_equal(io_mkdir_path(world->paths.run, "web", 0700, &err), 0);
	(void)unlinkat(world->paths.run, "web/images", 0); /* there or not */
	assert_int_equal(mknodat(world->paths.run, "web/images", S_IFREG | 0600, 0), 0);
	assert_int_equal(io_write_file(world->paths.run, "web/images", text, &err), 0);
}

static void collect__named_and_pinned_stay__the_rest_goes(void **state)
{
	static const struct tar_entry other[] = { FILE_("other"), { NULL } };
	const struct recipe first = { .form = FORM_SAVED },
			    second = { .entries = other, .media = IMAGE_MEDIA_TAR_GZIP };
	struct world world;
	struct digest a, b;
	json_t *index = NULL;
	char text[DIGEST_TEXT_SIZE + 1];
	struct err err = { 0 };
	struct bytes before = { 0 };

	(void)state;
	world_open(&world);
	a = import(&world, &first, &usual);
	b = import(&world, &second, &usual);
	assert_int_equal(image_store_index(&index, &world.w.store, &err), 0);
	collect(&world, index, false, 0, 0);
	assert_true(image_index_drop(index, &a) && image_index_drop(index, &b));
	assert_int_equal(image_writer_replace_index(&world.w, index, &err), 0);
	snprintf(text, sizeof(text), "sha256:%s\n", b.hex);
	pin(&world, text);
	snapshot(&before, world.path);
	collect(&world, index, true, 3, 1);
	assert_as_before(&before, world.path);
	collect(&world, index, false, 3, 1);
	collect(&world, index, false, 0, 0);
	assert_int_equal(faccessat(world.w.blobs_fd, b.hex, F_OK, 0), 0);
	assert_int_equal(faccessat(world.w.blobs_fd, a.hex, F_OK, 0), -1);
	pin(&world, "");
	collect(&world, index, false, 3, 1);
	json_decref(index);
	world_close(&world);
}

static void collect__damage__nothing_is_removed(void **state)
{
	const struct recipe recipe = { .form = FORM_SAVED };
	const struct collect_report report = { .found = count };
	struct bytes before = { 0 };
	struct err err = { 0 };
	json_t *index = NULL;
	struct world world;
	struct digest id;

	(void)state;
	world_open(&world);
	id = import(&world, &recipe, &usual);
	assert_int_equal(image_store_index(&index, &world.w.store, &err), 0);
	pin(&world, "sha256:../../x\n");
	snapshot(&before, world.path);
	assert_int_equal(image_collect(&world.w, index, world.paths.run, &report, &err), -EBADMSG);
	assert_string_equal(err.msg,
			    "what is in use cannot be told, so nothing is removed: pod 'web': "
			    "a damaged file 'images'");
	assert_as_before(&before, world.path);
	assert_int_equal(unlinkat(world.w.blobs_fd, id.hex, 0), 0);
	assert_int_equal(image_collect(&world.w, index, -EBADF, &report, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "what is in use cannot be told"));
	json_decref(index);
	world_close(&world);
}

/* ---------------------------------------------------------------- and given back */

static void export_to(struct bytes *out, const struct world *world, const struct digest *id)
{
	cleanup_close int fd = memfd_create("export", MFD_CLOEXEC);
	struct err err = { 0 };
	struct image image;
	char buf[4096];
	ssize_t n;

	assert_int_equal(image_load(&image, &world->w.store, id, &err), 0);
	if (image_export(&image, "docker.io/me/app:1", fd, &err) < 0)
		fail_msg("%s", err.msg);
	image_done(&image);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		bytes_add(out, buf, (size_t)n);
}

static void export__twice_and_imported_again__the_same_bytes_and_id(void **state)
{
	const struct recipe recipe = { .media = IMAGE_MEDIA_TAR_ZSTD,
				       .config = CONFIG_OF("\"sha256:$D\",\"sha256:$D\""),
				       .manifest =
					   MANIFEST_OF(THE_CONFIG, THE_LAYER "," THE_LAYER, "") };
	cleanup_free struct import_result *result = calloc(1, sizeof(*result));
	struct bytes first = { 0 }, second = { 0 };
	struct import_args args = usual;
	struct err err = { 0 };
	struct world world;
	struct digest id;

	(void)state;
	world_open(&world);
	id = import(&world, &recipe, &usual);
	export_to(&first, &world, &id);
	export_to(&second, &world, &id);
	assert_int_equal(first.n, second.n);
	assert_memory_equal(first.p, second.p, first.n);
	world_close(&world);
	world_open(&world);
	args.source_fd = bytes_open(&first);
	if (image_import(result, &world.w, &args, &err) < 0)
		fail_msg("%s", err.msg);
	close_fd(&args.source_fd);
	assert_int_equal(result->n, 1);
	assert_string_equal(result->entries[0].id.hex, id.hex);
	assert_string_equal(result->entries[0].name, "docker.io/me/app:1");
	bytes_done(&second);
	export_to(&second, &world, &id);
	assert_memory_equal(first.p, second.p, first.n);
	bytes_done(&first);
	bytes_done(&second);
	world_close(&world);
}

/* ------------------------------------------------------------------- the worker */

static int spin(void *arg, struct worker_progress *p, struct err *err)
{
	(void)p;
	(void)err;
	for (volatile unsigned *n = arg; *n < UINT_MAX; *n += 2)
		;
	return 0;
}

static int eat(void *arg, struct worker_progress *p, struct err *err)
{
	(void)arg;
	(void)p;
	for (size_t eaten = 0; eaten < UINT64_C(8) << 30; eaten += 1 << 20)
		if (!malloc(1 << 20))
			return err_set(err, ENOMEM, "full after some");
	return 0;
}

static int die(void *arg, struct worker_progress *p, struct err *err)
{
	(void)arg;
	(void)p;
	(void)err;
	raise(SIGKILL);
	return 0;
}

/* Should: see nothing of the host, and be able to do little. */
static int try_to_get_out(void *arg, struct worker_progress *p, struct err *err)
{
	(void)arg;
	(void)p;
	if (access("/etc", F_OK) == 0 || access("/beside.txt", F_OK) < 0)
		return err_set(err, EPERM, "its root is another one");
	for (int fd = 0; fd < 256; fd++) {
		cleanup_close int up = openat(fd, "../../../../../../../..", O_PATH | O_DIRECTORY);

		if (up >= 0 && (faccessat(up, "etc", F_OK, 0) == 0 ||
				faccessat(up, "proc", F_OK, 0) == 0))
			return err_set(err, EPERM, "descriptor %d leads to the host's root", fd);
	}
	if (chroot("/beside") == 0 || unshare(CLONE_NEWNS) == 0)
		return err_set(err, EPERM, "it has CAP_SYS_CHROOT or CAP_SYS_ADMIN");
	return 0;
}

static int run(const struct world *world, worker_fn *fn, void *arg, struct err *err)
{
	const struct worker_args args = { .fn = fn,
					  .arg = arg,
					  .root_fd = world->dirfd,
					  .limits = { .memory_bytes = 64 << 20,
						      .cpu_seconds = 1 } };

	return worker_run(&args, err);
}

static void worker__out_of_bounds__ended_and_told(void **state)
{
	struct err err = { 0 };
	struct world world;
	unsigned n = 0;
	int outside;

	(void)state;
	world_open(&world);
	outside = open("/tmp", O_RDONLY | O_DIRECTORY);
	assert_true(outside > 2 && outside < 256);
	assert_int_equal(run(&world, try_to_get_out, NULL, &err), 0);
	assert_int_equal(run(&world, spin, &n, &err), -ETIME);
	assert_string_equal(err.msg, "it takes more than 1 s of CPU time");
	assert_int_equal(run(&world, die, NULL, &err), -EIO);
	assert_string_equal(err.msg, "the process that reads the image was killed by signal 9");
#if !defined(__SANITIZE_ADDRESS__)
	assert_int_equal(run(&world, eat, NULL, &err), -ENOMEM);
	assert_string_equal(err.msg, "full after some");
#else
	(void)eat;
#endif
	close(outside);
	world_close(&world);
}

/* What a worker that was taken over may leave where a layer's directory is to be. */
static void put_job__link_in_place_of_a_layer__refused(void **state)
{
	char hex[DIGEST_HEX_LEN + 1], to[64];
	struct err err = { 0 };
	struct world world;
	int beside;

	(void)state;
	memset(hex, 'a', sizeof(hex) - 1);
	hex[sizeof(hex) - 1] = '\0';
	world_open(&world);
	snprintf(to, sizeof(to), "%s/beside", world.path);
	assert_int_equal(io_mkdir_path(world.dirfd, "beside/root", 0755, &err), 0);
	beside = openat(world.dirfd, "beside", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(io_replace_file(beside, "opaque", "", 0, &err), 0);
	close_fd(&beside);
	assert_int_equal(image_writer_begin_job(&world.w, &err), 0);
	assert_int_equal(symlinkat(to, world.w.job_layers_fd, hex), 0);
	assert_true(image_writer_put_job(&world.w, &err) < 0);
	assert_int_equal(faccessat(world.dirfd, "beside/root", F_OK, 0), 0);
	assert_int_equal(image_writer_end_job(&world.w, &err), 0);
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(import__names_of_each_source__as_they_say),
		cmocka_unit_test(find__not_there__said_of_which),
		cmocka_unit_test(import__another_layers_diff_id__refused),
		cmocka_unit_test(import__layer_that_is_there__hashed_unless_an_image_has_the_pair),
		cmocka_unit_test(index__enter_move_and_drop__names_are_of_one_image),
		cmocka_unit_test(collect__named_and_pinned_stay__the_rest_goes),
		cmocka_unit_test(collect__damage__nothing_is_removed),
		cmocka_unit_test(export__twice_and_imported_again__the_same_bytes_and_id),
		cmocka_unit_test(put_job__link_in_place_of_a_layer__refused),
		cmocka_unit_test(worker__out_of_bounds__ended_and_told),
	};

	return cmocka_run_group_tests_name("image store", tests, NULL, NULL);
}
