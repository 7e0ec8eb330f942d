/* SPDX-License-Identifier: MIT */
/* What outlives podd beside the logs: the record and the store of descriptors. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "supervisor/fd_store.h"
#include "supervisor/record.h"

static void record__committed__found_by_another_mapping(void **state)
{
	struct record_state *s = calloc(1, sizeof(*s));
	struct record *ours, *theirs;
	struct err err = { 0 };
	int fd;

	(void)state;
	assert_int_equal(record_create(&fd, &ours, &err), 0);
	assert_int_equal(record_open(fd, &theirs, &err), 0);
	assert_null(record_current(theirs));
	for (uint64_t i = 1; i < 5; i++) {
		s->started_realtime_ns = i;
		record_commit(ours, s);
		assert_int_equal(record_current(theirs)->started_realtime_ns, i);
	}
	record_close(ours);
	record_close(theirs);
	close(fd);
	free(s);
}

static void record_open__short_foreign_or_newer__refused(void **state)
{
	int fd = memfd_create("test", MFD_CLOEXEC), real;
	struct record *rec;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(record_open(fd, &rec, &err), -EPROTO);
	assert_string_equal(err.msg, "the pod's record is too short");
	assert_int_equal(ftruncate(fd, sizeof(struct record)), 0);
	assert_int_equal(record_open(fd, &rec, &err), -EPROTO);
	assert_string_equal(err.msg, "the pod's record has version 0, this podd knows 4 and 5");
	close(fd);
	assert_int_equal(record_create(&real, &rec, &err), 0);
	rec->version = RECORD_VERSION + 1;
	record_close(rec);
	assert_int_equal(record_open(real, &rec, &err), -EPROTO);
	assert_string_equal(err.msg, "the pod's record has version 6, this podd knows 4 and 5");
	close(real);
}

static void record_open__of_host_ids__is_what_older_podds_know(void **state)
{
	struct record *rec, *theirs;
	struct err err = { 0 };
	int fd;

	(void)state;
	assert_int_equal(record_create(&fd, &rec, &err), 0);
	assert_int_equal(rec->version, 5);
	record_of_host_ids(rec);
	assert_int_equal(rec->version, 4);
	assert_int_equal(record_open(fd, &theirs, &err), 0);
	record_close(rec);
	record_close(theirs);
	close(fd);
}

/* A record that says of a pod that ran that it never did would end that pod. */
static void record_open__commits_zeroed__refused_unless_nothing_was_done(void **state)
{
	struct record_state *s = calloc(1, sizeof(*s));
	struct record *ours, *theirs;
	struct err err = { 0 };
	int fd;

	(void)state;
	assert_int_equal(record_create(&fd, &ours, &err), 0);
	record_commit(ours, s);
	ours->commits = 0; /* as after a kill within the first commit */
	assert_int_equal(record_open(fd, &theirs, &err), 0);
	assert_null(record_current(theirs));
	record_close(theirs);
	ours->events_next = 2;
	assert_int_equal(record_open(fd, &theirs, &err), -EPROTO);
	ours->events_next = 1;
	ours->commits = 1;
	for (unsigned i = 2; i < 5; i++) {
		record_commit(ours, s);
		ours->commits = 0;
		assert_int_equal(record_open(fd, &theirs, &err), -EPROTO);
		assert_string_equal(err.msg, "the pod's record is damaged");
		ours->commits = i;
	}
	assert_int_equal(record_open(fd, &theirs, &err), 0);
	record_close(theirs);
	record_close(ours);
	close(fd);
	free(s);
}

