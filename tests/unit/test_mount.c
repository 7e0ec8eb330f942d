/* SPDX-License-Identifier: MIT */
/* Walls around a container's root that others stand in front of, each by itself. */
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

#include "base/child.h"
#include "base/fd.h"
#include "base/io.h"
#include "container/container.h"
#include "container/mount.h"

struct place {
	char path[64]; /* with the directories "root" and "outside" */
	int root;
};

static int make_place(void **state)
{
	struct place *p = test_calloc(1, sizeof(*p));
	char path[128], to[128];

	strcpy(p->path, "/tmp/podd-mount-XXXXXX");
	assert_non_null(mkdtemp(p->path));
	snprintf(path, sizeof(path), "%s/outside", p->path);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/root", p->path);
	assert_int_equal(mkdir(path, 0755), 0);
	p->root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(p->root >= 0);
	snprintf(to, sizeof(to), "%s/outside", p->path);
	assert_int_equal(symlinkat(to, p->root, "absolute"), 0);
	assert_int_equal(symlinkat("../outside", p->root, "up"), 0);
	assert_int_equal(symlinkat("/inside", p->root, "own"), 0);
	assert_int_equal(mkdirat(p->root, "inside", 0755), 0);
	*state = p;
	return 0;
}

static int drop_place(void **state)
{
	struct place *p = *state;

	close_fd(&p->root);
	assert_int_equal(io_remove_tree(AT_FDCWD, p->path, NULL), 0);
	test_free(p);
	return 0;
}

static bool is_there(const struct place *p, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", p->path, name);
	return access(path, F_OK) == 0;
}

/* CVE-2024-45310, CVE-2021-30465: the caller's root is not the container's here. */
static void open_target__links_of_an_image__nothing_made_outside(void **state)
{
	static const char *const paths[] = { "/absolute/made", "/up/made", "/../outside/made" };
	struct place *p = *state;
	struct err err = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		cleanup_close int dir = -EBADF, file = -EBADF;

		(void)mount_open_target(&dir, p->root, paths[i], S_IFDIR, NULL);
		(void)mount_open_target(&file, p->root, paths[i], S_IFREG, NULL);
		if (is_there(p, "outside/made"))
			fail_msg("%s leads outside", paths[i]);
	}
	for (size_t i = 0; i < 2; i++) {
		cleanup_close int fd = -EBADF;

		if (mount_open_target(&fd, p->root, i ? "/own/a/b" : "/own/c",
				      i ? S_IFDIR : S_IFREG, &err) < 0)
			fail_msg("%s", err.msg);
	}
	assert_true(is_there(p, "root/inside/a/b") && is_there(p, "root/inside/c"));
}

/* What is missing is made in the directory, not where a link at its name leads. */
static void open_target__dangling_link_at_the_end__nothing_made_outside(void **state)
{
	struct place *p = *state;
	char to[128];

	snprintf(to, sizeof(to), "%s/outside/made", p->path);
	assert_int_equal(symlinkat(to, p->root, "gone"), 0);
	assert_int_equal(symlinkat("../outside/made", p->root, "gone-up"), 0);
	for (size_t i = 0; i < 4; i++) {
		cleanup_close int fd = -EBADF;
		struct err err = { 0 };

		assert_true(mount_open_target(&fd, p->root, i % 2 ? "/gone" : "/gone-up",
					      i / 2 ? S_IFDIR : S_IFREG, &err) < 0);
		assert_false(is_there(p, "outside/made"));
	}
}

static int enter_from_outside(void *arg)
{
	const struct place *p = arg;
	char outside[128];
	struct err err = { 0 };
	int fd;

	snprintf(outside, sizeof(outside), "%s/outside", p->path);
	fd = open(outside, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fchdir(p->root) < 0 || chroot(".") < 0 ||
	    container_enter_directory("/inside", &err) < 0)
		return 1;
	if (fchdir(fd) < 0 || container_enter_directory(".", &err) != -EXDEV ||
	    strcmp(err.msg, "the directory '.' lies outside the root") != 0)
		return 2;
	return 0;
}

/* CVE-2024-21626: no such descriptor comes so far, and if one did: */
static void enter__directory_outside_of_the_root__refused(void **state)
{
	const struct child_args args = { .copy = true };

	if (geteuid() != 0)
		skip();
	assert_int_equal(child_call_bounded(&args, 5000, enter_from_outside, *state), 0);
}

int main(void)
{
#define IN_PLACE(f) cmocka_unit_test_setup_teardown(f, make_place, drop_place)
	const struct CMUnitTest tests[] = {
		IN_PLACE(open_target__links_of_an_image__nothing_made_outside),
		IN_PLACE(open_target__dangling_link_at_the_end__nothing_made_outside),
		IN_PLACE(enter__directory_outside_of_the_root__refused),
	};

	return cmocka_run_group_tests_name("mount", tests, NULL, NULL);
}
