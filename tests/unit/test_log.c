/* SPDX-License-Identifier: MIT */
/* supervisor/log: records, pacing and rotation; on real pipes and files. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/unit/test_log.h"

static void log_pump__lines_of_both_streams__records(void **state)
{
	struct bytes log = { 0 };
	struct cri_line l;
	struct rig rig;
	struct log lg;
	uint64_t before = clock_realtime_ns();

	(void)state;
	rig_init(&rig, LARGE, 5);
	assert_int_equal(rig_open(&rig, &lg, NULL), 0);
	say(&rig, CRI_STDOUT, "one\n\nthree\n");
	log_pump(&lg, CRI_STDOUT, clock_boottime_ns());
	say(&rig, CRI_STDERR, "bad\n");
	log_pump(&lg, CRI_STDERR, clock_boottime_ns());
	read_log(&rig, &log);
	assert_int_equal(log.n, 4 * (CRI_HEAD_SIZE + 1) + strlen("onethreebad"));
	assert_memory_equal(log.p + CRI_HEAD_SIZE - 10, " stdout F one\n", 14);
	assert_memory_equal(log.p + log.n - 14, " stderr F bad\n", 14);
	assert_int_equal(cri_parse(&l, log.p, 43), 0);
	assert_true(l.realtime_ns >= before && l.realtime_ns <= clock_realtime_ns());
	bytes_done(&log);
	log_close(&lg);
	rig_done(&rig);
}

static void log_open__new__file_for_owner_and_group_only(void **state)
{
	struct rig rig;
	struct stat st;
	struct log lg;
	mode_t mask = umask(0);

	(void)state;
	rig_init(&rig, LARGE, 5);
	assert_int_equal(rig_open(&rig, &lg, NULL), 0);
	assert_int_equal(fstatat(rig.dirfd, "web.log", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0640);
	umask(mask);
	log_close(&lg);
	rig_done(&rig);
}

static void log_pipe_create__new__large_and_only_our_end_non_blocking(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, LARGE, 5);
	assert_int_equal(fcntl(rig.rd[0], F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	assert_int_equal(fcntl(rig.wr[0], F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(fcntl(rig.rd[0], F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(rig.wr[0], F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(rig.wr[0], F_GETPIPE_SZ), LOG_PIPE_SIZE);
	rig_done(&rig);
}

static void log_pump__unended_line__waits_for_its_newline(void **state)
{
	struct rig rig;
	struct log lg;

	(void)state;
	rig_init(&rig, LARGE, 5);
	assert_int_equal(rig_open(&rig, &lg, NULL), 0);
	say(&rig, CRI_STDOUT, "done\nbeg");
	pump_all(&lg);
	assert_stream(&rig, CRI_STDOUT, "done\n");
	say(&rig, CRI_STDOUT, "in\n");
	pump_all(&lg);
	assert_stream(&rig, CRI_STDOUT, "done\nbegin\n");
	log_close(&lg);
	rig_done(&rig);
}

static void log_drain__unended_line__ended(void **state)
{
	struct rig rig;
	struct log lg;

	(void)state;
	rig_init(&rig, LARGE, 5);
	assert_int_equal(rig_open(&rig, &lg, NULL), 0);
	say(&rig, CRI_STDOUT, "a\nlast words");
	say(&rig, CRI_STDERR, "b");
	log_drain(&lg);
	log_drain(&lg);
	assert_stream(&rig, CRI_STDOUT, "a\nlast words\n");
	assert_stream(&rig, CRI_STDERR, "b\n");
	say(&rig, CRI_STDOUT, "next run\n");
	pump_all(&lg);
	assert_stream(&rig, CRI_STDOUT, "a\nlast words\nnext run\n");
	log_close(&lg);
	rig_done(&rig);
}

/* Lengths around where lines are cut, regions end and reads come up short. */
static void log_pump__long_lines__cut_in_pieces_and_exact(void **state)
{
	static const size_t lengths[] = {
		CRI_TEXT_MAX - 1,  CRI_TEXT_MAX,     CRI_TEXT_MAX + 1,
		2 * CRI_TEXT_MAX,  3 * CRI_TEXT_MAX, LOG_BUFFER_REGION - LOG_BUFFER_HEADER,
		LOG_BUFFER_REGION, 200000,
	};
	struct bytes all = { 0 }, log = { 0 };
	struct rig rig;
	struct log lg;

	(void)state;
	rig_init(&rig, LARGE, 5);
	assert_int_equal(rig_open(&rig, &lg, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		char *line = malloc(lengths[i] + 1);

		assert_non_null(line);
		for (size_t j = 0; j < lengths[i]; j++)
			line[j] = (char)('a' + (i + j / 7) % 26);
		line[lengths[i]] = '\n';
		assert_int_equal(write(rig.wr[0], line, lengths[i] + 1), lengths[i] + 1);
		bytes_add(&all, line, lengths[i] + 1);
		free(line);
		pump_all(&lg);
	}
	assert_stream_bytes(&rig, CRI_STDOUT, all.p, all.n);
	read_log(&rig, &log);
	/* 16383 F, 16384 F, 16384 P + 1 F */
	assert_memory_equal(log.p + 30, " stdout F ", 10);
	assert_memory_equal(log.p + 30 + CRI_RECORD_MAX - 1, " stdout F ", 10);
	assert_memory_equal(log.p + 30 + 2 * CRI_RECORD_MAX - 1, " stdout P ", 10);
	assert_memory_equal(log.p + 30 + 3 * CRI_RECORD_MAX - 1, " stdout F ", 10);
	bytes_done(&all);
	bytes_done(&log);
	log_close(&lg);
	rig_done(&rig);
}

static void log_pump__any_bytes__exact(void **state)
{
	struct bytes all = { 0 };
	struct rig rig;
	struct log lg;

	(void)state;
	rig_init(&rig, LARGE, 5);
	assert_int_equal(rig_open(&rig, &lg, NULL), 0);
	for (unsigned i = 0; i < 3000; i++) {
		unsigned char b = (unsigned char)(i < 1000 ? 0 : i < 2000 ? i : 255);

		if (i % 100 == 99)
			b = '\n';
		assert_int_equal(write(rig.wr[0], &b, 1), 1);
		bytes_add(&all, &b, 1);
		if (i % 3 == 0)
			pump_all(&lg);
	}
	pump_all(&lg);
	assert_stream_bytes(&rig, CRI_STDOUT, all.p, all.n);
	bytes_done(&all);
	log_close(&lg);
	rig_done(&rig);
}

/* Writes @total bytes of numbered lines in pieces of odd sizes, and adds them to @out. */
static void numbered(struct bytes *out, size_t total)
{
	char line[600];

	for (unsigned i = 0; out->n < total; i++) {
		int n = snprintf(line, sizeof(line), "%u:%*s\n", i, (int)(i * 37 % 500), "x");

		bytes_add(out, line, (size_t)n);
	}
}

static pid_t flood(int fd, const struct bytes *b)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	for (size_t done = 0, k = 1; done < b->n; k = k * 5 % 7919) {
		size_t n = k < b->n - done ? k : b->n - done;

		if (write(fd, b->p + done, n) != (ssize_t)n)
			_exit(1);
		done += n;
	}
	_exit(0);
}

