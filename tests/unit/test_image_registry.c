/* SPDX-License-Identifier: MIT */
/* image/auth and image/registries: what strangers write. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "image/auth.h"
#include "image/http.h"
#include "image/registries.h"

/* ------------------------------------------------------------------ challenges */

static struct auth_challenge challenge(const char *first, const char *second)
{
	struct auth_challenge c = { .scheme = AUTH_NONE };

	auth_challenge_add(&c, first);
	if (second)
		auth_challenge_add(&c, second);
	return c;
}

static void auth_challenge_add__bearer__all_parameters(void **state)
{
	struct auth_challenge c =
	    challenge("Bearer realm=\"https://a.example/token\",service=\"reg\","
		      "scope=\"repository:a/b:pull\"",
		      NULL);

	(void)state;
	assert_int_equal(c.scheme, AUTH_BEARER);
	assert_string_equal(c.realm, "https://a.example/token");
	assert_string_equal(c.service, "reg");
	assert_string_equal(c.scope, "repository:a/b:pull");
}

static void auth_challenge_add__forms_of_the_standard__read(void **state)
{
	struct auth_challenge c;

	(void)state;
	c = challenge("bEARER  Realm = \"https://a/\\\"q\\\"\" , , service=tok,error=\"x\"", NULL);
	assert_int_equal(c.scheme, AUTH_BEARER);
	assert_string_equal(c.realm, "https://a/\"q\"");
	assert_string_equal(c.service, "tok");
	assert_string_equal(c.scope, "");
	c = challenge("Basic realm=\"R\"", NULL);
	assert_int_equal(c.scheme, AUTH_BASIC);
	c = challenge("Basic", NULL);
	assert_int_equal(c.scheme, AUTH_BASIC);
}

static void auth_challenge_add__several__bearer_is_taken(void **state)
{
	struct auth_challenge c;

	(void)state;
	c = challenge("Basic realm=\"R\", Bearer realm=\"https://a/t\",service=\"s\"", NULL);
	assert_int_equal(c.scheme, AUTH_BEARER);
	assert_string_equal(c.realm, "https://a/t");
	c = challenge("Bearer realm=\"https://a/t\"", "Basic realm=\"R\"");
	assert_int_equal(c.scheme, AUTH_BEARER);
	c = challenge("Digest nonce=\"x\", realm=\"d\"", "Basic realm=\"R\"");
	assert_int_equal(c.scheme, AUTH_BASIC);
}

static void auth_challenge_add__broken__nothing(void **state)
{
	static const char *const broken[] = {
		"",
		",",
		"=",
		"\"",
		"Bearer",
		"Bearer service=\"s\"",
		"Bearer realm=\"https://a",
		"Bearer realm=\"https://a\rX: y\"",
		"Negotiate abc==",
		"Bearer realm=",
		"Bearer realm=\"a\\",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(broken); i++)
		assert_int_equal(challenge(broken[i], NULL).scheme, AUTH_NONE);
}

static void auth_challenge_add__too_long__nothing(void **state)
{
	char text[4096];

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, "Bearer realm=\"", 14);
	memcpy(text + sizeof(text) - 2, "\"", 2);
	assert_int_equal(challenge(text, NULL).scheme, AUTH_NONE);
}

/* -------------------------------------------------------------------- auth.json */

