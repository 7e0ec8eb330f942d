/* SPDX-License-Identifier: MIT */
/* Pod file -> struct pod_spec. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "config/diag.h"
#include "config/spec.h"

struct config_sink;
struct config_origins;

#define CONFIG_DIR        "/etc/podd"       /* of the host's administrator */
#define CONFIG_VENDOR_DIR "/usr/share/podd" /* of who made the system; etc has precedence */

/*
 * Theory of operation
 *
 * config_load() reads DIR/NAME.pod and then DIR/NAME.pod.d/, its *.conf files, in the byte
 * order of their names. An instance NAME@INSTANCE without a file of its own is
 * loaded from the template NAME@.pod; it has two directories of drop-ins, the
 * template's and then its own. To files of the system's vendor, in usr/share/podd, the
 * drop-ins in etc/podd come last.
 *
 * A file goes through reader.c, which finds sections and assignments, and
 * load.c, which looks each key up in the table of keys.c, puts the specifiers
 * in and calls the parser of the key's type; every step notes what is wrong at
 * its place and goes on. check.c then gives the containers what [Pod] says for
 * all of them and checks what only the whole can show.
 */
struct config_env {
	const char *hostname; /* for %H; NULL: the name of this host */
	/* Told of [Unit], its specifiers as they are, and of [Install], of a file with faults
	 * too. */
	const struct config_sink *foreign; /* or NULL */
	struct config_origins *origins; /* or NULL: gets each assignment that was right */
};

struct config_bytes {
	const char *path;
	const char *bytes;
	size_t n;
};

int config_load(struct pod_spec **out, const char *path, const struct config_env *env,
		struct config_diags *diags, struct err *err);
int config_load_bytes(struct pod_spec **out, const struct config_bytes *file,
		      const struct config_env *env, struct config_diags *diags, struct err *err);
int config_load_name(struct pod_spec **out, const char *path, struct err *err);
bool config_file_hidden(int dirfd, const char *path);
int config_complete(struct pod_container *c);
void pod_spec_free(struct pod_spec *spec);
