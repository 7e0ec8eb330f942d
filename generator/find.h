/* SPDX-License-Identifier: MIT */
/* Which pods there are files for. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/*
 * Theory of operation
 *
 * Pod files are in etc/podd and usr/share/podd; a name that is in both is that of
 * etc. A link to /dev/null hides the name altogether.
 *
 * Of a template's instances only those can be known that something on the disk
 * names: a file or link NAME@INSTANCE.pod, a directory of drop-ins
 * NAME@INSTANCE.pod.d, or the template's DefaultInstance=, which is for the caller to
 * add.
 */
struct pod_file {
	char *name; /* "web", "kiosk@left", or "kiosk@" of a template */
	char *path; /* for config_load(); NULL: hidden */
	bool gone;  /* there was such a file when the pod was started */
};

/* Starts as { 0 }. */
struct pod_files {
	struct pod_file *list; /* may move when one is added */
	size_t n;
};

int pod_files_find(struct pod_files *out, const char *root, struct err *err);
const struct pod_file *pod_files_get(const struct pod_files *files, const char *name);
int pod_files_add_instance(struct pod_files *files, const struct pod_file *of,
			   const char *instance, struct err *err);
int pod_files_add_gone(struct pod_files *files, const char *name, struct err *err);
bool pod_file_is_template(const struct pod_file *file);
void pod_files_done(struct pod_files *files);
