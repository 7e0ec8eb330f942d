/* SPDX-License-Identifier: MIT */
/* LoadCredential=: secrets of the host that a container gets as files. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "config/value.h"
#include "container/spec.h"

/* As systemd has it: a name of a file, of printable ASCII. */
static int check_id(const struct config_value *v, const struct container_spec *run, size_t n)
{
	const char *id = v->s;

	if (v->s[n] != ':')
		return config_value_bad(v, v->s, "'%s' is no ID:PATH", v->s);
	if (n == 0 || n > NAME_MAX)
		return config_value_bad(v, v->s,
					"the name of a credential has 1 to %d bytes", NAME_MAX);
	if (config_is_word(id, n, ".") || config_is_word(id, n, "..") || memchr(id, '/', n))
		return config_value_bad(v, v->s, "'%.*s' is no name of a file", (int)n, id);
	for (size_t i = 0; i < n; i++)
		if (id[i] <= ' ' || id[i] > '~')
			return config_value_bad(v, id + i,
						"the name of a credential is printable ASCII "
						"without blanks");
	for (size_t i = 0; i < run->credential_n; i++)
		if (config_is_word(id, n, run->credentials[i].id))
			return config_value_bad(v, id,
						"'%.*s' is already a credential", (int)n, id);
	return 0;
}

static int parse_credential(const struct config_value *v, void *member)
{
	cleanup_free char *id = NULL, *source = NULL;
	struct container_credential *grown;
	struct container_spec *run = member;
	size_t n = strcspn(v->s, ":");
	int r = check_id(v, run, n);

	if (r == 0 && run->credential_n == CONTAINER_CREDENTIALS_MAX)
		r = config_value_bad(v, v->s,
				     "more than %d credentials", CONTAINER_CREDENTIALS_MAX);
	if (r == 0)
		r = config_value_host_path(v, v->s + n + 1, strlen(v->s + n + 1), &source);
	if (r < 0)
		return r;
	id = strndup(v->s, n);
	grown = realloc(run->credentials, (run->credential_n + 1) * sizeof(*grown));
	if (grown)
		run->credentials = grown;
	if (!grown || !id)
		return -ENOMEM;
	grown[run->credential_n++] = (struct container_credential){
		.id = take_ptr(id),
		.source = take_ptr(source),
	};
	return 0;
}

static void clear_credentials(void *member)
{
	struct container_spec *run = member;

	for (size_t i = 0; i < run->credential_n; i++) {
		free(run->credentials[i].id);
		free(run->credentials[i].source);
	}
	free(run->credentials);
	run->credentials = NULL;
	run->credential_n = 0;
}

/* Not of what is in them: each start reads that anew. */
static uint64_t digest_credentials(const void *member, uint64_t h)
{
	const struct container_spec *run = member;

	for (size_t i = 0; i < run->credential_n; i++) {
		h = config_digest_text(h, run->credentials[i].id);
		h = config_digest_text(h, run->credentials[i].source);
	}
	return config_digest_text(h, NULL);
}

const struct config_type config_type_credential = {
	.parse = parse_credential,
	.clear = clear_credentials,
	.digest = digest_credentials,
};
