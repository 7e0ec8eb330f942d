/* SPDX-License-Identifier: MIT */
/* Reading index, manifest and config (image-spec v1.1; Docker's schema 2 as well). */
#include "image/manifest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/strv.h"
#include "image/signature.h"

#define LIST_MAX     4096	 /* strings in a list of a config */
#define STRING_MAX   (128 * 1024) /* bytes: what execve(2) takes of one argument */
#define INDEX_MAX    1024	 /* entries of an index */
#define COSIGN	     "dev.cosignproject.cosign/"
#define REF_NAME     "org.opencontainers.image.ref.name"

static const struct {
	const char *text;
	enum image_media media;
} media_types[] = {
	{ "application/vnd.oci.image.index.v1+json", IMAGE_MEDIA_INDEX },
	{ "application/vnd.oci.image.manifest.v1+json", IMAGE_MEDIA_MANIFEST },
	{ "application/vnd.oci.image.config.v1+json", IMAGE_MEDIA_CONFIG },
	{ "application/vnd.oci.image.layer.v1.tar", IMAGE_MEDIA_TAR },
	{ "application/vnd.oci.image.layer.v1.tar+gzip", IMAGE_MEDIA_TAR_GZIP },
	{ "application/vnd.oci.image.layer.v1.tar+zstd", IMAGE_MEDIA_TAR_ZSTD },
	{ "application/vnd.docker.distribution.manifest.list.v2+json", IMAGE_MEDIA_INDEX },
	{ "application/vnd.docker.distribution.manifest.v2+json", IMAGE_MEDIA_MANIFEST },
	{ "application/vnd.docker.container.image.v1+json", IMAGE_MEDIA_CONFIG },
	{ "application/vnd.docker.image.rootfs.diff.tar", IMAGE_MEDIA_TAR },
	{ "application/vnd.docker.image.rootfs.diff.tar.gzip", IMAGE_MEDIA_TAR_GZIP },
};

const struct image_platform image_platform_here = {
	.os = "linux",
#if defined(__x86_64__)
	.architecture = "amd64",
#elif defined(__aarch64__)
	.architecture = "arm64",
	.variant = "v8",
#else
#error "the name of this architecture in images is not known"
#endif
};

/**
 * image_media_of() - what a media type says; UNKNOWN for any that we do not take
 */
enum image_media image_media_of(const char *text)
{
	for (size_t i = 0; text && i < ARRAY_SIZE(media_types); i++)
		if (strcmp(media_types[i].text, text) == 0)
			return media_types[i].media;
	return IMAGE_MEDIA_UNKNOWN;
}

/**
 * image_media_name() - the OCI's name of a media type
 */
const char *image_media_name(enum image_media media)
{
	for (size_t i = 0; i < ARRAY_SIZE(media_types); i++)
		if (media_types[i].media == media)
			return media_types[i].text;
	return "application/octet-stream";
}

static int bad(struct err *err, const char *what, const char *why)
{
	return err_set(err, EBADMSG, "%s: %s", what, why);
}

/**
 * image_object_parse() - a JSON object, of at most so many bytes
 * @out: the caller's to drop
 * @what: its name, for messages
 *
 * Return: 0; -EFBIG; -EBADMSG or what json_text_parse() says. @err is filled.
 */
int image_object_parse(json_t **out, struct image_bytes bytes, size_t max, const char *what,
		       struct err *err)
{
	json_t *doc;
	int r;

	if (bytes.n > max)
		return err_set(err, EFBIG, "%s: more than %zu bytes", what, max);
	r = json_text_parse(&doc, bytes.data, bytes.n, err);
	if (r < 0)
		return err_wrap(err, r, "%s", what);
	if (!json_is_object(doc)) {
		json_decref(doc);
		return bad(err, what, "no JSON object");
	}
	*out = doc;
	return 0;
}

static int parse_document(json_t **out, struct image_bytes bytes, const char *what, struct err *err)
{
	return image_object_parse(out, bytes, IMAGE_DOCUMENT_MAX, what, err);
}

/*
 * One document must not be read as two things (CVE-2021-41190): what it says it
 * is, what we were told that it is and the members it has must agree.
 */
