/* SPDX-License-Identifier: MIT */
/* Whose ids a pod has: a range that is nobody else's, the same at each start. */
#include "userns/range.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/io.h"
#include "userns/userns.h"

#define FIRST_RANGE UINT32_C(0x77390000)
#define RANGE_N	    2245
#define NONE	    RANGE_N

/* Longer than who was killed takes to be gone. */
#define PAUSE_ENDS_MS 1000

struct table {
	bool taken[RANGE_N];
	char *text; /* all lines but the pod's own */
	size_t text_n;
	unsigned own; /* the pod's, or NONE */
};

static uint32_t first_of(unsigned range)
{
	return FIRST_RANGE + range * USERNS_RANGE;
}

/* Ranges that have some of @n ids from @first on. */
static void mark(struct table *t, uint64_t first, uint64_t n)
{
	const uint64_t end = FIRST_RANGE + (uint64_t)RANGE_N * USERNS_RANGE;

	if (n > UINT32_MAX) /* more than there are */
		n = UINT32_MAX;
	if (n == 0 || first >= end || first + n <= FIRST_RANGE)
		return;
	for (unsigned i = 0; i < RANGE_N; i++)
		if (first < (uint64_t)first_of(i) + USERNS_RANGE && first + n > first_of(i))
			t->taken[i] = true;
}

/* The @field-th of a line of passwd(5) and its kin, counted from 0; or false. */
static bool read_field(const char *line, unsigned field, uint64_t *out)
{
	char *end;

	for (; field > 0; field--) {
		line = strchr(line, ':');
		if (!line)
			return false;
		line++;
	}
	if (*line < '0' || *line > '9')
		return false;
	*out = strtoull(line, &end, 10);
	return *end == ':' || *end == '\n' || *end == '\0';
}

static const struct {
	const char *name;
	unsigned first; /* field */
	unsigned n;	/* field, or 0: one id */
} host_files[] = {
	{ "passwd", 2, 0 },
	{ "group", 2, 0 },
	{ "subuid", 1, 2 },
	{ "subgid", 1, 2 },
};

static FILE *open_file(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");

	if (!f)
		close_fd(&fd);
	return f;
}

/* A host without a file has nobody in it. */
static int mark_host_ids(struct table *t, int etc_fd, struct err *err)
{
	cleanup_free char *line = NULL;
	size_t size = 0;

	for (size_t i = 0; i < ARRAY_SIZE(host_files); i++) {
		FILE *f = open_file(etc_fd, host_files[i].name);

		if (!f && errno != ENOENT)
			return err_sys(err, "open '/etc/%s'", host_files[i].name);
		while (f && getline(&line, &size, f) > 0) {
			uint64_t first, n = 1;

			if (read_field(line, host_files[i].first, &first) &&
			    (host_files[i].n == 0 || read_field(line, host_files[i].n, &n)))
				mark(t, first, n);
		}
		if (f)
			(void)fclose(f);
	}
	return 0;
}

/* Of a line "FIRST NAME": the range, or NONE when it says nothing that we would. */
static unsigned read_line(char *line, const char **name)
{
	char *end;
	uint64_t first = strtoull(line, &end, 10), at = first - FIRST_RANGE;

	end[strcspn(end, "\n")] = '\0';
	*name = end + 1;
	if (first < FIRST_RANGE || at % USERNS_RANGE != 0 || at / USERNS_RANGE >= RANGE_N ||
	    *end != ' ' || **name == '\0')
		return NONE;
	return (unsigned)(at / USERNS_RANGE);
}

static int read_registry(struct table *t, const struct userns_registry *registry, const char *pod,
			 struct err *err)
{
	FILE *f = open_file(registry->dirfd, registry->name), *others;
	cleanup_free char *line = NULL;
	size_t size = 0;

	t->own = NONE;
	if (!f && errno != ENOENT)
		return err_sys(err, "open '%s'", registry->name);
	others = open_memstream(&t->text, &t->text_n);
	while (others && f && getline(&line, &size, f) > 0) {
		const char *name;
		unsigned range = read_line(line, &name);

		if (range == NONE)
			continue;
		if (strcmp(name, pod) == 0) {
			t->own = range;
			continue;
		}
		t->taken[range] = true;
		(void)fprintf(others, "%u %s\n", first_of(range), name);
	}
	if (f)
		(void)fclose(f);
	if (!others || fclose(others) != 0)
		return err_set(err, ENOMEM, "read '%s': out of memory", registry->name);
	return 0;
}

