/* SPDX-License-Identifier: MIT */
/* Reading policies, and comparing names with them. */
#include "image/policy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/io.h"

#define SPACE " \t\r\n"
#define AS    "as="

static int add_as(struct image_policy *p, const char *name, struct err *err)
{
	struct image_ref ref;

	if (p->as_n == ARRAY_SIZE(p->as))
		return err_set(err, E2BIG, "more than %zu '" AS "'", ARRAY_SIZE(p->as));
	if (image_ref_parse(&ref, name, NULL) < 0 || ref.kind != IMAGE_REF_NAME ||
	    ref.digest.hex[0])
		return err_set(err, EINVAL, "'%.200s' is no name of a repository", name);
	p->as[p->as_n++] = name;
	return 0;
}

static int add_word(struct image_policy *p, const char *word, struct err *err)
{
	if (strncmp(word, AS, strlen(AS)) == 0)
		return add_as(p, word + strlen(AS), err);
	if (word[0] != '/')
		return err_set(err, EINVAL, "'%.200s' is neither 'any' nor the path of a key nor "
			       "'" AS "REPOSITORY'", word);
	if (p->key_n == ARRAY_SIZE(p->keys))
		return err_set(err, E2BIG, "more than %zu keys", ARRAY_SIZE(p->keys));
	p->keys[p->key_n++] = word;
	return 0;
}

static int parse_words(struct image_policy *p, struct err *err)
{
	unsigned n = 0, any = 0;
	char *rest = p->text;
	int r = 0;

	for (char *word; r == 0 && (word = strsep(&rest, SPACE)) != NULL;) {
		if (!*word)
			continue;
		n++;
		if (strcmp(word, "any") == 0)
			any++;
		else
			r = add_word(p, word, err);
	}
	if (r < 0)
		return r;
	if (n == 0)
		return err_set(err, EINVAL, "it says nothing; 'any' takes all images");
	if (any > 0 && n > 1)
		return err_set(err, EINVAL, "'any' stands alone");
	if (any == 0 && p->key_n == 0)
		return err_set(err, EINVAL, "it names no key");
	return 0;
}

/**
 * image_policy_parse() - read a policy's words
 * @out: filled; no key is opened
 *
 * Return: 0, or -EINVAL or -E2BIG with @err filled.
 */
int image_policy_parse(struct image_policy *out, const char *text, struct err *err)
{
	int r = 0;

	*out = (struct image_policy){ .key_n = 0 };
	if (snprintf(out->text, sizeof(out->text), "%s", text) >= (int)sizeof(out->text))
		r = err_set(err, E2BIG, "more than %d bytes", IMAGE_POLICY_TEXT_MAX - 1);
	if (r == 0)
		r = parse_words(out, err);
	return r < 0 ? err_wrap(err, r, "image policy") : 0;
}

/* In one line. A "#" that begins a line makes it a comment. */
static void join_lines(char *text)
{
	for (char *line = text; *line;) {
		size_t n = strcspn(line, "\n");

		if (line[strspn(line, " \t")] == '#')
			memset(line, ' ', n);
		line += n;
		if (*line)
			*line++ = ' ';
	}
}

/**
 * image_policy_read() - the host's own policy
 * @out: its words; "any" when there is no such file
 * @etc_fd: podd's directory for that, or -EBADF: there is none
 *
 * Return: 0 or -errno with @err filled. What it says is not looked at.
 */
int image_policy_read(char out[IMAGE_POLICY_TEXT_MAX], int etc_fd, struct err *err)
{
	ssize_t n = etc_fd < 0 ? -ENOENT :
				 io_read_file(etc_fd, IMAGE_POLICY_FILE, out,
					      IMAGE_POLICY_TEXT_MAX, err);

	if (n == -ENOENT) {
		snprintf(out, IMAGE_POLICY_TEXT_MAX, "any");
		return 0;
	}
	if (n < 0)
		return (int)n;
	if (strlen(out) != (size_t)n)
		return err_set(err, EINVAL, "'%s' holds a NUL", IMAGE_POLICY_FILE);
	join_lines(out);
	return 0;
}

/* ----------------------------------------------------------------------- names */

/* In a name that image_ref_parse() has completed. */
static size_t repository_length(const char *name)
{
	return (size_t)(strrchr(name, ':') - name);
}

static bool same_repository(const char *a, const char *b)
{
	size_t n = repository_length(a);

	return n == repository_length(b) && strncmp(a, b, n) == 0;
}

/* Whether a reference says a tag: after its last "/", before any "@". */
static bool has_tag(const char *text)
{
	size_t n = strcspn(text, "@");
	const char *colon = memrchr(text, ':', n);

	return colon && !memchr(colon, '/', n - (size_t)(colon - text));
}

static bool claim_is(const struct image_ref *claim, bool tagged, const char *asked, bool any_tag)
{
	if (!same_repository(claim->name, asked))
		return false;
	return !tagged || any_tag || strcmp(claim->name, asked) == 0;
}

static bool matches_as(const struct image_policy *p, const struct image_ref *claim, bool tagged)
{
	struct image_ref as;

	for (unsigned i = 0; i < p->as_n; i++)
		if (image_ref_parse(&as, p->as[i], NULL) == 0 &&
		    claim_is(claim, tagged, as.name, !has_tag(p->as[i])))
			return true;
	return false;
}

static int check_claim(const char *claimed, const struct image_ref *claim,
		       const struct digest *digest, struct err *err)
{
	if (claim->kind != IMAGE_REF_NAME)
		return err_set(err, EBADMSG, "the signature is for '%.200s', which is no name",
			       claimed);
	if (claim->digest.hex[0] && !digest_equal(&claim->digest, digest))
		return err_set(err, EBADMSG, "the signature says two digests");
	return 0;
}

/**
 * image_policy_match() - whether a signature's name is one that was asked for
 * @asked: what the image is called here
 * @claimed: the "docker-reference" that was signed
 * @digest: the digest that was signed with it
 *
 * Return: 0; -EBADMSG or -EINVAL for a name that is none; -EACCES for another one.
 * @err is filled.
 */
int image_policy_match(const struct image_policy *policy, const struct image_ref *asked,
		       const char *claimed, const struct digest *digest, struct err *err)
{
	bool tagged = has_tag(claimed), pinned = asked->digest.hex[0];
	struct image_ref claim;
	int r = image_ref_parse(&claim, claimed, err);

	if (r == 0)
		r = check_claim(claimed, &claim, digest, err);
	if (r < 0)
		return r;
	if (policy->as_n > 0 && matches_as(policy, &claim, tagged))
		return 0;
	if (policy->as_n > 0)
		return err_set(err, EACCES,
			       "the signature is for '%.200s', and the policy says 'as=%.200s'",
			       claimed, policy->as[0]);
	if (asked->kind == IMAGE_REF_DIGEST)
		return 0;
	if (asked->kind == IMAGE_REF_PATH)
		return err_set(err, EACCES,
			       "the signature is for '%.200s', and the image has no name but "
			       "its path; 'as=' in the policy says what is meant", claimed);
	if (!claim_is(&claim, tagged, asked->name, pinned))
		return err_set(err, EACCES, "the signature is for '%.200s', not '%.200s'", claimed,
			       asked->name);
	return 0;
}