static int check_kind(const json_t *doc, enum image_media want, const char *what, struct err *err)
{
	const json_t *version = json_object_get(doc, "schemaVersion");
	const json_t *type = json_object_get(doc, "mediaType");
	bool index = want == IMAGE_MEDIA_INDEX;

	if (json_integer_value(version) != 2)
		return bad(err, what, "schemaVersion is not 2");
	if (type && image_media_of(json_string_value(type)) != want)
		return bad(err, what, "its mediaType is that of something else");
	if (json_object_get(doc, "fsLayers") || json_object_get(doc, "history"))
		return bad(err, what, "it is of schema 1, which is not supported");
	if (json_object_get(doc, index ? "layers" : "manifests") ||
	    (index && json_object_get(doc, "config")))
		return bad(err, what, "it has both manifests and layers");
	return 0;
}

static int parse_descriptor(struct image_descriptor *out, const json_t *d, const char *what,
			    struct err *err)
{
	const char *digest = json_string_value(json_object_get(d, "digest"));
	const json_t *size = json_object_get(d, "size");
	const json_t *type = json_object_get(d, "mediaType");

	if (!json_is_object(d))
		return bad(err, what, "a descriptor is no object");
	if (!digest || !digest_parse(&out->digest, digest))
		return bad(err, what, "a descriptor has no sha256 digest");
	if (!json_is_integer(size) || json_integer_value(size) < 0)
		return bad(err, what, "a descriptor has no size");
	if (!json_is_string(type))
		return bad(err, what, "a descriptor has no mediaType");
	out->size = (uint64_t)json_integer_value(size);
	out->media = image_media_of(json_string_value(type));
	return 0;
}

/* Signatures, by their tag; and what else `cosign save` puts beside an image. */
static bool is_beside_image(const json_t *entry)
{
	const json_t *a = json_object_get(entry, "annotations");
	const char *kind = json_string_value(json_object_get(a, SIGNATURE_KIND));
	const char *name = json_string_value(json_object_get(a, REF_NAME));

	if (name && signature_is_tag(name, NULL))
		return true;
	return kind && strncmp(kind, COSIGN, strlen(COSIGN)) == 0 &&
	       strncmp(kind + strlen(COSIGN), "image", strlen("image")) != 0;
}

/* 0: not for this platform; the more, the better. */
static int fit(const json_t *entry, const struct image_platform *want)
{
	const json_t *p = json_object_get(entry, "platform");
	const char *os = json_string_value(json_object_get(p, "os"));
	const char *architecture = json_string_value(json_object_get(p, "architecture"));
	const char *variant = json_string_value(json_object_get(p, "variant"));

	if (is_beside_image(entry))
		return 0;
	if (!p || json_is_null(p))
		return 1; /* it does not say: only when nothing does better */
	if (!os || !architecture || strcmp(os, want->os) != 0 ||
	    strcmp(architecture, want->architecture) != 0)
		return 0;
	if (!variant)
		return 3;
	return want->variant && strcmp(variant, want->variant) == 0 ? 4 : 2;
}

static int choose(struct image_descriptor *out, const json_t *doc,
		  const struct image_platform *platform, struct err *err)
{
	const json_t *list = json_object_get(doc, "manifests"), *entry, *best = NULL;
	int best_fit = 0, r;
	size_t i;

	if (!json_is_array(list))
		return bad(err, "index", "it has no list of manifests");
	if (json_array_size(list) > INDEX_MAX)
		return err_set(err, E2BIG, "index: more than %d manifests", INDEX_MAX);
	json_array_foreach(list, i, entry) {
		struct image_descriptor d;
		int f = fit(entry, platform);

		r = parse_descriptor(&d, entry, "index", err);
		if (r < 0)
			return r;
		if (f > best_fit &&
		    (d.media == IMAGE_MEDIA_MANIFEST || d.media == IMAGE_MEDIA_INDEX)) {
			best = entry;
			best_fit = f;
		}
	}
	if (!best)
		return err_set(err, ENOENT, "index: nothing in it is for %s/%s", platform->os,
			       platform->architecture);
	return parse_descriptor(out, best, "index", err);
}

/**
 * image_index_check() - whether a document is an index, and nothing else as well
 *
 * Return: 0; -EBADMSG or -EFBIG with @err filled.
 */
int image_index_check(struct image_bytes bytes, struct err *err)
{
	json_auto_t *doc = NULL;
	int r = parse_document(&doc, bytes, "index", err);

	return r < 0 ? r : check_kind(doc, IMAGE_MEDIA_INDEX, "index", err);
}

/**
 * image_index_choose() - the manifest, or the next index, that is for a platform
 *
 * Return: 0; -ENOENT when there is none; -EBADMSG, -EFBIG or -E2BIG. @err is filled.
 */
