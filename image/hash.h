/* SPDX-License-Identifier: MIT */
/* sha256, by OpenSSL: for podd-image only, podd itself hashes nothing. */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "image/digest.h"

struct hash {
	void *ctx; /* EVP_MD_CTX; NULL: not begun */
};

int hash_begin(struct hash *h, struct err *err);
void hash_add(struct hash *h, const void *buf, size_t n);
void hash_end(struct hash *h, struct digest *out);
void hash_done(struct hash *h);
int hash_file(struct digest *out, int fd, struct err *err);
int hash_copy(struct digest *out, int from_fd, int to_fd, struct err *err);
void hash_bytes(struct digest *out, const void *buf, size_t n);
