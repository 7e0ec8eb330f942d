/* SPDX-License-Identifier: MIT */
/* The kinds of limits: numbers, sets of CPUs and memory nodes, huge pages by their size. */
#include "cgroup/limit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"

#define CPU_PERIOD_USEC UINT64_C(100000) /* the kernel's default, for cpu.max */
/* Documentation/admin-guide/mm/hugetlbpage.rst */
#define HUGE_PAGES_DIR	"/sys/kernel/mm/hugepages"

/* ------------------------------------------------------------------------ numbers */

static bool number_said(const void *member)
{
	return *(const uint64_t *)member != LIMIT_UNSET;
}

static bool has_own_file(const struct cgroup *cg, const struct limit_row *row, const void *member)
{
	(void)member;
	return faccessat(cg->dirfd, row->file, F_OK, 0) == 0;
}

static int write_number(const struct cgroup *cg, const char *file, uint64_t value, struct err *err)
{
	char text[32] = "max";

	if (value != LIMIT_MAX)
		snprintf(text, sizeof(text), "%" PRIu64, value);
	return io_write_file(cg->dirfd, file, text, err);
}

static int number_write(const struct cgroup *cg, const struct limit_row *row, const void *member,
			struct err *err)
{
	uint64_t value = *(const uint64_t *)member;

	return write_number(cg, row->file, value == LIMIT_STANDARD ? row->standard : value, err);
}

/* In cpu.max the kernel counts per period, the pod file per second. */
static int quota_write(const struct cgroup *cg, const struct limit_row *row, const void *member,
		       struct err *err)
{
	uint64_t usec = *(const uint64_t *)member;
	char text[64];

	if (usec == LIMIT_MAX)
		return io_write_file(cg->dirfd, row->file, "max", err);
	snprintf(text, sizeof(text), "%" PRIu64 " %" PRIu64, usec / (1000000 / CPU_PERIOD_USEC),
		 CPU_PERIOD_USEC);
	return io_write_file(cg->dirfd, row->file, text, err);
}

static void number_drop(const struct limit_row *row, void *out, const void *old, const void *new)
{
	if (number_said(old) && !number_said(new))
		*(uint64_t *)out = row->fallback;
}

static void number_any(void *member)
{
	*(uint64_t *)member = 0;
}

const struct limit_kind limit_number = {
	.said = number_said,
	.has_file = has_own_file,
	.write = number_write,
	.drop = number_drop,
	.any = number_any,
};
const struct limit_kind limit_quota = {
	.said = number_said,
	.has_file = has_own_file,
	.write = quota_write,
	.drop = number_drop,
	.any = number_any,
};

/* --------------------------------------------------------------------------- sets */

static bool set_said(const void *member)
{
	return ((const struct idset *)member)->said != 0;
}

/* Of a directory, or with AT_FDCWD by its path. */
static int read_set(int dirfd, const char *file, struct idset *out)
{
	char text[4096];
	const char *bad;
	ssize_t n = io_read_file(dirfd, file, text, sizeof(text), NULL);

	*out = (struct idset){ 0 };
	return n < 0 ? (int)n : idset_parse(text, &bad, out);
}

/* A host that does not say what it has is asked by the write. */
static int set_possible(const struct limit_row *row, const void *member, struct err *err)
{
	char have[IDSET_TEXT_SIZE];
	struct idset host;
	unsigned outside;

	if (read_set(AT_FDCWD, row->host, &host) < 0 || idset_within(member, &host, &outside))
		return 0;
	idset_format(&host, have, sizeof(have));
	return err_set(err, EOPNOTSUPP, "%s: %u is not on this host, which has %s",
		       row->key, outside, have);
}

static int write_set(const struct cgroup *cg, const char *file, const struct idset *set,
		     struct err *err)
{
	char text[4096];

	idset_format(set, text, sizeof(text));
	/* "" would be no write */
	return io_write_file(cg->dirfd, file, text[0] ? text : "\n", err);
}

/*
 * Without any, the group has what the group above it has. Linux 6.1 refuses that to
 * one in which processes live (ENOSPC): then all that the host has, which is the same.
 */
static int set_write(const struct cgroup *cg, const struct limit_row *row, const void *member,
		     struct err *err)
{
	struct idset host;
	int r = write_set(cg, row->file, member, err);

	if (r == -ENOSPC && idset_is_empty(member) && read_set(AT_FDCWD, row->host, &host) == 0)
		r = write_set(cg, row->file, &host, err);
	return r;
}

static int set_holds(const struct cgroup *cg, const struct limit_row *row, const void *member,
		     struct err *err)
{
	char file[64], path[256], want[IDSET_TEXT_SIZE], have[IDSET_TEXT_SIZE];
	struct idset effective;

	snprintf(file, sizeof(file), "%s.effective", row->file);
	if (idset_is_empty(member) || read_set(cg->dirfd, file, &effective) < 0 ||
	    idset_within(&effective, member, NULL))
		return 0;
	idset_format(member, want, sizeof(want));
	idset_format(&effective, have, sizeof(have));
	(void)cgroup_path(cg, path, sizeof(path)); /* "?" will do */
	return err_set(err, EOPNOTSUPP,
		       "%s: %s is not for cgroup '%s', which the groups above leave only %s",
		       row->key, want, path, have);
}

static void set_drop(const struct limit_row *row, void *out, const void *old, const void *new)
{
	(void)row;
	if (set_said(old) && !set_said(new))
		((struct idset *)out)->said = 1;
}

static void set_any(void *member)
{
	((struct idset *)member)->said = 1;
}

