/* SPDX-License-Identifier: MIT */
/* Reading challenges, auth.json and tokens. */
#include "image/auth.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/fd.h"
#include "base/json.h"

#define ALNUM  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define TCHAR  ALNUM "!#$%&'*+-.^_`|~" /* RFC 9110, 5.6.2 */
#define BASE64 ALNUM "+/"	       /* RFC 4648, 4: in this order */
#define SPACE  " \t"

/* What docker login calls the registry that is docker.io. */
#define DOCKER_NAME "docker.io"
#define DOCKER_KEY  "https://index.docker.io/v1/"

/* ------------------------------------------------------------------ challenges */

/* The value of a parameter, a token or in quotes; too long or broken: false. */
static bool read_value(const char **at, char *out, size_t size)
{
	const char *s = *at;
	bool quoted = *s == '"';
	size_t n = 0;

	for (s += quoted; *s && (quoted ? *s != '"' : strchr(TCHAR ":/", *s) != NULL); s++) {
		if (quoted && *s == '\\' && s[1])
			s++;
		/* Nothing that would end a line or a string further on. */
		if ((unsigned char)*s < ' ' || *s == 0x7f || n + 1 >= size)
			return false;
		out[n++] = *s;
	}
	if (quoted && *s != '"')
		return false;
	out[n] = '\0';
	*at = s + quoted;
	return true;
}

