/* SPDX-License-Identifier: MIT */
/* container/: who a User= is, read from files that an image may have forged. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "container/user.h"

struct root {
	char path[64];
	int fd;
};

static void put(const struct root *r, const char *name, const char *text)
{
	int fd = openat(r->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(io_write_all(fd, text, strlen(text)), 0);
	close(fd);
}

static int make_root(void **state)
{
	struct root *r = calloc(1, sizeof(*r));

	strcpy(r->path, "/tmp/podd-root-XXXXXX");
	assert_non_null(mkdtemp(r->path));
	r->fd = open(r->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(r->fd, "etc", 0755), 0);
	put(r, "etc/passwd",
	    "root:x:0:0:root:/root:/bin/sh\n"
	    "broken line\n"
	    "big:x:4294967295:4294967295::/:\n"
	    "negative:x:-1:0::/:\n"
	    "www:x:33:34:www:/var/www:/bin/false\n"
	    "4000:x:77:78:a name of digits:/home:\n");
	put(r, "etc/group",
	    "root:x:0:\nwww:x:34:\nextra:x:50:other,www\nvideo:x:44:www\nall:x:60:wwww\n");
	*state = r;
	return 0;
}

static int drop_root(void **state)
{
	struct root *r = *state;

	close(r->fd);
	assert_int_equal(io_remove_tree(AT_FDCWD, r->path, NULL), 0);
	free(r);
	return 0;
}

static void user_resolve__names_and_numbers__ids_groups_home(void **state)
{
	static const struct {
		const char *user;
		uid_t uid;
		gid_t gid;
		const char *home;
		size_t group_n;
	} rows[] = {
		{ NULL, 0, 0, "/root", 1 },
		{ "root", 0, 0, "/root", 1 },
		{ "www", 33, 34, "/var/www", 3 },
		{ "33", 33, 34, "/var/www", 3 },
		{ "www:root", 33, 0, "/var/www", 3 },
		{ "www:44", 33, 44, "/var/www", 2 },
		{ "1234", 1234, 0, "/", 1 },
		{ "1234:5678", 1234, 5678, "/", 1 },
		{ "4294967294:4294967294", 4294967294, 4294967294, "/", 1 },
		/* digits are an id, never a name */
		{ "4000", 4000, 0, "/", 1 },
	};
	struct root *r = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct user_ids ids;
		struct err err = { 0 };

		assert_int_equal(user_resolve(&ids, r->fd, rows[i].user, &err), 0);
		assert_int_equal(ids.uid, rows[i].uid);
		assert_int_equal(ids.gid, rows[i].gid);
		assert_string_equal(ids.home, rows[i].home);
		assert_int_equal(ids.group_n, rows[i].group_n);
	}
}

/* CVE-2024-40635 and CVE-2026-30892: what is no id any more became 0, or a name. */
static void user_resolve__ids_at_the_boundary__exact_or_refused(void **state)
{
	static const struct {
		const char *user;
		uid_t uid;
		gid_t gid;
		const char *msg; /* NULL: good */
	} rows[] = {
		{ "2147483647", 2147483647, 0, NULL },
		{ "2147483648", 2147483648, 0, NULL },
		{ "65535:65536", 65535, 65536, NULL },
		{ "4294967294:4294967294", 4294967294, 4294967294, NULL },
		{ "0000000033", 33, 34, NULL },
		{ "4294967295", 0, 0, "user 4294967295: ids end at 4294967294" },
		{ "4294967296", 0, 0, "user 4294967296: ids end at 4294967294" },
		{ "4294967329", 0, 0, "user 4294967329: ids end at 4294967294" },
		{ "18446744073709551616", 0, 0,
		  "user 18446744073709551616: ids end at 4294967294" },
		{ "33:4294967296", 0, 0, "group 4294967296: ids end at 4294967294" },
		{ "+33", 0, 0, "no user '+33' in the container's /etc/passwd" },
		{ " 33", 0, 0, "no user ' 33' in the container's /etc/passwd" },
		{ "0x21", 0, 0, "no user '0x21' in the container's /etc/passwd" },
		{ "33:-1", 0, 0, "no group '-1' in the container's /etc/group" },
	};
	struct root *r = *state;

	/* Of an image that has users and groups of such names. */
	put(r, "etc/passwd", "4294967296:x:0:0::/:\n4294967295:x:0:0::/:\nw:x:33:34::/:\n");
	put(r, "etc/group", "4294967296:x:0:\n");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct user_ids ids;
		struct err err = { 0 };

		assert_int_equal(user_resolve(&ids, r->fd, rows[i].user, &err),
				 rows[i].msg ? -EINVAL : 0);
		if (rows[i].msg) {
			assert_string_equal(err.msg, rows[i].msg);
			continue;
		}
		assert_int_equal(ids.uid, rows[i].uid);
		assert_int_equal(ids.gid, rows[i].gid);
	}
}

static void user_resolve__unknown_or_no_id__refused_never_zero(void **state)
{
	static const struct {
		const char *user, *msg;
	} rows[] = {
		{ "nobody", "no user 'nobody' in the container's /etc/passwd" },
		{ "4294967295", "user 4294967295: ids end at 4294967294" },
		{ "2147483648x", "no user '2147483648x' in the container's /etc/passwd" },
		{ "-1", "no user '-1' in the container's /etc/passwd" },
		{ "", "no user '' in the container's /etc/passwd" },
		{ "big", "no user 'big' in the container's /etc/passwd" },
		{ "negative", "no user 'negative' in the container's /etc/passwd" },
		{ "www:none", "no group 'none' in the container's /etc/group" },
		{ "www:", "no group '' in the container's /etc/group" },
		{ "33:4294967295", "group 4294967295: ids end at 4294967294" },
	};
	struct root *r = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct user_ids ids;
		struct err err = { 0 };

		assert_int_equal(user_resolve(&ids, r->fd, rows[i].user, &err), -EINVAL);
		assert_string_equal(err.msg, rows[i].msg);
	}
}

