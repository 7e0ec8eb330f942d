/* SPDX-License-Identifier: MIT */
/* Reading references to images. */
#include "image/ref.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_REGISTRY   "docker.io"
#define FORMER_REGISTRY	   "index.docker.io"
#define DEFAULT_REPOSITORY "library/"
#define DEFAULT_TAG	   "latest"
#define PART_MAX	   255
#define TAG_MAX		   128

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGIT "0123456789"

static bool valid_tag(const char *s, size_t n)
{
	return n > 0 && n <= TAG_MAX && s[0] != '.' && s[0] != '-' &&
	       strspn(s, LOWER UPPER DIGIT "_.-") >= n;
}

/* Each component: letters and digits, single separators inside. */
static bool valid_repository(const char *s, size_t n)
{
	bool separator = true;

	if (n == 0 || n > PART_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (strchr(LOWER DIGIT, s[i])) {
			separator = false;
			continue;
		}
		if (!strchr("._-/", s[i]))
			return false;
		/* "__" and runs of "-" may stand inside a component. */
		if (separator && (i == 0 || s[i] != s[i - 1] || (s[i] != '-' && s[i] != '_') ||
				  (s[i] == '_' && i > 1 && s[i - 2] == '_')))
			return false;
		separator = true;
	}
	return !separator;
}

static bool valid_registry(const char *s, size_t n)
{
	size_t host = strcspn(s, ":/");

	if (host > n)
		host = n;
	if (host == 0 || n > PART_MAX || s[0] == '.' || s[0] == '-' ||
	    strspn(s, LOWER UPPER DIGIT ".-") < host)
		return false;
	if (host == n)
		return true;
	return s[host] == ':' && n - host > 1 && n - host <= 6 &&
	       strspn(s + host + 1, DIGIT) >= n - host - 1;
}

/* The first component names a registry when it could be no repository's. */
static size_t registry_length(const char *s)
{
	size_t n = strcspn(s, "/");

	if (!s[n])
		return 0;
	if (memchr(s, '.', n) || memchr(s, ':', n) || (n == 9 && strncmp(s, "localhost", 9) == 0))
		return n;
	return 0;
}

/* By either of its two names, or by none. */
static bool is_default_registry(const char *s, size_t n)
{
	return n == 0 || (n == strlen(DEFAULT_REGISTRY) && strncmp(s, DEFAULT_REGISTRY, n) == 0) ||
	       (n == strlen(FORMER_REGISTRY) && strncmp(s, FORMER_REGISTRY, n) == 0);
}

static int bad(const char *text, const char *why, struct err *err)
{
	return err_set(err, EINVAL, "image '%.200s': %s", text, why);
}

static int parse_name(struct image_ref *out, const char *text, size_t n, struct err *err)
{
	char name[IMAGE_NAME_MAX + 1];
	size_t registry, repository;
	const char *rest, *tag, *library = "";
	bool by_default;

	if (n > IMAGE_NAME_MAX)
		return bad(text, "the name is too long", err);
	snprintf(name, sizeof(name), "%.*s", (int)n, text);
	registry = registry_length(name);
	rest = name + (registry ? registry + 1 : 0);
	repository = strcspn(rest, ":");
	tag = rest[repository] ? rest + repository + 1 : DEFAULT_TAG;
	if (registry && !valid_registry(name, registry))
		return bad(text, "no valid name of a registry", err);
	if (!valid_repository(rest, repository))
		return bad(text, "no valid name (lower-case letters, digits, '.', '_', '-', '/')",
			   err);
	if (!valid_tag(tag, strlen(tag)))
		return bad(text, "no valid tag", err);
	by_default = is_default_registry(name, registry);
	if (by_default && !memchr(rest, '/', repository))
		library = DEFAULT_REPOSITORY;
	if (snprintf(out->name, sizeof(out->name), "%.*s/%s%.*s:%s",
		     by_default ? (int)strlen(DEFAULT_REGISTRY) : (int)registry,
		     by_default ? DEFAULT_REGISTRY : name, library, (int)repository, rest,
		     tag) >= (int)sizeof(out->name))
		return bad(text, "the name is too long", err);
	out->kind = IMAGE_REF_NAME;
	return 0;
}

static int parse_path(struct image_ref *out, const char *text, struct err *err)
{
	if (strlen(text) > IMAGE_NAME_MAX)
		return bad(text, "the path is too long", err);
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return bad(text, "a control character in the path", err);
	out->kind = IMAGE_REF_PATH;
	snprintf(out->name, sizeof(out->name), "%s", text);
	return 0;
}

/**
 * image_ref_parse() - read a reference
 * @text: "/path", "sha256:DIGEST", or "[REGISTRY/]REPOSITORY[:TAG][@sha256:DIGEST]"
 *
 * A name is completed as every other engine does it: docker.io, library/, latest
 * (distribution/reference). Nothing is looked up.
 *
 * Return: 0, or -EINVAL with @err filled.
 */
int image_ref_parse(struct image_ref *out, const char *text, struct err *err)
{
	const char *at = strrchr(text, '@');

	*out = (struct image_ref){ 0 };
	if (text[0] == '/')
		return parse_path(out, text, err);
	if (strncmp(text, DIGEST_PREFIX, strlen(DIGEST_PREFIX)) == 0) {
		out->kind = IMAGE_REF_DIGEST;
		return digest_parse(&out->digest, text) ? 0 :
			bad(text, "a digest is 'sha256:' and 64 hexadecimal digits", err);
	}
	if (at && !digest_parse(&out->digest, at + 1))
		return bad(text, "'@' is not followed by a sha256 digest", err);
	return parse_name(out, text, at ? (size_t)(at - text) : strlen(text), err);
}
