/* SPDX-License-Identifier: MIT */
/* Requests over libcurl. */
#include "image/http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "base/fd.h"
#include "version.h"

#define CONNECT_S     15
#define STALL_BYTES_S 1024
#define DOCUMENT_S    120 /* for a body that is kept in memory */
#define HEAD_LINE_MAX 2048
#define WAIT_FIRST_MS UINT64_C(1000)

/* ------------------------------------------------------------------ addresses */

struct url {
	bool https;
	char host[REGISTRY_HOST_MAX + 1]; /* HOST[:PORT], as registries.conf has it */
};

/* libcurl's own parser: nobody must understand the text in another way. */
static int parse_url(struct url *out, const char *text, struct err *err)
{
	CURLU *u = curl_url();
	char *scheme = NULL, *host = NULL, *port = NULL, *user = NULL;
	bool good = u && curl_url_set(u, CURLUPART_URL, text, 0) == CURLUE_OK &&
		    curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
		    curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
		    curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_NO_USER &&
		    (strcmp(scheme, "https") == 0 || strcmp(scheme, "http") == 0);

	if (good) {
		int n;

		(void)curl_url_get(u, CURLUPART_PORT, &port, 0); /* NULL: not said */
		out->https = strcmp(scheme, "https") == 0;
		n = snprintf(out->host, sizeof(out->host), "%s%s%s", host, port ? ":" : "",
			     port ? port : "");
		good = n < (int)sizeof(out->host);
	}
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_free(user);
	curl_url_cleanup(u);
	return good ? 0 : err_set(err, EPROTO, "no usable address '%.200s'", text);
}

/**
 * http_check_url() - whether an address that somebody named may be asked
 * @plain_allowed: by plain HTTP, too, if registries.conf lets its host be asked so
 *
 * Return: 0, or -EPROTO with @err filled.
 */
int http_check_url(const struct http *http, const char *url, bool plain_allowed, struct err *err)
{
	struct url u;
	int r = parse_url(&u, url, err);

	if (r < 0 || u.https)
		return r;
	if (!plain_allowed || !registries_plain(http->registries, u.host))
		return err_set(err, EPROTO, "it leads to '%s' by plain HTTP, which is not allowed",
			       u.host);
	return 0;
}

/**
 * http_redirect() - where an answer of 3xx leads
 * @from: the address that gave it
 *
 * Return: 0, or -EPROTO with @err filled: nowhere, or from HTTPS to plain HTTP.
 */
int http_redirect(char out[HTTP_URL_MAX], const struct http *http, const struct http_transfer *t,
		  const char *from, struct err *err)
{
	bool plain = strncmp(from, "http:", 5) == 0;
	char *to = NULL;

	if (curl_easy_getinfo(t->easy, CURLINFO_REDIRECT_URL, &to) != CURLE_OK || !to)
		return err_set(err, EPROTO, "a redirect that leads nowhere");
	if (snprintf(out, HTTP_URL_MAX, "%s", to) >= HTTP_URL_MAX)
		return err_set(err, EPROTO, "a redirect to an address of more than %d bytes",
			       HTTP_URL_MAX);
	return http_check_url(http, out, plain, err);
}

/* ----------------------------------------------------------------------- heads */

static void copy_value(char *to, size_t size, const char *value)
{
	snprintf(to, size, "%.*s", (int)strcspn(value, "; \t"), value);
}

static void take_media(struct http_head *h, const char *value)
{
	copy_value(h->media, sizeof(h->media), value);
}

static void take_digest(struct http_head *h, const char *value)
{
	copy_value(h->digest, sizeof(h->digest), value);
}

static void take_range(struct http_head *h, const char *value)
{
	unsigned long long from;

	if (strncasecmp(value, "bytes ", 6) != 0 || sscanf(value + 6, "%llu-", &from) != 1)
		return;
	h->ranged = true;
	h->range_from = from;
}

static void take_challenge(struct http_head *h, const char *value)
{
	auth_challenge_add(&h->challenge, value);
}

static const struct {
	const char *name;
	void (*take)(struct http_head *h, const char *value);
} headers[] = {
	{ "Content-Type:", take_media },
	{ "Docker-Content-Digest:", take_digest },
	{ "Content-Range:", take_range },
	{ "WWW-Authenticate:", take_challenge },
};

static size_t on_header(char *buf, size_t size, size_t n, void *transfer)
{
	struct http_transfer *t = transfer;
	char line[HEAD_LINE_MAX];
	size_t len = n * size;

	if (len >= sizeof(line)) /* none of ours is that long */
		return len;
	memcpy(line, buf, len);
	line[len] = '\0';
	line[strcspn(line, "\r\n")] = '\0';
	/* A head of its own: after 100 Continue, or a proxy's. */
	if (strncmp(line, "HTTP/", 5) == 0)
		t->head = (struct http_head){ .ranged = false };
	for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
		size_t name = strlen(headers[i].name);

		if (strncasecmp(line, headers[i].name, name) == 0)
			headers[i].take(&t->head, line + name + strspn(line + name, " \t"));
	}
	return len;
}

