/* SPDX-License-Identifier: MIT */
/* Hostile and broken images, each refused with its reason and without a trace. */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>

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
#define UP	   "../../../../../../../../../../../../"

static inline struct import_args args_of(const struct hostile *h)
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

static inline void expect(int r, const struct err *err, const struct hostile *h)
{
	if (r != -h->code || err->code != h->code || !strstr(err->msg, h->expected))
		fail_msg("%s: %d, %d '%s'; not %d '%s'", h->name, r, err->code, err->msg, h->code,
			 h->expected);
}

static inline void import__hostile_image__refused_without_a_trace(void **state)
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

/* A test for each; @names is where theirs are kept. */
static inline void corpus_tests(struct CMUnitTest *tests, char (*names)[96],
				const struct hostile *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		snprintf(names[i], sizeof(names[i]), "import__%s__refused_without_a_trace",
			 list[i].name);
		tests[i] = (struct CMUnitTest){
			.name = names[i],
			.test_func = import__hostile_image__refused_without_a_trace,
			.initial_state = (void *)&list[i],
		};
	}
}
