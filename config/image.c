/* SPDX-License-Identifier: MIT */
/* Values that name an image. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "config/spec.h"
#include "config/value.h"
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
