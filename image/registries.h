/* SPDX-License-Identifier: MIT */
/* How registries are reached: /etc/podd/registries.conf. Pure, but for the CA files. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/*
 * Theory of operation
 *
 *	[Registry docker.io]
 *	Mirror=mirror.example:5000/hub	asked first, in this order; may repeat
 *	[Registry mirror.example:5000]
 *	CA=/etc/podd/mirror.pem		trusted for this host, and no other is
 *	Insecure=yes			plain HTTP
 *
 * Without a word, a host is asked by HTTPS, and by plain HTTP when it is this
 * host itself: 127.0.0.0/8, ::1 or localhost, for which neither CA= nor
 * Insecure=no is given.
 */
#define REGISTRY_HOST_MAX     255
#define REGISTRIES_MAX	      64
#define REGISTRY_MIRRORS_MAX  8
#define REGISTRIES_FILE	      "registries.conf"
#define REGISTRIES_BYTES_MAX  65536

enum registry_insecure { INSECURE_UNSAID, INSECURE_NO, INSECURE_YES };

struct registry_config {
	char *host; /* HOST[:PORT] */
	char *mirrors[REGISTRY_MIRRORS_MAX]; /* HOST[:PORT][/PREFIX] */
	size_t mirror_n;
	char *ca_path;
	char *ca; /* what is in there */
	size_t ca_n;
	enum registry_insecure insecure;
};

struct registries {
	struct registry_config list[REGISTRIES_MAX];
	size_t n;
};

int registries_parse(struct registries *out, const char *text, size_t n, struct err *err);
int registries_load_cas(struct registries *r, struct err *err);
const struct registry_config *registries_find(const struct registries *r, const char *host);
bool registries_plain(const struct registries *r, const char *host);
void registries_done(struct registries *r);
