/* SPDX-License-Identifier: MIT */
/* netns/lease: records, locks and the choice of an address. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "netns/lease.h"

#define IP(a, b, c, d) ((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))
#define GATEWAY        IP(10, 88, 0, 1)

struct place {
	char path[64];
	int fd;
	struct netns_spec spec;
};

static int set_up(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	strcpy(p->path, "/tmp/podd-test-XXXXXX");
	assert_non_null(mkdtemp(p->path));
	p->fd = open(p->path, O_DIRECTORY | O_CLOEXEC);
	assert_true(p->fd >= 0);
	p->spec = (struct netns_spec){ .bridge = "podd0", .subnet = IP(10, 88, 0, 0),
				       .prefix_len = 29 };
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;

	close(p->fd);
	assert_int_equal(io_remove_tree(AT_FDCWD, p->path, NULL), 0);
	free(p);
	return 0;
}

static struct netns_lease take(struct place *p, const char *pod, uint32_t address)
{
	struct netns_lease l = { .lock_fd = -EBADF, .bridge = "podd0", .address = address,
				 .gateway = GATEWAY, .prefix_len = p->spec.prefix_len };
	struct err err = { 0 };

	if (lease_take(p->fd, pod, &l, &err) < 0)
		fail_msg("%s", err.msg);
	return l;
}

static struct lease_survey survey(struct place *p, const char *pod)
{
	struct lease_survey s;
	struct err err = { 0 };

	if (lease_survey(p->fd, pod, &s, &err) < 0)
		fail_msg("%s", err.msg);
	return s;
}

static bool exists(struct place *p, const char *name)
{
	return faccessat(p->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void lease_take__then_read__same_record(void **state)
{
	struct netns_lease l = take(*state, "kiosk@left", IP(10, 88, 0, 5)), back;
	char pod[NETNS_POD_NAME_SIZE];

	assert_int_equal(lease_read(l.lock_fd, &back, pod), 0);
	assert_string_equal(back.bridge, "podd0");
	assert_string_equal(pod, "kiosk@left");
	assert_int_equal(back.address, l.address);
	assert_int_equal(back.gateway, l.gateway);
	assert_int_equal(back.prefix_len, l.prefix_len);
	close(l.lock_fd);
}

static void lease_take__longest_names__fit(void **state)
{
	struct place *p = *state;
	struct netns_lease l = { .bridge = "abcdefghijklmno", .address = IP(255, 255, 255, 253),
				 .gateway = IP(255, 255, 255, 254), .prefix_len = 30 }, back;
	char pod[NETNS_POD_NAME_SIZE], name[NETNS_POD_NAME_SIZE];

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(lease_take(p->fd, name, &l, NULL), 0);
	assert_int_equal(lease_read(l.lock_fd, &back, pod), 0);
	assert_string_equal(pod, name);
	assert_string_equal(back.bridge, l.bridge);
	close(l.lock_fd);
}

static void lease_take__there_already__eexist_and_file_kept(void **state)
{
	struct place *p = *state;
	struct netns_lease l = take(p, "web", IP(10, 88, 0, 2)), second = l;
	struct err err = { 0 };

	assert_int_equal(lease_take(p->fd, "db", &second, &err), -EEXIST);
	assert_string_equal(err.msg, "create lease '10.88.0.2': File exists");
	assert_true(exists(p, "10.88.0.2"));
	close(l.lock_fd);
}

static void lease_survey__live_stale_and_foreign_files__sorted(void **state)
{
	struct place *p = *state;
	struct netns_lease web = take(p, "web", IP(10, 88, 0, 2));
	struct netns_lease db = take(p, "db", IP(10, 88, 0, 3));
	struct lease_survey s;

	close(db.lock_fd);
	assert_int_equal(io_replace_file(p->fd, "README", "x", 1, NULL), 0);
	assert_int_equal(io_replace_file(p->fd, "10.88.0.6", "", 0, NULL), 0); /* crash in take */
	s = survey(p, "db");
	assert_int_equal(s.live_n, 1);
	assert_int_equal(s.live.address, web.address);
	assert_int_equal(s.former, db.address);
	assert_int_equal(s.own, 0);
	assert_true(exists(p, "10.88.0.2"));
	assert_false(exists(p, "10.88.0.3"));
	assert_false(exists(p, "10.88.0.6"));
	assert_true(exists(p, "README"));
	s = survey(p, "web");
	assert_int_equal(s.own, web.address);
	close(web.lock_fd);
	s = survey(p, "web");
	assert_int_equal(s.live_n, 0);
	assert_int_equal(s.former, web.address);
}

