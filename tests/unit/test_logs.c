/* SPDX-License-Identifier: MIT */
/* ctl/logs: show, tail and follow, on files that are rotated while they are read. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "ctl/logs.h"
#include "tests/unit/test_log.h"

#define T "2016-10-06T00:17:09."

struct dir {
	char path[32];
	int fd;
};

static void dir_init(struct dir *d)
{
	strcpy(d->path, "/tmp/podd-logs-XXXXXX");
	assert_non_null(mkdtemp(d->path));
	d->fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(d->fd >= 0);
}

static void dir_done(struct dir *d)
{
	close_fd(&d->fd);
	assert_int_equal(io_remove_tree(AT_FDCWD, d->path, NULL), 0);
}

static void put_bytes(struct dir *d, const char *name, const char *p, size_t n)
{
	int fd = openat(d->fd, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);

	assert_true(fd >= 0);
	assert_int_equal(io_write_all(fd, p, n), 0);
	close(fd);
}

static void put(struct dir *d, const char *name, const char *text)
{
	put_bytes(d, name, text, strlen(text));
}

/* What logs_show() prints. */
static int shown(struct dir *d, struct logs_query q, struct bytes *out, struct err *err)
{
	FILE *f;
	int r;

	*out = (struct bytes){ 0 };
	f = open_memstream(&out->p, &out->n);
	assert_non_null(f);
	q.stop_fd = -EBADF;
	r = logs_show(d->fd, &q, f, err);
	assert_int_equal(fclose(f), 0);
	return r;
}

static void assert_shown(struct dir *d, struct logs_query q, const char *expect)
{
	struct bytes out;

	assert_int_equal(shown(d, q, &out, NULL), 0);
	assert_string_equal(out.p, expect);
	bytes_done(&out);
}

static void logs_show__one_container__pieces_joined_streams_apart(void **state)
{
	struct dir d;

	(void)state;
	dir_init(&d);
	put(&d, "web.log",
	    T "1Z stdout F one\n" T "2Z stdout P two, \n" T "3Z stderr F bad\n" T
	      "4Z stdout P three, \n" T "5Z stdout F four\n" T "6Z stdout F \n");
	assert_shown(&d, (struct logs_query){ .container = "web", .tail = LOGS_ALL },
		     "one\nbad\ntwo, three, four\n\n");
	assert_shown(
		&d, (struct logs_query){ .container = "web", .tail = LOGS_ALL, .timestamps = true },
		T "1Z one\n" T "3Z bad\n" T "2Z two, three, four\n" T "6Z \n");
	dir_done(&d);
}

static void logs_show__all_containers__by_time_with_names(void **state)
{
	struct dir d;

	(void)state;
	dir_init(&d);
	put(&d, "web.log", T "1Z stdout F w1\n" T "4Z stdout F w4\n");
	put(&d, "db.log.1", T "0Z stdout F d0\n" T "2Z stdout F d2\n");
	put(&d, "db.log", T "3Z stdout F d3\n" T "4Z stdout F d4\n");
	put(&d, "web-2.log", T "25Z stdout F w25\n");
	put(&d, "readme", "no log\n");
	put(&d, ".log", "no log\n");
	put(&d, "x.1", "no log\n");
	assert_shown(&d, (struct logs_query){ .tail = LOGS_ALL },
		     "db | d0\nweb | w1\ndb | d2\nweb-2 | w25\ndb | d3\ndb | d4\nweb | w4\n");
	assert_shown(&d, (struct logs_query){ .tail = 1 }, "web-2 | w25\ndb | d4\nweb | w4\n");
	dir_done(&d);
}

static void logs_show__no_such_container__enoent(void **state)
{
	struct bytes out;
	struct err err;
	struct dir d;

	(void)state;
	dir_init(&d);
	put(&d, "web.log", T "1Z stdout F one\n");
	assert_int_equal(
		shown(&d, (struct logs_query){ .container = "we", .tail = LOGS_ALL }, &out, &err),
		-ENOENT);
	assert_string_equal(err.msg, "container 'we' has no log");
	bytes_done(&out);
	assert_int_equal(
		shown(&d, (struct logs_query){ .container = "web.log", .tail = 3 }, &out, &err),
		-ENOENT);
	assert_string_equal(err.msg, "container 'web.log' has no log");
	bytes_done(&out);
	dir_done(&d);
}

