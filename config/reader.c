/* SPDX-License-Identifier: MIT */
/* Lines of a pod file, through inih but past its limits. */
#include "config/reader.h"

#include <ini.h>

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define WHITESPACE " \t"
#define BOM        "\xef\xbb\xbf"

struct reader {
	const char *next, *end;
	unsigned line; /* of the physical line that ends before @next */
	unsigned file;
	const struct config_sink *sink;
	struct config_diags *diags;
	struct config_text text; /* the logical line */
	size_t value;  /* offset in @text of the value that was last shown to inih */
	bool in_section;
	int r; /* the first failure of a callback or of memory; ends the reading */
};

/* Length of the UTF-8 sequence at @s (RFC 3629), 0 when there is no valid one. */
static size_t utf8_length(const unsigned char *s, size_t n, uint32_t *out)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	uint32_t c = len == 1 ? s[0] : s[0] & (0xff >> (len + 1));

	if (len == 0 || len > n || s[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*out = c;
	return len;
}

static bool is_control(uint32_t c)
{
	return (c < 0x20 && c != '\t') || (c >= 0x7f && c < 0xa0);
}

static bool check_bytes(struct reader *r, const char *s, size_t n)
{
	struct config_pos pos = { r->file, r->line, 1 };
	size_t len;

	if (n > CONFIG_LINE_MAX) {
		config_diags_add(r->diags, pos, "line longer than %zu bytes", CONFIG_LINE_MAX);
		return false;
	}
	for (size_t i = 0; i < n; i += len) {
		uint32_t c;

		pos.column = (unsigned)i + 1;
		len = utf8_length((const unsigned char *)s + i, n - i, &c);
		if (len == 0) {
			config_diags_add(r->diags, pos, "byte 0x%02x is not UTF-8",
					 (unsigned char)s[i]);
			return false;
		}
		if (is_control(c)) {
			config_diags_add(r->diags, pos, "control character U+%04X", c);
			return false;
		}
	}
	return true;
}

/* The next physical line, without its LF or CRLF; false at the end. */
static bool next_physical(struct reader *r, const char **s, size_t *n)
{
	const char *lf;

	if (r->next == r->end)
		return false;
	lf = memchr(r->next, '\n', (size_t)(r->end - r->next));
	*s = r->next;
	*n = (size_t)((lf ? lf : r->end) - r->next);
	r->next = lf ? lf + 1 : r->end;
	r->line++;
	if (*n > 0 && (*s)[*n - 1] == '\r')
		(*n)--;
	return true;
}

/* A backslash at the end continues the line, unless it is itself escaped. */
static bool is_continued(const char *s, size_t n)
{
	size_t backslashes = 0;

	while (backslashes < n && s[n - 1 - backslashes] == '\\')
		backslashes++;
	return backslashes % 2 == 1;
}

/* Adds a physical line to the logical one; false when it has a fault, which is told. */
static bool gather(struct reader *r, const char *s, size_t n)
{
	size_t blank = 0;
	struct config_mark from;

	if (!check_bytes(r, s, n))
		return false;
	while (blank < n && (s[blank] == ' ' || s[blank] == '\t'))
		blank++;
	from = (struct config_mark){ .pos = { r->file, r->line, (unsigned)blank + 1 } };
	if (r->text.n + n > CONFIG_LINE_MAX) {
		config_diags_add(r->diags, from.pos, "line longer than %zu bytes", CONFIG_LINE_MAX);
		return false;
	}
	r->r = config_text_append(&r->text, s + blank, n - blank, from);
	return r->r == 0;
}

static bool is_comment(const char *s, size_t n)
{
	while (n > 0 && (*s == ' ' || *s == '\t'))
		s++, n--;
	return n > 0 && (*s == '#' || *s == ';');
}

/* Gathers the next logical line in r->text, empty if there is none in it; false at the end. */
static bool next_logical(struct reader *r)
{
	bool any = false, good = true, continued = true;
	const char *s;
	size_t n;

	config_text_reset(&r->text);
	while (r->r == 0 && continued && next_physical(r, &s, &n)) {
		bool comment = is_comment(s, n);

		if (comment && any)
			continue;
		any = true;
		continued = !comment && is_continued(s, n);
		good = (comment ? check_bytes(r, s, n) : gather(r, s, n)) && good;
		if (good && continued)
			r->text.s[r->text.n - 1] = ' ';
	}
	if (!good)
		config_text_reset(&r->text);
	return any && r->r == 0;
}

static struct config_pos pos_of(const struct reader *r, size_t offset)
{
	return config_text_pos(&r->text, offset);
}

static const char *read_section(struct reader *r)
{
	char *s = r->text.s;

	if (s[r->text.n - 1] != ']') {
		config_diags_add(r->diags, pos_of(r, r->text.n - 1),
				 "']' expected at the end of a section's line");
		return "\n";
	}
	s[r->text.n - 1] = '\0';
	r->in_section = true;
	/* inih tells its handler of no section, least of all an empty one. */
	r->r = r->sink->section(r->sink->arg, s + 1, pos_of(r, 0));
	return "[s]\n";
}

static const char *read_assignment(struct reader *r)
{
	char *s = r->text.s, *equals = memchr(s, '=', r->text.n);
	size_t key_end;

	if (!equals) {
		config_diags_add(r->diags, pos_of(r, 0), "neither [SECTION] nor KEY=VALUE");
		return "\n";
	}
	key_end = (size_t)(equals - s);
	while (key_end > 0 && strchr(WHITESPACE, s[key_end - 1]))
		key_end--;
	if (key_end == 0) {
		config_diags_add(r->diags, pos_of(r, 0), "no key before '='");
		return "\n";
	}
	if (!r->in_section) {
		config_diags_add(r->diags, pos_of(r, 0), "KEY=VALUE before the first [SECTION]");
		return "\n";
	}
	s[key_end] = '\0';
	r->value = (size_t)(equals - s) + 1;
	r->value += strspn(s + r->value, WHITESPACE);
	return "k=v\n";
}

/* What inih calls for the next line, as it would fgets(3). */
static char *show_line(char *buf, int size, void *arg)
{
	const char *shape = "\n";
	struct reader *r = arg;

	if (r->r < 0 || !next_logical(r))
		return NULL;
	while (r->text.n > 0 && strchr(WHITESPACE, r->text.s[r->text.n - 1]))
		r->text.s[--r->text.n] = '\0';
	if (r->text.n > 0)
		shape = r->text.s[0] == '[' ? read_section(r) : read_assignment(r);
	snprintf(buf, (size_t)size, "%s", shape);
	return buf;
}

/* What inih calls for an assignment; the names it gives are only shapes. */
static int take_assignment(void *arg, const char *section, const char *key, const char *value)
{
	struct reader *r = arg;

	(void)section, (void)key, (void)value;
	if (r->r == 0)
		r->r = r->sink->assign(r->sink->arg, r->text.s, pos_of(r, 0), &r->text, r->value);
	return r->r == 0;
}

/**
 * config_read() - take a file apart into sections and assignments
 * @bytes: the file, @n long; a byte order mark at its start is passed over
 * @file: its index in @diags
 * @sink: told of each section and assignment in the file's order; one that
 *        fails ends the reading
 * @diags: gets every fault of form, the reading goes on after it
 *
 * Return: 0 also when there were faults; -ENOMEM, or what a callback returned.
 */
int config_read(const char *bytes, size_t n, unsigned file, const struct config_sink *sink,
		struct config_diags *diags)
{
	struct reader r = { .next = bytes, .end = bytes + n, .file = file, .sink = sink,
			    .diags = diags };

	if (n >= strlen(BOM) && memcmp(bytes, BOM, strlen(BOM)) == 0)
		r.next += strlen(BOM);
	/* A positive result is the line of an error of form, a negative one of
	 * its memory; r.r knows better about both, as no line shown has a fault. */
	if (ini_parse_stream(show_line, &r, take_assignment, &r) < 0 && r.r == 0)
		r.r = -ENOMEM;
	config_text_done(&r.text);
	return r.r;
}
