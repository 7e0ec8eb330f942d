/* SPDX-License-Identifier: MIT */
/* Reading digests strictly: they become names of files. */
#include "image/digest.h"

#include <stdio.h>
#include <string.h>

/**
 * digest_parse_hex() - take 64 lower-case hexadecimal digits, and nothing else
 * @out: untouched when it is none
 */
bool digest_parse_hex(struct digest *out, const char *hex)
{
	if (strlen(hex) != DIGEST_HEX_LEN || strspn(hex, "0123456789abcdef") != DIGEST_HEX_LEN)
		return false;
	memcpy(out->hex, hex, DIGEST_HEX_LEN + 1);
	return true;
}

/**
 * digest_parse() - take "sha256:" and 64 digits (image-spec, descriptor.md "Digests")
 *
 * Other algorithms are refused: nobody writes them, and each would be one more
 * way to name the same bytes.
 */
bool digest_parse(struct digest *out, const char *text)
{
	size_t n = strlen(DIGEST_PREFIX);

	return strncmp(text, DIGEST_PREFIX, n) == 0 && digest_parse_hex(out, text + n);
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
	return strcmp(a->hex, b->hex) == 0;
}

/**
 * digest_text() - as images write it
 *
 * Return: @buf.
 */
const char *digest_text(const struct digest *d, char buf[DIGEST_TEXT_SIZE])
{
	snprintf(buf, DIGEST_TEXT_SIZE, DIGEST_PREFIX "%s", d->hex);
	return buf;
}
