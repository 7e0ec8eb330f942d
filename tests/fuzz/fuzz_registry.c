/* SPDX-License-Identifier: MIT */
/* libFuzzer entry of what registries and their operators write, as text. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "image/auth.h"
#include "image/registries.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What ends up in headers and addresses must not be able to end a line. */
static void check_line(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			abort();
}

static void try_challenge(const char *text)
{
	struct auth_challenge c = { .scheme = AUTH_NONE };

	auth_challenge_add(&c, text);
	check_line(c.realm);
	check_line(c.service);
	check_line(c.scope);
	if (c.scheme == AUTH_BEARER && !c.realm[0])
		abort();
}

static void try_passwords(const char *text, size_t n)
{
	char basic[AUTH_BASIC_MAX + 1];
	struct auth a = { .n = 0 };
	char *token = NULL;

	(void)auth_basic_valid(text);
	if (auth_add(&a, text, n, NULL) == 0 &&
	    auth_find(basic, &a, "docker.io", "library/a", NULL) == 0 && basic[0] &&
	    !auth_basic_valid(basic))
		abort();
	auth_done(&a);
	if (auth_token_parse(&token, text, n, NULL) == 0)
		check_line(token);
	free(token);
}

static void try_registries(const char *text, size_t n)
{
	struct registries *r = calloc(1, sizeof(*r));

	if (r && registries_parse(r, text, n, NULL) == 0)
		for (size_t i = 0; i < r->n; i++) {
			check_line(r->list[i].host);
			(void)registries_plain(r, r->list[i].host);
			if (registries_find(r, r->list[i].host) != &r->list[i])
				abort();
		}
	if (r)
		registries_done(r);
	free(r);
}

/* Aborts when a parser breaks its word; reads out of bounds are ASan's. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	try_challenge(text);
	try_passwords(text, size);
	try_registries(text, size);
	free(text);
	return 0;
}
