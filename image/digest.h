/* SPDX-License-Identifier: MIT */
/* A sha256 digest as images write it. */
#pragma once

#include <stdbool.h>

#define DIGEST_HEX_LEN 64
#define DIGEST_PREFIX  "sha256:"
#define DIGEST_TEXT_SIZE (sizeof(DIGEST_PREFIX) + DIGEST_HEX_LEN)

/*
 * The hexadecimal digits alone, so that it is a file's name in the store: it
 * never holds anything but 64 of 0-9a-f, or it is empty.
 */
struct digest {
	char hex[DIGEST_HEX_LEN + 1];
};

bool digest_parse(struct digest *out, const char *text);
bool digest_parse_hex(struct digest *out, const char *hex);
bool digest_equal(const struct digest *a, const struct digest *b);
const char *digest_text(const struct digest *d, char buf[DIGEST_TEXT_SIZE]);
