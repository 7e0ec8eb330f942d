/* SPDX-License-Identifier: MIT */
/* Who we are to a registry: auth.json, and what a 401 asks for. Pure. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/*
 * Theory of operation
 *
 * A registry says with 401 how it wants to be asked (RFC 9110, 11.6.1): by user
 * and password (Basic, RFC 7617), or with a token that another address gives out
 * (Bearer; distribution, "Token Authentication Specification"). User and
 * password are in files as skopeo, podman and docker write them
 * (containers-auth.json(5)): base64 as the header has it, which is passed on as
 * it is once it was seen to be "USER:PASSWORD".
 */
#define AUTH_BASIC_MAX	4096  /* bytes of base64 */
#define AUTH_TOKEN_MAX	65536 /* bytes */
#define AUTH_FILES_MAX	2

enum auth_scheme {
	AUTH_NONE,
	AUTH_BASIC,
	AUTH_BEARER, /* the better one when both are offered */
};

struct auth_challenge {
	enum auth_scheme scheme;
	char realm[1024]; /* of AUTH_BEARER: where tokens are given out */
	char service[256], scope[1024];
};

/* The first file that knows the place wins. */
struct auth {
	json_t *files[AUTH_FILES_MAX];
	size_t n;
};

void auth_challenge_add(struct auth_challenge *c, const char *header);
bool auth_basic_valid(const char *base64);
int auth_add(struct auth *a, const char *text, size_t n, struct err *err);
int auth_find(char out[AUTH_BASIC_MAX + 1], const struct auth *a, const char *registry,
	      const char *repository, struct err *err);
void auth_done(struct auth *a);
int auth_token_parse(char **out, const char *text, size_t n, struct err *err);