static void logs_show__no_logs_at_all__nothing(void **state)
{
	struct dir d;

	(void)state;
	dir_init(&d);
	assert_shown(&d, (struct logs_query){ .tail = LOGS_ALL }, "");
	dir_done(&d);
}

static void logs_show__directory_in_place_of_a_log__named(void **state)
{
	struct bytes out;
	struct err err;
	struct dir d;

	(void)state;
	dir_init(&d);
	assert_int_equal(mkdirat(d.fd, "web.log", 0700), 0);
	assert_int_equal(
		shown(&d, (struct logs_query){ .container = "web", .tail = LOGS_ALL }, &out, &err),
		-EINVAL);
	assert_string_equal(err.msg, "log 'web.log' is not a regular file");
	bytes_done(&out);
	assert_int_equal(unlinkat(d.fd, "web.log", AT_REMOVEDIR), 0);
	assert_int_equal(symlinkat("/etc/passwd", d.fd, "web.log"), 0);
	assert_int_equal(
		shown(&d, (struct logs_query){ .container = "web", .tail = LOGS_ALL }, &out, &err),
		-ELOOP);
	assert_string_equal(err.msg, "open log 'web.log': Too many levels of symbolic links");
	bytes_done(&out);
	dir_done(&d);
}

static void logs_show__rotated_files_and_a_gap__in_order_of_writing(void **state)
{
	struct dir d;

	(void)state;
	dir_init(&d);
	put(&d, "web.log.10", T "1Z stdout F ten\n");
	put(&d, "web.log.3", T "1Z stdout F three\n" T "1Z stdout P a li\n");
	put(&d, "web.log.1", T "1Z stdout F ne\n" T "1Z stdout F one\n");
	put(&d, "web.log", T "1Z stdout F zero\n");
	assert_shown(&d, (struct logs_query){ .container = "web", .tail = LOGS_ALL },
		     "ten\nthree\na line\none\nzero\n");
	assert_shown(&d, (struct logs_query){ .container = "web", .tail = 3 },
		     "a line\none\nzero\n");
	dir_done(&d);
}

static void logs_show__lines_that_are_no_records__as_they_are(void **state)
{
	struct dir d;

	(void)state;
	dir_init(&d);
	put(&d, "web.log", T "1Z stdout P half\nwhat is this\n" T "2Z stdout F done\n" T "3Z stdo");
	put(&d, "db.log", T "15Z stdout F db\n");
	assert_shown(&d, (struct logs_query){ .container = "web", .tail = LOGS_ALL },
		     "what is this\nhalfdone\n");
	assert_shown(&d, (struct logs_query){ .tail = LOGS_ALL, .timestamps = true },
		     "web | what is this\nweb | " T "1Z halfdone\ndb | " T "15Z db\n");
	assert_shown(&d, (struct logs_query){ .container = "web", .tail = 2 },
		     "what is this\nhalfdone\n");
	dir_done(&d);
}

static void logs_show__line_without_end__shown_to_where_it_is(void **state)
{
	struct dir d;

	(void)state;
	dir_init(&d);
	put(&d, "web.log", T "1Z stdout F one\n" T "2Z stdout P under \n" T "3Z stdout P way\n");
	assert_shown(&d, (struct logs_query){ .container = "web", .tail = LOGS_ALL },
		     "one\nunder way\n");
	dir_done(&d);
}