/* The supervisor's part: poll and timers by what log_pump() answers, until all writers ended. */
static void pump_until_exit(struct rig *rig, struct log *log, const pid_t *pids, int pid_n)
{
	for (int i = 0; i < pid_n; i++) {
		int pidfd = (int)syscall(SYS_pidfd_open, pids[i], 0), status;
		bool exited = false;

		assert_true(pidfd >= 0);
		while (!exited) {
			struct pollfd fds[CRI_STREAMS + 1] = { [CRI_STREAMS] = { pidfd, POLLIN,
										 0 } };
			uint64_t delay = LOG_NEVER_NS;
			struct timespec ts;

			for (int s = 0; s < CRI_STREAMS; s++) {
				struct log_next next = log_pump(log, s, clock_boottime_ns());

				fds[s] = (struct pollfd){ next.watch ? rig->rd[s] : -1, POLLIN, 0 };
				delay = next.delay_ns < delay ? next.delay_ns : delay;
			}
			ts = (struct timespec){ (time_t)(delay / NSEC_PER_SEC),
						(long)(delay % NSEC_PER_SEC) };
			assert_true(ppoll(fds, CRI_STREAMS + 1, delay == LOG_NEVER_NS ? NULL : &ts,
					  NULL) >= 0);
			exited = fds[CRI_STREAMS].revents != 0;
		}
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
		close(pidfd);
	}
	log_drain(log);
}

