/* SPDX-License-Identifier: MIT */
/* image/generation, image/settle: the file of a pod's generations, and the store's names. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>

#include "image/generation.h"
#include "image/settle.h"
#include "tests/unit/test_image_world.h"

#define APP "registry.example/app:1"

/* The digest whose digits are all the same. */
static struct digest digest_of(char digit)
{
	struct digest d = { "" };

	memset(d.hex, digit, DIGEST_HEX_LEN);
	return d;
}

static struct generation made(enum generation_state state)
{
	struct generation g = { .state = state, .n = 1, .since_ns = 7 };

	snprintf(g.images[0].name, sizeof(g.images[0].name), "%s", APP);
	g.images[0].now = digest_of('a');
	g.images[0].before = digest_of('b');
	g.images[0].trial = digest_of('c');
	return g;
}

/* --------------------------------------------------------------------- the text */

static void generation__printed__is_read_as_it_was(void **state)
{
	(void)state;
	for (int i = 0; i < GENERATION_STATE_N; i++) {
		struct generation g = made((enum generation_state)i), read;
		cleanup_free char *text = NULL;
		struct err err = { 0 };

		snprintf(g.reason, sizeof(g.reason), "it said \"no\"\n");
		g.kept = i == GENERATION_KEEPING;
		text = generation_print(&g);
		assert_non_null(text);
		assert_int_equal(generation_parse(&read, text, strlen(text), &err), 0);
		assert_int_equal(read.state, i);
		assert_int_equal(read.n, 1);
		assert_int_equal(read.since_ns, 7);
		assert_int_equal(read.kept, g.kept);
		assert_string_equal(read.reason, g.reason);
		assert_memory_equal(&read.images[0], &g.images[0], sizeof(g.images[0]));
	}
}

#define IMAGE(more) "{\"name\":\"a:1\",\"now\":\"sha256:" HEX "\"" more "}"
#define HEX         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define FILE_OF(version, state, images)                                                            \
	"{\"version\":" version ",\"state\":\"" state "\",\"images\":[" images "]}"

