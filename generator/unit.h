/* SPDX-License-Identifier: MIT */
/* The text of a pod's unit. */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "generator/find.h"
#include "generator/source.h"

#define UNIT_TEXT_MAX ((size_t)16 * 1024)

/*
 * Theory of operation
 *
 * The unit of NAME.pod is NAME.pod.service: what pod@.service says, with the name and
 * the file put in where that has %i, and after it what the pod file says. So there is
 * one text of a service, for those who enable pod@NAME and for the generator. Beside it
 * is NAME.pod-orphan.service, of pod-orphan@.service, which it wants.
 *
 * A systemd that can put podd into a leaf of its unit's group (DelegateSubgroup=, 254) has
 * the whole pod in there. That takes settings which an older one would follow in part, to
 * the pod's harm, so they are not in pod@.service: it gets them by a drop-in.
 */
struct unit_maker {
	const char *root; /* "" for the host's */
	int out_fd;       /* systemd's directory for generated units */
	bool delegates;   /* systemd knows DelegateSubgroup= */
	char units[PATH_MAX];     /* where podd's own unit files are */
	char body[UNIT_TEXT_MAX]; /* pod@.service */
	char orphan[UNIT_TEXT_MAX]; /* pod-orphan@.service */
};

int unit_read_body(struct unit_maker *m, struct err *err);
int unit_write_drop_in(const struct unit_maker *m, struct err *err);
int unit_write(const struct unit_maker *m, const struct pod_file *file, const struct source *s,
	       struct err *err);