/* The writer is killed at any instant: its numbers must always fit together. */
static void record__writer_killed__one_state_or_the_other(void **state)
{
	struct record *rec;
	struct err err = { 0 };
	int fd;

	(void)state;
	assert_int_equal(record_create(&fd, &rec, &err), 0);
	for (int round = 0; round < 50; round++) {
		const struct record_state *now;
		uint64_t seen = rec->commits;
		pid_t pid = fork();

		if (pid == 0) {
			struct record_state *s = calloc(1, sizeof(*s));

			for (uint64_t i = seen + 1;; i++) {
				s->definition = s->started_realtime_ns = i;
				for (size_t k = 0; k < POD_CONTAINERS_MAX; k++)
					s->members[k].oom_kills = i;
				record_commit(rec, s);
			}
		}
		while (__atomic_load_n(&rec->commits, __ATOMIC_ACQUIRE) <
		       seen + 100 + (uint64_t)round)
			;
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		now = record_current(rec);
		assert_int_equal(now->definition, now->started_realtime_ns);
		for (size_t k = 0; k < POD_CONTAINERS_MAX; k++)
			assert_int_equal(now->members[k].oom_kills, now->definition);
	}
	record_close(rec);
	close(fd);
}

static ino_t inode(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_ino;
}

static void fd_store__parked__found_again_and_still_there(void **state)
{
	struct fd_store store, later;
	struct err err = { 0 };
	ino_t inodes[20];
	int before, after;

	(void)state;
	assert_int_equal(fd_store_create(&store, &err), 0);
	assert_int_equal(fd_store_get(&store, 0, &err), -ENOENT);
	for (unsigned i = 0; i < ARRAY_SIZE(inodes); i++) {
		cleanup_close int fd = memfd_create("parked", MFD_CLOEXEC);

		inodes[i] = inode(fd);
		assert_int_equal(fd_store_put(&store, i * 3, fd, &err), 0);
	}
	/* Whoever held the descriptors is gone; another one has the sockets. */
	later = (struct fd_store){ fcntl(store.send_fd, F_DUPFD_CLOEXEC, 3),
				   fcntl(store.receive_fd, F_DUPFD_CLOEXEC, 3) };
	fd_store_close(&store);
	before = dup(0);
	close(before);
	for (int round = 0; round < 3; round++)
		for (unsigned i = ARRAY_SIZE(inodes); i-- > 0;) {
			int fd = fd_store_get(&later, i * 3, &err);

			assert_true(fd >= 0);
			assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
			assert_int_equal(inode(fd), inodes[i]);
			close(fd);
		}
	assert_int_equal(fd_store_get(&later, 1, &err), -ENOENT);
	assert_string_equal(err.msg, "nothing is stored under 1");
	after = dup(0);
	close(after);
	assert_int_equal(before, after);
	fd_store_close(&later);
}

/* A descriptor that nobody but the store holds open, told apart by its inode. */
static ino_t park_new(const struct fd_store *store, unsigned number)
{
	cleanup_close int fd = memfd_create("parked", MFD_CLOEXEC);
	struct err err = { 0 };

	assert_int_equal(fd_store_put(store, number, fd, &err), 0);
	return inode(fd);
}

static ino_t parked(const struct fd_store *store, unsigned number)
{
	struct err err = { 0 };
	cleanup_close int fd = fd_store_get(store, number, &err);

	return fd < 0 ? 0 : inode(fd);
}

/* How many messages wait in the store: what is parked costs memory until it is gone. */
static unsigned messages(const struct fd_store *store)
{
	unsigned n = 0;
	int start = 0;
	unsigned number;

	assert_int_equal(setsockopt(store->receive_fd, SOL_SOCKET, SO_PEEK_OFF, &start,
				    sizeof(start)), 0);
	while (recv(store->receive_fd, &number, sizeof(number), MSG_PEEK) > 0)
		n++;
	return n;
}

