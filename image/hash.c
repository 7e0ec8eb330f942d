/* SPDX-License-Identifier: MIT */
/* sha256 of streams. */
#include "image/hash.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"

#define CHUNK (256 * 1024)

/**
 * hash_begin() - start a hash; release it with hash_done()
 *
 * Return: 0, or -ENOMEM with @err filled.
 */
int hash_begin(struct hash *h, struct err *err)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	h->ctx = ctx;
	if (!ctx || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1)
		return err_set(err, ENOMEM, "begin a sha256: out of memory");
	return 0;
}

/* What follows cannot fail for a context that was begun (EVP_DigestInit(3ssl)). */
void hash_add(struct hash *h, const void *buf, size_t n)
{
	(void)EVP_DigestUpdate(h->ctx, buf, n);
}

/**
 * hash_end() - the digest of all that was added
 */
void hash_end(struct hash *h, struct digest *out)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	(void)EVP_DigestFinal_ex(h->ctx, sum, &n);
	for (unsigned i = 0; i < DIGEST_HEX_LEN / 2; i++)
		snprintf(out->hex + 2 * i, 3, "%02x", sum[i]);
}

void hash_done(struct hash *h)
{
	EVP_MD_CTX_free(h->ctx);
	h->ctx = NULL;
}

/**
 * hash_copy() - the digest of all that can be read, written elsewhere on the way
 * @to_fd: -1: nowhere
 *
 * Return: 0 or -errno with @err filled.
 */
int hash_copy(struct digest *out, int from_fd, int to_fd, struct err *err)
{
	cleanup_free char *buf = malloc(CHUNK);
	__attribute__((cleanup(hash_done))) struct hash h = { 0 };
	int r = buf ? hash_begin(&h, err) : err_set(err, ENOMEM, "read: out of memory");
	ssize_t n = 0;

	while (r == 0 && (n = read(from_fd, buf, CHUNK)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "read");
		hash_add(&h, buf, (size_t)n);
		r = to_fd < 0 ? 0 : io_write_all(to_fd, buf, (size_t)n);
		if (r < 0)
			return err_set(err, -r, "write: %s", strerror(-r));
	}
	if (r == 0)
		hash_end(&h, out);
	return r;
}

/**
 * hash_file() - the digest of what is left to read of a file
 */
int hash_file(struct digest *out, int fd, struct err *err)
{
	return hash_copy(out, fd, -1, err);
}

/**
 * hash_bytes() - the digest of a piece of memory
 */
void hash_bytes(struct digest *out, const void *buf, size_t n)
{
	unsigned char sum[EVP_MAX_MD_SIZE];

	(void)EVP_Digest(buf, n, sum, NULL, EVP_sha256(), NULL);
	for (unsigned i = 0; i < DIGEST_HEX_LEN / 2; i++)
		snprintf(out->hex + 2 * i, 3, "%02x", sum[i]);
}
