/* SPDX-License-Identifier: MIT */
/* Words that name units: split and checked as systemd does. */
#include "config/unit_words.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"

#define BLANKS " \t"

/**
 * config_unit_word() - the next word of a list of units
 * @at: moved behind the word
 *
 * As systemd's extract_first_word() with EXTRACT_UNQUOTE and EXTRACT_RETAIN_ESCAPE: quotes
 * may be anywhere in a word and are not of it, a backslash is a character like others.
 *
 * Return: 1; 0 after the last one; -EINVAL for a quote that is not closed, with @at at the
 * end; -ENAMETOOLONG for a word that is no name, with its beginning in @word.
 */
int config_unit_word(char word[CONFIG_UNIT_NAME_MAX + 1], const char **at)
{
	const char *s = *at + strspn(*at, BLANKS);
	char quote = '\0';
	size_t n = 0;

	if (!*s) {
		*at = s;
		return 0;
	}
	for (; *s && (quote || !strchr(BLANKS, *s)); s++) {
		if (quote ? *s == quote : *s == '"' || *s == '\'')
			quote = quote ? '\0' : *s;
		else if (n++ < CONFIG_UNIT_NAME_MAX)
			word[n - 1] = *s;
	}
	word[n < CONFIG_UNIT_NAME_MAX ? n : CONFIG_UNIT_NAME_MAX] = '\0';
	*at = s;
	if (quote)
		return -EINVAL;
	return n > CONFIG_UNIT_NAME_MAX ? -ENAMETOOLONG : 1;
}

static bool ends_with(const char *s, size_t n, const char *suffix)
{
	size_t tail = strlen(suffix);

	return n > tail && memcmp(s + n - tail, suffix, tail) == 0;
}

/**
 * config_unit_of() - the unit that a word of a pod file names
 * @word: @n bytes; "web.pod" is that pod's unit, all else is itself
 *
 * Return: @out, or NULL when it would be too long.
 */
const char *config_unit_of(char out[CONFIG_UNIT_NAME_MAX + 1], const char *word, size_t n)
{
	const char *more = ends_with(word, n, ".pod") ? ".service" : "";

	if (n + strlen(more) > CONFIG_UNIT_NAME_MAX)
		return NULL;
	snprintf(out, CONFIG_UNIT_NAME_MAX + 1, "%.*s%s", (int)n, word, more);
	return out;
}

/**
 * config_unit_name_valid() - whether a word names a unit or a pod, see systemd.unit(5)
 */
bool config_unit_name_valid(const char *word)
{
	static const char *const types[] = { ".service", ".socket", ".target", ".mount",
					     ".automount", ".swap", ".path", ".timer", ".slice",
					     ".scope", ".device" };
	static const char set[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "0123456789:-_.\\@";
	char name[CONFIG_UNIT_NAME_MAX + 1];

	if (word[0] == '@' || !config_unit_of(name, word, strlen(word)) ||
	    strspn(name, set) < strlen(name))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (ends_with(name, strlen(name), types[i]))
			return true;
	return false;
}
