/* SPDX-License-Identifier: MIT */
/* podctl image list and inspect. */
#include <string.h>

#include "base/fd.h"
#include "ctl/image/image.h"
#include "ctl/text.h"

#define LIST_VERSION 1
#define SHORT_DIGITS 12

enum { OPT_POLICY = CTL_OPT_FIRST };

static uint64_t blobs_size(const struct image *image)
{
	const struct image_manifest *m = &image->manifest;
	uint64_t sum = m->config.size;

	for (unsigned i = 0; i < m->layer_n; i++)
		sum += m->layers[i].size;
	return sum;
}

static json_t *list_of(char *const *strings)
{
	json_t *list = json_array();

	for (; strings && *strings; strings++)
		/* out of memory only */
		(void)json_array_append_new(list, json_text_string(*strings));
	return list;
}

static json_t *keys_of(const json_t *object)
{
	json_t *list = json_array(), *value;
	const char *key;

	json_object_foreach((json_t *)object, key, value)
		(void)json_array_append_new(list, json_string(key)); /* as above */
	return list;
}

static json_t *facts(const struct image *image, const json_t *entry, const struct uses *uses)
{
	const struct image_config *c = image->config;
	char id[DIGEST_TEXT_SIZE];

	return json_pack("{s:s, s:s?, s:s, s:b, s:I, s:i, s:s?, s:o}", "digest",
			 digest_text(&image->id, id), "name", image_index_name(entry), "store",
			 image->store->path, "writable", image->store->writable, "size",
			 (json_int_t)blobs_size(image), "layers", c->layer_n, "created", c->created,
			 "pods", keys_of(uses_of(uses, &image->id)));
}

static void add_row(struct table *t, const json_t *f)
{
	const char *name = json_string_value(json_object_get(f, "name")), *pod;
	char size[16], pods[256] = "", created[64];
	const json_t *value;
	size_t i;

	json_array_foreach(json_object_get(f, "pods"), i, value) {
		size_t n = strlen(pods);

		pod = json_string_value(value);
		snprintf(pods + n, sizeof(pods) - n, "%s%s", n ? "," : "", pod);
	}
	text_clean(created, sizeof(created),
		   json_string_value(json_object_get(f, "created")) ?: "-");
	table_add(t, "%s", name ? name : "-");
	table_add(t, "%.*s", SHORT_DIGITS,
		  json_string_value(json_object_get(f, "digest")) + strlen(DIGEST_PREFIX));
	table_add(t, "%s",
		  size_text(size, (uint64_t)json_integer_value(json_object_get(f, "size"))));
	table_add(t, "%lld", (long long)json_integer_value(json_object_get(f, "layers")));
	table_add(t, "%.10s", created);
	table_add(t, "%s", *pods ? pods : "-");
}

static int list_store(struct ctl *ctl, const struct image_store *store, const struct uses *uses,
		      json_t *images, struct err *err)
{
	json_auto_t *index = NULL;
	const json_t *entry;
	struct digest id;
	size_t i;
	int r = image_store_index(&index, store, err);

	if (r < 0)
		return r;
	json_array_foreach(json_object_get(index, "manifests"), i, entry) {
		struct err damage;
		struct image image;

		if (!image_index_digest(entry, &id))
			continue;
		if (image_load(&image, store, &id, &damage) < 0) {
			(void)ctl_fail(ctl, CTL_FAILED, &damage);
			continue;
		}
		(void)json_array_append_new(images, facts(&image, entry, uses)); /* as above */
		image_done(&image);
	}
	return 0;
}

static void print_list(struct ctl *ctl, json_t *images)
{
	static const char *const titles[] = {
		"NAME", "DIGEST", "SIZE", "LAYERS", "CREATED", "PODS"
	};
	struct table t = { .columns = ARRAY_SIZE(titles), .state_column = -1 };
	json_auto_t *doc = NULL;
	const json_t *f;
	size_t i;

	if (ctl->json) {
		doc = json_pack("{s:i, s:O}", "version", LIST_VERSION, "images", images);
		ctl_print_json(ctl, doc);
		return;
	}
	for (i = 0; i < ARRAY_SIZE(titles); i++)
		table_add(&t, "%s", titles[i]);
	json_array_foreach(images, i, f)
		add_row(&t, f);
	table_print(&t, ctl->out, ctl->colour);
	table_done(&t);
}

/* podctl image list */
int cmd_image_list(struct ctl *ctl, int argc, char **argv)
{
	static const struct option longs[] = { CTL_COMMON_OPTIONS };
	json_auto_t *images = json_array();
	struct image_stores stores;
	struct uses uses;
	struct err err = { 0 }, damage = { 0 };
	int r, code;

	if (ctl_option(ctl, argc, argv, ":", longs) == CTL_STOP)
		return ctl->exit_code;
	code = ctl_positional(ctl, argc, argv, 0, 0);
	if (code == 0)
		code = ctl_open(ctl);
	if (code)
		return code;
	r = image_stores_open(&stores, &ctl->paths, &err);
	if (r < 0)
		return ctl_fail(ctl, CTL_FAILED, &err);
	r = uses_collect(&uses, &ctl->paths, &stores, &err);
	for (size_t i = 0; r == 0 && i < IMAGE_STORES_MAX; i++)
		if (list_store(ctl, &stores.list[i], &uses, images, &damage) < 0)
			code = ctl_fail(ctl, CTL_FAILED, &damage); /* others are listed */
	if (r == 0) {
		uses_warn(&uses, ctl);
		print_list(ctl, images);
	}
	uses_done(&uses);
	image_stores_close(&stores);
	return r < 0 ? ctl_fail(ctl, CTL_FAILED, &err) : code;
}