static void generation__damaged_or_another_podds__says_which(void **state)
{
	static const struct {
		const char *text;
		int code;
		const char *message;
	} table[] = {
		{ FILE_OF("1", "settled", ""), 0, "" },
		{ FILE_OF("1", "trial", IMAGE("")), 0, "" },
		{ "", EBADMSG, "it is damaged" },
		{ "{", EBADMSG, "it is damaged" },
		{ "[]", EBADMSG, "it is damaged" },
		{ "{}", EBADMSG, "it is damaged" },
		{ FILE_OF("\"1\"", "settled", ""), EBADMSG, "it is damaged" },
		{ FILE_OF("1", "broken", ""), EBADMSG, "it is damaged" },
		{ FILE_OF("1", "settled", "7"), EBADMSG, "it is damaged" },
		{ FILE_OF("1", "settled", "{\"name\":\"a:1\"}"), EBADMSG, "it is damaged" },
		{ FILE_OF("1", "settled", "{\"name\":\"\",\"now\":\"sha256:" HEX "\"}"), EBADMSG,
		  "it is damaged" },
		{ FILE_OF("1", "settled", IMAGE(",\"trial\":\"sha256:12\"")), EBADMSG,
		  "it is damaged" },
		{ FILE_OF("1", "settled", IMAGE("") "," IMAGE("")), EBADMSG, "it is damaged" },
		{ "{\"version\":1,\"state\":\"settled\",\"images\":{}}", EBADMSG, "it is damaged" },
		{ FILE_OF("2", "settled", ""), ENOTSUP,
		  "it has version 2, and only 1 is known here" },
		{ "{\"version\":2}", ENOTSUP, "it has version 2" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct generation g;
		struct err err = { 0 };

		assert_int_equal(generation_parse(&g, table[i].text, strlen(table[i].text), &err),
				 -table[i].code);
		assert_non_null(strstr(err.msg, table[i].message));
	}
}

/* --------------------------------------------------------------- what it means */

static void generation__held__by_state_marker_and_store(void **state)
{
	static const struct {
		enum generation_state state;
		bool on_trial;
		char stored, held; /* digits, or 0: none */
	} table[] = {
		{ GENERATION_SETTLED, false, 'a', 0 }, { GENERATION_SETTLED, true, 'b', 0 },
		{ GENERATION_TRIAL, true, 'a', 'c' },  { GENERATION_TRIAL, true, 'd', 'c' },
		{ GENERATION_TRIAL, false, 'c', 'a' }, { GENERATION_TRIAL, false, 0, 'a' },
		{ GENERATION_BACK, false, 'c', 'a' },  { GENERATION_BACK, true, 'c', 'a' },
		{ GENERATION_KEEPING, false, 'b', 'a' },
		/* What an operator has meanwhile given the name to. */
		{ GENERATION_KEEPING, false, 'd', 0 }, { GENERATION_BACK, false, 'd', 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct generation g = made(table[i].state);
		struct digest stored = { "" }, want = digest_of(table[i].held);
		const struct digest *held;

		if (table[i].stored)
			stored = digest_of(table[i].stored);
		held = generation_held(&g, table[i].on_trial, APP, &stored);
		assert_int_equal(held != NULL, table[i].held != 0);
		if (held)
			assert_true(digest_equal(held, &want));
		assert_null(generation_held(&g, table[i].on_trial, "another:1", &stored));
	}
}

static void generation__note_try_keep_back__move_the_digests(void **state)
{
	struct generation g = { .n = 0 };
	struct digest a = digest_of('a'), b = digest_of('b');
	bool changed = false;

	(void)state;
	assert_int_equal(generation_try(&g, APP, &a), -ENOENT);
	assert_int_equal(generation_note(&g, APP, &a, &changed), 0);
	assert_true(changed);
	changed = false;
	assert_int_equal(generation_note(&g, APP, &a, &changed), 0);
	assert_false(changed);
	assert_false(g.images[0].before.hex[0]);
	assert_int_equal(generation_try(&g, APP, &b), 0);
	assert_int_equal(g.state, GENERATION_TRIAL);
	generation_go_back(&g, "why", 3);
	assert_int_equal(g.state, GENERATION_BACK);
	assert_true(digest_equal(&g.images[0].now, &a));
	assert_string_equal(g.reason, "why");
	assert_int_equal(g.since_ns, 3);
	assert_true(digest_equal(&g.images[0].failed, &b));
	generation_settle(&g);
	assert_true(digest_equal(&g.images[0].failed, &b));
	assert_false(g.images[0].trial.hex[0]);
	assert_int_equal(generation_try(&g, APP, &b), 0);
	assert_string_equal(g.reason, "");
	generation_keep(&g, 4);
	assert_true(g.kept && g.state == GENERATION_KEEPING && g.since_ns == 4);
	assert_true(digest_equal(&g.images[0].now, &b));
	assert_true(digest_equal(&g.images[0].before, &a));
	assert_false(g.images[0].failed.hex[0]);
	generation_settle(&g);
	generation_try_former(&g, &g.images[0]);
	assert_true(digest_equal(&g.images[0].trial, &a));
	assert_true(digest_equal(&g.images[0].failed, &b));
	generation_keep(&g, 5);
	assert_true(digest_equal(&g.images[0].failed, &b));
	for (unsigned i = 1; i < GENERATION_IMAGES_MAX; i++) {
		char name[16];

		snprintf(name, sizeof(name), "a:%u", i);
		assert_int_equal(generation_note(&g, name, &a, &changed), 0);
	}
	assert_int_equal(generation_note(&g, "more:1", &a, &changed), -E2BIG);
}

/* --------------------------------------------------------------------- the files */

static int count(void *ctx, const char *pod, const struct generation *g, const struct err *damage,
		 struct err *err)
{
	char *seen = ctx;

	(void)err;
	snprintf(seen + strlen(seen), 128 - strlen(seen), "%s:%s ", pod, g ? "good" : damage->msg);
	return 0;
}

static void generation__files__written_listed_and_removed(void **state)
{
	struct generation g = made(GENERATION_TRIAL), read;
	struct err err = { 0 };
	cleanup_close int dir = -EBADF;
	struct world world;
	char seen[128] = "";

	(void)state;
	world_open(&world);
	assert_int_equal(generation_read(&read, world.paths.lib, "web", &err), -ENOENT);
	assert_int_equal(generations_each(world.paths.lib, count, seen, &err), 0);
	assert_string_equal(seen, "");
	assert_int_equal(generation_write(&g, world.paths.lib, "web", &err), 0);
	assert_int_equal(generation_read(&read, world.paths.lib, "web", &err), 0);
	assert_int_equal(read.state, GENERATION_TRIAL);
	assert_int_equal(generations_each(world.paths.lib, count, seen, &err), 0);
	assert_string_equal(seen, "web:good ");
	dir = openat(world.paths.lib, GENERATIONS_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(io_replace_file(dir, "web", "x", 1, &err), 0);
	seen[0] = '\0';
	assert_int_equal(generations_each(world.paths.lib, count, seen, &err), 0);
	assert_non_null(strstr(seen, "web:'generations/web': it is damaged"));
	assert_int_equal(generation_remove(world.paths.lib, "web", &err), 0);
	assert_int_equal(generation_remove(world.paths.lib, "web", &err), 0);
	assert_int_equal(generation_read(&read, world.paths.lib, "web", &err), -ENOENT);
	assert_int_equal(generation_read(&read, -EBADF, "web", &err), -ENOENT);
	world_close(&world);
}

static void marker__written_damaged_removed__is_trial_or_failed(void **state)
{
	struct generation_marker m = { .deadline_ns = 12345 }, read;
	struct err err = { 0 };
	struct world world;

	(void)state;
	world_open(&world);
	assert_int_equal(generation_marker_read(&read, world.dirfd), -ENOENT);
	assert_int_equal(generation_marker_write(&m, world.dirfd, &err), 0);
	assert_int_equal(generation_marker_read(&read, world.dirfd), 0);
	assert_true(!read.failed && read.deadline_ns == 12345);
	m = (struct generation_marker){ .failed = true, .reason = "because" };
	assert_int_equal(generation_marker_write(&m, world.dirfd, &err), 0);
	assert_int_equal(generation_marker_read(&read, world.dirfd), 0);
	assert_true(read.failed);
	assert_string_equal(read.reason, "because");
	assert_int_equal(io_replace_file(world.dirfd, GENERATION_MARKER, "trial 2 1", 9, &err), 0);
	assert_int_equal(generation_marker_read(&read, world.dirfd), -EBADMSG);
	assert_true(read.failed);
	assert_int_equal(generation_marker_remove(world.dirfd, &err), 0);
	assert_int_equal(generation_marker_remove(world.dirfd, &err), 0);
	world_close(&world);
}

/* -------------------------------------------------------------- names in the store */

/* The store's list: for each of "aNAME bNAME -", an entry; "-" has no name. */
static void fill(struct world *world, const char *entries)
{
	json_auto_t *index = NULL;
	struct err err = { 0 };

	assert_int_equal(image_store_index(&index, &world->w.store, &err), 0);
	for (; *entries; entries += strcspn(entries, " "), entries += strspn(entries, " ")) {
		struct image_entry entry = { .id = digest_of(entries[0]), .size = 1 };
		size_t n = strcspn(entries, " ") - 1;

		if (entries[1] != '-')
			snprintf(entry.name, sizeof(entry.name), "%.*s", (int)n, entries + 1);
		assert_int_equal(image_index_enter(index, &entry, true, &err), 0);
	}
	assert_int_equal(image_writer_replace_index(&world->w, index, &err), 0);
}

/* What the name means; 0: nothing. */
static char meaning(const struct world *world, const char *name)
{
	json_auto_t *index = NULL;
	struct err err = { 0 };
	const json_t *e;
	size_t i;

	assert_int_equal(image_store_index(&index, &world->w.store, &err), 0);
	json_array_foreach(json_object_get(index, "manifests"), i, e) {
		struct digest d;

		if (image_index_name(e) && strcmp(image_index_name(e), name) == 0 &&
		    image_index_digest(e, &d))
			return d.hex[0];
	}
	return 0;
}

static void settle__states_and_stores__the_name_follows_the_pod(void **state)
{
	/* The pod runs a; b was before; c was tried. */
	static const struct {
		enum generation_state state;
		const char *stored;
		char means;
	} table[] = {
		{ GENERATION_KEEPING, "b" APP " a-", 'a' },
		{ GENERATION_KEEPING, "c" APP " a-", 'a' },
		{ GENERATION_KEEPING, "a" APP, 'a' },
		{ GENERATION_KEEPING, "a-", 'a' },
		{ GENERATION_BACK, "c" APP " a-", 'a' },
		{ GENERATION_BACK, "a-", 0 },
		/* An operator's third image. */
		{ GENERATION_KEEPING, "d" APP " a-", 'd' },
		{ GENERATION_BACK, "d" APP " a-", 'd' },
		/* What it runs is in the other store, whose name shows again. */
		{ GENERATION_BACK, "c" APP, 0 },
		{ GENERATION_TRIAL, "c" APP " a-", 'c' },
		{ GENERATION_SETTLED, "c" APP " a-", 'c' },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct generation g = made(table[i].state);
		struct err err = { 0 };
		struct world world;

		world_open(&world);
		fill(&world, table[i].stored);
		for (int again = 0; again < 2; again++) {
			assert_int_equal(image_settle(&world.w, &g, &err), 0);
			assert_int_equal(meaning(&world, APP), table[i].means);
		}
		world_close(&world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(generation__printed__is_read_as_it_was),
		cmocka_unit_test(generation__damaged_or_another_podds__says_which),
		cmocka_unit_test(generation__held__by_state_marker_and_store),
		cmocka_unit_test(generation__note_try_keep_back__move_the_digests),
		cmocka_unit_test(generation__files__written_listed_and_removed),
		cmocka_unit_test(marker__written_damaged_removed__is_trial_or_failed),
		cmocka_unit_test(settle__states_and_stores__the_name_follows_the_pod),
	};

	return cmocka_run_group_tests_name("image_generation", tests, NULL, NULL);
}
