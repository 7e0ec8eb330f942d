/* SPDX-License-Identifier: MIT */
/* The limits of a group, and the numbers that its controllers count. */
#include "cgroup/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"

#define CPU_PERIOD_USEC UINT64_C(100000) /* the kernel's default, for cpu.max */
#define WEIGHT_DEFAULT	100 /* likewise, for cpu.weight and io.weight */

static const struct limit_row {
	const char *key; /* as in the pod file */
	const char *file;
	const char *controller;
	unsigned bit;
	size_t offset; /* in struct cgroup_limits */
} limit_table[] = {
#define ROW(key, file, controller, bit, member) \
	{ key, file, controller, bit, offsetof(struct cgroup_limits, member) }
	[CGROUP_LIMIT_MEMORY_MAX] =
		ROW("MemoryMax", "memory.max", "memory", CGROUP_MEMORY, memory_max_bytes),
	[CGROUP_LIMIT_MEMORY_HIGH] =
		ROW("MemoryHigh", "memory.high", "memory", CGROUP_MEMORY, memory_high_bytes),
	[CGROUP_LIMIT_CPU_QUOTA] = ROW("CPUQuota", "cpu.max", "cpu", CGROUP_CPU, cpu_quota_usec),
	[CGROUP_LIMIT_CPU_WEIGHT] = ROW("CPUWeight", "cpu.weight", "cpu", CGROUP_CPU, cpu_weight),
	[CGROUP_LIMIT_TASKS_MAX] = ROW("TasksMax", "pids.max", "pids", CGROUP_PIDS, tasks_max),
	[CGROUP_LIMIT_IO_WEIGHT] = ROW("IOWeight", "io.weight", "io", CGROUP_IO, io_weight),
#undef ROW
};
_Static_assert(ARRAY_SIZE(limit_table) == CGROUP_LIMIT_N, "a row for each limit");
_Static_assert(sizeof(struct cgroup_limits) == CGROUP_LIMIT_N * sizeof(uint64_t),
	       "a row for each member");

static uint64_t limit_value(const struct cgroup_limits *limits, enum cgroup_limit limit)
{
	return *(const uint64_t *)((const char *)limits + limit_table[limit].offset);
}

/**
 * cgroup_limits_controllers() - which controllers do these limits need?
 *
 * Return: a set of enum cgroup_controller.
 */
unsigned cgroup_limits_controllers(const struct cgroup_limits *limits)
{
	unsigned set = 0;

	for (unsigned i = 0; i < CGROUP_LIMIT_N; i++)
		if (limit_value(limits, i) != LIMIT_UNSET)
			set |= limit_table[i].bit;
	return set;
}

static bool has_word(const char *text, const char *word)
{
	size_t n = strlen(word);

	for (; *text; text += strcspn(text, " \n"), text += strspn(text, " \n"))
		if (strncmp(text, word, n) == 0 && strchr(" \n", text[n]))
			return true;
	return false;
}

/*
 * Is the controller held back by a group above, since that has processes of its
 * own? Such a group cannot have controllers enabled for its children, unless it
 * is the root of all, which has no cgroup.events.
 */
