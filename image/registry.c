/* SPDX-License-Identifier: MIT */
/* Walking requests, and manifests. */
#include "image/registry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/json.h"
#include "image/hash.h"

#define REDIRECTS_MAX 5
#define TOKEN_MAX     ((size_t)1 << 20) /* bytes of the answer */

/* docker.io is a name; its API is elsewhere (distribution/reference). */
#define DOCKER_NAME "docker.io"
#define DOCKER_API  "registry-1.docker.io"

#define ACCEPT                                                                                     \
	"application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "    \
	"application/vnd.docker.distribution.manifest.list.v2+json, "                              \
	"application/vnd.docker.distribution.manifest.v2+json"

/**
 * registry_open() - get ready to ask; nothing is asked yet
 * @out: released by registry_close(), whatever this returned; @args->http is borrowed
 *
 * Return: 0, or -ENAMETOOLONG or -ENOMEM with @err filled.
 */
int registry_open(struct registry *out, const struct registry_args *args, struct err *err)
{
	const char *host = strcmp(args->host, DOCKER_NAME) == 0 ? DOCKER_API : args->host;
	bool plain = registries_plain(args->http->registries, args->host);

	*out = (struct registry){ .http = args->http };
	if (snprintf(out->base, sizeof(out->base), "%s://%s/", plain ? "http" : "https", host) >=
		(int)sizeof(out->base) ||
	    snprintf(out->repository, sizeof(out->repository), "%s", args->repository) >=
		(int)sizeof(out->repository))
		return err_set(err, ENAMETOOLONG, "the name is too long");
	if (args->basic[0] && asprintf(&out->basic, "Basic %s", args->basic) < 0) {
		out->basic = NULL;
		return err_set(err, ENOMEM, "out of memory");
	}
	return 0;
}

void registry_close(struct registry *r)
{
	free_ptr(&r->basic);
	free_ptr(&r->authorization);
}

/* -------------------------------------------------------------- authentication */

static int token_url(char out[HTTP_URL_MAX], const struct registry *r,
		     const struct auth_challenge *c, struct err *err)
{
	cleanup_free char *scope = NULL;
	char *service_text, *scope_text;
	int n;

	if (asprintf(&scope, "repository:%s:pull", r->repository) < 0) {
		scope = NULL;
		return err_set(err, ENOMEM, "out of memory");
	}
	service_text = curl_easy_escape(NULL, c->service, 0);
	scope_text = curl_easy_escape(NULL, c->scope[0] ? c->scope : scope, 0);
	n = snprintf(out, HTTP_URL_MAX, "%s%cservice=%s&scope=%s", c->realm,
		     strchr(c->realm, '?') ? '&' : '?', service_text ?: "", scope_text ?: "");
	curl_free(service_text);
	curl_free(scope_text);
	return n < HTTP_URL_MAX ? 0 : err_set(err, EPROTO, "the address of its tokens is too long");
}

static int ask_token(struct registry *r, const char *url, struct err *err)
{
	struct http_request rq = { .url = url, .authorization = r->basic };
	struct http_body body = { .max = TOKEN_MAX };
	struct http_transfer t = { 0 };
	char *token = NULL;
	int ret = http_get(&t, r->http, &rq, &body, err);
	long status = ret < 0 ? 0 : http_status(&t);

	http_end(&t);
	if (status == 401 || status == 403)
		ret = err_set(err, EACCES, "%s (%ld)",
			      r->basic ? "user or password are refused"
				       : "it gives no token without a login",
			      status);
	else if (ret == 0 && status != 200)
		ret = err_set(err, EPROTO, "its answer has status %ld", status);
	if (ret == 0)
		ret = auth_token_parse(&token, body.text ?: "", body.n, err);
	free(body.text);
	if (ret < 0)
		return ret;
	free_ptr(&r->authorization);
	if (asprintf(&r->authorization, "Bearer %s", token) < 0) {
		r->authorization = NULL;
		ret = err_set(err, ENOMEM, "out of memory");
	}
	free(token);
	return ret;
}

static int answer_challenge(struct registry *r, const struct auth_challenge *c, struct err *err)
{
	char url[HTTP_URL_MAX];
	int ret;

	if (c->scheme == AUTH_NONE)
		return err_set(err, EACCES, "it refuses access (401) and does not say how to ask");
	if (c->scheme == AUTH_BASIC) {
		if (!r->basic)
			return err_set(err, EACCES,
				       "it wants a login (401), and auth.json has none for it");
		free(r->authorization);
		r->authorization = strdup(r->basic);
		return r->authorization ? 0 : err_set(err, ENOMEM, "out of memory");
	}
	ret = token_url(url, r, c, err);
	if (ret == 0)
		ret = http_check_url(r->http, url, strncmp(r->base, "http:", 5) == 0, err);
	if (ret == 0)
		ret = ask_token(r, url, err);
	return ret < 0 ? err_wrap(err, ret, "the token of '%.200s'", c->realm) : 0;
}

/* ---------------------------------------------------------------------- walking */

static bool is_own(const struct registry *r, const char *url)
{
	return strncmp(url, r->base, strlen(r->base)) == 0;
}

/**
 * registry_authorization() - what a request says at where it is; or NULL
 */
const char *registry_authorization(const struct registry *r, const struct registry_walk *w)
{
	return is_own(r, w->url) ? r->authorization : NULL;
}

