/* SPDX-License-Identifier: MIT */
/* supervisor/log: what an earlier podd has left, and disks and pipes that fail. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>

#include "tests/unit/test_log.h"

static void log_open__adopted_with_half_a_line__completed(void **state)
{
	struct rig rig;
	struct log lg;

	(void)state;
	rig_init(&rig, LARGE, 5);
	assert_int_equal(rig_open(&rig, &lg, NULL), 0);
	say_and_pump(&rig, &lg, "whole\nhal");
	log_close(&lg);
	say(&rig, CRI_STDOUT, "f\n");
	assert_int_equal(rig_open(&rig, &lg, NULL), 0);
	assert_stream(&rig, CRI_STDOUT, "whole\n");
	pump_all(&lg);
	assert_stream(&rig, CRI_STDOUT, "whole\nhalf\n");
	log_close(&lg);
	rig_done(&rig);
}

static void log_open__buffer_of_wrong_size__einval(void **state)
{
	struct rig rig;
	struct err err;
	struct log lg;
	int good;

	(void)state;
	rig_init(&rig, LARGE, 5);
	good = rig.buffer_fd;
	rig.buffer_fd = memfd_create("small", MFD_CLOEXEC);
	assert_int_equal(rig_open(&rig, &lg, &err), -EINVAL);
	assert_string_equal(err.msg,
			    "log of container 'web': log buffer has 0 bytes instead of 262144");
	close(rig.buffer_fd);
	assert_int_equal(rig_open(&rig, &lg, &err), -EBADF);
	assert_string_equal(err.msg,
			    "log of container 'web': look at log buffer: Bad file descriptor");
	rig.buffer_fd = good;
	rig_done(&rig);
}

static void log_open__damaged_buffer__refused_and_left_alone(void **state)
{
	/* struct log_page: magic, version, current, two states; of each what can be wrong. */
	static const struct {
		off_t offset;
		size_t n;
		const char *why;
	} cases[] = {
		{ 0, 2, "the log buffer is damaged" },
		{ 0, 8, NULL }, /* to zeros: see below */
		{ 8, 1, "the log buffer has version 255, this podd knows 1" },
		{ 12, 1, "the log buffer is damaged" },	 /* current */
		{ 16 + 8, 8, "the log buffer is damaged" },  /* file_bytes */
		{ 16 + 24, 8, "the log buffer is damaged" }, /* lost_lines */
		{ 16 + 32, 8, "the log buffer is damaged" }, /* lost_bytes */
		{ 16 + 40, 8, "the log buffer is damaged" }, /* lost_lines_total */
		{ 16 + 24, 32, "the log buffer is damaged" }, /* all four */
		{ 16 + 56, 4, "the log buffer is damaged" }, /* lost_errno */
		{ 16 + 64, 4, "the log buffer is damaged" }, /* stdout: start */
		{ 16 + 72, 4, "the log buffer is damaged" }, /* want */
		{ 16 + 77, 1, "the log buffer is damaged" }, /* open_line */
		{ 16 + 84, 4, "the log buffer is damaged" }, /* stderr: end */
	};
	unsigned char good[LOG_BUFFER_HEADER], bad[LOG_BUFFER_HEADER], after[LOG_BUFFER_HEADER];
	char expected[128];
	struct err err;
	struct rig rig;
	struct log lg;

	(void)state;
	rig_init(&rig, LARGE, 5);
	assert_int_equal(rig_open(&rig, &lg, NULL), 0);
	say_and_pump(&rig, &lg, "whole\nhalf a line");
	log_close(&lg);
	assert_int_equal(pread(rig.buffer_fd, good, sizeof(good), 0), sizeof(good));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *why = cases[i].why ? cases[i].why : "the log buffer is damaged";
		off_t other = cases[i].offset < 16 ? 0 : 96; /* both states, whichever counts */

		memcpy(bad, good, sizeof(bad));
		memset(bad + cases[i].offset, cases[i].why ? 0xff : 0, cases[i].n);
		memset(bad + cases[i].offset + other, cases[i].why ? 0xff : 0, cases[i].n);
		assert_int_equal(pwrite(rig.buffer_fd, bad, sizeof(bad), 0), sizeof(bad));
		assert_int_equal(log_buffer_check(rig.buffer_fd, &err), -EPROTO);
		assert_string_equal(err.msg, why);
		assert_int_equal(rig_open(&rig, &lg, &err), -EPROTO);
		snprintf(expected, sizeof(expected), "log of container 'web': %s", why);
		assert_string_equal(err.msg, expected);
		assert_int_equal(pread(rig.buffer_fd, after, sizeof(after), 0), sizeof(after));
		assert_memory_equal(after, bad, sizeof(bad));
	}
	assert_int_equal(pwrite(rig.buffer_fd, good, sizeof(good), 0), sizeof(good));
	assert_int_equal(rig_open(&rig, &lg, NULL), 0);
	say_and_pump(&rig, &lg, " and its end\n");
	assert_stream(&rig, CRI_STDOUT, "whole\nhalf a line and its end\n");
	log_close(&lg);
	rig_done(&rig);
}

