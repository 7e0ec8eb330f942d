/* SPDX-License-Identifier: MIT */
/* One repository of one registry, by the OCI distribution protocol. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "image/http.h"
#include "image/manifest.h"

/*
 * Theory of operation
 *
 * distribution-spec v1.1, "Pull". Every request walks: from its first address
 * over redirects, and once through a 401, for which the registry's challenge is
 * answered (image/auth.h) and what it gave is used for all requests to come.
 *
 * What is said with "Authorization" goes to the registry's own scheme, host and
 * port, and the user and password to the token's address that it names; never to
 * where a redirect leads (storage that is somebody else's).
 */
struct registry {
	const struct http *http;
	char base[REGISTRY_HOST_MAX + 16]; /* "https://HOST:PORT/" */
	char repository[REGISTRY_HOST_MAX * 2 + 2];
	char *basic;	     /* "Basic ...", or NULL */
	char *authorization; /* what requests say by now, or NULL */
};

struct registry_args {
	const struct http *http;
	const char *host; /* HOST[:PORT] */
	const char *repository;
	const char *basic; /* base64 of USER:PASSWORD, or "" */
};

/* Where a request is. */
struct registry_walk {
	char url[HTTP_URL_MAX];
	unsigned redirects;
	bool challenged;
};

struct registry_document {
	char *text; /* the caller's to free */
	size_t n;
	enum image_media media;
	struct digest digest;
};

int registry_open(struct registry *out, const struct registry_args *args, struct err *err);
void registry_close(struct registry *r);
int registry_manifest(struct registry_document *out, struct registry *r, const char *reference,
		      struct err *err);

/* For image/download.c. */
int registry_blob_url(struct registry_walk *w, const struct registry *r, const struct digest *d,
		      struct err *err);
const char *registry_authorization(const struct registry *r, const struct registry_walk *w);
int registry_answer(struct registry *r, struct registry_walk *w, const struct http_transfer *t,
		    bool *again, struct err *err);