static json_t *layers_json(const struct image *image)
{
	json_t *list = json_array();
	char blob[DIGEST_TEXT_SIZE], diff_id[DIGEST_TEXT_SIZE];

	for (unsigned i = 0; i < image->manifest.layer_n; i++) {
		const struct image_descriptor *l = &image->manifest.layers[i];

		(void)json_array_append_new( /* as above */
			list, json_pack("{s:s, s:s, s:I, s:s}",
					"digest", digest_text(&l->digest, blob), "diff_id",
					digest_text(&image->config->diff_ids[i], diff_id),
					"size", (json_int_t)l->size,
					"media_type", image_media_name(l->media)));
	}
	return list;
}

static json_t *names_of(const struct image *image, struct err *err)
{
	json_auto_t *index = NULL;
	json_t *names = json_array();
	const json_t *entry;
	struct digest id;
	size_t i;

	if (image_store_index(&index, image->store, err) < 0)
		return names;
	json_array_foreach(json_object_get(index, "manifests"), i, entry)
		if (image_index_digest(entry, &id) && digest_equal(&id, &image->id) &&
		    image_index_name(entry))
			(void)json_array_append_new(names, json_string(image_index_name(entry)));
	return names;
}

static json_t *text_or_null(const char *s)
{
	return s ? json_text_string(s) : json_null();
}

static json_t *inspection(const struct image *image, const struct uses *uses, struct err *err)
{
	const struct image_config *c = image->config;
	char id[DIGEST_TEXT_SIZE], config[DIGEST_TEXT_SIZE];

	return json_pack("{s:i, s:s, s:s, s:o, s:s, s:b, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
			 "s:o, s:o, s:o, s:o, s:o}",
			 "version", LIST_VERSION, "digest", digest_text(&image->id, id),
			 "config_digest",
			 digest_text(&image->manifest.config.digest, config), "names",
			 names_of(image, err), "store", image->store->path, "writable",
			 image->store->writable, "size", (json_int_t)blobs_size(image), "created",
			 text_or_null(c->created), "os", text_or_null(c->os), "architecture",
			 text_or_null(c->architecture), "entrypoint", list_of(c->entrypoint), "cmd",
			 list_of(c->cmd), "env", list_of(c->env), "working_directory",
			 text_or_null(c->cwd), "user", text_or_null(c->user), "stop_signal",
			 text_or_null(c->stop_signal), "exposed_ports", list_of(c->exposed_ports),
			 "layers", layers_json(image), "pods", keys_of(uses_of(uses, &image->id)));
}

/* By the name that was given, if it is one of the image's; else by what it is. */
static json_t *signatures(struct ctl *ctl, const struct image *image, const char *text,
			  const char *policy)
{
	json_auto_t *names = names_of(image, NULL);
	char digest[DIGEST_TEXT_SIZE];
	const char *asked = digest_text(&image->id, digest);
	struct image_ref ref;
	const json_t *name;
	size_t i;

	json_array_foreach(names, i, name)
		if (image_ref_parse(&ref, text, NULL) == 0 &&
		    strcmp(json_string_value(name), ref.name) == 0)
			asked = json_string_value(name);
	return signatures_of(image, asked, policy, &ctl->paths);
}

static int inspect(struct ctl *ctl, const char *text, const char *policy, struct err *err)
{
	json_auto_t *doc = NULL;
	struct image_stores stores;
	struct image image;
	struct uses uses;
	int r = image_stores_open(&stores, &ctl->paths, err);

	if (r < 0)
		return r;
	r = find_image(&image, &stores, text, err);
	if (r == 0) {
		r = uses_collect(&uses, &ctl->paths, &stores, err);
		doc = r < 0 ? NULL : inspection(&image, &uses, err);
		if (doc) {
			(void)json_object_set_new(doc, "signatures",
						  signatures(ctl, &image, text, policy));
			uses_warn(&uses, ctl);
			ctl_print_json(ctl, doc);
		}
		uses_done(&uses);
		image_done(&image);
	}
	image_stores_close(&stores);
	return r;
}

/* podctl image inspect */
int cmd_image_inspect(struct ctl *ctl, int argc, char **argv)
{
	static const struct option longs[] = { { "policy", required_argument, NULL, OPT_POLICY },
					       CTL_COMMON_OPTIONS };
	const char *policy = NULL;
	struct err err = { 0 };
	int c, code;

	while ((c = ctl_option(ctl, argc, argv, ":", longs)) > 0)
		policy = optarg;
	if (c == CTL_STOP)
		return ctl->exit_code;
	code = ctl_positional(ctl, argc, argv, 1, 1);
	if (code == 0)
		code = ctl_open(ctl);
	if (code)
		return code;
	if (inspect(ctl, argv[optind], policy, &err) < 0)
		return ctl_fail(ctl, CTL_FAILED, &err);
	return CTL_OK;
}
