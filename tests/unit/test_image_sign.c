/* SPDX-License-Identifier: MIT */
/* image/: signature documents, keys and policies. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "image/keys.h"
#include "image/policy.h"
#include "image/signature.h"

#define HEX "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define D   "sha256:" HEX
#define CRITICAL(type, image, identity)                                                            \
	"{\"critical\":{\"type\":\"" type "\",\"image\":{" image "},\"identity\":{" identity "}}"
#define TYPE	 "cosign container image signature"
#define IMAGE	 "\"docker-manifest-digest\":\"" D "\""
#define IDENTITY "\"docker-reference\":\"r.example/a\""

static int claim(const char *text, struct err *err)
{
	struct signature_claim c;

	return signature_claim_parse(&c, (struct image_bytes){ text, strlen(text) }, err);
}

static void claim__as_cosign_writes_it__is_read(void **state)
{
	const char *text = CRITICAL(TYPE, IMAGE, IDENTITY) ",\"optional\":null}";
	struct signature_claim c;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(signature_claim_parse(&c, (struct image_bytes){ text, strlen(text) },
					       &err), 0);
	assert_string_equal(c.digest.hex, HEX);
	assert_string_equal(c.reference, "r.example/a");
}

static void claim__broken_or_more_than_known__is_refused(void **state)
{
	static const char *const bad[][2] = {
		{ "[]", "no JSON object" },
		{ CRITICAL(TYPE, IMAGE, IDENTITY) ",\"critical\":{}}", "duplicate object key" },
		{ CRITICAL(TYPE, IMAGE "," IMAGE, IDENTITY) "}", "duplicate object key" },
		{ CRITICAL(TYPE, IMAGE, IDENTITY) "} x", "bad JSON" },
		{ CRITICAL(TYPE, IMAGE, IDENTITY) ",\"more\":1}", "or more" },
		{ CRITICAL("atomic container signature", IMAGE, IDENTITY) "}", "its type is not" },
		{ CRITICAL(TYPE, IMAGE ",\"x\":1", IDENTITY) "}", "'critical' has not" },
		{ CRITICAL(TYPE, "\"Docker-manifest-digest\":\"" D "\"", IDENTITY) "}", "has not" },
		{ CRITICAL(TYPE, "\"docker-manifest-digest\":\"sha256:aa\"", IDENTITY) "}",
		  "no sha256" },
		{ CRITICAL(TYPE, IMAGE, "\"docker-reference\":\"\"") "}", "docker-reference" },
		{ CRITICAL(TYPE, IMAGE, "\"docker-reference\":\"a b\"") "}", "is no name" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err = { 0 };

		if (claim(bad[i][0], &err) != -EBADMSG || !strstr(err.msg, bad[i][1]))
			fail_msg("%s\n  says '%s'", bad[i][0], err.msg);
	}
}

static void claim__huge__is_refused(void **state)
{
	static char text[SIGNATURE_DOCUMENT_MAX + 2];
	struct signature_claim c;
	struct err err = { 0 };

	(void)state;
	memset(text, ' ', sizeof(text) - 1);
	assert_int_equal(signature_claim_parse(&c, (struct image_bytes){ text, sizeof(text) - 1 },
					       &err), -EFBIG);
}

static void decode__only_canonical_base64__is_taken(void **state)
{
	static const char *const bad[] = { "", "=", "A", "AA", "AAA", "AA=", "AB==", "AAB=", "A A=",
					   "AAAA\n", "AAAA====", "AA==AAAA", "-_==" };
	struct signature s;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(signature_decode(&s, "AAECAw==", &err), 0);
	assert_int_equal(s.n, 4);
	assert_memory_equal(s.bytes, "\0\1\2\3", 4);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (signature_decode(&s, bad[i], &err) != -EBADMSG)
			fail_msg("'%s' was taken", bad[i]);
}

/* ------------------------------------------------------------------------ names */

static int match(const char *words, const char *asked, const char *claimed)
{
	struct image_policy policy;
	struct image_ref ref;
	struct digest d = { HEX };
	struct err err = { 0 };

	assert_int_equal(image_policy_parse(&policy, words, &err), 0);
	assert_int_equal(image_ref_parse(&ref, asked, &err), 0);
	return image_policy_match(&policy, &ref, claimed, &d, &err);
}