/* Lines "INSIDE FIRST N" of user_namespaces(7). The host's own are all ids, from 0 on. */
static void mark_map(struct table *t, const char *map)
{
	unsigned long long inside, first, n;

	for (const char *line = map; *line; line += strcspn(line, "\n"), line += *line == '\n')
		if (sscanf(line, "%llu %llu %llu", &inside, &first, &n) == 3 && first > 0)
			mark(t, first, n);
}

/* 340 lines of three numbers at most, each in a field of ten or more (user_namespaces(7)). */
#define MAP_TEXT_MAX (340 * 40)

/*
 * Ids that somebody runs with, whatever is written where: a pod whose line was lost, one of
 * another instance of podd, another engine's containers. Only when a pod gets a range.
 */
static void mark_running(struct table *t, int proc_fd)
{
	int fd = openat(proc_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *proc = fd < 0 ? NULL : fdopendir(fd);
	char path[NAME_MAX + sizeof("/uid_map")], map[MAP_TEXT_MAX];

	if (!proc)
		close_fd(&fd);
	for (const struct dirent *d; proc && (d = readdir(proc));) {
		if (d->d_name[0] < '0' || d->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "%s/uid_map", d->d_name);
		if (io_read_file(proc_fd, path, map, sizeof(map), NULL) > 0)
			mark_map(t, map);
	}
	if (proc)
		(void)closedir(proc);
}

static uint32_t hash(uint32_t h, const char *s)
{
	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * UINT32_C(16777619); /* FNV-1a */
	return h;
}

static unsigned choose(const struct table *t, const struct userns_registry *registry,
		       const char *pod)
{
	uint32_t h = hash(hash(UINT32_C(2166136261), registry->owner), pod);

	for (unsigned i = 0; i < RANGE_N; i++)
		if (!t->taken[(h + i) % RANGE_N])
			return (h + i) % RANGE_N;
	return NONE;
}

static int write_registry(const struct table *t, const struct userns_registry *registry,
			  const char *pod, struct err *err)
{
	cleanup_free char *all = NULL;

	if (asprintf(&all, "%s%u %s\n", t->text, first_of(t->own), pod) < 0) {
		all = NULL;
		return err_set(err, ENOMEM, "write '%s': out of memory", registry->name);
	}
	return io_replace_file_synced(registry->dirfd, registry->name, all, strlen(all), err);
}

/*
 * Whether somebody runs with the range's last id, as the pause of a pod does that has it:
 * another instance of podd has a file of its own. One that is about to end is waited for;
 * one that nobody reaps counts.
 */
static bool has_pause(unsigned range)
{
	const struct timespec nap = { .tv_nsec = 10 * NSEC_PER_MSEC };

	for (unsigned i = 0; i < PAUSE_ENDS_MS / 10; i++) {
		errno = 0;
		if (getpriority(PRIO_USER, first_of(range) + USERNS_IDS) == -1 && errno == ESRCH)
			return false;
		(void)nanosleep(&nap, NULL); /* however long */
	}
	return true;
}

static int take(uint32_t *first, struct table *t, const struct userns_registry *registry,
		const char *pod, struct err *err)
{
	int r = read_registry(t, registry, pod, err);

	if (r == 0)
		r = mark_host_ids(t, registry->etc_fd, err);
	if (r < 0)
		return r;
	if (t->own != NONE && !t->taken[t->own] && !has_pause(t->own)) {
		*first = first_of(t->own);
		return 0;
	}
	if (t->own != NONE)
		t->taken[t->own] = true;
	mark_running(t, registry->proc_fd);
	t->own = choose(t, registry, pod);
	if (t->own == NONE)
		return err_set(err, ENOSPC,
			       "all %d ranges of ids are taken: by users and /etc/subuid of the "
			       "host, or by lines of pods that are no more in podd's file '%s'",
			       RANGE_N, registry->name);
	*first = first_of(t->own);
	return write_registry(t, registry, pod, err);
}

/**
 * userns_range_take() - the pod's range of USERNS_RANGE ids
 * @first: receives its first id
 * @pod: its name
 *
 * Return: 0 or -errno with @err filled (ENOSPC: none is free).
 */
int userns_range_take(uint32_t *first, const struct userns_registry *registry, const char *pod,
		      struct err *err)
{
	cleanup_close int fd = io_lock_directory(registry->dirfd, registry->name, err);
	struct userns_registry locked = *registry;
	struct table t = { .text = NULL };
	int r = fd;

	locked.dirfd = fd;
	if (fd >= 0)
		r = take(first, &t, &locked, pod, err);
	free(t.text);
	return r;
}
