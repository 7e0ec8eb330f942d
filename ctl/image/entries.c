/* SPDX-License-Identifier: MIT */
/* Telling which images were taken, and under which names. */
#include <stdio.h>

#include "ctl/image/image.h"

#define ENTRIES_VERSION 1

/**
 * entries_begin() - nothing was taken so far
 * @e: released by entries_end()
 */
void entries_begin(struct entries *e, struct ctl *ctl)
{
	*e = (struct entries){ .ctl = ctl, .images = json_array() };
}

/**
 * entries_tell() - a line for each name, or a part of the document to come
 */
void entries_tell(struct entries *e, const struct import_result *result)
{
	char id[DIGEST_TEXT_SIZE];

	for (unsigned i = 0; i < result->n; i++) {
		const struct image_entry *entry = &result->entries[i];
		const char *name = entry->name[0] ? entry->name : NULL;

		if (!e->ctl->json)
			fprintf(e->ctl->out, "%s %s\n", digest_text(&entry->id, id),
				name ? name : "-");
		/* Short only without memory. */
		(void)json_array_append_new(e->images,
					    json_pack("{s:s, s:s?}", "digest",
						      digest_text(&entry->id, id), "name", name));
	}
	(void)fflush(e->ctl->out);
}

/**
 * entries_end() - with --json, print the document
 * @all: all that was asked for came; else what came is told, if anything did
 */
void entries_end(struct entries *e, bool all)
{
	json_auto_t *doc = json_pack("{s:i, s:O}", "version", ENTRIES_VERSION, "images", e->images);

	if (e->ctl->json && (all || json_array_size(e->images) > 0))
		ctl_print_json(e->ctl, doc);
	json_decref(e->images);
}