static void match__names__by_repository_and_tag(void **state)
{
	static const struct {
		const char *words, *asked, *claimed;
		int r;
	} table[] = {
		{ "/k", "r.example/a:1", "r.example/a", 0 },
		{ "/k", "r.example/a:1", "r.example/a:1", 0 },
		{ "/k", "r.example/a:1", "r.example/a:2", -EACCES },
		{ "/k", "r.example/a:1", "r.example/b", -EACCES },
		{ "/k", "r.example/a:1", "r.example/a/b", -EACCES },
		{ "/k", "r.example/a:1", "s.example/a", -EACCES },
		{ "/k", "localhost:5000/a:1", "localhost:5000/a", 0 },
		{ "/k", "localhost:5000/a:1", "localhost:5001/a", -EACCES },
		{ "/k", "nginx", "index.docker.io/library/nginx", 0 },
		{ "/k", "nginx", "docker.io/library/nginx:latest", 0 },
		{ "/k", "r.example/a:1@" D, "r.example/a:2", 0 },
		{ "/k", "r.example/a:1@" D, "r.example/b", -EACCES },
		{ "/k", "r.example/a:1", "r.example/a@" D, 0 },
		{ "/k", "r.example/a:1", "r.example/a@sha256:bb" "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", -EBADMSG },
		{ "/k", D, "anything.example/x", 0 },
		{ "/k", "/a/path", "r.example/a", -EACCES },
		{ "/k as=r.example/a", "/a/path", "r.example/a:7", 0 },
		{ "/k as=r.example/a:1", "/a/path", "r.example/a:7", -EACCES },
		{ "/k as=r.example/a", "r.example/b:1", "r.example/b", -EACCES },
		{ "/k", "r.example/a:1", "/r.example/a", -EBADMSG },
		{ "/k", "r.example/a:1", "R.example/A", -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		int r = match(table[i].words, table[i].asked, table[i].claimed);

		if (r != table[i].r)
			fail_msg("%zu: '%s' for '%s': %d", i, table[i].claimed, table[i].asked, r);
	}
}

static void policy__nonsense__is_refused(void **state)
{
	static const char *const bad[] = { "", " ", "any /k", "any any", "as=a", "k.pub", "/k as=",
					   "/k as=" D, "/1 /2 /3 /4 /5 /6 /7 /8 /9" };
	struct image_policy policy;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (image_policy_parse(&policy, bad[i], NULL) >= 0)
			fail_msg("'%s' was taken", bad[i]);
}

/* ------------------------------------------------------------------------- keys */

static EVP_PKEY *new_key(const char *type, const char *group_or_bits)
{
	EVP_PKEY *key = strcmp(type, "EC") == 0	 ? EVP_EC_gen(group_or_bits) :
			strcmp(type, "RSA") == 0 ? EVP_RSA_gen((unsigned)atoi(group_or_bits)) :
						   EVP_PKEY_Q_keygen(NULL, NULL, type);

	assert_non_null(key);
	return key;
}

static int add_key(struct image_keys *keys, EVP_PKEY *key, struct err *err)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *pem;
	int r;

	assert_int_equal(PEM_write_bio_PUBKEY(bio, key), 1);
	r = (int)BIO_get_mem_data(bio, &pem);
	r = image_keys_add(keys, pem, (size_t)r, err);
	BIO_free(bio);
	return r;
}

static size_t sign(EVP_PKEY *key, const EVP_MD *md, const char *text, unsigned char out[1100])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t n = 1024;

	assert_int_equal(EVP_DigestSignInit(ctx, NULL, md, NULL, key), 1);
	assert_int_equal(EVP_DigestSign(ctx, out, &n, (const unsigned char *)text,
					strlen(text)), 1);
	EVP_MD_CTX_free(ctx);
	return n;
}

static void keys__each_kind__verifies_its_own_only(void **state)
{
	static const char *const kinds[][2] = {
		{ "EC", "P-256" }, { "RSA", "2048" }, { "ED25519", "" }
	};
	unsigned char s[1100];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		EVP_PKEY *key = new_key(kinds[i][0], kinds[i][1]);
		EVP_PKEY *other = new_key(kinds[i][0], kinds[i][1]);
		struct image_keys keys = { .n = 0 };
		struct err err = { 0 };
		const EVP_MD *md = i == 2 ? NULL : EVP_sha256();
		size_t n = sign(key, md, "text", s);

		assert_int_equal(add_key(&keys, key, &err), 0);
		assert_true(image_keys_verify(&keys, "text", 4, s, n));
		assert_false(image_keys_verify(&keys, "tex", 3, s, n));
		s[n] = 0; /* more than the signature, as trailing DER */
		assert_false(image_keys_verify(&keys, "text", 4, s, n + 1));
		assert_false(image_keys_verify(&keys, "text", 4, s, n - 1));
		assert_false(image_keys_verify(&keys, "text", 4, s, 0));
		n = sign(other, md, "text", s);
		assert_false(image_keys_verify(&keys, "text", 4, s, n));
		if (md) { /* another hash is another algorithm */
			n = sign(key, EVP_sha512(), "text", s);
			assert_false(image_keys_verify(&keys, "text", 4, s, n));
		}
		image_keys_done(&keys);
		EVP_PKEY_free(key);
		EVP_PKEY_free(other);
	}
}

static void keys__weak_or_of_another_kind__are_refused(void **state)
{
	static const char *const bad[][3] = { { "EC", "P-384", "not P-256" },
					      { "EC", "secp256k1", "not P-256" },
					      { "RSA", "1024", "RSA key of 1024 bits" },
					      { "X25519", "", "neither" } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		EVP_PKEY *key = new_key(bad[i][0], bad[i][1]);
		struct image_keys keys = { .n = 0 };
		struct err err = { 0 };

		assert_int_equal(add_key(&keys, key, &err), -EINVAL);
		if (!strstr(err.msg, bad[i][2]))
			fail_msg("%s", err.msg);
		assert_int_equal(keys.n, 0);
		EVP_PKEY_free(key);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(claim__as_cosign_writes_it__is_read),
		cmocka_unit_test(claim__broken_or_more_than_known__is_refused),
		cmocka_unit_test(claim__huge__is_refused),
		cmocka_unit_test(decode__only_canonical_base64__is_taken),
		cmocka_unit_test(match__names__by_repository_and_tag),
		cmocka_unit_test(policy__nonsense__is_refused),
		cmocka_unit_test(keys__each_kind__verifies_its_own_only),
		cmocka_unit_test(keys__weak_or_of_another_kind__are_refused),
	};

	return cmocka_run_group_tests_name("image signatures", tests, NULL, NULL);
}