static void lease_survey__symbolic_link__not_followed(void **state)
{
	struct place *p = *state;
	struct lease_survey s;
	struct err err = { 0 };

	assert_int_equal(symlinkat("/etc/passwd", p->fd, "10.88.0.4"), 0);
	assert_int_equal(lease_survey(p->fd, "web", &s, &err), -ELOOP);
	assert_string_equal(err.msg, "open lease '10.88.0.4': Too many levels of symbolic links");
}

static void lease_choose__some_leased__lowest_free_or_former(void **state)
{
	struct place *p = *state;
	struct netns_lease two = take(p, "a", IP(10, 88, 0, 2)),
			   four = take(p, "b", IP(10, 88, 0, 4));
	static const struct {
		uint32_t former, want;
	} cases[] = {
		{ 0, IP(10, 88, 0, 3) },
		{ IP(10, 88, 0, 6), IP(10, 88, 0, 6) },
		{ IP(10, 88, 0, 4), IP(10, 88, 0, 3) },  /* another's by now */
		{ GATEWAY, IP(10, 88, 0, 3) },           /* the bridge's by now */
		{ IP(10, 88, 0, 7), IP(10, 88, 0, 3) },  /* broadcast of a smaller subnet */
		{ IP(10, 88, 0, 0), IP(10, 88, 0, 3) },
		{ IP(10, 99, 0, 5), IP(10, 88, 0, 3) },  /* of another subnet */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint32_t address = cases[i].former;
		struct err err = { 0 };

		assert_int_equal(lease_choose(p->fd, &p->spec, GATEWAY, &address, &err), 0);
		assert_int_equal(address, cases[i].want);
	}
	close(two.lock_fd);
	close(four.lock_fd);
}

static void lease_choose__all_leased__enospc(void **state)
{
	struct place *p = *state;
	struct netns_lease l = take(p, "web", IP(10, 88, 0, 2));
	struct err err = { 0 };
	uint32_t address = 0;

	p->spec.prefix_len = 30;
	assert_int_equal(lease_choose(p->fd, &p->spec, GATEWAY, &address, &err), -ENOSPC);
	assert_string_equal(
	    err.msg, "no address is free in 10.88.0.0/30 of bridge 'podd0': all 1 are leased");
	close(l.lock_fd);
}

static void lease_choose__static_address__taken_or_told_why_not(void **state)
{
	struct place *p = *state;
	struct netns_lease l = take(p, "cache", IP(10, 88, 0, 5));
	static const struct {
		uint32_t address;
		int code;
		const char *msg;
	} cases[] = {
		{ IP(10, 88, 0, 4), 0, "" },
		{ IP(10, 88, 0, 5), EADDRINUSE,
		  "address 10.88.0.5 of bridge 'podd0' is taken by pod 'cache'" },
		{ GATEWAY, EADDRINUSE, "address 10.88.0.1 is that of bridge 'podd0' itself" },
		{ IP(10, 88, 0, 7), EINVAL,
		  "address 10.88.0.7 is no host address of the subnet of bridge 'podd0'" },
		{ IP(10, 88, 0, 8), EINVAL,
		  "address 10.88.0.8 is no host address of the subnet of bridge 'podd0'" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint32_t address = 0;
		struct err err = { 0 };

		p->spec.address = cases[i].address;
		assert_int_equal(lease_choose(p->fd, &p->spec, GATEWAY, &address, &err),
				 -cases[i].code);
		assert_string_equal(err.msg, cases[i].msg);
		if (cases[i].code == 0)
			assert_int_equal(address, cases[i].address);
	}
	close(l.lock_fd);
}

static void lease_drop__twice__no_error(void **state)
{
	struct place *p = *state;
	struct netns_lease l = take(p, "web", IP(10, 88, 0, 2));

	assert_int_equal(lease_drop(p->fd, l.address, NULL), 0);
	assert_int_equal(lease_drop(p->fd, l.address, NULL), 0);
	assert_false(exists(p, "10.88.0.2"));
	close(l.lock_fd);
}

static void lease_lock__no_directory__error(void **state)
{
	struct err err = { 0 };

	(void)state;
	assert_int_equal(lease_lock(-EBADF, &err), -EBADF);
	assert_string_equal(err.msg, "open lease directory: Bad file descriptor");
}

int main(void)
{
#define lease_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		lease_test(lease_take__then_read__same_record),
		lease_test(lease_take__longest_names__fit),
		lease_test(lease_take__there_already__eexist_and_file_kept),
		lease_test(lease_survey__live_stale_and_foreign_files__sorted),
		lease_test(lease_survey__symbolic_link__not_followed),
		lease_test(lease_choose__some_leased__lowest_free_or_former),
		lease_test(lease_choose__all_leased__enospc),
		lease_test(lease_choose__static_address__taken_or_told_why_not),
		lease_test(lease_drop__twice__no_error),
		lease_test(lease_lock__no_directory__error),
	};

	return cmocka_run_group_tests_name("netns lease", tests, NULL, NULL);
}
