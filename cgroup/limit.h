/* SPDX-License-Identifier: MIT */
/* Inside of cgroup/: one row of the table of limits, and the kinds of values. */
#pragma once

#include "cgroup/cgroup.h"

/*
 * Theory of operation
 *
 * control.c has the table and goes through it. What differs between a number and a set
 * of CPUs is a kind, four functions on the member of struct cgroup_limits:
 *
 *	said()     is there anything to be written?
 *	possible() can this host do that at all? By what the host has, not the group
 *	write()    into the file, or files, of the group
 *	holds()    is what was written in force? A cpuset takes CPUs that the groups above
 *	           do not have, and is then without effect
 *	drop()     what has to be written so that what @old said is not in force any more,
 *	           and only @new is; nothing if that is all of it
 */
struct limit_row;

struct limit_kind {
	bool (*said)(const void *member);
	int (*possible)(const struct limit_row *row, const void *member,
			struct err *err); /* or NULL */
	bool (*has_file)(const struct cgroup *cg, const struct limit_row *row, const void *member);
	int (*write)(const struct cgroup *cg, const struct limit_row *row, const void *member,
		     struct err *err);
	int (*holds)(const struct cgroup *cg, const struct limit_row *row, const void *member,
		     struct err *err); /* or NULL */
	void (*drop)(const struct limit_row *row, void *out, const void *old, const void *new);
	void (*any)(void *member); /* as if everything that could be said had been */
};

struct limit_row {
	const char *key; /* as in the pod file */
	const char *file;
	const char *controller;
	unsigned bit;
	size_t offset; /* in struct cgroup_limits */
	const struct limit_kind *kind;
	uint64_t fallback; /* of a number: the kernel's default, or ours */
	uint64_t standard; /* what LIMIT_STANDARD is */
	const char *host;  /* of a set: the file that lists what the host has */
};

extern const struct limit_kind limit_number, limit_quota, limit_set, limit_huge;