static void logs_show__endless_line__cut(void **state)
{
	struct bytes log = { 0 }, out;
	char text[CRI_TEXT_MAX];
	struct dir d;

	(void)state;
	dir_init(&d);
	memset(text, 'e', sizeof(text));
	for (int i = 0; i < 100; i++) {
		bytes_add(&log, T "1Z stdout P ", strlen(T "1Z stdout P "));
		bytes_add(&log, text, sizeof(text));
		bytes_add(&log, "\n", 1);
	}
	put_bytes(&d, "web.log", log.p, log.n);
	assert_int_equal(
		shown(&d, (struct logs_query){ .container = "web", .tail = LOGS_ALL }, &out, NULL),
		0);
	assert_int_equal(out.n, 100 * sizeof(text) + 2);
	assert_int_equal(out.p[LOGS_LINE_MAX], '\n');
	bytes_done(&out);
	bytes_done(&log);
	dir_done(&d);
}

/* Records of all sizes in several files; the property: tail N is the end of all. */
static void put_random_log(struct dir *d, unsigned random, unsigned files)
{
	static char text[CRI_TEXT_MAX];
	char name[32], head[64];

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i % 26);
	for (unsigned age = files; age-- > 0;) {
		struct bytes b = { 0 };

		snprintf(name, sizeof(name), age ? "web.log.%u" : "web.log", age);
		for (unsigned i = 0; i < 12; i++) {
			bool partial;

			random = random * 1103515245 + 12345;
			partial = (random >> 16) % 3 == 0 && (age > 0 || i < 10);
			bytes_add(&b, head,
				  (size_t)snprintf(head, sizeof(head), T "1Z %s %c %u.%u ",
						   (random >> 20) % 3 ? "stdout" : "stderr",
						   partial ? 'P' : 'F', age, i));
			bytes_add(&b, text,
				  (random >> 18) % 5 ? (random >> 21) % 50 : sizeof(text) - 9);
			bytes_add(&b, "\n", 1);
		}
		/* The last line of each stream ends. */
		if (age == 0)
			for (int s = 0; s < 2; s++)
				bytes_add(&b, head,
					  (size_t)snprintf(head, sizeof(head), T "1Z %s F end\n",
							   s ? "stderr" : "stdout"));
		put_bytes(d, name, b.p, b.n);
		bytes_done(&b);
	}
}

static const char *last_lines(const struct bytes *b, unsigned n)
{
	const char *p = b->p + b->n;

	for (unsigned found = 0; p > b->p; p--)
		if (p[-1] == '\n' && found++ == n)
			break;
	return p;
}

static void logs_show__any_tail_of_any_log__the_end_of_the_whole(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 40; seed++) {
		struct bytes all, out;
		struct dir d;

		dir_init(&d);
		put_random_log(&d, seed, 4);
		assert_int_equal(shown(&d,
				       (struct logs_query){ .container = "web", .tail = LOGS_ALL },
				       &all, NULL),
				 0);
		for (unsigned n = 0; n < 55; n += n < 20 ? 1 : 7) {
			assert_int_equal(shown(&d,
					       (struct logs_query){ .container = "web", .tail = n },
					       &out, NULL),
					 0);
			assert_string_equal(out.p, last_lines(&all, n));
			bytes_done(&out);
		}
		bytes_done(&all);
		dir_done(&d);
	}
}

static void logs_show__short_tail__older_files_not_opened(void **state)
{
	struct bytes out;
	struct dir d;

	(void)state;
	dir_init(&d);
	assert_int_equal(mkdirat(d.fd, "web.log.2", 0700), 0); /* to open it is an error */
	put(&d, "web.log.1", T "1Z stdout F 1\n" T "1Z stdout F 2\n");
	put(&d, "web.log", T "1Z stdout F 3\n");
	assert_shown(&d, (struct logs_query){ .container = "web", .tail = 1 }, "3\n");
	assert_int_equal(
		shown(&d, (struct logs_query){ .container = "web", .tail = 3 }, &out, NULL),
		-EINVAL);
	bytes_done(&out);
	dir_done(&d);
}

/* A follower in a process of its own, writing to a file or a pipe. */
struct follower {
	pid_t pid;
	int stop[2];
};

