/* SPDX-License-Identifier: MIT */
/* userns/range.c: which ids a pod gets. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "userns/range.h"
#include "userns/userns.h"

#define FIRST UINT32_C(0x77390000)
#define LAST  UINT32_C(0x7ffd0000)

/* A directory that is registry and /etc in one. */
struct place {
	char path[64];
	struct userns_registry registry;
};

static int make_place(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	strcpy(p->path, "/tmp/podd-userns-XXXXXX");
	assert_non_null(mkdtemp(p->path));
	p->registry.dirfd = open(p->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	p->registry.etc_fd = p->registry.dirfd;
	p->registry.proc_fd = p->registry.dirfd;
	p->registry.owner = "";
	p->registry.name = "userns";
	*state = p;
	return 0;
}

static int drop_place(void **state)
{
	struct place *p = *state;

	close(p->registry.dirfd);
	assert_int_equal(io_remove_tree(AT_FDCWD, p->path, NULL), 0);
	free(p);
	return 0;
}

static void put(const struct place *p, const char *name, const char *text)
{
	int fd = openat(p->registry.dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(io_write_all(fd, text, strlen(text)), 0);
	close(fd);
}

/* Of pods that nobody else has: ranges of those that run are passed over. */
static uint32_t take(const struct place *p, const char *pod)
{
	struct err err = { 0 };
	uint32_t first = 0;

	assert_int_equal(userns_range_take(&first, &p->registry, pod, &err), 0);
	assert_true(first >= FIRST && first <= LAST && first % USERNS_RANGE == 0);
	return first;
}

static void range__same_pod__same_range(void **state)
{
	const struct place *p = *state;
	uint32_t web = take(p, "unit-web"), shop = take(p, "unit-shop");

	assert_int_not_equal(web, shop);
	assert_int_equal(take(p, "unit-web"), web);
	assert_int_equal(take(p, "unit-shop"), shop);
	assert_int_equal(unlinkat(p->registry.dirfd, "userns", 0), 0);
	assert_int_equal(take(p, "unit-shop"), shop); /* in whatever order */
	assert_int_equal(take(p, "unit-web"), web);
}

static void range__another_instance_of_podd__another_range(void **state)
{
	struct place *p = *state;
	uint32_t web = take(p, "unit-web");

	assert_int_equal(unlinkat(p->registry.dirfd, "userns", 0), 0);
	p->registry.owner = "/srv/other";
	assert_int_not_equal(take(p, "unit-web"), web);
}

static void range__ids_of_the_host__passed_over(void **state)
{
	static const struct {
		const char *file, *line; /* %u: the id @at of the range */
		uint32_t at;
		bool hit;
	} rows[] = {
		{ "passwd", "a:x:%u:5::/:/bin/sh\n", 0, true },
		{ "passwd", "a:x:%u:5::/:/bin/sh\n", 65535, true },
		{ "passwd", "a:x:5:%u::/:/bin/sh\n", 0, false },
		{ "passwd", "a:x:%ux:5::/\n", 0, false },
		{ "passwd", "a:x:-%u:5::/\n", 0, false },
		{ "group", "a:x:%u:\n", 7, true },
		{ "group", "%u\n", 7, false },
		{ "subuid", "a:%u:1\n", 65535, true },
		{ "subgid", "a:%u:1\n", 0, true },
		{ "subuid", "a:%u:0\n", 5, false },
		{ "subuid", "a:%u\n", 5, false },
		{ "subuid", "\n::\na:1:100\nb:100000:65536\nc:%u:70000", 9, true },
	};
	const struct place *p = *state;
	uint32_t web = take(p, "unit-web");
	char text[128];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint32_t now;

		snprintf(text, sizeof(text), rows[i].line, web + rows[i].at);
		put(p, rows[i].file, text);
		now = take(p, "unit-web");
		if ((now != web) != rows[i].hit)
			fail_msg("row %zu: %s", i, text);
		assert_int_equal(unlinkat(p->registry.dirfd, rows[i].file, 0), 0);
		assert_int_equal(unlinkat(p->registry.dirfd, "userns", 0), 0);
		assert_int_equal(take(p, "unit-web"), web);
	}
}

static void range__subordinate_ids_across_borders__all_of_them(void **state)
{
	const struct place *p = *state;
	char text[64];
	uint32_t web;

	snprintf(text, sizeof(text), "a:0:%u\n", LAST); /* leaves the last one */
	put(p, "subuid", text);
	assert_int_equal(take(p, "unit-web"), LAST);
	put(p, "subuid", "a:2147483647:2147483648\n"); /* podman's advice: above all of ours */
	web = take(p, "new");
	snprintf(text, sizeof(text), "a:%u:2\n", web + USERNS_RANGE - 1);
	put(p, "subuid", text);
	assert_int_not_equal(take(p, "new"), web);
	put(p, "subuid",
	    "a:18446744073709551615:18446744073709551615\nb:99999999999999999999999:1\n");
	(void)take(p, "odd");
}

static void range__all_taken__said(void **state)
{
	const struct place *p = *state;
	struct err err = { 0 };
	uint32_t first;

	put(p, "subgid", "a:0:4294967295\n");
	assert_int_equal(userns_range_take(&first, &p->registry, "unit-web", &err), -ENOSPC);
	assert_string_equal(err.msg,
			    "all 2245 ranges of ids are taken: by users and /etc/subuid of the "
			    "host, or by lines of pods that are no more in podd's file 'userns'");
	assert_int_equal(faccessat(p->registry.dirfd, "userns", F_OK, 0), -1);
}

static void range__a_fifo_for_a_file__not_waited_for(void **state)
{
	const struct place *p = *state;

	assert_int_equal(mkfifoat(p->registry.dirfd, "passwd", 0600), 0);
	(void)take(p, "unit-web");
}

static void find__own_process__the_hosts(void **state)
{
	struct userns ns;

	(void)state;
	assert_int_equal(userns_find(&ns, getpid(), NULL), 0);
	assert_int_equal(ns.fd, -EBADF);
	assert_int_equal(ns.first, 0);
}

/* Only a pod that gets its line asks: the others have theirs. */
static void range__ids_that_somebody_runs_with__passed_over(void **state)
{
	const struct place *p = *state;
	uint32_t web = take(p, "unit-web");
	char text[128], lines[16384];
	size_t n;
	unsigned lines_n = 0;

	assert_int_equal(mkdirat(p->registry.dirfd, "17", 0700), 0);
	snprintf(text, sizeof(text),
		 "         0       1000          1\n         1 %10u      65535\n", web);
	put(p, "17/uid_map", text);
	assert_int_equal(take(p, "unit-web"), web);
	assert_int_equal(unlinkat(p->registry.dirfd, "userns", 0), 0);
	assert_int_not_equal(take(p, "unit-web"), web);
	assert_int_equal(unlinkat(p->registry.dirfd, "userns", 0), 0);
	/* As many lines as there can be. */
	for (n = 0; n < sizeof(lines) - 40 && lines_n < 339; lines_n++)
		n += (size_t)snprintf(lines + n, sizeof(lines) - n, "%10u %10u %10u\n",
				      lines_n, lines_n, 1u);
	(void)snprintf(lines + n, sizeof(lines) - n, "%10u %10u %10u\n", lines_n, web, 1u);
	put(p, "17/uid_map", lines);
	assert_int_not_equal(take(p, "unit-web"), web);
	assert_int_equal(unlinkat(p->registry.dirfd, "userns", 0), 0);
	put(p, "17/uid_map", "         0          0 4294967295\n");
	assert_int_equal(take(p, "unit-web"), web);
}

/* The line is this instance's, the pause that runs another one's. */
static void range__pause_of_another_instance__passed_over(void **state)
{
	const struct place *p = *state;
	uint32_t web = take(p, "unit-web"), id = web + USERNS_IDS, other;
	pid_t pid;

	if (geteuid() != 0)
		skip();
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (syscall(SYS_setresuid, id, id, id) == 0)
			(void)pause();
		_exit(1);
	}
	errno = 0;
	while (getpriority(PRIO_USER, id) == -1 && errno == ESRCH)
		errno = 0;
	other = take(p, "unit-web");
	assert_int_not_equal(other, web);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(take(p, "unit-web"), other);
}

int main(void)
{
#define IN_PLACE(f) cmocka_unit_test_setup_teardown(f, make_place, drop_place)
	const struct CMUnitTest tests[] = {
		IN_PLACE(range__same_pod__same_range),
		IN_PLACE(range__another_instance_of_podd__another_range),
		IN_PLACE(range__ids_of_the_host__passed_over),
		IN_PLACE(range__subordinate_ids_across_borders__all_of_them),
		IN_PLACE(range__ids_that_somebody_runs_with__passed_over),
		IN_PLACE(range__pause_of_another_instance__passed_over),
		IN_PLACE(range__all_taken__said),
		IN_PLACE(range__a_fifo_for_a_file__not_waited_for),
		cmocka_unit_test(find__own_process__the_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
