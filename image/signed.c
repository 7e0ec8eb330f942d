/* SPDX-License-Identifier: MIT */
/* Reading and writing the annotation. */
#include "image/signed.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/**
 * image_documents_add() - one more, unless it is there
 *
 * Return: 0, or -E2BIG with @err filled.
 */
int image_documents_add(struct image_documents *list, const struct digest *d, struct err *err)
{
	for (unsigned i = 0; i < list->n; i++)
		if (digest_equal(&list->list[i], d))
			return 0;
	if (list->n == IMAGE_DOCUMENTS_MAX)
		return err_set(err, E2BIG, "more than %u documents of signatures",
			       IMAGE_DOCUMENTS_MAX);
	list->list[list->n++] = *d;
	return 0;
}

static void add_more(struct image_documents *out, const struct image_documents *more)
{
	for (unsigned i = 0; i < more->n; i++)
		(void)image_documents_add(out, &more->list[i], NULL); /* more than fit: the first */
}

/**
 * image_documents_fit() - whether there is room for all of @more beside a list
 */
bool image_documents_fit(const struct image_documents *list, const struct image_documents *more)
{
	struct image_documents all = *list;

	for (unsigned i = 0; i < more->n; i++)
		if (image_documents_add(&all, &more->list[i], NULL) < 0)
			return false;
	return true;
}

/* Of what does not fit, and what is no digest, nothing. */
static void add_listed(struct image_documents *out, const json_t *entry)
{
	const char *text = json_string_value(
		json_object_get(json_object_get(entry, "annotations"), IMAGE_SIGNED_ANNOTATION));
	char word[DIGEST_TEXT_SIZE];
	struct digest d;

	for (size_t n; text && *text; text += n) {
		text += strspn(text, " ");
		n = strcspn(text, " ");
		snprintf(word, sizeof(word), "%.*s", (int)n, text);
		if (n < sizeof(word) && digest_parse(&d, word))
			(void)image_documents_add(out, &d, NULL);
	}
}

/**
 * image_signed_list() - the documents of one entry of the store's index
 */
void image_signed_list(struct image_documents *out, const json_t *entry)
{
	out->n = 0;
	add_listed(out, entry);
}

static bool is_of(const json_t *entry, const struct digest *id)
{
	const char *text = json_string_value(json_object_get(entry, "digest"));
	struct digest d;

	return text && digest_parse(&d, text) && digest_equal(&d, id);
}

static void add_all(struct image_documents *out, const json_t *index, const struct digest *id)
{
	const json_t *entry;
	size_t i;

	json_array_foreach(json_object_get(index, "manifests"), i, entry)
		if (is_of(entry, id))
			add_listed(out, entry);
}

/**
 * image_signed_of() - the documents of an image, by all of its names
 */
void image_signed_of(struct image_documents *out, const json_t *index, const struct digest *id)
{
	out->n = 0;
	add_all(out, index, id);
}

static int set_listed(json_t *entry, const struct image_documents *documents)
{
	char text[IMAGE_DOCUMENTS_MAX * (DIGEST_TEXT_SIZE + 1)] = "", digest[DIGEST_TEXT_SIZE];
	json_t *annotations = json_object_get(entry, "annotations");
	size_t n = 0;

	for (unsigned i = 0; i < documents->n; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", i ? " " : "",
				      digest_text(&documents->list[i], digest));
	if (!annotations) {
		annotations = json_object();
		if (json_object_set_new(entry, "annotations", annotations) < 0)
			return -ENOMEM;
	}
	return json_object_set_new(annotations, IMAGE_SIGNED_ANNOTATION, json_string(text));
}

/**
 * image_signed_enter() - give an image's entries, all of them, documents beside those they have
 * @verified: a key of a policy has signed @more: where not all fit, these do; else they do not
 *
 * Return: 0, or -ENOMEM with @err filled.
 */
int image_signed_enter(json_t *index, const struct digest *id, const struct image_documents *more,
		       bool verified, struct err *err)
{
	struct image_documents all = { .n = 0 };
	json_t *entry;
	size_t i;

	if (verified)
		add_more(&all, more);
	add_all(&all, index, id);
	add_more(&all, more);
	if (all.n == 0)
		return 0;
	json_array_foreach(json_object_get(index, "manifests"), i, entry)
		if (is_of(entry, id) && set_listed(entry, &all) < 0)
			return err_set(err, ENOMEM, "enter the image's signatures: out of memory");
	return 0;
}