static void follower_start(struct follower *f, int dirfd, const char *container, int out_fd,
			   int other_end)
{
	assert_int_equal(pipe2(f->stop, O_CLOEXEC), 0);
	f->pid = fork();
	assert_true(f->pid >= 0);
	if (f->pid == 0) {
		struct logs_query q = { .container = container,
					.tail = LOGS_ALL,
					.follow = true,
					.stop_fd = f->stop[0] };
		FILE *out = fdopen(dup(out_fd), "w");
		struct err err;

		close(f->stop[1]);
		close_fd(&other_end);
		signal(SIGPIPE, SIG_IGN);
		if (!out)
			_exit(9);
		_exit(logs_show(dirfd, &q, out, &err) < 0);
	}
}

/* Ends when it has shown all that was written until now. */
static void follower_stop(struct follower *f)
{
	int status;

	close(f->stop[1]);
	assert_int_equal(waitpid(f->pid, &status, 0), f->pid);
	assert_int_equal(status, 0);
	close(f->stop[0]);
}

static void expect(int fd, const char *text)
{
	char got[256];
	size_t n = 0;

	assert_true(strlen(text) < sizeof(got));
	while (n < strlen(text)) {
		ssize_t r = read(fd, got + n, strlen(text) - n);

		assert_true(r > 0);
		n += (size_t)r;
	}
	assert_memory_equal(got, text, n);
}

static void logs_follow__lines_rotation_new_container__as_they_come(void **state)
{
	struct follower f;
	struct dir d;
	int p[2];

	(void)state;
	dir_init(&d);
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	put(&d, "web.log", T "1Z stdout F one\n");
	follower_start(&f, d.fd, NULL, p[1], p[0]);
	close(p[1]);
	expect(p[0], "web | one\n");
	put(&d, "web.log", T "2Z stdout F tw");
	put(&d, "web.log", "o\n" T "2Z stdout P thr");
	expect(p[0], "web | two\n");
	put(&d, "web.log", "e\n");
	assert_int_equal(renameat(d.fd, "web.log", d.fd, "web.log.1"), 0);
	put(&d, "web.log.1", T "2Z stderr F last in the old file\n");
	put(&d, "web.log", T "3Z stdout F e\n");
	expect(p[0], "web | last in the old file\nweb | three\n");
	put(&d, "db.log", T "4Z stdout F another\n");
	expect(p[0], "db | another\n");
	put(&d, "web.log", T "5Z stdout P unended");
	put(&d, "web.log", "\n");
	follower_stop(&f);
	expect(p[0], "web | unended\n");
	close(p[0]);
	dir_done(&d);
}

static void logs_follow__file_emptied__goes_on_from_its_start(void **state)
{
	struct follower f;
	struct dir d;
	int p[2], fd;

	(void)state;
	dir_init(&d);
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	put(&d, "web.log", T "1Z stdout F a rather long first line\n");
	follower_start(&f, d.fd, "web", p[1], p[0]);
	close(p[1]);
	expect(p[0], "a rather long first line\n");
	fd = openat(d.fd, "web.log", O_WRONLY | O_TRUNC | O_CLOEXEC);
	close(fd);
	put(&d, "web.log", T "2Z stdout F new\n");
	expect(p[0], "new\n");
	follower_stop(&f);
	close(p[0]);
	dir_done(&d);
}

static void logs_follow__output_closed__ends(void **state)
{
	struct follower f;
	struct dir d;
	int p[2], status;

	(void)state;
	dir_init(&d);
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	put(&d, "web.log", T "1Z stdout F one\n");
	follower_start(&f, d.fd, "web", p[1], p[0]);
	close(p[1]);
	expect(p[0], "one\n");
	close(p[0]); /* nothing is written any more: it must notice by itself */
	assert_int_equal(waitpid(f.pid, &status, 0), f.pid);
	assert_int_equal(status, 0);
	close(f.stop[0]);
	close(f.stop[1]);
	dir_done(&d);
}

