/* SPDX-License-Identifier: MIT */
/* SeccompProfile= */
#include <stdlib.h>
#include <string.h>

#include "config/spec.h"
#include "config/value.h"

#define AUDIT "audit:"

static void clear_seccomp(void *member)
{
	struct container_seccomp *s = member;

	free(s->path);
	free(s->program);
	*s = (struct container_seccomp){ .mode = CONTAINER_SECCOMP_DEFAULT };
}

static int parse_seccomp(const struct config_value *v, void *member)
{
	struct container_seccomp new = { .mode = CONTAINER_SECCOMP_FILE };
	const char *path = v->s;
	int r = 0;

	if (strncmp(path, AUDIT, strlen(AUDIT)) == 0) {
		new.mode = CONTAINER_SECCOMP_AUDIT;
		path += strlen(AUDIT);
	}

	if (strcmp(v->s, "default") == 0)
		new.mode = CONTAINER_SECCOMP_DEFAULT;
	else if (strcmp(v->s, "unconfined") == 0)
		new.mode = CONTAINER_SECCOMP_UNCONFINED;
	else if (path[0] != '/' && strncmp(path, "./", 2) != 0)
		return config_value_bad(v, path,
					"'%s' is none of default, unconfined, /FILE, ./FILE, "
					"audit:FILE", path);
	else
		r = config_value_host_path(v, path, strlen(path), &new.path);
	if (r < 0)
		return r;
	clear_seccomp(member);
	*(struct container_seccomp *)member = new;
	return 0;
}

/* Of a file, what was in it counts, not what this podd's compiler makes of it. */
static uint64_t digest_seccomp(const void *member, uint64_t h)
{
	const struct container_seccomp *s = member;

	h = config_digest_bytes(h, &s->mode, sizeof(s->mode));
	h = config_digest_text(h, s->path);
	return config_digest_bytes(h, &s->content, sizeof(s->content));
}

const struct config_type config_type_seccomp = {
	.parse = parse_seccomp,
	.clear = clear_seccomp,
	.digest = digest_seccomp,
};
