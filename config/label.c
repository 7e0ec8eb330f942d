/* SPDX-License-Identifier: MIT */
/* SELinuxContext= and AppArmorProfile=. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/value.h"
#include "container/spec.h"

static void clear_label(void *member)
{
	struct container_label *l = member;

	free(l->name);
	*l = (struct container_label){ 0 };
}

/* What a name may be is the LSM's matter: but one word, that is no command for it. */
static int parse_label(const struct config_value *v, void *member)
{
	struct container_label new = { .optional = v->s[0] == '-' };
	const char *name = v->s + new.optional;
	size_t n = strlen(name);

	if (n == 0 || n > CONTAINER_LABEL_MAX)
		return config_value_bad(v, name, "a label has 1 to %d bytes", CONTAINER_LABEL_MAX);
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)name[i] <= ' ' || name[i] == 0x7f)
			return config_value_bad(v, name + i,
						"a blank or control character in a label");
	new.name = strdup(name);
	if (!new.name)
		return -ENOMEM;
	clear_label(member);
	*(struct container_label *)member = new;
	return 0;
}

static uint64_t digest_label(const void *member, uint64_t h)
{
	const struct container_label *l = member;

	h = config_digest_bytes(h, &l->optional, sizeof(l->optional));
	return config_digest_text(h, l->name);
}

const struct config_type config_type_label = {
	.parse = parse_label,
	.clear = clear_label,
	.digest = digest_label,
};
