/* SPDX-License-Identifier: MIT */
/* What the kernel counts of a group. */
#include "cgroup/cgroup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/io.h"

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

/* A count of memory.events; 0 where memory is not controlled. */
static int read_event(const struct cgroup *cg, const char *key, uint64_t *count, struct err *err)
{
	int r = read_number(cg, "memory.events", key, count, err);

	if (r != -ENOENT)
		return r;
	*count = 0;
	return 0;
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
	return read_event(cg, "oom_kill", count, err);
}

/**
 * cgroup_ooms() - did a group have less memory than was asked for?
 * @count: times that its limit was reached and an allocation was about to fail, groups
 *	   below included. The OOM killer comes next; with nobody to kill, or for an
 *	   allocation that may fail, it is ENOMEM (cgroup-v2.rst, memory.events). 0
 *	   where memory is not controlled
 *
 * Return: 0 or -errno with @err filled.
 */
int cgroup_ooms(const struct cgroup *cg, uint64_t *count, struct err *err)
{
	return read_event(cg, "oom", count, err);
}

/**
 * cgroup_highs() - did MemoryHigh= slow a group down?
 * @count: times that it did, groups below included; 0 where memory is not controlled
 *
 * Return: 0 or -errno with @err filled.
 */
int cgroup_highs(const struct cgroup *cg, uint64_t *count, struct err *err)
{
	return read_event(cg, "high", count, err);
}

/**
 * cgroup_stats() - what a group uses now
 * @out: CGROUP_STAT_ABSENT for what nobody counts here
 */
void cgroup_stats(const struct cgroup *cg, struct cgroup_stats *out)
{
	struct cgroup_stats s = { CGROUP_STAT_ABSENT, CGROUP_STAT_ABSENT, CGROUP_STAT_ABSENT,
				  CGROUP_STAT_ABSENT };

	/* What cannot be read is absent. */
	(void)read_number(cg, "memory.current", NULL, &s.memory_bytes, NULL);
	(void)read_number(cg, "cpu.stat", "usage_usec", &s.cpu_usec, NULL);
	(void)read_number(cg, "cpu.stat", "throttled_usec", &s.throttled_usec, NULL);
	(void)read_number(cg, "pids.current", NULL, &s.tasks, NULL);
	*out = s;
}

/**
 * cgroup_memory_held() - memory of a group that the kernel cannot take back by dropping it
 *
 * All but the cache of files and what else it can shrink, as they are known just now;
 * some of that may be dirty or mapped, so it is the least.
 *
 * Return: bytes; 0 where memory is not controlled.
 */
uint64_t cgroup_memory_held(const struct cgroup *cg)
{
	static const char *const dropped[] = { "inactive_file ", "active_file ",
					       "slab_reclaimable " };
	uint64_t held = 0, n = 0;
	char text[8192];

	if (read_number(cg, "memory.current", NULL, &held, NULL) < 0 ||
	    io_read_file(cg->dirfd, "memory.stat", text, sizeof(text), NULL) < 0)
		return 0;
	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		for (size_t i = 0; i < ARRAY_SIZE(dropped); i++)
			if (strncmp(line, dropped[i], strlen(dropped[i])) == 0)
				n += strtoull(line + strlen(dropped[i]), NULL, 10);
	}
	return held > n ? held - n : 0;
}

/* "12.34" as 1234. */
static unsigned hundredths(const char *s)
{
	char *end;
	unsigned long n = strtoul(s, &end, 10) * 100;

	if (*end == '.') /* always two digits: psi_show() in kernel/sched/psi.c */
		n += strtoul(end + 1, NULL, 10);
	return (unsigned)n;
}

/* "some avg10=0.12 avg60=0.00 avg300=0.00 total=1234" */
static bool read_stall(const char *text, const char *line, unsigned *avg10, uint64_t *usec)
{
	const char *at = strstr(text, line), *avg = at ? strstr(at, "avg10=") : NULL;
	const char *total = avg ? strstr(avg, "total=") : NULL;

	if (!total)
		return false;
	*avg10 = hundredths(avg + strlen("avg10="));
	*usec = strtoull(total + strlen("total="), NULL, 10);
	return true;
}

/**
 * cgroup_pressure() - how much a group waits for a resource
 *
 * A kernel before 5.13 has no "full" of the CPU: that is 0 then.
 *
 * Return: false where the kernel does not count it (CONFIG_PSI, psi=0, cgroup.pressure).
 */
bool cgroup_pressure(const struct cgroup *cg, enum cgroup_resource resource,
		     struct cgroup_pressure *out)
{
	static const char *const files[CGROUP_RESOURCE_N] = {
		[CGROUP_PRESSURE_CPU] = "cpu.pressure",
		[CGROUP_PRESSURE_MEMORY] = "memory.pressure",
		[CGROUP_PRESSURE_IO] = "io.pressure",
	};
	struct cgroup_pressure p = { 0 };
	char text[256];

	if (io_read_file(cg->dirfd, files[resource], text, sizeof(text), NULL) < 0 ||
	    !read_stall(text, "some ", &p.some_avg10, &p.some_usec))
		return false;
	(void)read_stall(text, "full ", &p.full_avg10, &p.full_usec);
	*out = p;
	return true;
}