static void log_pump__flood_on_both_streams__every_byte_over_rotations(void **state)
{
	struct bytes out = { 0 }, err = { 0 };
	struct rig rig;
	struct log lg;
	unsigned files = 0;
	pid_t pids[2];

	(void)state;
	rig_init(&rig, 200000, 100);
	assert_int_equal(rig_open(&rig, &lg, NULL), 0);
	numbered(&out, 5000000);
	numbered(&err, 1000000);
	pids[0] = flood(rig.wr[CRI_STDOUT], &out);
	pids[1] = flood(rig.wr[CRI_STDERR], &err);
	pump_until_exit(&rig, &lg, pids, 2);
	assert_stream_bytes(&rig, CRI_STDOUT, out.p, out.n);
	assert_stream_bytes(&rig, CRI_STDERR, err.p, err.n);
	for (int fd, age = 0; (fd = file_of_age(&rig, (unsigned)age)) >= 0; age++) {
		struct stat st;
		char last;

		assert_int_equal(fstat(fd, &st), 0);
		assert_true(st.st_size <= 200000);
		assert_true(age == 0 || st.st_size > 190000);
		assert_int_equal(pread(fd, &last, 1, st.st_size - 1), 1);
		assert_int_equal(last, '\n');
		close(fd);
		files++;
	}
	assert_true(files > 30);
	assert_int_equal(log_lost(&lg).lines, 0);
	bytes_done(&out);
	bytes_done(&err);
	log_close(&lg);
	rig_done(&rig);
}

/* One record in each file: says what is where. */
static void assert_file(struct rig *rig, unsigned age, const char *text)
{
	struct bytes b = { 0 };
	int fd = file_of_age(rig, age);

	if (!text) {
		assert_int_equal(fd, -1);
		return;
	}
	assert_true(fd >= 0);
	read_whole(fd, &b);
	close(fd);
	assert_int_equal(b.n, CRI_HEAD_SIZE + strlen(text) + 1);
	assert_memory_equal(b.p + CRI_HEAD_SIZE, text, strlen(text));
	bytes_done(&b);
}

static void log_rotation__limit_of_files__oldest_goes(void **state)
{
	struct rig rig;
	struct log lg;

	(void)state;
	rig_init(&rig, CRI_HEAD_SIZE + 4, 3); /* one short line fills a file */
	assert_int_equal(rig_open(&rig, &lg, NULL), 0);
	say_and_pump(&rig, &lg, "one\n");
	say_and_pump(&rig, &lg, "two\n");
	assert_file(&rig, 0, "two");
	assert_file(&rig, 1, "one");
	say_and_pump(&rig, &lg, "three is too long for its file, but alone there\n");
	say_and_pump(&rig, &lg, "four\nfive\n");
	assert_file(&rig, 0, "five");
	assert_file(&rig, 1, "four");
	assert_file(&rig, 2, "three is too long for its file, but alone there");
	assert_file(&rig, 3, NULL);
	log_close(&lg);
	rig_done(&rig);
}

static void log_rotation__single_file__starts_anew(void **state)
{
	struct rig rig;
	struct log lg;

	(void)state;
	rig_init(&rig, CRI_HEAD_SIZE + 4, 1);
	assert_int_equal(rig_open(&rig, &lg, NULL), 0);
	say_and_pump(&rig, &lg, "one\ntwo\n");
	assert_file(&rig, 0, "two");
	assert_file(&rig, 1, NULL);
	log_close(&lg);
	rig_done(&rig);
}

static void log_rotation__fewer_files_than_before__surplus_removed(void **state)
{
	struct rig rig;
	struct log lg;

	(void)state;
	rig_init(&rig, CRI_HEAD_SIZE + 4, 5);
	assert_int_equal(rig_open(&rig, &lg, NULL), 0);
	say_and_pump(&rig, &lg, "1\n2\n3\n4\n5\n");
	say_and_pump(&rig, &lg, "long enough to fill\n");
	assert_file(&rig, 1, "5");
	assert_file(&rig, 4, "2");
	log_close(&lg);
	rig.spec.max_files = 2;
	assert_int_equal(rig_open(&rig, &lg, NULL), 0);
	say_and_pump(&rig, &lg, "7\n");
	assert_file(&rig, 0, "7");
	assert_file(&rig, 1, "long enough to fill");
	for (unsigned age = 2; age < 6; age++)
		assert_file(&rig, age, NULL);
	log_close(&lg);
	rig_done(&rig);
}

