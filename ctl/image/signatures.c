/* SPDX-License-Identifier: MIT */
/* What speaks for an image of the store, and which keys of a policy it convinces. */
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "ctl/image/image.h"
#include "image/signed.h"

static json_t *documents_of(const struct image *image)
{
	struct image_documents documents = { .n = 0 };
	json_auto_t *index = NULL;
	json_t *list = json_array();
	char text[DIGEST_TEXT_SIZE];

	if (image_store_index(&index, image->store, NULL) == 0)
		image_signed_of(&documents, index, &image->id);
	for (unsigned i = 0; i < documents.n; i++) /* short only without memory */
		(void)json_array_append_new(list,
					    json_string(digest_text(&documents.list[i], text)));
	return list;
}

/* The policy with that key alone. */
static bool with_key(char out[IMAGE_POLICY_TEXT_MAX], const struct image_policy *policy,
		     unsigned key)
{
	int n = snprintf(out, IMAGE_POLICY_TEXT_MAX, "%s", policy->keys[key]);

	for (unsigned i = 0; n < IMAGE_POLICY_TEXT_MAX && i < policy->as_n; i++)
		n += snprintf(out + n, (size_t)(IMAGE_POLICY_TEXT_MAX - n),
			      " as=%s", policy->as[i]);
	return n < IMAGE_POLICY_TEXT_MAX;
}

/**
 * signatures_of() - an image's signatures, and what a policy says of them
 * @asked: what the image is called, for a policy counts on names
 * @policy: as --policy has it; NULL: the host's
 *
 * Each key is tried by itself, by the worker that podd's own question goes to.
 *
 * Return: a document of the caller's.
 */
json_t *signatures_of(const struct image *image, const char *asked, const char *policy,
		      const struct paths *paths)
{
	json_t *verified_by = json_array();
	char text[IMAGE_POLICY_TEXT_MAX], id[DIGEST_TEXT_SIZE];
	char *const images[] = { (char *)asked, (char *)digest_text(&image->id, id) };
	struct chosen_policy chosen;
	struct err err = { 0 };
	int r = policy_choose(&chosen, policy, paths, &err);
	unsigned key_n = r < 0 ? 0 : chosen.policy.key_n;
	bool allowed = r == 0 && key_n == 0;

	for (unsigned i = 0; i < key_n; i++) {
		if (!with_key(text, &chosen.policy, i) ||
		    admit_images(paths, text, images, 2, &err) < 0)
			continue;
		(void)json_array_append_new(verified_by, json_text_string(chosen.policy.keys[i]));
		allowed = true;
	}
	policy_done(&chosen);
	return json_pack("{s:o, s:o, s:b, s:o}", "documents", documents_of(image), "verified_by",
			 verified_by, "allowed", allowed, "refusal",
			 allowed ? json_null() : json_text_string(err.msg));
}
