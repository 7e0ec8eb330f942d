/* SPDX-License-Identifier: MIT */
/* supervisor/last_words: which of the descriptors that were given are taken. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "supervisor/last_words.h"
#include "supervisor/log.h"
#include "supervisor/record.h"

#define FIRST 100

enum kind { RECORD, BUFFER, READ_END, WRITE_END, NOTHING, OURS };

static void place(int fd, int number)
{
	assert_int_equal(dup2(fd, number), number);
	close(fd);
}

static void give(int number, enum kind kind)
{
	struct record *rec;
	int fds[2];

	if (kind == RECORD) {
		assert_int_equal(record_create(&fds[0], &rec, NULL), 0);
		record_close(rec);
		place(fds[0], number);
	} else if (kind == BUFFER) {
		assert_int_equal(log_buffer_create(&fds[0], NULL), 0);
		place(fds[0], number);
	} else if (kind == READ_END || kind == WRITE_END) {
		assert_int_equal(log_pipe_create(&fds[0], &fds[1], NULL), 0);
		place(fds[kind == WRITE_END], number);
		close(fds[kind == READ_END]);
	} else if (kind == OURS) {
		assert_int_equal(log_buffer_create(&fds[0], NULL), 0);
		assert_int_equal(dup3(fds[0], number, O_CLOEXEC), number);
		close(fds[0]);
	}
}

static void told(const char *pid, const char *n, const char *names)
{
	char own[16];

	snprintf(own, sizeof(own), "%d", getpid());
	assert_int_equal(setenv("LISTEN_PID", pid ? pid : own, 1), 0);
	assert_int_equal(setenv("LISTEN_FDS", n, 1), 0);
	if (names)
		assert_int_equal(setenv("LISTEN_FDNAMES", names, 1), 0);
	else
		unsetenv("LISTEN_FDNAMES");
}

static bool is_open(int fd) { return fcntl(fd, F_GETFD) >= 0; }

static unsigned count(const struct last_words *w)
{
	unsigned n = w->record_fd >= 0;

	for (unsigned i = 0; i < POD_CONTAINERS_MAX; i++)
		for (unsigned k = 0; k < LAST_WORDS_FDS; k++)
			n += w->logs[i][k] >= 0;
	return n;
}

static void take__what_podd_stored__each_in_its_place(void **state)
{
	struct last_words w;

	(void)state;
	give(FIRST, BUFFER);
	give(FIRST + 1, READ_END);
	give(FIRST + 2, RECORD);
	give(FIRST + 3, READ_END);
	told(NULL, "4", "log-31-buffer:log-31-stderr:record:log-0-stdout");
	last_words_take(&w, FIRST);
	assert_int_equal(count(&w), 4);
	assert_int_equal(w.logs[31][LAST_WORDS_BUFFER], FIRST);
	assert_int_equal(w.logs[31][LAST_WORDS_STDERR], FIRST + 1);
	assert_int_equal(w.record_fd, FIRST + 2);
	assert_int_equal(w.logs[0][LAST_WORDS_STDOUT], FIRST + 3);
	for (int i = 0; i < 4; i++)
		assert_int_equal(fcntl(FIRST + i, F_GETFD), FD_CLOEXEC);
	assert_null(getenv("LISTEN_PID"));
	assert_null(getenv("LISTEN_FDS"));
	assert_null(getenv("LISTEN_FDNAMES"));
	last_words_done(&w);
	for (int i = 0; i < 4; i++)
		assert_false(is_open(FIRST + i));
}

static void take__of_others__left_alone(void **state)
{
	static const char *const pids[] = { "1", "", "-1", "x", "99999999999999999999" };
	static const char *const numbers[] = { "0", "", "-1", "1x", "513", "99999999999999999999" };
	struct last_words w;

	(void)state;
	give(FIRST, RECORD);
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
		told(pids[i], "1", "record");
		last_words_take(&w, FIRST);
		assert_int_equal(count(&w), 0);
		assert_true(is_open(FIRST));
	}
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		told(NULL, numbers[i], "record");
		last_words_take(&w, FIRST);
		assert_int_equal(count(&w), 0);
		assert_true(is_open(FIRST));
	}
	close(FIRST);
}

/* One descriptor with one name. Return: whether it is taken; it is closed otherwise. */
static bool takes(const char *name, enum kind kind)
{
	struct last_words w;
	bool taken;

	give(FIRST, kind);
	told(NULL, "1", name);
	last_words_take(&w, FIRST);
	taken = count(&w) == 1;
	assert_int_equal(is_open(FIRST), taken || kind == OURS);
	last_words_done(&w);
	if (kind == OURS)
		close(FIRST);
	return taken;
}

static void take__unknown_names__closed(void **state)
{
	static const char *const names[] = {
		"", "stored", "records", "log", "log-", "log-0", "log-0-", "log-0-stdin",
		"log--1-stdout", "log-32-stdout", "log-00-stdout", "log- 0-stdout",
		"log-+0-stdout", "log-0-stdoutx",
		"log-4294967296-stdout", "log-x-stdout",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_false(takes(names[i], READ_END));
	assert_false(takes(NULL, READ_END));
	assert_true(takes("log-0-stdout", READ_END));
}

static void take__of_another_kind__closed(void **state)
{
	(void)state;
	assert_true(takes("record", RECORD));
	assert_false(takes("record", READ_END));
	assert_false(takes("record", OURS)); /* it did not come through an execve */
	assert_false(takes("record", NOTHING));
	assert_true(takes("log-7-buffer", BUFFER));
	assert_false(takes("log-7-buffer", READ_END));
	assert_false(takes("log-7-stdout", BUFFER));
	assert_false(takes("log-7-stdout", WRITE_END));
	assert_false(takes("log-7-stderr", WRITE_END));
}

static void take__a_name_twice__neither(void **state)
{
	struct last_words w;

	(void)state;
	for (int i = 0; i < 3; i++)
		give(FIRST + i, BUFFER);
	told(NULL, "3", "log-0-buffer:log-0-buffer:log-0-buffer");
	last_words_take(&w, FIRST);
	assert_int_equal(count(&w), 0);
	for (int i = 0; i < 3; i++)
		assert_false(is_open(FIRST + i));
}

/* What is cleared says nothing to the podd that finds it, nor cuts it a log. */
static void buffer__cleared__as_when_it_was_made(void **state)
{
	struct log_buffer b;
	int fd;

	(void)state;
	assert_int_equal(log_buffer_create(&fd, NULL), 0);
	assert_true(log_buffer_is_blank(fd));
	assert_int_equal(log_buffer_open(&b, fd, NULL), 0);
	b.now.file_ino = 1;
	b.now.file_bytes = 7;
	log_buffer_commit(&b);
	log_buffer_close(&b);
	assert_false(log_buffer_is_blank(fd));
	log_buffer_clear(fd);
	assert_true(log_buffer_is_blank(fd));
	assert_int_equal(log_buffer_open(&b, fd, NULL), 0);
	assert_int_equal(b.now.file_ino, 0);
	log_buffer_close(&b);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(take__what_podd_stored__each_in_its_place),
		cmocka_unit_test(take__of_others__left_alone),
		cmocka_unit_test(take__unknown_names__closed),
		cmocka_unit_test(take__of_another_kind__closed),
		cmocka_unit_test(take__a_name_twice__neither),
		cmocka_unit_test(buffer__cleared__as_when_it_was_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