static void auth_basic_valid__texts__only_user_and_password(void **state)
{
	static const struct {
		const char *text;
		bool good;
	} texts[] = {
		{ "dTpw", true },	      /* u:p */
		{ "dXNlcjpwYXNz", true },     /* user:pass */
		{ "dXNlcjpwYXNzdw==", true }, /* user:passw */
		{ "dXNlcjpwYXNzd28=", true }, /* user:passwo */
		{ "dTrDpA==", true },	      /* u:\xc3\xa4 */
		{ "dTo=", true },	      /* u: */
		{ "OnA=", false },	      /* :p */
		{ "dXNlcg==", false },	      /* user */
		{ "dTpwCg==", false },	      /* u:p\n */
		{ "", false },
		{ "dTp", false },
		{ "dTpw=", false },
		{ "dT=pw", false },
		{ "dTp-", false },
		{ "====", false },
		{ "dTpw\r\nX: y", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_int_equal(auth_basic_valid(texts[i].text), texts[i].good);
}

static void add(struct auth *a, const char *text)
{
	struct err err = { 0 };

	assert_int_equal(auth_add(a, text, strlen(text), &err), 0);
}

static void found(const struct auth *a, const char *registry, const char *repository,
		  const char *want)
{
	char out[AUTH_BASIC_MAX + 1];
	struct err err = { 0 };

	assert_int_equal(auth_find(out, a, registry, repository, &err), 0);
	assert_string_equal(out, want);
}

static void auth_find__keys__most_exact_first(void **state)
{
	struct auth a = { .n = 0 };

	(void)state;
	found(&a, "r.example", "a/b", "");
	add(&a, "{\"auths\":{\"r.example\":{\"auth\":\"dTpw\"},"
		"\"r.example/a\":{\"auth\":\"dXNlcjpwYXNz\"},\"r.example:1\":{}}}");
	add(&a, "{\"auths\":{\"r.example\":{\"auth\":\"dTo=\"},\"s.example\":{\"auth\":\"dTo=\"},"
		"\"https://index.docker.io/v1/\":{\"auth\":\"dTpw\"}}}");
	found(&a, "r.example", "a/b", "dXNlcjpwYXNz");
	found(&a, "r.example", "ab", "dTpw");
	found(&a, "s.example", "a", "dTo=");
	found(&a, "r.example:1", "a", "");
	found(&a, "x.r.example", "a", "");
	found(&a, "docker.io", "library/x", "dTpw");
	auth_done(&a);
}

static void auth_find__addresses__the_registrys_for_all_of_it(void **state)
{
	struct auth a = { .n = 0 };

	(void)state;
	add(&a, "{\"auths\":{\"https://r.example:5000/v1/\":{\"auth\":\"dTpw\"},"
		"\"http://s.example\":{\"auth\":\"dTo=\"},"
		"\"s.example/a\":{\"auth\":\"dXNlcjpwYXNz\"}}}");
	found(&a, "r.example:5000", "a/b", "dTpw");
	found(&a, "r.example", "a", "");
	found(&a, "r.example:50", "a", "");
	found(&a, "s.example", "b", "dTo=");
	found(&a, "s.example", "a", "dXNlcjpwYXNz");
	auth_done(&a);
}

static void auth_find__no_base64__refused_by_name(void **state)
{
	char out[AUTH_BASIC_MAX + 1];
	struct auth a = { .n = 0 };
	struct err err = { 0 };

	(void)state;
	add(&a, "{\"auths\":{\"r.example\":{\"auth\":\"user:pass\"}}}");
	assert_int_equal(auth_find(out, &a, "r.example", "a", &err), -EBADMSG);
	assert_string_equal(err.msg, "'auth' of 'r.example' is not the base64 of USER:PASSWORD");
	auth_done(&a);
}

static void auth_add__no_object__refused(void **state)
{
	struct auth a = { .n = 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(auth_add(&a, "[]", 2, &err), -EBADMSG);
	assert_string_equal(err.msg, "it is no JSON object");
	assert_int_equal(auth_add(&a, "{", 1, &err), -EBADMSG);
	auth_done(&a);
}

static void auth_token_parse__answers__token_or_why_not(void **state)
{
	static const struct {
		const char *text, *token, *msg;
	} answers[] = {
		{ "{\"token\":\"a.b-c\"}", "a.b-c", NULL },
		{ "{\"access_token\":\"x\",\"expires_in\":60}", "x", NULL },
		{ "{\"token\":\"\",\"access_token\":\"y\"}", "y", NULL },
		{ "{}", NULL, "there is no token in the answer" },
		{ "{\"token\":1}", NULL, "there is no token in the answer" },
		{ "{\"token\":\"a\\r\\nX: y\"}", NULL,
		  "the token has characters that no header can have" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		struct err err = { 0 };
		char *token = NULL;
		int r = auth_token_parse(&token, answers[i].text, strlen(answers[i].text), &err);

		assert_int_equal(r, answers[i].token ? 0 : -EBADMSG);
		if (answers[i].token)
			assert_string_equal(token, answers[i].token);
		else
			assert_string_equal(err.msg, answers[i].msg);
		free(token);
	}
}

/* -------------------------------------------------------------- registries.conf */

static int parse(struct registries *r, const char *text, struct err *err)
{
	*r = (struct registries){ .n = 0 };
	return registries_parse(r, text, strlen(text), err);
}

static void registries_parse__whole_file__all_of_it(void **state)
{
	const struct registry_config *c;
	struct registries r;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(parse(&r,
			       "# comment\n\n[Registry docker.io]\r\nMirror=a.example:5000/hub\n"
			       "  Mirror = b.example \n; more\n[Registry a.example:5000]\n"
			       "CA=/etc/a b.pem\nInsecure=no\n[Registry c]\nInsecure=yes",
			       &err),
			 0);
	assert_int_equal(r.n, 3);
	c = registries_find(&r, "docker.io");
	assert_non_null(c);
	assert_int_equal(c->mirror_n, 2);
	assert_string_equal(c->mirrors[0], "a.example:5000/hub");
	assert_string_equal(c->mirrors[1], "b.example");
	c = registries_find(&r, "a.example:5000");
	assert_string_equal(c->ca_path, "/etc/a b.pem");
	assert_int_equal(c->insecure, INSECURE_NO);
	assert_int_equal(registries_find(&r, "c")->insecure, INSECURE_YES);
	assert_null(registries_find(&r, "a.example"));
	registries_done(&r);
}

static void registries_parse__faults__line_and_reason(void **state)
{
	static const struct {
		const char *text, *msg;
	} faults[] = {
		{ "Mirror=a\n", "line 1: 'Mirror' before the first section" },
		{ "\n[Mirror a]\n", "line 2: a section is '[Registry HOST[:PORT]]'" },
		{ "[Registry a", "line 1: a section is '[Registry HOST[:PORT]]'" },
		{ "[Registry ]", "line 1: '' is no HOST[:PORT]" },
		{ "[Registry http://a]", "line 1: 'http://a' is no HOST[:PORT]" },
		{ "[Registry a]\n[Registry a]", "line 2: 'a' has a section already" },
		{ "[Registry a]\nFoo=1", "line 2: unknown key 'Foo'" },
		{ "[Registry a]\nfoo", "line 2: neither a section nor KEY=VALUE" },
		{ "[Registry a]\nMirror=https://b",
		  "line 2: 'https://b' is no HOST[:PORT][/PREFIX]" },
		{ "[Registry a]\nMirror=b/../c", "line 2: 'b/../c' is no HOST[:PORT][/PREFIX]" },
		{ "[Registry a]\nMirror=b@c", "line 2: 'b@c' is no HOST[:PORT][/PREFIX]" },
		{ "[Registry a]\nMirror=", "line 2: '' is no HOST[:PORT][/PREFIX]" },
		{ "[Registry a]\nCA=x.pem", "line 2: CA= takes an absolute path, not 'x.pem'" },
		{ "[Registry a]\nInsecure=1", "line 2: Insecure= takes yes or no, not '1'" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		struct registries r;
		struct err err = { 0 };

		assert_int_equal(parse(&r, faults[i].text, &err), -EINVAL);
		assert_string_equal(err.msg, faults[i].msg);
		registries_done(&r);
	}
}

static void registries_plain__hosts__loopback_or_said(void **state)
{
	static const struct {
		const char *host;
		bool plain;
	} hosts[] = {
		{ "127.0.0.1", true },
		{ "127.3.2.1:5000", true },
		{ "[::1]:5000", true },
		{ "[::1]", true },
		{ "localhost", true },
		{ "localhost:1", true },
		{ "128.0.0.1", false },
		{ "127.evil.example", false },
		{ "127.0.0.1.example", false },
		{ "localhost.example", false },
		{ "[::2]", false },
		{ "docker.io", false },
		{ "said:1", true },
		{ "said", false },
		{ "127.0.0.2", false },
		{ "127.0.0.3", false },
	};
	struct registries r;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(parse(&r,
			       "[Registry said:1]\nInsecure=yes\n[Registry 127.0.0.2]\n"
			       "Insecure=no\n[Registry 127.0.0.3]\nCA=/x\n",
			       &err),
			 0);
	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++)
		assert_int_equal(registries_plain(&r, hosts[i].host), hosts[i].plain);
	registries_done(&r);
}

static void registries_load_cas__file_missing__host_and_file_named(void **state)
{
	struct registries r;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(parse(&r, "[Registry a]\nCA=/nonexistent/x.pem\n", &err), 0);
	assert_int_equal(registries_load_cas(&r, &err), -ENOENT);
	assert_string_equal(err.msg,
			    "CA= of 'a': open '/nonexistent/x.pem': No such file or directory");
	registries_done(&r);
}

/* ---------------------------------------------------------------------- retries */

static void http_backoff_ms__tries__doubles_up_to_the_most(void **state)
{
	static const uint64_t want[] = { 1000, 2000, 4000, 8000, 16000, 32000,
					 60000, 60000, 60000 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(want); i++)
		assert_int_equal(http_backoff_ms(true, i + 1, 0), want[i]);
	/* A connection that broke: at once first. */
	assert_int_equal(http_backoff_ms(false, 1, 0), 0);
	assert_int_equal(http_backoff_ms(false, 2, 0), 1000);
	assert_int_equal(http_backoff_ms(false, UINT32_MAX, 0), 60000);
}

static void http_backoff_ms__retry_after__followed_within_bounds(void **state)
{
	(void)state;
	assert_int_equal(http_backoff_ms(true, 1, 5), 5000);
	assert_int_equal(http_backoff_ms(true, 4, 5), 8000); /* never sooner than without it */
	assert_int_equal(http_backoff_ms(true, 1, 60), 60000);
	assert_int_equal(http_backoff_ms(true, 1, 86400), 60000);
	assert_int_equal(http_backoff_ms(true, 1, UINT64_MAX), 60000);
	assert_int_equal(http_backoff_ms(false, 1, 5), 0); /* of an answer that was cut */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(auth_challenge_add__bearer__all_parameters),
		cmocka_unit_test(auth_challenge_add__forms_of_the_standard__read),
		cmocka_unit_test(auth_challenge_add__several__bearer_is_taken),
		cmocka_unit_test(auth_challenge_add__broken__nothing),
		cmocka_unit_test(auth_challenge_add__too_long__nothing),
		cmocka_unit_test(auth_basic_valid__texts__only_user_and_password),
		cmocka_unit_test(auth_find__keys__most_exact_first),
		cmocka_unit_test(auth_find__addresses__the_registrys_for_all_of_it),
		cmocka_unit_test(auth_find__no_base64__refused_by_name),
		cmocka_unit_test(auth_add__no_object__refused),
		cmocka_unit_test(auth_token_parse__answers__token_or_why_not),
		cmocka_unit_test(registries_parse__whole_file__all_of_it),
		cmocka_unit_test(registries_parse__faults__line_and_reason),
		cmocka_unit_test(registries_plain__hosts__loopback_or_said),
		cmocka_unit_test(registries_load_cas__file_missing__host_and_file_named),
		cmocka_unit_test(http_backoff_ms__tries__doubles_up_to_the_most),
		cmocka_unit_test(http_backoff_ms__retry_after__followed_within_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
