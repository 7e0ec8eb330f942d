/* SPDX-License-Identifier: MIT */
/* base/: errors, clock, small files, children on shared memory. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/account.h"
#include "base/child.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/printable.h"

static void err_wrap__filled_error__context_in_front(void **state)
{
	struct err err = { 0 };

	(void)state;
	errno = ENOENT;
	assert_int_equal(err_sys(&err, "open '%s'", "x"), -ENOENT);
	assert_int_equal(err_wrap(&err, -ENOENT, "pod '%s'", "web"), -ENOENT);
	assert_string_equal(err.msg, "pod 'web': open 'x': No such file or directory");
	assert_int_equal(err.code, ENOENT);
}

static void err_set__long_text__cut_and_ended(void **state)
{
	char big[2000];
	struct err err;

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	assert_int_equal(err_set(&err, EINVAL, "%s", big), -EINVAL);
	assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
	assert_int_equal(err_wrap(&err, -EINVAL, "%s", big), -EINVAL);
	assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
}

static void clock_rfc3339__known_instants__same_as_gmtime(void **state)
{
	static const uint64_t secs[] = { 0, 951782400 /* 29 Feb 2000 */, 1475885829, 4102444799,
					 1709164800, 16725225599 };
	char ours[CLOCK_RFC3339_SIZE], theirs[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(secs); i++) {
		time_t t = (time_t)secs[i];
		struct tm tm;

		strftime(theirs, sizeof(theirs), "%Y-%m-%dT%H:%M:%S.000000042Z", gmtime_r(&t, &tm));
		assert_int_equal(clock_rfc3339(ours, secs[i] * NSEC_PER_SEC + 42), 30);
		assert_string_equal(ours, theirs);
	}
}