static void log_open__file_without_last_newline__line_ended_and_kept(void **state)
{
	static const char torn[] = "2016-10-06T00:17:09.669794202Z stdout F tor";
	struct rig rig;
	struct log lg;
	int fd;

	(void)state;
	rig_init(&rig, LARGE, 5);
	fd = openat(rig.dirfd, "web.log", O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
	assert_int_equal(write(fd, torn, sizeof(torn) - 1), sizeof(torn) - 1);
	close(fd);
	assert_int_equal(rig_open(&rig, &lg, NULL), 0);
	say_and_pump(&rig, &lg, "next\n");
	assert_stream(&rig, CRI_STDOUT, "tor\nnext\n");
	log_close(&lg);
	rig_done(&rig);
}

static void write_file(const struct rig *rig, const char *name, const char *text, off_t size)
{
	int fd = openat(rig->dirfd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
	size_t n = strlen(text);

	assert_int_equal(write(fd, text, n), n);
	assert_int_equal(ftruncate(fd, size), 0);
	close(fd);
}

static void assert_file(const struct rig *rig, const char *name, const char *text)
{
	char is[256] = "";

	assert_int_equal(io_read_file(rig->dirfd, name, is, sizeof(is), NULL), strlen(text));
	assert_string_equal(is, text);
}

/* As a power cut leaves them; the current file and the one that was current before it. */
static void log_open__zeros_at_the_end__cut(void **state)
{
	struct rig rig;
	struct log lg;

	(void)state;
	rig_init(&rig, LARGE, 5);
	write_file(&rig, "web.log", "2016-10-06T00:17:09.669794202Z stdout F whole\n", 20000);
	write_file(&rig, "web.log.1", "2016-10-06T00:17:09.669794202Z stdout F tor", 4096);
	assert_int_equal(rig_open(&rig, &lg, NULL), 0);
	assert_file(&rig, "web.log", "2016-10-06T00:17:09.669794202Z stdout F whole\n");
	assert_file(&rig, "web.log.1", "2016-10-06T00:17:09.669794202Z stdout F tor\n");
	say_and_pump(&rig, &lg, "next\n");
	log_close(&lg);
	assert_stream(&rig, CRI_STDOUT, "tor\nwhole\nnext\n");
	rig_done(&rig);
	/* Nothing else. */
	rig_init(&rig, LARGE, 5);
	write_file(&rig, "web.log", "", 5000);
	assert_int_equal(rig_open(&rig, &lg, NULL), 0);
	assert_file(&rig, "web.log", "");
	log_close(&lg);
	rig_done(&rig);
}

static void log_pump__file_emptied_or_removed_by_operator__goes_on(void **state)
{
	struct rig rig;
	struct log lg;
	int fd;

	(void)state;
	rig_init(&rig, LARGE, 5);
	assert_int_equal(rig_open(&rig, &lg, NULL), 0);
	say_and_pump(&rig, &lg, "one\n");
	fd = openat(rig.dirfd, "web.log", O_WRONLY | O_TRUNC | O_CLOEXEC);
	close(fd);
	say_and_pump(&rig, &lg, "two\n");
	assert_stream(&rig, CRI_STDOUT, "two\n");
	assert_int_equal(unlinkat(rig.dirfd, "web.log", 0), 0);
	say_and_pump(&rig, &lg, "three\n");
	assert_stream(&rig, CRI_STDOUT, "three\n");
	log_close(&lg);
	rig_done(&rig);
}

static void log_open__symlink_in_place_of_the_file__not_followed(void **state)
{
	struct log_lost lost;
	struct stat st;
	struct rig rig;
	struct log lg;

	(void)state;
	rig_init(&rig, LARGE, 5);
	assert_int_equal(symlinkat("target", rig.dirfd, "web.log"), 0);
	assert_int_equal(rig_open(&rig, &lg, NULL), 0);
	say_and_pump(&rig, &lg, "one\ntwo\n");
	assert_int_equal(fstatat(rig.dirfd, "target", &st, 0), -1);
	lost = log_lost(&lg);
	assert_int_equal(lost.lines, 2);
	assert_int_equal(lost.bytes, 8);
	assert_int_equal(unlinkat(rig.dirfd, "web.log", 0), 0);
	say_and_pump(&rig, &lg, "three\n");
	assert_stream(&rig, CRI_STDOUT, "three\n");
	assert_stream(&rig, CRI_STDERR,
		      "podd: dropped 2 lines (8 bytes): Too many levels of symbolic links\n");
	log_close(&lg);
	rig_done(&rig);
}

/* What a container that shares the directory may have left; mending writes to what it opens. */
static void log_open__symlink_in_place_of_the_file_before__not_followed(void **state)
{
	static const char torn[] = "a file of the host's without a last newline";
	struct rig rig;
	struct log lg;

	(void)state;
	rig_init(&rig, LARGE, 5);
	write_file(&rig, "target", torn, sizeof(torn) - 1);
	assert_int_equal(symlinkat("target", rig.dirfd, "web.log.1"), 0);
	assert_int_equal(rig_open(&rig, &lg, NULL), 0);
	assert_file(&rig, "target", torn);
	say_and_pump(&rig, &lg, "one\n");
	assert_file(&rig, "target", torn);
	log_close(&lg);
	rig_done(&rig);
}

/* Nor is podd held up by one that nobody reads from. */
static void log_open__fifo_in_place_of_the_file__not_written_to(void **state)
{
	struct rig rig;
	struct log lg;

	(void)state;
	rig_init(&rig, LARGE, 5);
	assert_int_equal(mkfifoat(rig.dirfd, "web.log", 0600), 0);
	assert_int_equal(mkfifoat(rig.dirfd, "web.log.1", 0600), 0);
	assert_int_equal(rig_open(&rig, &lg, NULL), 0);
	say_and_pump(&rig, &lg, "one\ntwo\n");
	assert_int_equal(log_lost(&lg).lines, 2);
	assert_int_equal(unlinkat(rig.dirfd, "web.log", 0), 0);
	assert_int_equal(unlinkat(rig.dirfd, "web.log.1", 0), 0);
	say_and_pump(&rig, &lg, "three\n");
	assert_stream(&rig, CRI_STDOUT, "three\n");
	assert_stream(&rig, CRI_STDERR, "podd: dropped 2 lines (8 bytes): Invalid argument\n");
	log_close(&lg);
	rig_done(&rig);
}

static void log_pump__write_fails_once__counted_told_and_goes_on(void **state)
{
	struct rig rig;
	struct log lg;
	int ro;

	(void)state;
	rig_init(&rig, LARGE, 5);
	assert_int_equal(rig_open(&rig, &lg, NULL), 0);
	say_and_pump(&rig, &lg, "one\n");
	ro = file_of_age(&rig, 0);
	assert_int_equal(dup3(ro, lg.file.fd, O_CLOEXEC), lg.file.fd);
	close(ro);
	say_and_pump(&rig, &lg, "two\nthr");
	assert_int_equal(log_lost(&lg).lines, 1);
	log_close(&lg); /* a podd after this one tells it as well */
	assert_int_equal(rig_open(&rig, &lg, NULL), 0);
	say_and_pump(&rig, &lg, "ee\n");
	say_and_pump(&rig, &lg, "four\n");
	assert_stream(&rig, CRI_STDOUT, "one\nthree\nfour\n");
	assert_stream(&rig, CRI_STDERR, "podd: dropped 1 lines (4 bytes): Bad file descriptor\n");
	assert_int_equal(log_lost(&lg).lines, 1);
	log_close(&lg);
	rig_done(&rig);
}

/* A file system of 64 KiB over the log directory, in a mount namespace of our own. */
static bool mount_small_disk(struct rig *rig)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("small", rig->path, "tmpfs", 0, "size=64k") < 0) {
		print_message("cannot mount a small tmpfs: %s\n", strerror(errno));
		return false;
	}
	close(rig->dirfd);
	rig->dirfd = open(rig->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(rig->dirfd >= 0);
	return true;
}

static uint64_t count_lines(const struct bytes *b)
{
	uint64_t n = 0;

	for (size_t i = 0; i < b->n; i++)
		n += b->p[i] == '\n';
	return n;
}

static void log_pump__full_disk__whole_records_counted_and_told(void **state)
{
	struct bytes flood_bytes = { 0 }, log = { 0 }, out = { 0 };
	char expect[128];
	struct rig rig;
	struct log lg;
	uint64_t kept;
	int fill;

	(void)state;
	rig_init(&rig, LARGE, 5);
	if (!mount_small_disk(&rig)) {
		rig_done(&rig);
		skip();
	}
	fill = openat(rig.dirfd, "fill", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(fallocate(fill, 0, 0, 30000), 0);
	assert_int_equal(rig_open(&rig, &lg, NULL), 0);
	/* Short ones: no room is left for the record that tells. */
	for (int i = 0; i < 9000; i++) {
		char line[16];

		bytes_add(&flood_bytes, line,
			  (size_t)snprintf(line, sizeof(line), "line %04d\n", i));
	}
	assert_int_equal(write(rig.wr[0], flood_bytes.p, flood_bytes.n), flood_bytes.n);
	pump_all(&lg); /* the disk is full at some line, the app is never held up */
	read_log(&rig, &log);
	text_of(&log, CRI_STDOUT, &out); /* no torn record */
	assert_true(out.n > 5000 && out.n < 10000);
	assert_memory_equal(out.p, flood_bytes.p, out.n);
	kept = count_lines(&out);
	assert_int_equal(log_lost(&lg).lines, count_lines(&flood_bytes) - kept);
	assert_int_equal(log_lost(&lg).bytes, flood_bytes.n - out.n);
	say_and_pump(&rig, &lg, "still full\n");
	assert_int_equal(log_lost(&lg).bytes, flood_bytes.n - out.n + 11);

	assert_int_equal(ftruncate(fill, 0), 0);
	close(fill);
	say_and_pump(&rig, &lg, "room again\n");
	bytes_add(&out, "room again\n", 11);
	assert_stream_bytes(&rig, CRI_STDOUT, out.p, out.n);
	snprintf(expect, sizeof(expect),
		 "podd: dropped %llu lines (%llu bytes): No space left on device\n",
		 (unsigned long long)log_lost(&lg).lines, (unsigned long long)log_lost(&lg).bytes);
	assert_stream(&rig, CRI_STDERR, expect);
	bytes_done(&flood_bytes);
	bytes_done(&log);
	bytes_done(&out);
	log_close(&lg);
	assert_int_equal(umount2(rig.path, MNT_DETACH), 0);
	rig_done(&rig);
}

/* The first pieces of a line are in the file, the others find the disk full. */
static void log_pump__full_disk_within_a_long_line__next_line_apart(void **state)
{
	char *line = malloc(80000);
	struct bytes log = { 0 }, out = { 0 };
	struct rig rig;
	struct log lg;
	size_t kept;
	int fill;

	(void)state;
	assert_non_null(line);
	memset(line, 'x', 80000);
	line[79999] = '\n';
	rig_init(&rig, LARGE, 5);
	if (!mount_small_disk(&rig)) {
		rig_done(&rig);
		free(line);
		skip();
	}
	fill = openat(rig.dirfd, "fill", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(fallocate(fill, 0, 0, 20000), 0);
	assert_int_equal(rig_open(&rig, &lg, NULL), 0);
	assert_int_equal(write(rig.wr[0], line, 80000), 80000);
	pump_all(&lg);
	assert_int_equal(ftruncate(fill, 0), 0);
	close(fill);
	say_and_pump(&rig, &lg, "apart\n");
	read_log(&rig, &log);
	text_of(&log, CRI_STDOUT, &out);
	kept = out.n - strlen("\napart\n");
	assert_int_equal(kept, 2 * CRI_TEXT_MAX);
	assert_memory_equal(out.p, line, kept);
	assert_memory_equal(out.p + kept, "\napart\n", 7);
	assert_int_equal(log_lost(&lg).lines, 1);
	assert_int_equal(log_lost(&lg).bytes, 80000 - kept);
	bytes_done(&log);
	bytes_done(&out);
	log_close(&lg);
	assert_int_equal(umount2(rig.path, MNT_DETACH), 0);
	rig_done(&rig);
	free(line);
}

static void log_note__text__record_of_podd(void **state)
{
	char big[2000], *long_text;
	struct bytes log = { 0 }, err = { 0 };
	struct rig rig;
	struct log lg;

	(void)state;
	rig_init(&rig, LARGE, 5);
	assert_int_equal(rig_open(&rig, &lg, NULL), 0);
	log_note(&lg, "container 'web' exited with code 1\nand more");
	assert_stream(&rig, CRI_STDERR, "podd: container 'web' exited with code 1 and more\n");
	memset(big, 'y', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	log_note(&lg, big);
	read_log(&rig, &log);
	text_of(&log, CRI_STDERR, &err);
	long_text = memchr(err.p, '\n', err.n);
	assert_memory_equal(long_text + 1, "podd: yyyy", 10);
	assert_true(err.n - (size_t)(long_text - err.p) > sizeof(((struct err *)0)->msg));
	bytes_done(&log);
	bytes_done(&err);
	log_close(&lg);
	rig_done(&rig);
}

static void log_note__within_a_long_line__on_a_line_of_its_own(void **state)
{
	struct bytes line = { 0 }, log = { 0 }, err = { 0 };
	struct rig rig;
	struct log lg;

	(void)state;
	rig_init(&rig, LARGE, 5);
	assert_int_equal(rig_open(&rig, &lg, NULL), 0);
	for (int i = 0; i < 20000; i++)
		bytes_add(&line, "z", 1);
	assert_int_equal(write(rig.wr[CRI_STDERR], line.p, line.n), line.n);
	pump_all(&lg);
	log_note(&lg, "hello");
	say(&rig, CRI_STDERR, "end\n");
	pump_all(&lg);
	read_log(&rig, &log);
	text_of(&log, CRI_STDERR, &err);
	assert_memory_equal(err.p + CRI_TEXT_MAX, "\npodd: hello\nzzz", 16);
	assert_memory_equal(err.p + err.n - 8, "zzzzend\n", 8);
	bytes_done(&line);
	bytes_done(&log);
	bytes_done(&err);
	log_close(&lg);
	rig_done(&rig);
}

static void log_pump__pipe_that_cannot_be_read__told_once_and_left_alone(void **state)
{
	struct log_next next;
	struct rig rig;
	struct log lg;
	int good;

	(void)state;
	rig_init(&rig, LARGE, 5);
	good = rig.rd[CRI_STDERR];
	rig.rd[CRI_STDERR] = rig.dirfd;
	assert_int_equal(rig_open(&rig, &lg, NULL), 0);
	rig.rd[CRI_STDERR] = good;
	lg.flows[CRI_STDERR].pipe_fd = -EBADF;
	for (int i = 0; i < 3; i++) {
		next = log_pump(&lg, CRI_STDERR, clock_boottime_ns());
		assert_false(next.watch);
		assert_true(next.delay_ns == LOG_NEVER_NS);
	}
	say_and_pump(&rig, &lg, "the other works\n");
	assert_stream(&rig, CRI_STDOUT, "the other works\n");
	assert_stream(&rig, CRI_STDERR,
		      "podd: cannot read the container's stderr: Bad file descriptor\n");
	log_close(&lg);
	rig_done(&rig);
}

/* An application may read its own output pipe (/proc/self/fd/1): never hangs, never wrong. */
static void log_pump__application_reads_its_own_pipe__not_held_up(void **state)
{
	struct rig rig;
	struct log lg;
	char c;

	(void)state;
	rig_init(&rig, LARGE, 5);
	assert_int_equal(rig_open(&rig, &lg, NULL), 0);
	say(&rig, CRI_STDOUT, "xab\n");
	assert_int_equal(read(rig.rd[CRI_STDOUT], &c, 1), 1);
	pump_all(&lg);
	assert_stream(&rig, CRI_STDOUT, "ab\n");
	assert_int_equal(fcntl(rig.wr[CRI_STDOUT], F_SETFL, O_DIRECT), 0); /* packets */
	say(&rig, CRI_STDOUT, "first\n");
	say(&rig, CRI_STDOUT, "second\n");
	pump_all(&lg);
	pump_all(&lg);
	assert_stream(&rig, CRI_STDOUT, "ab\nfirst\nsecond\n");
	log_close(&lg);
	rig_done(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(log_open__adopted_with_half_a_line__completed),
		cmocka_unit_test(log_open__buffer_of_wrong_size__einval),
		cmocka_unit_test(log_open__damaged_buffer__refused_and_left_alone),
		cmocka_unit_test(log_open__file_without_last_newline__line_ended_and_kept),
		cmocka_unit_test(log_open__zeros_at_the_end__cut),
		cmocka_unit_test(log_pump__file_emptied_or_removed_by_operator__goes_on),
		cmocka_unit_test(log_open__symlink_in_place_of_the_file__not_followed),
		cmocka_unit_test(log_open__symlink_in_place_of_the_file_before__not_followed),
		cmocka_unit_test(log_open__fifo_in_place_of_the_file__not_written_to),
		cmocka_unit_test(log_pump__write_fails_once__counted_told_and_goes_on),
		cmocka_unit_test(log_pump__full_disk__whole_records_counted_and_told),
		cmocka_unit_test(log_pump__full_disk_within_a_long_line__next_line_apart),
		cmocka_unit_test(log_note__text__record_of_podd),
		cmocka_unit_test(log_note__within_a_long_line__on_a_line_of_its_own),
		cmocka_unit_test(log_pump__pipe_that_cannot_be_read__told_once_and_left_alone),
		cmocka_unit_test(log_pump__application_reads_its_own_pipe__not_held_up),
	};

	return cmocka_run_group_tests_name("log trouble", tests, NULL, NULL);
}