static bool held_back(const struct cgroup *cg, const char *controller, char *path, size_t size)
{
	cleanup_close int fd = openat(cg->dirfd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char text[256];

	/* Ends above the mount point, where no file of that name is. */
	while (io_read_file(fd, "cgroup.controllers", text, sizeof(text), NULL) >= 0) {
		int up;

		if (has_word(text, controller)) {
			ssize_t n = io_read_file(fd, "cgroup.procs", text, sizeof(text), NULL);

			(void)cgroup_path(&(struct cgroup){ fd }, path, size); /* "?" will do */
			return (n > 0 || n == -EFBIG) && faccessat(fd, "cgroup.events", F_OK, 0) == 0;
		}
		up = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close_fd(&fd);
		fd = up;
	}
	return false;
}

/**
 * cgroup_limit_missing() - say why a limit cannot be set on a group
 *
 * Return: -EOPNOTSUPP with @err filled: limit, controller, group, and what
 * the group has instead or which group holds the controller back.
 */
int cgroup_limit_missing(const struct cgroup *cg, enum cgroup_limit limit, struct err *err)
{
	const struct limit_row *row = &limit_table[limit];
	char have[256], path[256], above[256];
	ssize_t n = io_read_file(cg->dirfd, "cgroup.controllers", have, sizeof(have), err);

	if (n < 0)
		return (int)n;
	have[strcspn(have, "\n")] = '\0';
	(void)cgroup_path(cg, path, sizeof(path)); /* "?" will do */
	if (has_word(have, row->controller))
		return err_set(err, EOPNOTSUPP,
			       "%s needs '%s', which this kernel's controller '%s' lacks in "
			       "cgroup '%s'",
			       row->key, row->file, row->controller, path);
	if (held_back(cg, row->controller, above, sizeof(above)))
		return err_set(err, EOPNOTSUPP,
			       "%s needs controller '%s', which cgroup '%s' cannot give to the "
			       "groups below it: processes live in it",
			       row->key, row->controller, above);
	return err_set(err, EOPNOTSUPP,
		       "%s needs controller '%s', which cgroup '%s' does not have (it has: %s)",
		       row->key, row->controller, path, have[0] ? have : "none");
}

static int limit_write(const struct cgroup *cg, enum cgroup_limit limit, uint64_t value,
		       struct err *err)
{
	const struct limit_row *row = &limit_table[limit];
	bool quota = limit == CGROUP_LIMIT_CPU_QUOTA;
	char text[64], path[256];
	int r;

	/* In cpu.max the kernel counts per period, the pod file per second. */
	if (value == LIMIT_MAX)
		snprintf(text, sizeof(text), "max");
	else if (quota)
		snprintf(text, sizeof(text), "%" PRIu64 " %" PRIu64,
			 value / (1000000 / CPU_PERIOD_USEC), CPU_PERIOD_USEC);
	else
		snprintf(text, sizeof(text), "%" PRIu64, value);
	r = io_write_file(cg->dirfd, row->file, text, err);
	if (r == 0)
		return 0;
	(void)cgroup_path(cg, path, sizeof(path)); /* "?" will do */
	return err_wrap(err, r, "set %s of cgroup '%s'", row->key, path);
}

static bool has_file(const struct cgroup *cg, enum cgroup_limit limit)
{
	return faccessat(cg->dirfd, limit_table[limit].file, F_OK, 0) == 0;
}

/**
 * cgroup_limits_check() - whether limits can be set on a group; writes nothing
 * @available: controllers that are to be enabled for it, enum cgroup_controller: their
 *	       limits may lack their files yet
 *
 * Return: 0, or -errno with @err filled: cgroup_limit_missing() of the first that cannot.
 */
int cgroup_limits_check(const struct cgroup *cg, const struct cgroup_limits *limits,
			unsigned available, struct err *err)
{
	for (unsigned i = 0; i < CGROUP_LIMIT_N; i++)
		if (limit_value(limits, i) != LIMIT_UNSET && !(available & limit_table[i].bit) &&
		    !has_file(cg, i))
			return cgroup_limit_missing(cg, i, err);
	return 0;
}

/**
 * cgroup_limits_apply() - write the limits of a group
 * @limits: what is LIMIT_UNSET is left as it is
 * @missing: NULL: a limit whose controller is not there is an error; else it
 *	     gets the mask of those that are missing, 1 << enum cgroup_limit, each
 *	     to be told with cgroup_limit_missing()
 *
 * Return: 0 or -errno with @err filled; -EOPNOTSUPP: as said.
 */
int cgroup_limits_apply(const struct cgroup *cg, const struct cgroup_limits *limits,
			unsigned *missing, struct err *err)
{
	unsigned lacking = 0;

	for (unsigned i = 0; i < CGROUP_LIMIT_N; i++) {
		uint64_t value = limit_value(limits, i);
		int r;

		if (value == LIMIT_UNSET)
			continue;
		if (has_file(cg, i)) {
			r = limit_write(cg, i, value, err);
			if (r < 0)
				return r;
		} else if (!missing) {
			return cgroup_limit_missing(cg, i, err);
		} else {
			lacking |= 1u << i;
		}
	}
	if (missing)
		*missing = lacking;
	return 0;
}

/**
 * cgroup_limits_dropped() - limits that undo those that are no longer asked for
 * @out: the kernel's default for each that @old sets and @new does not; all
 *	 others LIMIT_UNSET
 */
void cgroup_limits_dropped(struct cgroup_limits *out, const struct cgroup_limits *old,
			   const struct cgroup_limits *new)
{
	cgroup_limits_init(out);
	for (unsigned i = 0; i < CGROUP_LIMIT_N; i++) {
		bool weight = i == CGROUP_LIMIT_CPU_WEIGHT || i == CGROUP_LIMIT_IO_WEIGHT;

		if (limit_value(old, i) != LIMIT_UNSET && limit_value(new, i) == LIMIT_UNSET)
			*(uint64_t *)((char *)out + limit_table[i].offset) =
				weight ? WEIGHT_DEFAULT : LIMIT_MAX;
	}
}

/**
 * cgroup_limits_reset() - set all limits but some to the kernel's defaults
 * @keep: those that it sets are left as they are
 *
 * For a group that may have had limits which nobody knows any more. One that
 * cannot be set was not set before.
 */
void cgroup_limits_reset(const struct cgroup *cg, const struct cgroup_limits *keep)
{
	struct cgroup_limits any, dropped;
	unsigned missing = 0;

	memset(&any, 0, sizeof(any)); /* each is said, whatever it says */
	cgroup_limits_dropped(&dropped, &any, keep);
	(void)cgroup_limits_apply(cg, &dropped, &missing, NULL);
}

/* Reads a number from a file of "number" or of "key number" lines. */
static int read_number(const struct cgroup *cg, const char *file, const char *key, uint64_t *out,
		       struct err *err)
{
	char buf[2048], *line, *rest = buf;
	size_t skip = key ? strlen(key) : 0;
	ssize_t n = io_read_file(cg->dirfd, file, buf, sizeof(buf), err);

	if (n < 0)
		return (int)n;
	while ((line = strsep(&rest, "\n"))) {
		if (key && (strncmp(line, key, skip) != 0 || line[skip] != ' '))
			continue;
		*out = strtoull(line + skip, NULL, 10);
		return 0;
	}
	return err_set(err, EPROTO, "read '%s': no '%s' in it", file, key);
}

/**
 * cgroup_oom_kills() - did the OOM killer kill in a group?
 * @count: kills since the group was made, groups below included; a process may
 *	   count twice when the whole group is killed. 0 where memory is not
 *	   controlled
 *
 * Compare with the number before the start: a restarted container has the same
 * group. The kernel counts when it sends the signal, so before the exit can be
 * seen.
 *
 * Return: 0 or -errno with @err filled.
 */
int cgroup_oom_kills(const struct cgroup *cg, uint64_t *count, struct err *err)
{
	int r = read_number(cg, "memory.events", "oom_kill", count, err);

	if (r != -ENOENT)
		return r;
	*count = 0;
	return 0;
}

/**
 * cgroup_stats() - what a group uses now
 * @out: CGROUP_STAT_ABSENT for what nobody counts here
 */
void cgroup_stats(const struct cgroup *cg, struct cgroup_stats *out)
{
	struct cgroup_stats s = { CGROUP_STAT_ABSENT, CGROUP_STAT_ABSENT, CGROUP_STAT_ABSENT };

	/* What cannot be read is absent. */
	(void)read_number(cg, "memory.current", NULL, &s.memory_bytes, NULL);
	(void)read_number(cg, "cpu.stat", "usage_usec", &s.cpu_usec, NULL);
	(void)read_number(cg, "pids.current", NULL, &s.tasks, NULL);
	*out = s;
}