static int temp_dir(void)
{
	char path[] = "/tmp/podd-test-XXXXXX";
	int fd;

	assert_non_null(mkdtemp(path));
	fd = open(path, O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	/* Reached only through the descriptor from here on. */
	return fd;
}

static void drop_temp_dir(int fd)
{
	char link[64], path[256];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	assert_true(n > 0);
	path[n] = '\0';
	assert_int_equal(io_remove_tree(AT_FDCWD, path, NULL), 0);
	close(fd);
}

static void io_remove_tree__deep_and_linked__all_gone_and_no_more(void **state)
{
	int dir = temp_dir(), fd;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(mkdirat(dir, "keep", 0700), 0);
	assert_int_equal(io_mkdir_path(dir, "top/a/b/c", 0755, &err), 0);
	assert_int_equal(symlinkat("../keep", dir, "top/link"), 0);
	fd = openat(dir, "top/a", O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	for (int i = 0; i < 5000; i++) { /* far deeper than PATH_MAX */
		int next;

		assert_int_equal(mkdirat(fd, "deeper", 0755), 0);
		next = openat(fd, "deeper", O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		close(fd);
		fd = next;
	}
	close(fd);
	assert_int_equal(io_remove_tree(dir, "top", &err), 0);
	assert_int_equal(faccessat(dir, "top", F_OK, 0), -1);
	assert_int_equal(faccessat(dir, "keep", F_OK, 0), 0);
	assert_int_equal(io_remove_tree(dir, "not-there", &err), 0);
	drop_temp_dir(dir);
}

/* As a removal leaves it that was killed: its names are in use already. */
static void io_remove_tree__cut_short_before__all_gone(void **state)
{
	int dir = temp_dir();
	struct err err = { 0 };

	(void)state;
	assert_int_equal(io_mkdir_path(dir, "top/.podd-rm-0/a/b", 0755, &err), 0);
	assert_int_equal(io_mkdir_path(dir, "top/.podd-rm-1/c/d/e", 0755, &err), 0);
	assert_int_equal(io_mkdir_path(dir, "top/x/y/z", 0755, &err), 0);
	assert_int_equal(io_remove_tree(dir, "top", &err), 0);
	assert_int_equal(faccessat(dir, "top", F_OK, 0), -1);
	drop_temp_dir(dir);
}

static void io_read_file__too_large__efbig_names_file(void **state)
{
	int dir = temp_dir();
	struct err err = { 0 };
	char buf[8];

	(void)state;
	assert_int_equal(io_replace_file(dir, "f", "1234567", 7, &err), 0);
	assert_int_equal(io_read_file(dir, "f", buf, sizeof(buf), &err), 7);
	assert_string_equal(buf, "1234567");
	assert_int_equal(io_replace_file(dir, "f", "12345678", 8, &err), 0);
	assert_int_equal(io_read_file(dir, "f", buf, sizeof(buf), &err), -EFBIG);
	assert_string_equal(err.msg, "read 'f': more than 7 bytes");
	assert_int_equal(io_read_file(dir, "none", buf, sizeof(buf), &err), -ENOENT);
	assert_string_equal(err.msg, "open 'none': No such file or directory");
	drop_temp_dir(dir);
}

struct call {
	int opened;
	int inner_status;
	char deep[512];
};

static int inner(void *arg)
{
	struct call *c = arg;

	snprintf(c->deep, sizeof(c->deep), "inner %d", 7);
	return 9;
}

static int outer(void *arg)
{
	struct child_args args = { .flags = CLONE_FILES, .stack_size = CHILD_STACK_INNER };
	struct call *c = arg;
	pid_t pid;

	c->opened = open("/dev/null", O_RDONLY | O_CLOEXEC);
	pid = child_spawn(&args, inner, c);
	if (pid < 0 || waitpid(pid, &c->inner_status, __WALL) != pid)
		return 1;
	return 42;
}

static void child_call__nested_children__results_in_shared_memory(void **state)
{
	struct call c = { .opened = -1 };

	(void)state;
	for (int i = 0; i < 100; i++) {
		assert_int_equal(child_call(NULL, outer, &c), 42);
		assert_int_equal(WEXITSTATUS(c.inner_status), 9);
		assert_string_equal(c.deep, "inner 7");
		assert_int_equal(fcntl(c.opened, F_GETFD), FD_CLOEXEC);
		close(c.opened);
	}
}

static int stop_self(void *arg)
{
	(void)arg;
	return raise(SIGSTOP);
}

static int kill_self(void *arg)
{
	(void)arg;
	return raise(SIGKILL);
}

static int wait_for_ever(void *arg)
{
	(void)arg;
	return pause();
}

static int spoil(void *arg)
{
	memset(arg, 'x', sizeof(struct call));
	return 3;
}

static void child_call_bounded__ends__value_and_shared_memory(void **state)
{
	struct call own = { .opened = -1 };

	(void)state;
	for (int i = 0; i < 100; i++) {
		struct call *c = child_shared(sizeof(*c));

		assert_non_null(c);
		assert_int_equal(child_call_bounded(NULL, 10000, outer, c), 42);
		assert_int_equal(WEXITSTATUS(c->inner_status), 9);
		assert_string_equal(c->deep, "inner 7");
		assert_int_equal(fcntl(c->opened, F_GETFD), FD_CLOEXEC);
		close(c->opened);
	}
	/* With a copy, what is not shared stays as it was. */
	assert_int_equal(child_call_bounded(&(struct child_args){ .copy = true },
					    10000, spoil, &own), 3);
	assert_int_equal(own.opened, -1);
	assert_int_equal(own.deep[0], 0);
	assert_null(child_shared(1 << 20));
}

static void child_call_bounded__stopped_killed_or_stuck__ended_and_told(void **state)
{
	uint64_t begin = clock_boottime_ns();
	int before = dup(0), after;

	(void)state;
	close(before);
	assert_int_equal(child_call_bounded(NULL, 60000, stop_self, NULL), -ETIMEDOUT);
	assert_int_equal(child_call_bounded(NULL, 60000, kill_self, NULL), -ECHILD);
	assert_int_equal(child_call_bounded(NULL, 60, wait_for_ever, NULL), -ETIMEDOUT);
	assert_true(clock_boottime_ns() - begin < 30 * NSEC_PER_SEC);
	assert_int_equal(waitpid(-1, NULL, __WALL | WNOHANG), -1); /* all reaped */
	after = dup(0);
	close(after);
	assert_int_equal(before, after);
}

/* Three descriptors, one of them to be kept; then a stop that nobody takes back. */
struct opened {
	int fds[3];
};

static int open_and_stop(void *arg)
{
	struct opened *o = arg;

	for (int i = 0; i < 3; i++)
		o->fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	kill(getpid(), SIGSTOP);
	return 0;
}

static void child_call_bounded__ended__what_it_opened_is_closed(void **state)
{
	struct opened *o = child_shared(sizeof(*o));
	struct child_args args = { .kept_fd = &o->fds[1] };
	int own = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(child_call_bounded(&args, 60000, open_and_stop, o), -ETIMEDOUT);
	assert_true(o->fds[0] > own && o->fds[1] > own && o->fds[2] > own);
	assert_int_equal(fcntl(o->fds[0], F_GETFD), -1);
	assert_int_equal(fcntl(o->fds[1], F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(o->fds[2], F_GETFD), -1);
	assert_int_equal(fcntl(own, F_GETFD), FD_CLOEXEC);
	close(o->fds[1]);
	close(own);
}

static void child_spawn__unknown_flag__einval(void **state)
{
	struct child_args args = { .flags = 1ULL << 60 };
	struct call c;

	(void)state;
	assert_int_equal(child_spawn(&args, inner, &c), -EINVAL);
}

static void account_find__files_of_users__its_own_or_nobody(void **state)
{
	static const struct {
		const char *text;
		uid_t uid;
		gid_t gid;
	} files[] = {
		{ "root:x:0:0::/root:/bin/sh\npodd-image:!*:997:996::/:/sbin/nologin\n", 997, 996 },
		{ "# a comment\n\nbroken\npodd-image:x:400:401:::\npodd-image:x:500:501:::\n",
		  400, 401 },
		{ "podd-images:x:400:401:::\npodd-imag:x:400:401:::\n", 65534, 65534 },
		{ "podd-image:x:0:401:::\n", 65534, 65534 },
		{ "podd-image:x:400:0:::\n", 65534, 65534 },
		{ "podd-image:x:65535:401:::\n", 65534, 65534 },
		{ "podd-image:x:4294967295:401:::\n", 65534, 65534 },
		{ "podd-image:x:x:401:::\n", 65534, 65534 },
		{ "", 65534, 65534 },
	};
	char path[] = "/tmp/podd-test-XXXXXX";
	int fd = mkstemp(path);
	struct account found;

	(void)state;
	assert_true(fd >= 0);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, files[i].text, strlen(files[i].text), 0),
				 strlen(files[i].text));
		found = account_find(path, "podd-image");
		assert_int_equal(found.uid, files[i].uid);
		assert_int_equal(found.gid, files[i].gid);
	}
	close(fd);
	assert_int_equal(unlink(path), 0);
	found = account_find(path, "podd-image");
	assert_int_equal(found.uid, 65534);
}

static void err__strings_of_strangers__stay_on_their_line(void **state)
{
	char text[] = "a\x1b[31m\n<1>b\t\x7f\xc2\x9b" "c \xc3\xa4\xc2\xa0";
	struct err err;

	(void)state;
	printable(text);
	assert_string_equal(text, "a?[31m?<1>b???c \xc3\xa4\xc2\xa0");
	(void)err_set(&err, ENOENT, "execute '%s'", "x\nMAINPID=1");
	assert_string_equal(err.msg, "execute 'x?MAINPID=1'");
	(void)err_wrap(&err, -ENOENT, "container '%s'", "\r");
	assert_string_equal(err.msg, "container '?': execute 'x?MAINPID=1'");
	errno = ENOENT;
	(void)err_sys(&err, "open '%s'", "\n");
	assert_string_equal(err.msg, "open '?': No such file or directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(err__strings_of_strangers__stay_on_their_line),
		cmocka_unit_test(err_wrap__filled_error__context_in_front),
		cmocka_unit_test(err_set__long_text__cut_and_ended),
		cmocka_unit_test(clock_rfc3339__known_instants__same_as_gmtime),
		cmocka_unit_test(io_remove_tree__deep_and_linked__all_gone_and_no_more),
		cmocka_unit_test(io_remove_tree__cut_short_before__all_gone),
		cmocka_unit_test(io_read_file__too_large__efbig_names_file),
		cmocka_unit_test(account_find__files_of_users__its_own_or_nobody),
		cmocka_unit_test(child_call__nested_children__results_in_shared_memory),
		cmocka_unit_test(child_call_bounded__ends__value_and_shared_memory),
		cmocka_unit_test(child_call_bounded__stopped_killed_or_stuck__ended_and_told),
		cmocka_unit_test(child_call_bounded__ended__what_it_opened_is_closed),
		cmocka_unit_test(child_spawn__unknown_flag__einval),
	};

	return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