static int refused(long status, struct err *err)
{
	switch (status) {
	case 401:
	case 403:
		return err_set(err, EACCES, "it refuses access (%ld)", status);
	case 404:
		return err_set(err, ENOENT, "it has no such image (404)");
	case 429:
		return err_set(err, EBUSY, "it takes no more requests from here for now (429)");
	case 502:
	case 503:
	case 504:
		return err_set(err, EBUSY, "it is out of order for now (%ld)", status);
	default:
		return err_set(err, EPROTO, "its answer has status %ld", status);
	}
}

/**
 * registry_answer() - act on the head of an answer
 * @again: the request goes on, at where @w is now
 *
 * Return: 0 for what was asked for (200, or 206 of a range), or with @again; else
 * -errno with @err filled.
 */
int registry_answer(struct registry *r, struct registry_walk *w, const struct http_transfer *t,
		    bool *again, struct err *err)
{
	long status = http_status(t);
	char to[HTTP_URL_MAX];
	int ret;

	*again = false;
	if (status == 200 || status == 206)
		return 0;
	if (status == 401 && is_own(r, w->url) && !w->challenged) {
		w->challenged = *again = true;
		return answer_challenge(r, &t->head.challenge, err);
	}
	if (status != 301 && status != 302 && status != 303 && status != 307 && status != 308)
		return refused(status, err);
	if (w->redirects++ == REDIRECTS_MAX)
		return err_set(err, ELOOP, "more than %d redirects", REDIRECTS_MAX);
	ret = http_redirect(to, r->http, t, w->url, err);
	if (ret < 0)
		return ret;
	memcpy(w->url, to, sizeof(to));
	*again = true;
	return 0;
}

static int walk_to(struct registry_walk *w, const struct registry *r, const char *kind,
		   const char *what, struct err *err)
{
	*w = (struct registry_walk){ .redirects = 0 };
	if (snprintf(w->url, sizeof(w->url), "%sv2/%s/%s/%s", r->base, r->repository, kind, what) >=
	    (int)sizeof(w->url))
		return err_set(err, ENAMETOOLONG, "the name is too long");
	return 0;
}

/**
 * registry_blob_url() - where the walk for a blob begins
 *
 * Return: 0, or -ENAMETOOLONG with @err filled.
 */
int registry_blob_url(struct registry_walk *w, const struct registry *r, const struct digest *d,
		      struct err *err)
{
	char text[DIGEST_TEXT_SIZE];

	return walk_to(w, r, "blobs", digest_text(d, text), err);
}

/* -------------------------------------------------------------------- manifests */

/* What the document says itself has been hashed; the head is a stranger's word. */
static int media_of(enum image_media *out, const struct http_body *body,
		    const struct http_head *head, struct err *err)
{
	json_auto_t *doc = NULL;
	const char *said;
	int r = json_text_parse(&doc, body->text ?: "", body->n, err);

	if (r < 0)
		return r;
	said = json_string_value(json_object_get(doc, "mediaType"));
	*out = image_media_of(said ? said : head->media);
	if (*out != IMAGE_MEDIA_INDEX && *out != IMAGE_MEDIA_MANIFEST)
		return err_set(err, EOPNOTSUPP, "it is no image, but '%.100s'",
			       said ? said : head->media);
	return 0;
}

static int check_document(struct registry_document *out, const struct http_body *body,
			  const struct http_head *head, const char *reference, struct err *err)
{
	struct digest want = { "" };

	hash_bytes(&out->digest, body->text ?: "", body->n);
	if (!digest_parse(&want, reference))
		(void)digest_parse(&want, head->digest); /* or another algorithm: not compared */
	if (want.hex[0] && !digest_equal(&want, &out->digest))
		return err_set(err, EBADMSG,
			       "its digest is " DIGEST_PREFIX "%s, not " DIGEST_PREFIX "%s",
			       out->digest.hex, want.hex);
	return media_of(&out->media, body, head, err);
}

static int ask_manifest(struct registry_document *out, struct registry *r, const char *reference,
			struct err *err)
{
	struct registry_walk w;
	bool again = true;
	int ret = walk_to(&w, r, "manifests", reference, err);

	while (ret == 0 && again) {
		struct http_request rq = { .url = w.url,
					   .accept = ACCEPT,
					   .authorization = registry_authorization(r, &w) };
		struct http_body body = { .max = IMAGE_DOCUMENT_MAX };
		struct http_transfer t = { 0 };

		ret = http_get(&t, r->http, &rq, &body, err);
		if (ret == 0)
			ret = registry_answer(r, &w, &t, &again, err);
		if (ret == 0 && !again)
			ret = check_document(out, &body, &t.head, reference, err);
		http_end(&t);
		if (ret == 0 && !again) {
			out->n = body.n;
			out->text = take_ptr(body.text);
		}
		free(body.text);
	}
	return ret;
}

/**
 * registry_manifest() - a manifest or index, by tag or digest
 * @reference: a tag, or "sha256:...", which then is what it must be
 *
 * Return: 0 or -errno with @err filled.
 */
int registry_manifest(struct registry_document *out, struct registry *r, const char *reference,
		      struct err *err)
{
	int ret = ask_manifest(out, r, reference, err);

	return ret < 0 ? err_wrap(err, ret, "manifest '%.100s'", reference) : 0;
}