int image_index_choose(struct image_descriptor *out, struct image_bytes bytes,
		       const struct image_platform *platform, struct err *err)
{
	json_auto_t *doc = NULL;
	int r = parse_document(&doc, bytes, "index", err);

	if (r == 0)
		r = check_kind(doc, IMAGE_MEDIA_INDEX, "index", err);
	return r < 0 ? r : choose(out, doc, platform, err);
}

static int parse_layers(struct image_manifest *out, const json_t *list, struct err *err)
{
	const json_t *entry;
	size_t i;
	int r;

	if (!json_is_array(list) || json_array_size(list) == 0)
		return bad(err, "manifest", "it has no layers");
	if (json_array_size(list) > IMAGE_LAYERS_MAX)
		return err_set(err, E2BIG, "manifest: more than %u layers", IMAGE_LAYERS_MAX);
	json_array_foreach(list, i, entry) {
		struct image_descriptor *layer = &out->layers[out->layer_n++];

		r = parse_descriptor(layer, entry, "manifest", err);
		if (r < 0)
			return r;
		if (layer->media < IMAGE_MEDIA_TAR)
			return err_set(err, EOPNOTSUPP,
				       "manifest: layer %zu is of type '%.80s', which is "
				       "not supported", i + 1,
				       json_string_value(json_object_get(entry, "mediaType")));
	}
	return 0;
}

/**
 * image_manifest_parse() - read a manifest
 *
 * Return: 0; -EOPNOTSUPP for media types that we do not take; -EBADMSG, -EFBIG or
 * -E2BIG. @err is filled.
 */
int image_manifest_parse(struct image_manifest *out, struct image_bytes bytes, struct err *err)
{
	json_auto_t *doc = NULL;
	int r = parse_document(&doc, bytes, "manifest", err);

	*out = (struct image_manifest){ 0 };
	if (r == 0)
		r = check_kind(doc, IMAGE_MEDIA_MANIFEST, "manifest", err);
	if (r == 0)
		r = parse_descriptor(&out->config, json_object_get(doc, "config"), "manifest", err);
	if (r < 0)
		return r;
	if (out->config.media != IMAGE_MEDIA_CONFIG)
		return err_set(err, EOPNOTSUPP, "manifest: it is no container image");
	return parse_layers(out, json_object_get(doc, "layers"), err);
}

/* ---------------------------------------------------------------------- config */

static int take_string(char **out, const json_t *object, const char *name, struct err *err)
{
	const json_t *v = json_object_get(object, name);
	const char *s = json_string_value(v);

	if (!v || json_is_null(v) || (s && !*s))
		return 0;
	if (!s || strlen(s) > STRING_MAX)
		return err_set(err, EBADMSG, "config: %s is no string of a fitting length", name);
	*out = strdup(s);
	return *out ? 0 : err_set(err, ENOMEM, "config: out of memory");
}

static int take_list(char ***out, const json_t *object, const char *name, struct err *err)
{
	const json_t *v = json_object_get(object, name), *entry;
	size_t i, n = 0;

	if (!v || json_is_null(v))
		return 0;
	if (!json_is_array(v) || json_array_size(v) > LIST_MAX)
		return err_set(err, EBADMSG, "config: %s is no list of at most %d strings", name,
			       LIST_MAX);
	json_array_foreach(v, i, entry) {
		const char *s = json_string_value(entry);

		if (!s || strlen(s) > STRING_MAX)
			return err_set(err, EBADMSG,
				       "config: %s has an entry that is no string of a "
				       "fitting length", name);
		if (strv_push_copy(out, &n, s) < 0)
			return err_set(err, ENOMEM, "config: out of memory");
	}
	return 0;
}

/* An object whose keys are what is listed (Go's map[string]struct{}). */
static int take_keys(char ***out, const json_t *object, const char *name, struct err *err)
{
	json_t *v = json_object_get(object, name), *value;
	const char *key;
	size_t n = 0;

	if (!v || json_is_null(v))
		return 0;
	if (!json_is_object(v) || json_object_size(v) > LIST_MAX)
		return err_set(err, EBADMSG, "config: %s is no object of at most %d members", name,
			       LIST_MAX);
	json_object_foreach(v, key, value)
		if (strv_push_copy(out, &n, key) < 0)
			return err_set(err, ENOMEM, "config: out of memory");
	return 0;
}

static int check_env(char *const *env, struct err *err)
{
	for (; env && *env; env++)
		if (!strchr(*env, '=') || **env == '=')
			return err_set(err, EBADMSG,
				       "config: Env has an entry that is not NAME=VALUE");
	return 0;
}