static size_t on_body(char *buf, size_t size, size_t n, void *transfer)
{
	struct http_transfer *t = transfer;

	return t->take(t->ctx, buf, n * size) ? n * size : CURL_WRITEFUNC_ERROR;
}

/* -------------------------------------------------------------------- requests */

static bool add_header(struct http_transfer *t, const char *name, const char *value)
{
	cleanup_free char *line = NULL;
	struct curl_slist *list;

	if (!value)
		return true;
	if (asprintf(&line, "%s: %s", name, value) < 0)
		return false;
	list = curl_slist_append(t->headers, line);
	if (list)
		t->headers = list;
	return list != NULL;
}

static bool set_trust(CURL *easy, const struct http *http, const char *host)
{
	const struct registry_config *c = registries_find(http->registries, host);
	struct curl_blob blob;

	if (!c || !c->ca)
		return true;
	blob = (struct curl_blob){ c->ca, c->ca_n, CURL_BLOB_NOCOPY };
	/* The directory would be looked at as well (curl 7.88, lib/vtls/openssl.c). */
	return curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) == CURLE_OK;
}

/* Verification of peer and host is what libcurl does unless told not to. */
static bool set_options(struct http_transfer *t, const struct http *http,
			const struct http_request *rq)
{
	CURL *e = t->easy;
	char range[32];
	bool good = curl_easy_setopt(e, CURLOPT_URL, rq->url) == CURLE_OK &&
		    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
		    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
		    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
		    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S) == CURLE_OK &&
		    curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, (long)STALL_BYTES_S) == CURLE_OK &&
		    curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, (long)http->stall_s) == CURLE_OK &&
		    curl_easy_setopt(e, CURLOPT_USERAGENT, "podd/" PODD_VERSION) == CURLE_OK &&
		    curl_easy_setopt(e, CURLOPT_HTTPHEADER, t->headers) == CURLE_OK &&
		    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->said) == CURLE_OK &&
		    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
		    curl_easy_setopt(e, CURLOPT_HEADERDATA, t) == CURLE_OK &&
		    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
		    curl_easy_setopt(e, CURLOPT_WRITEDATA, t) == CURLE_OK &&
		    curl_easy_setopt(e, CURLOPT_PRIVATE, rq->ctx) == CURLE_OK;

	if (!good || rq->from == 0)
		return good;
	snprintf(range, sizeof(range), "%llu-", (unsigned long long)rq->from);
	return curl_easy_setopt(e, CURLOPT_RANGE, range) == CURLE_OK;
}

/**
 * http_begin() - make a request, for curl_easy_perform() or curl_multi_add_handle()
 * @t: all zero, or after http_end(); to be given to http_end() whatever this returned
 *
 * Return: 0 or -errno with @err filled.
 */
int http_begin(struct http_transfer *t, const struct http *http, const struct http_request *rq,
	       struct err *err)
{
	struct url u;
	int r = parse_url(&u, rq->url, err);

	*t = (struct http_transfer){ .take = rq->take, .ctx = rq->ctx };
	if (r < 0)
		return r;
	t->easy = curl_easy_init();
	if (!t->easy || !add_header(t, "Authorization", rq->authorization) ||
	    !add_header(t, "Accept", rq->accept) || !set_options(t, http, rq) ||
	    !set_trust(t->easy, http, u.host))
		return err_set(err, ENOMEM, "make a request: out of memory");
	return 0;
}

/**
 * http_end() - free a request
 */
void http_end(struct http_transfer *t)
{
	curl_easy_cleanup(t->easy);
	curl_slist_free_all(t->headers);
	t->easy = NULL;
	t->headers = NULL;
}