static void set_parameter(struct auth_challenge *c, const char *key, size_t n, const char *value)
{
	const struct {
		const char *key;
		char *to;
		size_t size;
	} known[] = {
		{ "realm", c->realm, sizeof(c->realm) },
		{ "service", c->service, sizeof(c->service) },
		{ "scope", c->scope, sizeof(c->scope) },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (strlen(known[i].key) == n && strncasecmp(known[i].key, key, n) == 0)
			snprintf(known[i].to, known[i].size, "%s", value);
}

static enum auth_scheme scheme_of(const char *s, size_t n)
{
	if (n == strlen("Bearer") && strncasecmp(s, "Bearer", n) == 0)
		return AUTH_BEARER;
	return n == strlen("Basic") && strncasecmp(s, "Basic", n) == 0 ? AUTH_BASIC : AUTH_NONE;
}

static void keep_better(struct auth_challenge *c, const struct auth_challenge *other)
{
	if (other->scheme > c->scheme && (other->scheme != AUTH_BEARER || other->realm[0]))
		*c = *other;
}

/**
 * auth_challenge_add() - the value of one WWW-Authenticate header
 * @c: all zero at first; then it has the best of what was offered so far
 *
 * A header may hold several challenges, each a scheme and its parameters, all
 * of them separated by commas: a word that no "=" follows begins the next one.
 * Reading ends at whatever does not have that form.
 */
void auth_challenge_add(struct auth_challenge *c, const char *header)
{
	struct auth_challenge now = { .scheme = AUTH_NONE };
	char value[sizeof(now.realm)];

	for (const char *s = header;;) {
		const char *word = s + strspn(s, SPACE ",");
		size_t n = strspn(word, TCHAR);

		if (n == 0)
			break;
		s = word + n + strspn(word + n, SPACE);
		if (*s != '=') {
			keep_better(c, &now);
			now = (struct auth_challenge){ .scheme = scheme_of(word, n) };
			continue;
		}
		s += 1 + strspn(s + 1, SPACE);
		if (!read_value(&s, value, sizeof(value)))
			return; /* a half of it is no challenge */
		set_parameter(&now, word, n, value);
	}
	keep_better(c, &now);
}

/* -------------------------------------------------------------------- auth.json */

/* The @n-th byte of what base64 text stands for. */
static unsigned char decoded(const char *text, size_t n)
{
	size_t i = n / 3 * 4 + n % 3;
	unsigned high = (unsigned)(strchr(BASE64, text[i]) - BASE64);
	unsigned low = (unsigned)(strchr(BASE64, text[i + 1]) - BASE64);

	return (unsigned char)((high << 6 | low) >> (4 - 2 * (n % 3)));
}

/**
 * auth_basic_valid() - whether base64 text (RFC 4648, 4) is a user, ":" and a password
 *
 * Bytes that are no text in there would be a header of another meaning to
 * whoever decodes it.
 */
bool auth_basic_valid(const char *base64)
{
	size_t n = strspn(base64, BASE64), pad = strspn(base64 + n, "=");
	bool colon = false;

	if (base64[n + pad] || (n + pad) % 4 != 0 || pad > 2 || n + pad > AUTH_BASIC_MAX)
		return false;
	for (size_t i = 0; i < n * 3 / 4; i++) {
		unsigned char c = decoded(base64, i);

		if (c < ' ' || c == 0x7f)
			return false;
		colon = colon || (c == ':' && i > 0);
	}
	return colon;
}

/**
 * auth_add() - take one more auth.json, to be asked after those before
 *
 * Return: 0; -EBADMSG for one that is none; -E2BIG. @err is filled.
 */
int auth_add(struct auth *a, const char *text, size_t n, struct err *err)
{
	json_t *doc = NULL;
	int r;

	if (a->n == AUTH_FILES_MAX)
		return err_set(err, E2BIG, "more than %d files", AUTH_FILES_MAX);
	r = json_text_parse(&doc, text, n, err);
	if (r < 0)
		return r;
	if (!json_is_object(doc)) {
		json_decref(doc);
		return err_set(err, EBADMSG, "it is no JSON object");
	}
	a->files[a->n++] = doc;
	return 0;
}

/* "REGISTRY/a/b", then "REGISTRY/a", then "REGISTRY" (containers-auth.json(5)). */
static const json_t *find_key(const json_t *auths, const char *registry, const char *repository)
{
	char key[1024];
	int n = snprintf(key, sizeof(key), "%s/%s", registry, repository);

	while (n > 0 && n < (int)sizeof(key)) {
		const json_t *entry = json_object_get(auths, key);
		char *slash = strrchr(key, '/');

		if (entry || !slash)
			return entry;
		*slash = '\0';
	}
	return NULL;
}

/* "https://REGISTRY/v1/", as docker login once wrote: the registry's, whatever the path. */
static const json_t *find_address(const json_t *auths, const char *registry)
{
	size_t n = strlen(registry);
	const char *key;
	const json_t *entry;

	json_object_foreach((json_t *)auths, key, entry) {
		const char *host = strstr(key, "://");

		if (host && strncmp(host + 3, registry, n) == 0 && strchr("/", host[3 + n]))
			return entry;
	}
	return NULL;
}

/**
 * auth_find() - what to say to a registry about a repository
 * @out: base64 of "USER:PASSWORD", or "" when no file has any
 *
 * Return: 0, or -EBADMSG with @err filled when what is there is none.
 */
int auth_find(char out[AUTH_BASIC_MAX + 1], const struct auth *a, const char *registry,
	      const char *repository, struct err *err)
{
	const char *text = NULL;

	out[0] = '\0';
	for (size_t i = 0; i < a->n && !text; i++) {
		const json_t *auths = json_object_get(a->files[i], "auths");
		const json_t *entry = find_key(auths, registry, repository);

		if (!entry && strcmp(registry, DOCKER_NAME) == 0)
			entry = json_object_get(auths, DOCKER_KEY);
		if (!entry)
			entry = find_address(auths, registry);
		text = json_string_value(json_object_get(entry, "auth"));
	}
	if (!text || !*text)
		return 0;
	if (!auth_basic_valid(text))
		return err_set(err, EBADMSG, "'auth' of '%s' is not the base64 of USER:PASSWORD",
			       registry);
	snprintf(out, AUTH_BASIC_MAX + 1, "%s", text);
	return 0;
}

void auth_done(struct auth *a)
{
	for (size_t i = 0; i < a->n; i++)
		json_decref(a->files[i]);
	*a = (struct auth){ .n = 0 };
}

/**
 * auth_token_parse() - the token in what a token's address answers
 * @out: the caller's to free
 *
 * "token" or, as OAuth has it, "access_token". It becomes part of a header:
 * visible characters only.
 *
 * Return: 0, or -EBADMSG or -ENOMEM with @err filled.
 */
int auth_token_parse(char **out, const char *text, size_t n, struct err *err)
{
	json_auto_t *doc = NULL;
	const char *token;
	int r = json_text_parse(&doc, text, n, err);

	if (r < 0)
		return r;
	token = json_string_value(json_object_get(doc, "token"));
	if (!token || !*token)
		token = json_string_value(json_object_get(doc, "access_token"));
	if (!token || !*token || strlen(token) > AUTH_TOKEN_MAX)
		return err_set(err, EBADMSG, "there is no token in the answer");
	for (const char *c = token; *c; c++)
		if (*c <= ' ' || *c >= 0x7f)
			return err_set(err, EBADMSG,
				       "the token has characters that no header can have");
	*out = strdup(token);
	return *out ? 0 : err_set(err, ENOMEM, "take the token: out of memory");
}
