/* SPDX-License-Identifier: MIT */
/* What all types of values share: complaints and stores. */
#include "config/value.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/strv.h"

/**
 * config_value_bad() - note what is wrong with a value
 * @at: the place, within v->s
 * @fmt: goes on after "KEY=: "
 *
 * Return: -EINVAL, so that it can be the operand of return.
 */
int config_value_bad(const struct config_value *v, const char *at, const char *fmt, ...)
{
	cleanup_free char *message = NULL;
	va_list ap;
	int n;

	assert(v->text); /* a default of the table is never bad */
	va_start(ap, fmt);
	n = vasprintf(&message, fmt, ap);
	va_end(ap);
	if (n < 0)
		message = NULL;
	config_diags_add(v->diags, config_text_pos(v->text, (size_t)(at - v->s)), "%s=: %s",
			 v->key->name, message ? message : "bad value");
	return -EINVAL;
}

/**
 * config_value_store() - store a number in a member of the key's size
 */
void config_value_store(const struct config_value *v, void *member, uint64_t number)
{
	uint32_t n32 = (uint32_t)number;
	uint8_t n8 = (uint8_t)number;

	switch (v->key->size) {
	case sizeof(number):
		memcpy(member, &number, sizeof(number));
		break;
	case sizeof(n32):
		memcpy(member, &n32, sizeof(n32));
		break;
	default:
		assert(v->key->size == sizeof(n8));
		memcpy(member, &n8, sizeof(n8));
	}
}

/**
 * config_value_string() - replace an owned string
 * @s: copied, @n bytes of it
 *
 * Return: 0, or -ENOMEM with the old string still there.
 */
int config_value_string(char **member, const char *s, size_t n)
{
	char *copy = strndup(s, n);

	if (!copy)
		return -ENOMEM;
	free(*member);
	*member = copy;
	return 0;
}

/**
 * config_clear_string() - the clear() of types that own one string
 */
void config_clear_string(void *member)
{
	free_ptr(member);
}

/**
 * config_clear_strv() - the clear() of types that own an array of strings
 */
void config_clear_strv(void *member)
{
	char ***list = member;

	strv_free(*list);
	*list = NULL;
}

/**
 * config_digest_bytes() - go on with a digest: FNV-1a, 64 bits
 */
uint64_t config_digest_bytes(uint64_t h, const void *bytes, size_t n)
{
	for (const unsigned char *p = bytes; n > 0; p++, n--)
		h = (h ^ *p) * UINT64_C(0x100000001b3);
	return h;
}

/**
 * config_digest_text() - the same for a string
 * @s: NULL is not the same as ""; its NUL counts: it parts the strings of a list
 */
uint64_t config_digest_text(uint64_t h, const char *s)
{
	return s ? config_digest_bytes(h, s, strlen(s) + 1) : config_digest_bytes(h, "\xff", 1);
}

/**
 * config_digest_string() - the digest() of types that own one string
 */
uint64_t config_digest_string(const void *member, uint64_t h)
{
	return config_digest_text(h, *(char *const *)member);
}

/**
 * config_digest_strv() - the digest() of types that own an array of strings
 */
uint64_t config_digest_strv(const void *member, uint64_t h)
{
	for (char *const *s = *(char **const *)member; s && *s; s++)
		h = config_digest_text(h, *s);
	return config_digest_text(h, NULL);
}
