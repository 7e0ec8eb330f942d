/* SPDX-License-Identifier: MIT */
/* The policy of a command: the one that was given, or the host's. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/image/image.h"

/* On a command line, a key may be known by a path from here. */
static int complete(char out[IMAGE_POLICY_TEXT_MAX], const char *given, struct err *err)
{
	char word[PATH_MAX], real[PATH_MAX];
	size_t used = 0;

	for (size_t n; *given; given += n) {
		const char *path = word;
		int added;

		given += strspn(given, " \t");
		n = strcspn(given, " \t");
		snprintf(word, sizeof(word), "%.*s", (int)n, given);
		if (word[0] && word[0] != '/' && strcmp(word, "any") != 0 &&
		    strncmp(word, "as=", 3) != 0) {
			path = realpath(word, real);
			if (!path)
				return err_sys(err, "open the key '%s'", word);
		}
		added = snprintf(out + used, IMAGE_POLICY_TEXT_MAX - used, "%s ", path);
		if (added < 0 || (size_t)added >= IMAGE_POLICY_TEXT_MAX - used)
			return err_set(err, E2BIG, "image policy: too long");
		used += (size_t)added;
	}
	out[used] = '\0';
	return 0;
}

/**
 * policy_choose() - the policy of a command, with its keys
 * @out: released by policy_done(), whatever this returned
 * @given: with --policy, or NULL: then it is the host's
 *
 * Return: 0 or -errno with @err filled.
 */
int policy_choose(struct chosen_policy *out, const char *given, const struct paths *paths,
		  struct err *err)
{
	char text[IMAGE_POLICY_TEXT_MAX];
	int r;

	*out = (struct chosen_policy){ .keys = { .n = 0 } };
	r = given ? complete(text, given, err) : image_policy_read(text, paths->etc, err);
	if (r == 0)
		r = image_policy_parse(&out->policy, text, err);
	if (r < 0 && !given)
		(void)err_wrap(err, r, "'%s/etc/podd/" IMAGE_POLICY_FILE "'", paths->root);
	return r < 0 ? r : image_keys_load(&out->keys, &out->policy, err);
}

void policy_done(struct chosen_policy *chosen)
{
	image_keys_done(&chosen->keys);
}
