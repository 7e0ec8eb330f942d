/* SPDX-License-Identifier: MIT */
/* What podd knows about its pod, in memory that outlives podd. */
#include "supervisor/record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

static int map_record(int memfd, struct record **out, struct err *err)
{
	void *p = mmap(NULL, sizeof(struct record), PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);

	if (p == MAP_FAILED)
		return err_sys(err, "map the pod's record");
	*out = p;
	return 0;
}

/**
 * record_create() - make an empty record
 * @memfd_out: receives its memfd, O_CLOEXEC, the caller's
 * @out: receives the mapping; record_close()
 *
 * Return: 0 or -errno with @err filled.
 */
int record_create(int *memfd_out, struct record **out, struct err *err)
{
	cleanup_close int fd = memfd_create("podd-record", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (fd < 0 || ftruncate(fd, sizeof(struct record)) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return err_sys(err, "make the pod's record");
	r = map_record(fd, out, err);
	if (r < 0)
		return r;
	(*out)->magic = RECORD_MAGIC;
	(*out)->version = RECORD_VERSION;
	(*out)->events_next = 1;
	*memfd_out = take_fd(&fd);
	return 0;
}

/**
 * record_of_host_ids() - the pod of a new record has no user namespace of its own
 */
void record_of_host_ids(struct record *rec)
{
	rec->version = RECORD_VERSION_HOST_IDS;
}

/* FNV-1a over words: a microsecond for all of it. */
static uint64_t sum_of(const struct record_state *state)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325), word;

	for (size_t i = 0; i < offsetof(struct record_state, sum); i += sizeof(word)) {
		memcpy(&word, (const char *)state + i, sizeof(word));
		h = (h ^ word) * UINT64_C(0x100000001b3);
	}
	return h;
}

/*
 * The first commit is written to the second copy, and nothing runs before the next
 * one has been written to the first.
 */
static bool is_empty(const struct record *rec)
{
	return rec->commits == 0 && rec->current <= 1 && rec->events_next == 1 &&
	       rec->states[0].serial == 0 && rec->states[0].sum == 0;
}

/* A podd that was killed between two stores has made the copy count and not
 * counted the commit. */
static bool is_whole(const struct record *rec)
{
	const struct record_state *state = &rec->states[rec->current & 1];

	if (rec->commits == 0)
		return is_empty(rec);
	return rec->current <= 1 && sum_of(state) == state->sum &&
	       (state->serial == rec->commits || state->serial == rec->commits + 1);
}

/**
 * record_open() - map the record of a pod that another podd has started
 * @memfd: borrowed
 *
 * Return: 0 or -errno with @err filled (EPROTO: no record, damaged, or of another
 * version).
 */
int record_open(int memfd, struct record **out, struct err *err)
{
	struct record *rec = NULL;
	struct stat st;
	int r;

	if (fstat(memfd, &st) < 0)
		return err_sys(err, "look at the pod's record");
	if (st.st_size < (off_t)sizeof(struct record))
		return err_set(err, EPROTO, "the pod's record is too short");
	r = map_record(memfd, &rec, err);
	if (r < 0)
		return r;
	if (rec->magic != RECORD_MAGIC ||
	    (rec->version != RECORD_VERSION && rec->version != RECORD_VERSION_HOST_IDS)) {
		r = err_set(err, EPROTO,
			    "the pod's record has version %u, this podd knows %u and %u",
			    rec->version, RECORD_VERSION_HOST_IDS, RECORD_VERSION);
		record_close(rec);
		return r;
	}
	if (!is_whole(rec)) {
		record_close(rec);
		return err_set(err, EPROTO, "the pod's record is damaged");
	}
	*out = rec;
	return 0;
}

/**
 * record_close() - unmap; the pause keeps the memory. NULL is fine.
 */
void record_close(struct record *rec)
{
	if (rec)
		(void)munmap(rec, sizeof(*rec));
}

/**
 * record_commit() - make a state the one that counts
 */
void record_commit(struct record *rec, const struct record_state *state)
{
	uint32_t next = !rec->current;
	struct record_state *to = &rec->states[next];

	*to = *state;
	to->serial = rec->commits + 1;
	to->sum = sum_of(to);
	__atomic_store_n(&rec->current, next, __ATOMIC_RELEASE);
	__atomic_store_n(&rec->commits, rec->commits + 1, __ATOMIC_RELEASE);
}

/**
 * record_current() - the state that counts, or NULL when there never was one
 */
const struct record_state *record_current(const struct record *rec)
{
	return rec->commits ? &rec->states[rec->current & 1] : NULL;
}