const struct limit_kind limit_set = {
	.said = set_said,
	.possible = set_possible,
	.has_file = has_own_file,
	.write = set_write,
	.holds = set_holds,
	.drop = set_drop,
	.any = set_any,
};

/* --------------------------------------------------------------------- huge pages */

static bool huge_said(const void *member)
{
	return ((const struct cgroup_huge *)member)->page_bytes != 0;
}

static uint64_t scaled(uint64_t bytes, char *unit)
{
	bool giga = bytes >= UINT64_C(1) << 30, mega = bytes >= UINT64_C(1) << 20;

	*unit = giga ? 'G' : mega ? 'M' : 'K';
	return bytes >> (giga ? 30 : mega ? 20 : 10);
}

/* "hugetlb.2MB.max", as hugetlb_cgroup_file_init() in mm/hugetlb_cgroup.c names it. */
static void huge_file(char buf[64], uint64_t page_bytes, const char *what)
{
	char unit;
	uint64_t n = scaled(page_bytes, &unit);

	snprintf(buf, 64, "hugetlb.%" PRIu64 "%cB.%s", n, unit, what);
}

/* The sizes of the host as "2M, 1G"; false when it has none. */
static bool host_sizes(char *buf, size_t size)
{
	DIR *dir = opendir(HUGE_PAGES_DIR);
	const struct dirent *e;
	size_t n = 0;

	buf[0] = '\0';
	while (dir && (e = readdir(dir)) && n < size) {
		uint64_t kib;
		char unit;

		if (sscanf(e->d_name, "hugepages-%" SCNu64 "kB", &kib) != 1)
			continue;
		kib = scaled(kib << 10, &unit);
		n += (size_t)snprintf(buf + n, size - n, "%s%" PRIu64 "%c",
				      n ? ", " : "", kib, unit);
	}
	if (dir)
		(void)closedir(dir); /* it was only read */
	return n > 0;
}

static int huge_possible(const struct limit_row *row, const void *member, struct err *err)
{
	const struct cgroup_huge *huge = member;
	char path[96], have[128], unit;

	for (size_t i = 0; i < CGROUP_HUGE_MAX && huge[i].page_bytes; i++) {
		uint64_t n;

		snprintf(path, sizeof(path), HUGE_PAGES_DIR "/hugepages-%" PRIu64 "kB",
			 huge[i].page_bytes >> 10);
		if (access(path, F_OK) == 0)
			continue;
		n = scaled(huge[i].page_bytes, &unit);
		if (!host_sizes(have, sizeof(have)))
			return err_set(err, EOPNOTSUPP, "%s: this kernel has no huge pages",
				       row->key);
		return err_set(err, EOPNOTSUPP, "%s: this host has no huge pages of %" PRIu64
			       "%c, but of %s", row->key, n, unit, have);
	}
	return 0;
}

static bool huge_has_file(const struct cgroup *cg, const struct limit_row *row, const void *member)
{
	const struct cgroup_huge *huge = member;
	char file[64];

	(void)row;
	huge_file(file, huge->page_bytes, "max");
	return faccessat(cg->dirfd, file, F_OK, 0) == 0;
}

/*
 * Reservations too (Linux 5.7): past those mmap(2) fails, where a page past .max is a
 * SIGBUS in the midst of the program.
 */
static int huge_write(const struct cgroup *cg, const struct limit_row *row, const void *member,
		      struct err *err)
{
	const struct cgroup_huge *huge = member;
	char file[64];
	int r = 0;

	(void)row;
	for (size_t i = 0; r == 0 && i < CGROUP_HUGE_MAX && huge[i].page_bytes; i++) {
		huge_file(file, huge[i].page_bytes, "max");
		r = write_number(cg, file, huge[i].max_bytes, err);
		if (r < 0)
			break;
		huge_file(file, huge[i].page_bytes, "rsvd.max");
		r = write_number(cg, file, huge[i].max_bytes, err);
		r = r == -ENOENT ? 0 : r;
	}
	return r;
}

static bool has_size(const struct cgroup_huge *huge, uint64_t page_bytes)
{
	for (size_t i = 0; i < CGROUP_HUGE_MAX; i++)
		if (huge[i].page_bytes == page_bytes)
			return true;
	return false;
}

static void huge_drop(const struct limit_row *row, void *out, const void *old, const void *new)
{
	const struct cgroup_huge *was = old;
	struct cgroup_huge *to = out;

	(void)row;
	for (size_t i = 0; i < CGROUP_HUGE_MAX && was[i].page_bytes; i++)
		if (!has_size(new, was[i].page_bytes))
			*to++ = (struct cgroup_huge){ was[i].page_bytes, LIMIT_MAX };
}

/* Every size of the host. */
static void huge_any(void *member)
{
	struct cgroup_huge *huge = member;
	DIR *dir = opendir(HUGE_PAGES_DIR);
	const struct dirent *e;
	size_t n = 0;

	while (dir && n < CGROUP_HUGE_MAX && (e = readdir(dir))) {
		uint64_t kib;

		if (sscanf(e->d_name, "hugepages-%" SCNu64 "kB", &kib) == 1)
			huge[n++] = (struct cgroup_huge){ kib << 10, LIMIT_MAX };
	}
	if (dir)
		(void)closedir(dir); /* it was only read */
}

const struct limit_kind limit_huge = {
	.said = huge_said,
	.possible = huge_possible,
	.has_file = huge_has_file,
	.write = huge_write,
	.drop = huge_drop,
	.any = huge_any,
};