long http_status(const struct http_transfer *t)
{
	long status = 0;

	(void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

/**
 * http_is_broken() - whether a connection broke, so that another try may do better
 */
bool http_is_broken(CURLcode code)
{
	static const CURLcode broken[] = { CURLE_PARTIAL_FILE, CURLE_OPERATION_TIMEDOUT,
					   CURLE_GOT_NOTHING,  CURLE_SEND_ERROR,
					   CURLE_RECV_ERROR,   CURLE_HTTP2,
					   CURLE_HTTP2_STREAM, CURLE_COULDNT_CONNECT };

	for (size_t i = 0; i < ARRAY_SIZE(broken); i++)
		if (broken[i] == code)
			return true;
	return false;
}

/**
 * http_not_now() - whether the answer says that another try may do better
 */
bool http_not_now(const struct http_transfer *t)
{
	long status = http_status(t);

	return status == 429 || status == 502 || status == 503 || status == 504;
}

/**
 * http_backoff_ms() - how long to wait before the next try, in milliseconds
 * @not_now: the answer said so; else the connection broke
 * @tries: made so far, from 1
 * @said_s: what Retry-After asked for, in seconds
 *
 * After a connection that broke, the first one is made at once.
 */
uint64_t http_backoff_ms(bool not_now, unsigned tries, uint64_t said_s)
{
	unsigned doublings = not_now ? tries : tries - 1;
	uint64_t most_ms = HTTP_WAIT_MAX_S * UINT64_C(1000), ms = 0;

	if (doublings > 0) /* the seventh is past the most */
		ms = WAIT_FIRST_MS << (doublings < 7 ? doublings - 1 : 6);
	if (not_now && said_s >= HTTP_WAIT_MAX_S)
		return most_ms;
	if (not_now && said_s * 1000 > ms)
		ms = said_s * 1000;
	return ms < most_ms ? ms : most_ms;
}

/**
 * http_wait_ms() - as http_backoff_ms(), for how a request has ended
 */
uint64_t http_wait_ms(const struct http_transfer *t, unsigned tries)
{
	curl_off_t said_s = 0;

	/* Whether it was a number or a date; 0 when there is none. */
	(void)curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &said_s);
	return http_backoff_ms(http_not_now(t), tries, said_s > 0 ? (uint64_t)said_s : 0);
}

/**
 * http_failure() - why there was no answer, or not a whole one
 *
 * Return: -errno with @err filled.
 */
int http_failure(const struct http_transfer *t, CURLcode code, struct err *err)
{
	static const struct {
		CURLcode code;
		int error;
	} codes[] = {
		{ CURLE_COULDNT_CONNECT, ECONNREFUSED },
		{ CURLE_COULDNT_RESOLVE_HOST, EHOSTUNREACH },
		{ CURLE_OPERATION_TIMEDOUT, ETIMEDOUT },
		{ CURLE_OUT_OF_MEMORY, ENOMEM },
		{ CURLE_PEER_FAILED_VERIFICATION, EPERM },
	};
	int error = EIO;

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		if (codes[i].code == code)
			error = codes[i].error;
	return err_set(err, error, "%s", t->said[0] ? t->said : curl_easy_strerror(code));
}

/**
 * http_keep() - a http_take_fn: keep it in a struct http_body
 */
bool http_keep(void *body, const char *buf, size_t n)
{
	struct http_body *b = body;
	char *text;

	b->too_large = n > b->max - b->n;
	if (b->too_large)
		return false;
	text = realloc(b->text, b->n + n + 1);
	if (!text)
		return false;
	memcpy(text + b->n, buf, n);
	b->text = text;
	b->n += n;
	b->text[b->n] = '\0';
	return true;
}

static int get_once(struct http_transfer *t, const struct http *http, const struct http_request *rq,
		    CURLcode *code, struct err *err)
{
	const struct http_body *body = rq->ctx;
	int r = http_begin(t, http, rq, err);

	*code = CURLE_OK;
	if (r < 0)
		return r;
	/* Never fails for a number. */
	(void)curl_easy_setopt(t->easy, CURLOPT_TIMEOUT, (long)DOCUMENT_S);
	*code = curl_easy_perform(t->easy);
	if (*code == CURLE_OK)
		return 0;
	if (body->too_large)
		return err_set(err, EFBIG, "the answer has more than %zu bytes", body->max);
	return http_failure(t, *code, err);
}

/* Not what took long already, nor who may not be there at all: a mirror may be next. */
static bool is_worth_another(const struct http_transfer *t, CURLcode code)
{
	if (code == CURLE_OK)
		return http_not_now(t);
	return http_is_broken(code) && code != CURLE_COULDNT_CONNECT &&
	       code != CURLE_OPERATION_TIMEDOUT;
}

static void rest_ms(uint64_t ms)
{
	struct timespec left = { .tv_sec = (time_t)(ms / 1000),
				 .tv_nsec = (long)(ms % 1000 * NSEC_PER_MSEC) };

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

/**
 * http_get() - ask, and keep the answer; waits and asks again where that may help
 * @t: to be given to http_end() whatever this returned
 * @rq: its @take and @ctx are not looked at
 * @body: @max is set
 *
 * Return: 0 when there is an answer, of any status; -errno with @err filled.
 */
int http_get(struct http_transfer *t, const struct http *http, const struct http_request *rq,
	     struct http_body *body, struct err *err)
{
	struct http_request kept = *rq;
	CURLcode code;
	int r;

	kept.take = http_keep;
	kept.ctx = body;
	for (unsigned tries = 1;; tries++) {
		r = get_once(t, http, &kept, &code, err);
		if (tries > http->retries || !t->easy || !is_worth_another(t, code))
			return r;
		rest_ms(http_wait_ms(t, tries));
		http_end(t);
		free(body->text);
		*body = (struct http_body){ .max = body->max };
	}
}
