/* SPDX-License-Identifier: MIT */
/* The limits of a group: what there is, and going through it. */
#include "cgroup/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "cgroup/limit.h"

static const struct limit_row limit_table[] = {
#define ROW(key, file, controller, bit, member, kind, ...) \
	{ key, file, controller, bit, offsetof(struct cgroup_limits, member), &limit_##kind, \
	  __VA_ARGS__ }
	[CGROUP_LIMIT_MEMORY_MAX] = ROW("MemoryMax", "memory.max", "memory", CGROUP_MEMORY,
					memory_max_bytes, number, .fallback = LIMIT_MAX),
	[CGROUP_LIMIT_MEMORY_HIGH] = ROW("MemoryHigh", "memory.high", "memory", CGROUP_MEMORY,
					 memory_high_bytes, number, .fallback = LIMIT_MAX),
	[CGROUP_LIMIT_CPU_QUOTA] = ROW("CPUQuota", "cpu.max", "cpu", CGROUP_CPU,
				       cpu_quota_usec, quota, .fallback = LIMIT_MAX),
	[CGROUP_LIMIT_CPU_WEIGHT] = ROW("CPUWeight", "cpu.weight", "cpu", CGROUP_CPU,
					cpu_weight, number, .fallback = 100),
	[CGROUP_LIMIT_TASKS_MAX] = ROW("TasksMax", "pids.max", "pids", CGROUP_PIDS,
				       tasks_max, number, .fallback = LIMIT_MAX,
				       .standard = CGROUP_TASKS_STANDARD),
	[CGROUP_LIMIT_IO_WEIGHT] = ROW("IOWeight", "io.weight", "io", CGROUP_IO,
				       io_weight, number, .fallback = 100),
	/* As cgroup_container_create() has it. */
	[CGROUP_LIMIT_OOM_GROUP] = ROW("OOMPolicy", "memory.oom.group", "memory", CGROUP_MEMORY,
				       oom_group, number, .fallback = 1),
	[CGROUP_LIMIT_CPUS] = ROW("AllowedCPUs", "cpuset.cpus", "cpuset", CGROUP_CPUSET, cpus, set,
				  .host = "/sys/devices/system/cpu/present"),
	[CGROUP_LIMIT_MEMORY_NODES] = ROW("AllowedMemoryNodes", "cpuset.mems", "cpuset",
					  CGROUP_CPUSET, memory_nodes, set,
					  .host = "/sys/devices/system/node/has_memory"),
	[CGROUP_LIMIT_HUGE] = ROW("HugetlbMax", "hugetlb.SIZE.max", "hugetlb", CGROUP_HUGETLB,
				  huge, huge, .fallback = 0),
#undef ROW
};
_Static_assert(ARRAY_SIZE(limit_table) == CGROUP_LIMIT_N, "a row for each limit");
_Static_assert(sizeof(struct cgroup_limits) ==
		       7 * sizeof(uint64_t) + 2 * sizeof(struct idset) +
			       CGROUP_HUGE_MAX * sizeof(struct cgroup_huge),
	       "a row for each member");

static const void *member_of(const struct cgroup_limits *limits, enum cgroup_limit limit)
{
	return (const char *)limits + limit_table[limit].offset;
}

static bool is_said(const struct cgroup_limits *limits, enum cgroup_limit limit)
{
	return limit_table[limit].kind->said(member_of(limits, limit));
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
		if (is_said(limits, i))
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
			return (n > 0 || n == -EFBIG) &&
			       faccessat(fd, "cgroup.events", F_OK, 0) == 0;
		}
		up = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close_fd(&fd);
		fd = up;
	}
	return false;
}