/* Lines of both streams in one output: each says of which it is. */
static void assert_followed(const struct bytes *out, const struct writer *w)
{
	const char *p = out->p, *end = out->p + out->n;
	unsigned next[CRI_STREAMS] = { 0 };
	struct bytes line = { 0 };

	while (p < end) {
		int s = *p - '0';

		assert_true(s == CRI_STDOUT || s == CRI_STDERR);
		line.n = 0;
		numbered_line(&line, s, next[s]++);
		assert_true(line.n <= (size_t)(end - p));
		assert_memory_equal(p, line.p, line.n);
		p += line.n;
	}
	for (int s = 0; s < CRI_STREAMS; s++)
		assert_int_equal(next[s], w->lines[s]);
	bytes_done(&line);
}

static void logs_follow__flood_rotation_and_killed_podds__every_line_once(void **state)
{
	struct writer *w =
		mmap(NULL, sizeof(*w), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int in = inotify_init1(IN_CLOEXEC), out = memfd_create("followed", MFD_CLOEXEC), status;
	struct bytes followed = { 0 };
	struct follower f;
	pid_t writer, podd;
	struct rig rig;
	struct log log;

	(void)state;
	assert_true(w != MAP_FAILED && in >= 0 && out >= 0);
	rig_init(&rig, 50000, 2000);
	assert_int_equal(rig_open(&rig, &log, NULL), 0); /* so that there is a log to follow */
	log_close(&log);
	assert_true(inotify_add_watch(in, rig.path, IN_MODIFY | IN_MOVE) >= 0);
	follower_start(&f, rig.dirfd, "web", out, -EBADF);
	writer = fork();
	assert_true(writer >= 0);
	if (writer == 0)
		flood_until_told(&rig, w);
	for (unsigned i = 0; i < 60; i++) {
		podd = fork();
		assert_true(podd >= 0);
		if (podd == 0)
			pump_for_ever(&rig);
		wait_for_writes(in, 1 + (int)(i * 7 % 30));
		spin(i * 997 % 20000);
		kill(podd, SIGKILL);
		assert_int_equal(waitpid(podd, &status, 0), podd);
	}
	__atomic_store_n(&w->stop, true, __ATOMIC_RELEASE);
	podd = fork();
	assert_true(podd >= 0);
	if (podd == 0)
		pump_for_ever(&rig);
	assert_int_equal(waitpid(writer, &status, 0), writer);
	assert_int_equal(status, 0);
	kill(podd, SIGKILL);
	assert_int_equal(waitpid(podd, &status, 0), podd);
	assert_int_equal(rig_open(&rig, &log, NULL), 0);
	pump_all(&log);
	log_close(&log);
	follower_stop(&f);
	assert_int_equal(lseek(out, 0, SEEK_SET), 0);
	read_whole(out, &followed);
	assert_true(w->lines[0] > 60);
	assert_followed(&followed, w);
	bytes_done(&followed);
	close(in);
	close(out);
	munmap(w, sizeof(*w));
	rig_done(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(logs_show__one_container__pieces_joined_streams_apart),
		cmocka_unit_test(logs_show__all_containers__by_time_with_names),
		cmocka_unit_test(logs_show__no_such_container__enoent),
		cmocka_unit_test(logs_show__no_logs_at_all__nothing),
		cmocka_unit_test(logs_show__directory_in_place_of_a_log__named),
		cmocka_unit_test(logs_show__rotated_files_and_a_gap__in_order_of_writing),
		cmocka_unit_test(logs_show__lines_that_are_no_records__as_they_are),
		cmocka_unit_test(logs_show__line_without_end__shown_to_where_it_is),
		cmocka_unit_test(logs_show__endless_line__cut),
		cmocka_unit_test(logs_show__any_tail_of_any_log__the_end_of_the_whole),
		cmocka_unit_test(logs_show__short_tail__older_files_not_opened),
		cmocka_unit_test(logs_follow__lines_rotation_new_container__as_they_come),
		cmocka_unit_test(logs_follow__file_emptied__goes_on_from_its_start),
		cmocka_unit_test(logs_follow__output_closed__ends),
		cmocka_unit_test(logs_follow__flood_rotation_and_killed_podds__every_line_once),
	};

	return cmocka_run_group_tests_name("logs", tests, NULL, NULL);
}
