/* SPDX-License-Identifier: MIT */
/* Values that name an image. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "config/spec.h"
#include "config/value.h"
#include "image/policy.h"
#include "image/ref.h"

static int parse_image(const struct config_value *v, void *member)
{
	struct image_spec *image = member;
	cleanup_free char *path = NULL;
	struct err err = { 0 };
	struct image_ref ref;
	const char *text = v->s;
	int r;

	if (*text == '/' || strncmp(text, "./", 2) == 0) {
		r = config_value_host_path(v, text, strlen(text), &path);
		if (r < 0)
			return r;
		text = path;
	}
	if (image_ref_parse(&ref, text, &err) < 0)
		return config_value_bad(v, v->s, "%s", err.msg);
	image->id[0] = '\0';
	return config_value_string(&image->name, text, strlen(text));
}

static void clear_image(void *member)
{
	struct image_spec *image = member;

	free_ptr(&image->name);
	image->id[0] = '\0';
}

/* The same name may come to mean another image. */
static uint64_t digest_image(const void *member, uint64_t h)
{
	const struct image_spec *image = member;

	return config_digest_text(config_digest_text(h, image->name), image->id);
}

const struct config_type config_type_image = {
	.parse = parse_image,
	.clear = clear_image,
	.digest = digest_image,
};

/* ------------------------------------------------------------------ ImagePolicy= */

static int add_word(const struct config_value *v, const char *at, size_t n,
		    char text[IMAGE_POLICY_TEXT_MAX])
{
	size_t used = strlen(text), room = IMAGE_POLICY_TEXT_MAX - used;
	cleanup_free char *path = NULL;
	int r, added;

	if (*at == '/' || strncmp(at, "./", 2) == 0) {
		r = config_value_host_path(v, at, n, &path);
		if (r < 0)
			return r;
		at = path;
		n = strlen(path);
	}
	added = snprintf(text + used, room, "%s%.*s", used ? " " : "", (int)n, at);
	if (added <= 0 || (size_t)added >= room)
		return config_value_bad(v, v->s, "the value is too long");
	return 0;
}

/* Its words with one space between them and absolute paths; the keys are not opened. */
static int parse_policy(const struct config_value *v, void *member)
{
	cleanup_free struct image_policy *policy = calloc(1, sizeof(*policy));
	char text[IMAGE_POLICY_TEXT_MAX] = "";
	struct err err = { 0 };
	int r = policy ? 0 : -ENOMEM;

	for (const char *s = v->s; r == 0 && *s; s += strspn(s, " \t")) {
		size_t n = strcspn(s, " \t");

		r = add_word(v, s, n, text);
		s += n;
	}
	if (r == 0 && image_policy_parse(policy, text, &err) < 0)
		r = config_value_bad(v, v->s, "%s", err.msg);
	return r < 0 ? r : config_value_string(member, text, strlen(text));
}

const struct config_type config_type_policy = {
	.parse = parse_policy,
	.clear = config_clear_string,
	.digest = config_digest_string,
};