static void fd_store__put_again__later_one_and_no_other_left(void **state)
{
	struct fd_store store;
	struct err err = { 0 };
	ino_t a, b = 0, c;

	(void)state;
	assert_int_equal(fd_store_create(&store, &err), 0);
	a = park_new(&store, 1);
	c = park_new(&store, 3);
	for (int i = 0; i < 1000; i++)
		b = park_new(&store, 2);
	assert_true(parked(&store, 1) == a && parked(&store, 2) == b && parked(&store, 3) == c);
	assert_int_equal(messages(&store), 3);
	assert_int_equal(fd_store_remove(&store, 2, &err), 0);
	assert_int_equal(fd_store_remove(&store, 2, &err), 0);
	assert_true(parked(&store, 1) == a && parked(&store, 2) == 0 && parked(&store, 3) == c);
	assert_int_equal(messages(&store), 2);
	fd_store_close(&store);
}

/* 32 containers with their root and five descriptors of a log each, and one more. */
static void fd_store__pod_as_large_as_can_be__room_for_all(void **state)
{
	struct fd_store store;
	struct err err = { 0 };
	ino_t first;

	(void)state;
	assert_int_equal(fd_store_create(&store, &err), 0);
	first = park_new(&store, 0);
	for (unsigned i = 1; i < POD_CONTAINERS_MAX * 6; i++)
		(void)park_new(&store, i);
	(void)park_new(&store, POD_CONTAINERS_MAX * 6 - 1);
	assert_true(parked(&store, 0) == first);
	assert_int_equal(messages(&store), POD_CONTAINERS_MAX * 6);
	fd_store_close(&store);
}

static bool is_odd(unsigned number, const void *ctx)
{
	return number % 2 == 1 && ctx;
}

static void fd_store_prune__some_stay__only_they_are_left(void **state)
{
	struct fd_store store;
	struct err err = { 0 };
	ino_t inodes[10];

	(void)state;
	assert_int_equal(fd_store_create(&store, &err), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(inodes); i++)
		inodes[i] = park_new(&store, i);
	assert_int_equal(fd_store_prune(&store, is_odd, inodes, &err), 0);
	assert_int_equal(messages(&store), 5);
	for (unsigned i = 0; i < ARRAY_SIZE(inodes); i++)
		assert_int_equal(parked(&store, i), i % 2 ? inodes[i] : 0);
	fd_store_close(&store);
}

/* Killed at any instant while entries are replaced: never is one missing. */
static void fd_store__writer_killed__all_entries_there(void **state)
{
	struct fd_store store;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(fd_store_create(&store, &err), 0);
	for (unsigned i = 0; i < 4; i++)
		(void)park_new(&store, i);
	for (int round = 0; round < 50; round++) {
		int pipe_fds[2];
		char byte;
		pid_t pid;

		assert_int_equal(pipe(pipe_fds), 0);
		pid = fork();
		if (pid == 0)
			for (unsigned i = 0;; i++) {
				(void)park_new(&store, i % 4);
				(void)!write(pipe_fds[1], "", 1);
			}
		for (int i = 0; i < round + 1; i++)
			assert_int_equal(read(pipe_fds[0], &byte, 1), 1);
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		close(pipe_fds[0]);
		close(pipe_fds[1]);
		for (unsigned i = 0; i < 4; i++)
			assert_true(parked(&store, i) != 0);
	}
	for (unsigned i = 0; i < 4; i++)
		(void)park_new(&store, i);
	assert_int_equal(messages(&store), 4);
	fd_store_close(&store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(record__committed__found_by_another_mapping),
		cmocka_unit_test(record_open__short_foreign_or_newer__refused),
		cmocka_unit_test(record_open__of_host_ids__is_what_older_podds_know),
		cmocka_unit_test(record_open__commits_zeroed__refused_unless_nothing_was_done),
		cmocka_unit_test(record__writer_killed__one_state_or_the_other),
		cmocka_unit_test(fd_store__parked__found_again_and_still_there),
		cmocka_unit_test(fd_store__put_again__later_one_and_no_other_left),
		cmocka_unit_test(fd_store__pod_as_large_as_can_be__room_for_all),
		cmocka_unit_test(fd_store_prune__some_stay__only_they_are_left),
		cmocka_unit_test(fd_store__writer_killed__all_entries_there),
	};

	return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
