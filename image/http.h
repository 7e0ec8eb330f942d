/* SPDX-License-Identifier: MIT */
/* One HTTP request over libcurl, bounded, to hosts that may be asked that way. */
#pragma once

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "image/auth.h"
#include "image/registries.h"

/*
 * Theory of operation
 *
 * libcurl moves bytes, and nothing else is left to it: redirects and 401 are
 * answers like any other, for image/registry.c to act on, since only that knows
 * who may see a password. HTTPS is always verified, against the CA of the host's
 * section in registries.conf or else the system's.
 *
 * What may do better next time is tried again, so many times and no more: a
 * connection that broke, and an answer that says "not now" (429, 502, 503, 504).
 * In between is a wait that doubles, or what Retry-After says (RFC 9110, 10.2.3),
 * and never more than HTTP_WAIT_MAX_S. A connection that cannot be made is asked
 * for again by who had one before.
 */
#define HTTP_URL_MAX   4096
#define HTTP_STALL_S   60   /* seconds with less than 1 KiB/s */
#define HTTP_RETRIES   4    /* after the first try */
#define HTTP_WAIT_MAX_S 60

/* What all requests of a pull share; borrowed by each. */
struct http {
	const struct registries *registries;
	unsigned stall_s;
	unsigned retries;
};

/* What is looked at of an answer's head. */
struct http_head {
	char media[160];    /* Content-Type, without parameters */
	char digest[160];   /* Docker-Content-Digest */
	bool ranged;	    /* Content-Range is there, ... */
	uint64_t range_from;/* ... and begins here */
	struct auth_challenge challenge;
};

/* Return: whether to go on. */
typedef bool http_take_fn(void *ctx, const char *buf, size_t n);

struct http_request {
	const char *url;
	const char *authorization; /* the header's value, or NULL */
	const char *accept;	   /* or NULL */
	uint64_t from;		   /* only from this byte on */
	http_take_fn *take;	   /* of the body */
	void *ctx;
};

/* Must stay where it is while it is in use: libcurl writes to it. */
struct http_transfer {
	CURL *easy;
	struct curl_slist *headers;
	struct http_head head;
	http_take_fn *take;
	void *ctx;
	char said[CURL_ERROR_SIZE];
};

/* A body kept in memory, at most @max bytes of it. */
struct http_body {
	char *text; /* the caller's to free */
	size_t n, max;
	bool too_large;
};

int http_begin(struct http_transfer *t, const struct http *http, const struct http_request *rq,
	       struct err *err);
void http_end(struct http_transfer *t);
long http_status(const struct http_transfer *t);
int http_redirect(char out[HTTP_URL_MAX], const struct http *http, const struct http_transfer *t,
		  const char *from, struct err *err);
bool http_is_broken(CURLcode code);
bool http_not_now(const struct http_transfer *t);
uint64_t http_backoff_ms(bool not_now, unsigned tries, uint64_t said_s);
uint64_t http_wait_ms(const struct http_transfer *t, unsigned tries);
int http_failure(const struct http_transfer *t, CURLcode code, struct err *err);
bool http_keep(void *body, const char *buf, size_t n);
int http_get(struct http_transfer *t, const struct http *http, const struct http_request *rq,
	     struct http_body *body, struct err *err);
int http_check_url(const struct http *http, const char *url, bool plain_allowed, struct err *err);
