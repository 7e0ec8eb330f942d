/* SPDX-License-Identifier: MIT */
/* Words, quoted as in unit files: Exec= and Environment=. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/strv.h"
#include "config/value.h"
#include "container/spec.h"

#define WHITESPACE " \t"

/* The escapes of systemd.syntax(7) that stand for one byte. */
static const char escapes[][2] = {
	{ 'a', '\a' }, { 'b', '\b' }, { 'f', '\f' },  { 'n', '\n' },  { 'r', '\r' }, { 't', '\t' },
	{ 'v', '\v' }, { 's', ' ' },  { '\\', '\\' }, { '"', '"' }, { '\'', '\'' },
};

/* Encodes a code point; bytes written, 0 if there is no such character. */
static size_t utf8_encode(uint32_t c, char out[4])
{
	if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* Exactly @n digits of @base; false when there are fewer. */
static bool fixed_digits(const char *s, size_t n, int base, uint32_t *out)
{
	*out = 0;
	for (size_t i = 0; i < n; i++) {
		static const char digits[] = "0123456789abcdef";
		const char *digit = s[i] ? strchr(digits, tolower((unsigned char)s[i])) : NULL;

		if (!digit || digit - digits >= base)
			return false;
		*out = *out * (unsigned)base + (unsigned)(digit - digits);
	}
	return true;
}

/*
 * One escape: @s is after the backslash. Returns how many bytes of @s it took,
 * 0 when it is none, and adds what it stands for at *@out. A NUL cannot be in
 * an argument, so it is none.
 */
static size_t unescape(const char *s, char **out)
{
	size_t digits = *s == 'x' ? 2 : *s == 'u' ? 4 : *s == 'U' ? 8 : 0, n;
	uint32_t c;

	for (size_t i = 0; i < ARRAY_SIZE(escapes); i++) {
		if (escapes[i][0] == *s) {
			*(*out)++ = escapes[i][1];
			return 1;
		}
	}
	if (digits == 0) { /* three octal digits, a byte */
		if (!fixed_digits(s, 3, 8, &c) || c == 0 || c > 0xff)
			return 0;
		*(*out)++ = (char)c;
		return 3;
	}
	if (!fixed_digits(s + 1, digits, 16, &c) || c == 0)
		return 0;
	if (digits == 2) {
		*(*out)++ = (char)c;
		return 1 + digits;
	}
	n = utf8_encode(c, *out);
	*out += n;
	return n ? 1 + digits : 0;
}

/**
 * config_word_next() - the next word of a value, unquoted
 * @p: where to go on; starts as v->s
 * @at: receives where the word starts
 * @out: receives the word, the caller's to free; NULL when there is no more
 *
 * As systemd's extract_first_word() does it for ExecStart=: quotes of both
 * kinds may open anywhere in a word and do not nest, escapes work inside and
 * outside of them, "" is an empty word. Unlike systemd, which warns and keeps
 * it, an unknown escape is an error.
 *
 * Return: 0, -EINVAL after a complaint about the word, behind which @p is then, or
 * -ENOMEM.
 */
int config_word_next(const struct config_value *v, const char **p, const char **at, char **out)
{
	const char *s = *p + strspn(*p, WHITESPACE), *opened = NULL;
	cleanup_free char *word = NULL;
	char *end;
	int r = 0;

	*at = s;
	*out = NULL;
	if (!*s)
		return 0;
	word = end = malloc(strlen(s) + 1); /* no escape grows */
	if (!word)
		return -ENOMEM;
	for (; *s && (opened || !strchr(WHITESPACE, *s)); s++) {
		if (*s == '\\') {
			size_t n = unescape(s + 1, &end);

			if (n == 0)
				r = config_value_bad(v, s, "unknown escape sequence");
			s += n;
		} else if (opened ? *s == *opened : *s == '"' || *s == '\'') {
			opened = opened ? NULL : s;
		} else {
			*end++ = *s;
		}
	}
	*p = s;
	if (opened)
		r = config_value_bad(v, opened, "quote is not closed");
	if (r < 0)
		return r;
	*end++ = '\0';
	/* Shrinking: should it fail, the larger block serves as well. */
	*out = realloc(word, (size_t)(end - word));
	if (!*out)
		*out = word;
	word = NULL;
	return 0;
}

/**
 * config_each_word() - do something with each word of a value
 * @fn: gets the word, borrowed, and its place; -EINVAL after a complaint about it
 *
 * All that is wrong is told, word by word.
 *
 * Return: 0, or the last failure.
 */
int config_each_word(const struct config_value *v, config_word_fn *fn, void *ctx)
{
	const char *p = v->s, *at;
	int r, bad = 0;

	do {
		cleanup_free char *word = NULL;

		r = config_word_next(v, &p, &at, &word);
		if (r == 0 && !word)
			break;
		if (r == 0)
			r = fn(v, at, word, ctx);
		bad = r < 0 ? r : bad;
	} while (r == 0 || r == -EINVAL);
	return bad;
}

static int parse_command(const struct config_value *v, void *member)
{
	const char *p = v->s, *at;
	char **argv = NULL, *word;
	size_t n = 0;
	int r, bad = 0;

	do {
		r = config_word_next(v, &p, &at, &word);
		if (r == 0 && word && n == 0 && bad == 0 && !*word) {
			r = config_value_bad(v, at, "the program's name is empty");
			free(word);
		} else if (r == 0 && word) {
			r = strv_push(&argv, &n, word);
		}
		bad = r < 0 ? r : bad;
	} while (r == -EINVAL || (r == 0 && word));
	if (bad < 0) {
		strv_free(argv);
		return bad;
	}
	config_clear_strv(member);
	*(char ***)member = argv;
	return 0;
}

/* "NAME=value": the length of NAME, 0 if it is none that a shell could read. */
static size_t variable_name(const char *s)
{
	size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");

	return s[n] == '=' && !isdigit((unsigned char)s[0]) ? n : 0;
}

/* Puts a variable into the list; one of that name that is there gives way to it. */
static int set_variable(char ***env, size_t *n, char *take)
{
	size_t name = variable_name(take) + 1;

	for (size_t i = 0; i < *n; i++) {
		if (strncmp((*env)[i], take, name) == 0) {
			free((*env)[i]);
			(*env)[i] = take;
			return 0;
		}
	}
	return strv_push(env, n, take);
}

static int parse_environment(const struct config_value *v, void *member)
{
	const char *p = v->s, *at;
	char ***env = member, *word;
	size_t n = 0;
	int r, bad = 0;

	while (*env && (*env)[n])
		n++;
	do {
		r = config_word_next(v, &p, &at, &word);
		if (r == 0 && word && variable_name(word) == 0) {
			bad = config_value_bad(v, at, "'%.*s' is no NAME=value", (int)(p - at), at);
			free(word);
		} else if (r == 0 && word) {
			r = set_variable(env, &n, word);
		}
		bad = r < 0 ? r : bad;
	} while (r == -EINVAL || (r == 0 && word));
	return bad;
}

const struct config_type config_type_command = {
	.parse = parse_command,
	.clear = config_clear_strv,
	.digest = config_digest_strv,
};
const struct config_type config_type_environment = {
	.parse = parse_environment,
	.clear = config_clear_strv,
	.digest = config_digest_strv,
};
