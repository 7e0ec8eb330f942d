/* SPDX-License-Identifier: MIT */
/* Strict parsing, and strings that may not be UTF-8. */
#include "base/json.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"

/* Counts brackets outside of strings; whether the text is JSON at all is the
 * parser's question. */
static bool too_deep(const char *text, size_t n)
{
	bool in_string = false;
	int depth = 0;

	for (size_t i = 0; i < n; i++) {
		if (in_string && text[i] == '\\')
			i++;
		else if (text[i] == '"')
			in_string = !in_string;
		else if (!in_string && (text[i] == '{' || text[i] == '['))
			depth++;
		else if (!in_string && (text[i] == '}' || text[i] == ']'))
			depth--;
		if (depth > JSON_TEXT_DEPTH_MAX)
			return true;
	}
	return false;
}

/**
 * json_text_parse() - parse one JSON object or array from bytes of somebody else
 * @out: receives the value, owned by the caller; untouched on failure
 * @text: @n bytes, no NUL needed
 *
 * Refuses what two readers could understand differently: a key given twice,
 * "\u0000", bytes that are not UTF-8, anything after the value; and more than
 * JSON_TEXT_DEPTH_MAX levels.
 *
 * Return: 0, or -EBADMSG with @err filled.
 */
int json_text_parse(json_t **out, const char *text, size_t n, struct err *err)
{
	json_error_t e;
	json_t *v;

	if (too_deep(text, n))
		return err_set(err, EBADMSG, "JSON nested deeper than %d levels",
			       JSON_TEXT_DEPTH_MAX);
	v = json_loadb(text, n, JSON_REJECT_DUPLICATES, &e);
	if (!v)
		return err_set(err, EBADMSG, "bad JSON at byte %d: %s", e.position, e.text);
	*out = v;
	return 0;
}

/**
 * json_text_string() - a JSON string of any C string
 * @s: may be cut inside a character, or hold what a container's files hold
 *
 * Each byte that is not ASCII becomes '?' when the whole is not UTF-8, since
 * jansson would refuse it and the message would be lost.
 *
 * Return: a new string, or NULL without memory.
 */
json_t *json_text_string(const char *s)
{
	json_t *v = json_string(s);
	cleanup_free char *ascii = NULL;

	if (v)
		return v;
	ascii = strdup(s);
	if (!ascii)
		return NULL;
	for (char *p = ascii; *p; p++)
		if (*p & 0x80)
			*p = '?';
	return json_string(ascii);
}
