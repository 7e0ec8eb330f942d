/* SPDX-License-Identifier: MIT */
/* Reading public keys, and checking signatures. */
#include "image/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/lookup.h"

#define CURVE "prime256v1"

/* -------------------------------------------------------------------- one key */

/* By its name: the numbers of a curve in a key can be anyone's (CVE-2020-0601). */
static int check_curve(EVP_PKEY *key, struct err *err)
{
	char name[64] = "";
	int explicit = 0;

	(void)EVP_PKEY_get_group_name(key, name, sizeof(name), NULL); /* else it stays empty */
	(void)EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
				     &explicit);
	if (strcmp(name, CURVE) != 0 || explicit)
		return err_set(err, EINVAL, "its curve is %s, not P-256",
			       explicit || !*name ? "not one with a name" : name);
	return 0;
}

static int check_key(EVP_PKEY *key, struct err *err)
{
	int bits = EVP_PKEY_get_bits(key);

	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_EC:
		return check_curve(key, err);
	case EVP_PKEY_ED25519:
		return 0;
	case EVP_PKEY_RSA:
		if (bits < IMAGE_KEY_BITS_MIN || bits > IMAGE_KEY_BITS_MAX)
			return err_set(err, EINVAL, "an RSA key of %d bits; %d to %d are taken",
				       bits, IMAGE_KEY_BITS_MIN, IMAGE_KEY_BITS_MAX);
		return 0;
	default:
		return err_set(err, EINVAL, "it is neither ECDSA P-256 nor RSA nor Ed25519");
	}
}

static bool is_sound(EVP_PKEY *key)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	bool sound = ctx && EVP_PKEY_public_check_quick(ctx) == 1;

	EVP_PKEY_CTX_free(ctx);
	return sound;
}

static int add_der(struct image_keys *keys, const unsigned char *der, long n, struct err *err)
{
	const unsigned char *end = der;
	EVP_PKEY *key;
	int r;

	if (keys->n == IMAGE_KEYS_MAX)
		return err_set(err, E2BIG, "more than %u keys", IMAGE_KEYS_MAX);
	key = d2i_PUBKEY(NULL, &end, n);
	if (!key || end != der + n)
		r = err_set(err, EBADMSG, "a key in it is damaged");
	else
		r = check_key(key, err);
	if (r == 0 && !is_sound(key))
		r = err_set(err, EBADMSG, "a key in it is damaged");
	if (r < 0)
		EVP_PKEY_free(key);
	else
		keys->list[keys->n++] = key;
	return r;
}

static int add_block(struct image_keys *keys, const char *kind, const unsigned char *der, long n,
		     struct err *err)
{
	if (strstr(kind, "PRIVATE KEY"))
		return err_set(err, EINVAL, "it holds a private key; the public one is asked for");
	if (strcmp(kind, PEM_STRING_PUBLIC) != 0)
		return err_set(err, EINVAL, "it holds a '%.40s', not a 'PUBLIC KEY'", kind);
	return add_der(keys, der, n, err);
}

/**
 * image_keys_add() - the keys of a text in PEM form, which has one or more
 * @keys: all zero at first; released by image_keys_done(), whatever this returned
 *
 * Return: 0; -EINVAL for keys that are not taken; -EBADMSG, -E2BIG, -ENOMEM. @err is
 * filled.
 */
int image_keys_add(struct image_keys *keys, const char *pem, size_t n, struct err *err)
{
	BIO *bio = BIO_new_mem_buf(pem, (int)n);
	unsigned before = keys->n;
	char *kind, *header;
	unsigned char *der;
	int r = bio ? 0 : err_set(err, ENOMEM, "out of memory");
	long der_n;

	while (r == 0 && PEM_read_bio(bio, &kind, &header, &der, &der_n) == 1) {
		r = add_block(keys, kind, der, der_n, err);
		OPENSSL_free(kind);
		OPENSSL_free(header);
		OPENSSL_free(der);
	}
	if (r == 0 && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		r = err_set(err, EBADMSG, "a key in it is damaged");
	if (r == 0 && keys->n == before)
		r = err_set(err, EINVAL, "there is no public key in it (PEM)");
	ERR_clear_error();
	BIO_free(bio);
	return r;
}

static int add_file(struct image_keys *keys, const char *path, struct err *err)
{
	const struct lookup l = { path, "open", O_PATH };
	cleanup_free char *text = malloc(IMAGE_KEYS_BYTES_MAX);
	cleanup_close int fd = -EBADF;
	char by[64];
	ssize_t n;
	int r = text ? lookup_open(&fd, &l, err) : err_set(err, ENOMEM, "out of memory");

	if (r < 0)
		return r;
	snprintf(by, sizeof(by), "/proc/self/fd/%d", fd); /* the very file that was looked up */
	n = io_read_file(AT_FDCWD, by, text, IMAGE_KEYS_BYTES_MAX, NULL);
	if (n < 0)
		return err_set(err, (int)-n, "read '%s': %s", path, strerror((int)-n));
	r = image_keys_add(keys, text, (size_t)n, err);
	return r < 0 ? err_wrap(err, r, "key '%s'", path) : 0;
}

/**
 * image_keys_load() - the keys of a policy, from their files
 * @out: released by image_keys_done(), whatever this returned
 *
 * Return: 0 or -errno with @err filled.
 */
int image_keys_load(struct image_keys *out, const struct image_policy *policy, struct err *err)
{
	int r = 0;

	*out = (struct image_keys){ .n = 0 };
	for (unsigned i = 0; r == 0 && i < policy->key_n; i++)
		r = add_file(out, policy->keys[i], err);
	return r;
}

void image_keys_done(struct image_keys *keys)
{
	while (keys->n > 0)
		EVP_PKEY_free(keys->list[--keys->n]);
}

/* ---------------------------------------------------------------- one signature */

/*
 * RSA's padding is what OpenSSL takes unless told otherwise, PKCS#1 v1.5, and the
 * key decides on all else. Of DER that has more than it should, ECDSA_verify(3)
 * says that it is no signature.
 */
static bool verify(EVP_PKEY *key, const void *message, size_t n, const unsigned char *signature,
		   size_t signature_n)
{
	const EVP_MD *md = EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = ctx && EVP_DigestVerifyInit(ctx, NULL, md, NULL, key) == 1 &&
		    EVP_DigestVerify(ctx, signature, signature_n, message, n) == 1;

	EVP_MD_CTX_free(ctx);
	return good;
}

/**
 * image_keys_verify() - whether one of the keys has signed these bytes
 */
bool image_keys_verify(const struct image_keys *keys, const void *message, size_t n,
		       const unsigned char *signature, size_t signature_n)
{
	bool good = false;

	for (unsigned i = 0; !good && i < keys->n; i++)
		good = verify(keys->list[i], message, n, signature, signature_n);
	ERR_clear_error();
	return good;
}