static int take_run(struct image_config *c, const json_t *run, struct err *err)
{
	int r;

	if (!run || json_is_null(run))
		return 0;
	if (!json_is_object(run))
		return bad(err, "config", "its 'config' is no object");
	r = take_list(&c->entrypoint, run, "Entrypoint", err);
	if (r == 0)
		r = take_list(&c->cmd, run, "Cmd", err);
	if (r == 0)
		r = take_list(&c->env, run, "Env", err);
	if (r == 0)
		r = check_env(c->env, err);
	if (r == 0)
		r = take_string(&c->cwd, run, "WorkingDir", err);
	if (r == 0 && c->cwd && c->cwd[0] != '/')
		r = bad(err, "config", "WorkingDir is no absolute path");
	if (r == 0)
		r = take_string(&c->user, run, "User", err);
	if (r == 0)
		r = take_string(&c->stop_signal, run, "StopSignal", err);
	return r < 0 ? r : take_keys(&c->exposed_ports, run, "ExposedPorts", err);
}

static int take_diff_ids(struct image_config *c, const json_t *rootfs, struct err *err)
{
	const json_t *list = json_object_get(rootfs, "diff_ids"), *entry;
	const char *type = json_string_value(json_object_get(rootfs, "type"));
	size_t i;

	if (!type || strcmp(type, "layers") != 0)
		return bad(err, "config", "its rootfs is not made of layers");
	if (!json_is_array(list) || json_array_size(list) > IMAGE_LAYERS_MAX)
		return err_set(err, EBADMSG, "config: diff_ids is no list of at most %u digests",
			       IMAGE_LAYERS_MAX);
	json_array_foreach(list, i, entry) {
		const char *s = json_string_value(entry);

		if (!s || !digest_parse(&c->diff_ids[c->layer_n++], s))
			return bad(err, "config", "diff_ids has an entry that is no sha256 digest");
	}
	return 0;
}

static int fill_config(struct image_config *c, const json_t *doc, struct err *err)
{
	int r = take_string(&c->architecture, doc, "architecture", err);

	if (r == 0)
		r = take_string(&c->os, doc, "os", err);
	if (r == 0)
		r = take_string(&c->created, doc, "created", err);
	if (r == 0)
		r = take_run(c, json_object_get(doc, "config"), err);
	return r < 0 ? r : take_diff_ids(c, json_object_get(doc, "rootfs"), err);
}

/**
 * image_config_parse() - read a config
 * @out: the caller's, to be freed with image_config_free(); untouched on failure
 *
 * Return: 0 or -EBADMSG, -EFBIG, -ENOMEM with @err filled.
 */
int image_config_parse(struct image_config **out, struct image_bytes bytes, struct err *err)
{
	json_auto_t *doc = NULL;
	struct image_config *c;
	int r = parse_document(&doc, bytes, "config", err);

	if (r < 0)
		return r;
	c = calloc(1, sizeof(*c));
	if (!c)
		return err_set(err, ENOMEM, "config: out of memory");
	r = fill_config(c, doc, err);
	if (r < 0) {
		image_config_free(c);
		return r;
	}
	*out = c;
	return 0;
}

/**
 * image_config_free() - free a config, whole or half-filled; NULL is fine
 */
void image_config_free(struct image_config *config)
{
	if (!config)
		return;
	strv_free(config->entrypoint);
	strv_free(config->cmd);
	strv_free(config->env);
	strv_free(config->exposed_ports);
	free(config->cwd);
	free(config->user);
	free(config->stop_signal);
	free(config->architecture);
	free(config->os);
	free(config->created);
	free(config);
}

/**
 * image_check_pair() - whether a manifest and its config are of one image for here
 *
 * Return: 0 or -EBADMSG, -ENOEXEC with @err filled.
 */
int image_check_pair(const struct image_manifest *manifest, const struct image_config *config,
		     struct err *err)
{
	const struct image_platform *here = &image_platform_here;

	if (manifest->layer_n != config->layer_n)
		return err_set(err, EBADMSG, "the manifest has %u layers, the config %u",
			       manifest->layer_n, config->layer_n);
	if (config->os && strcmp(config->os, here->os) != 0)
		return err_set(err, ENOEXEC, "the image is for %.40s, not %s",
			       config->os, here->os);
	if (config->architecture && strcmp(config->architecture, here->architecture) != 0)
		return err_set(err, ENOEXEC, "the image is for %.40s, not %s", config->architecture,
			       here->architecture);
	return 0;
}