static void log_rotation__gap_in_the_numbers__filled_before_oldest_goes(void **state)
{
	struct rig rig;
	struct log lg;

	(void)state;
	rig_init(&rig, CRI_HEAD_SIZE + 4, 4);
	assert_int_equal(rig_open(&rig, &lg, NULL), 0);
	say_and_pump(&rig, &lg, "aaaa\nbbbb\ncccc\ndddd\n");
	assert_int_equal(unlinkat(rig.dirfd, "web.log.2", 0), 0);
	say_and_pump(&rig, &lg, "eeee\n");
	assert_file(&rig, 0, "eeee");
	assert_file(&rig, 1, "dddd");
	assert_file(&rig, 2, "cccc");
	assert_file(&rig, 3, "aaaa");
	log_close(&lg);
	rig_done(&rig);
}

static void log_pump__small_reads__rest_between_them(void **state)
{
	uint64_t t = clock_boottime_ns();
	struct log_next next;
	struct rig rig;
	struct log lg;

	(void)state;
	rig_init(&rig, LARGE, 5);
	assert_int_equal(rig_open(&rig, &lg, NULL), 0);
	next = log_pump(&lg, CRI_STDOUT, t);
	assert_true(next.watch);
	assert_true(next.delay_ns == LOG_NEVER_NS);
	say(&rig, CRI_STDOUT, "at once\n");
	next = log_pump(&lg, CRI_STDOUT, t);
	assert_stream(&rig, CRI_STDOUT, "at once\n");
	assert_true(next.watch);
	assert_true(next.delay_ns == LOG_NEVER_NS);
	say(&rig, CRI_STDOUT, "later\n");
	next = log_pump(&lg, CRI_STDOUT, t + LOG_REST_NS / 4);
	assert_stream(&rig, CRI_STDOUT, "at once\n");
	assert_false(next.watch);
	assert_int_equal(next.delay_ns, LOG_REST_NS - LOG_REST_NS / 4);
	(void)log_pump(&lg, CRI_STDOUT, t + LOG_REST_NS);
	assert_stream(&rig, CRI_STDOUT, "at once\nlater\n");
	log_close(&lg);
	rig_done(&rig);
}

static blkcnt_t buffer_bytes(struct rig *rig)
{
	struct stat st;

	assert_int_equal(fstat(rig->buffer_fd, &st), 0);
	return st.st_blocks * 512;
}

static void log_pump__burst_then_quiet__now_then_memory_given_back(void **state)
{
	uint64_t t = clock_boottime_ns();
	struct bytes burst = { 0 };
	struct log_next next;
	struct rig rig;
	struct log lg;

	(void)state;
	rig_init(&rig, LARGE, 5);
	assert_int_equal(rig_open(&rig, &lg, NULL), 0);
	say(&rig, CRI_STDOUT, "quiet\n");
	(void)log_pump(&lg, CRI_STDOUT, t);
	assert_int_equal(buffer_bytes(&rig), 4096);
	t += LOG_REST_NS;
	numbered(&burst, 50000);
	assert_int_equal(write(rig.wr[0], burst.p, burst.n), burst.n);
	next = log_pump(&lg, CRI_STDOUT, t);
	assert_int_equal(next.delay_ns, 0);
	assert_true(buffer_bytes(&rig) > 40000);
	next = log_pump(&lg, CRI_STDOUT, t);
	assert_true(next.watch);
	assert_int_equal(next.delay_ns, LOG_TRIM_NS);
	next = log_pump(&lg, CRI_STDOUT, t + LOG_TRIM_NS);
	assert_true(next.watch);
	assert_true(next.delay_ns == LOG_NEVER_NS);
	assert_int_equal(buffer_bytes(&rig), 4096);
	bytes_done(&burst);
	log_close(&lg);
	rig_done(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(log_pump__lines_of_both_streams__records),
		cmocka_unit_test(log_open__new__file_for_owner_and_group_only),
		cmocka_unit_test(log_pipe_create__new__large_and_only_our_end_non_blocking),
		cmocka_unit_test(log_pump__unended_line__waits_for_its_newline),
		cmocka_unit_test(log_drain__unended_line__ended),
		cmocka_unit_test(log_pump__long_lines__cut_in_pieces_and_exact),
		cmocka_unit_test(log_pump__any_bytes__exact),
		cmocka_unit_test(log_pump__flood_on_both_streams__every_byte_over_rotations),
		cmocka_unit_test(log_rotation__limit_of_files__oldest_goes),
		cmocka_unit_test(log_rotation__single_file__starts_anew),
		cmocka_unit_test(log_rotation__fewer_files_than_before__surplus_removed),
		cmocka_unit_test(log_rotation__gap_in_the_numbers__filled_before_oldest_goes),
		cmocka_unit_test(log_pump__small_reads__rest_between_them),
		cmocka_unit_test(log_pump__burst_then_quiet__now_then_memory_given_back),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