static void user_resolve__fifo_device_or_link_outside__refused_at_once(void **state)
{
	struct root *r = *state;
	struct user_ids ids;
	struct err err = { 0 };

	assert_int_equal(unlinkat(r->fd, "etc/passwd", 0), 0);
	assert_int_equal(mkfifoat(r->fd, "etc/passwd", 0644), 0);
	assert_int_equal(user_resolve(&ids, r->fd, "0", &err), -EINVAL);
	assert_string_equal(err.msg, "'/etc/passwd' in the root is no regular file");

	/* A link to the host's file leads to the root's own, which is not there. */
	assert_int_equal(unlinkat(r->fd, "etc/passwd", 0), 0);
	assert_int_equal(symlinkat("/../../../../../../etc/shadow", r->fd, "etc/passwd"), 0);
	assert_int_equal(user_resolve(&ids, r->fd, "0", &err), 0);
	assert_string_equal(ids.home, "/");
}

/* None of the groups that a user has is left out. */
static void user_resolve__more_groups_than_can_be__refused(void **state)
{
	struct root *r = *state;
	size_t size = 5 << 20, n = 0;
	char *text = malloc(size);
	struct user_ids ids;
	struct err err = { 0 };

	for (unsigned i = 0; i < USER_GROUPS_MAX - 1; i++)
		n += (size_t)snprintf(text + n, size - n, "g%u:x:%u:www\n", i, 1000 + i);
	put(r, "etc/group", text);
	assert_int_equal(user_resolve(&ids, r->fd, "www", &err), 0);
	assert_int_equal(ids.group_n, USER_GROUPS_MAX);
	assert_int_equal(ids.groups[USER_GROUPS_MAX - 1], 34);
	(void)snprintf(text + n, size - n, "last:x:999:www\n");
	put(r, "etc/group", text);
	assert_int_equal(user_resolve(&ids, r->fd, "www", &err), -E2BIG);
	assert_string_equal(err.msg,
			    "user 'www' has more than 256 groups in the container's /etc/group");
	assert_int_equal(user_resolve(&ids, r->fd, "0", &err), 0);
	/* A line of any length; no name, and no file, of which the end is not looked at. */
	n = (size_t)sprintf(text, "many:x:70:");
	for (unsigned i = 0; i < 20000; i++)
		n += (size_t)sprintf(text + n, "user%u,", i);
	(void)strcpy(text + n, "www\nmore:x:71:a,www\nnone:x:72:www2,xwww\nwww:x:34:\n");
	put(r, "etc/group", text);
	assert_int_equal(user_resolve(&ids, r->fd, "www:many", &err), 0);
	assert_int_equal(ids.gid, 70);
	assert_int_equal(ids.group_n, 2);
	assert_int_equal(ids.groups[0], 70);
	assert_int_equal(ids.groups[1], 71);
	memset(text, 'x', 9000);
	strcpy(text + 9000, ",www\nwww:x:34:\n");
	put(r, "etc/group", text);
	assert_int_equal(user_resolve(&ids, r->fd, "www", &err), -EFBIG);
	memset(text, '\n', size - 1);
	text[size - 1] = '\0';
	put(r, "etc/group", text);
	assert_int_equal(user_resolve(&ids, r->fd, "www", &err), -EFBIG);
	free(text);
}

static void user_resolve__overlong_line__passed_over(void **state)
{
	struct root *r = *state;
	char *text = malloc(3 * 9000);
	struct user_ids ids;
	struct err err = { 0 };
	int n = sprintf(text, "www:x:0:0:");

	memset(text + n, 'x', 20000);
	strcpy(text + n + 20000, ":/:\nwww:x:33:34::/w:\n");
	put(r, "etc/passwd", text);
	free(text);
	assert_int_equal(user_resolve(&ids, r->fd, "www", &err), 0);
	assert_int_equal(ids.uid, 33);
}

static void user_resolve__last_line_without_newline__read(void **state)
{
	struct root *r = *state;
	struct user_ids ids;
	struct err err = { 0 };

	put(r, "etc/passwd", "a:x:1:1::/:\nlast:x:55:66::/h:");
	assert_int_equal(user_resolve(&ids, r->fd, "last", &err), 0);
	assert_int_equal(ids.uid, 55);
	put(r, "etc/passwd", "");
	assert_int_equal(user_resolve(&ids, r->fd, "last", &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(user_resolve__names_and_numbers__ids_groups_home,
						make_root, drop_root),
		cmocka_unit_test_setup_teardown(user_resolve__ids_at_the_boundary__exact_or_refused,
						make_root, drop_root),
		cmocka_unit_test_setup_teardown(user_resolve__unknown_or_no_id__refused_never_zero,
						make_root, drop_root),
		cmocka_unit_test_setup_teardown(
			user_resolve__fifo_device_or_link_outside__refused_at_once, make_root,
			drop_root),
		cmocka_unit_test_setup_teardown(user_resolve__more_groups_than_can_be__refused,
						make_root, drop_root),
		cmocka_unit_test_setup_teardown(user_resolve__overlong_line__passed_over, make_root,
						drop_root),
		cmocka_unit_test_setup_teardown(user_resolve__last_line_without_newline__read,
						make_root, drop_root),
	};

	return cmocka_run_group_tests_name("container", tests, NULL, NULL);
}