/* The controller is not there, or this kernel's has not the file. */
static int lacks_file(const struct cgroup *cg, const struct limit_row *row, struct err *err)
{
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

/* @available: as for cgroup_limits_check(). 0, or why not. */
static int can_set(const struct cgroup *cg, const struct limit_row *row, const void *member,
		   unsigned available, struct err *err)
{
	int r = row->kind->possible ? row->kind->possible(row, member, err) : 0;

	if (r < 0 || available & row->bit || row->kind->has_file(cg, row, member))
		return r;
	return lacks_file(cg, row, err);
}

/**
 * cgroup_limit_missing() - say why a limit cannot be set on a group
 * @limits: what it was to be
 *
 * Return: -EOPNOTSUPP with @err filled: what the host lacks; or limit, controller, group,
 * and what the group has instead or which group holds the controller back; or what the
 * groups above leave of it. 0: it can be set now.
 */
int cgroup_limit_missing(const struct cgroup *cg, const struct cgroup_limits *limits,
			 enum cgroup_limit limit, struct err *err)
{
	const struct limit_row *row = &limit_table[limit];
	const void *member = member_of(limits, limit);
	int r = can_set(cg, row, member, 0, err);

	return r == 0 && row->kind->holds ? row->kind->holds(cg, row, member, err) : r;
}

/* -EOPNOTSUPP: it cannot be set, or has no effect. */
static int limit_set_one(const struct cgroup *cg, const struct limit_row *row, const void *member,
			 struct err *err)
{
	char path[256];
	int r = can_set(cg, row, member, 0, err);

	if (r < 0)
		return r;
	r = row->kind->write(cg, row, member, err);
	if (r == 0)
		return row->kind->holds ? row->kind->holds(cg, row, member, err) : 0;
	(void)cgroup_path(cg, path, sizeof(path)); /* "?" will do */
	/* A driver's own EOPNOTSUPP is a failure like any other. */
	return err_wrap(err, r == -EOPNOTSUPP ? -EIO : r, "set %s of cgroup '%s'", row->key, path);
}

/* Nobody has asked for what is only podd's standard, so it is no lack. */
static bool is_to_be_set(const struct cgroup *cg, const struct cgroup_limits *limits,
			 enum cgroup_limit limit)
{
	const struct limit_row *row = &limit_table[limit];
	const void *member = member_of(limits, limit);
	bool is_standard = row->standard && *(const uint64_t *)member == LIMIT_STANDARD;

	return row->kind->said(member) && (!is_standard || row->kind->has_file(cg, row, member));
}

/**
 * cgroup_limits_check() - whether limits can be set on a group; writes nothing
 * @available: controllers that are to be enabled for it, enum cgroup_controller: their
 *	       limits may lack their files yet
 *
 * Whether the groups above leave it any of the CPUs shows when that is written.
 *
 * Return: 0, or -errno with @err filled: cgroup_limit_missing() of the first that cannot.
 */
int cgroup_limits_check(const struct cgroup *cg, const struct cgroup_limits *limits,
			unsigned available, struct err *err)
{
	int r = 0;

	for (unsigned i = 0; i < CGROUP_LIMIT_N; i++) {
		if (is_to_be_set(cg, limits, i))
			r = can_set(cg, &limit_table[i], member_of(limits, i), available, err);
		if (r < 0)
			return err_about(err, r, limit_table[i].key, 0);
	}
	return r;
}

/**
 * cgroup_limits_apply() - write the limits of a group
 * @limits: what is LIMIT_UNSET is left as it is; LIMIT_STANDARD, where there is no file for it
 * @missing: NULL: a limit that cannot be set is an error; else it gets the mask of
 *	     those that cannot, 1 << enum cgroup_limit, each to be told with
 *	     cgroup_limit_missing()
 *
 * Return: 0 or -errno with @err filled; -EOPNOTSUPP: as said.
 */
int cgroup_limits_apply(const struct cgroup *cg, const struct cgroup_limits *limits,
			unsigned *missing, struct err *err)
{
	unsigned lacking = 0;

	for (unsigned i = 0; i < CGROUP_LIMIT_N; i++) {
		int r;

		if (!is_to_be_set(cg, limits, i))
			continue;
		r = limit_set_one(cg, &limit_table[i], member_of(limits, i), err);
		if (r == -EOPNOTSUPP && missing)
			lacking |= 1u << i;
		else if (r < 0)
			return err_about(err, r, limit_table[i].key, 0);
	}
	if (missing)
		*missing = lacking;
	return 0;
}

/**
 * cgroup_limits_dropped() - limits that undo those that are no longer asked for
 * @out: the kernel's default for each that @old sets and @new does not; all
 *	 others as cgroup_limits_init() has them
 */
void cgroup_limits_dropped(struct cgroup_limits *out, const struct cgroup_limits *old,
			   const struct cgroup_limits *new)
{
	cgroup_limits_init(out);
	for (unsigned i = 0; i < CGROUP_LIMIT_N; i++)
		limit_table[i].kind->drop(&limit_table[i], (char *)out + limit_table[i].offset,
					  member_of(old, i), member_of(new, i));
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

	cgroup_limits_init(&any);
	for (unsigned i = 0; i < CGROUP_LIMIT_N; i++)
		limit_table[i].kind->any((char *)&any + limit_table[i].offset);
	cgroup_limits_dropped(&dropped, &any, keep);
	for (unsigned i = 0; i < CGROUP_LIMIT_N; i++)
		if (is_said(&dropped, i))
			(void)limit_set_one(cg, &limit_table[i], member_of(&dropped, i), NULL);
}
