/* SPDX-License-Identifier: MIT */
/* base/lookup.h and base/handed.h: which links of the host are followed. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/handed.h"
#include "base/io.h"
#include "base/lookup.h"
#include "base/sys.h"

struct world {
	char dir[64];
	struct paths paths;
};

static int make_world(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	char path[96];

	if (geteuid() != 0) {
		free(w);
		return 0;
	}
	strcpy(w->dir, "/tmp/podd-lookup-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	for (const char *const *d = (const char *const[]){ "lib", "run", "a", "a/b", "away", NULL }; *d;
	     d++) {
		snprintf(path, sizeof(path), "%s/%s", w->dir, *d);
		assert_int_equal(mkdir(path, 0755), 0);
	}
	assert_int_equal(chdir(w->dir), 0);
	w->paths = (struct paths){
		.etc = -EBADF,
		.log = -EBADF,
		.lib = open("lib", O_PATH | O_DIRECTORY | O_CLOEXEC),
		.run = open("run", O_PATH | O_DIRECTORY | O_CLOEXEC),
	};
	*state = w;
	return 0;
}

static int drop_world(void **state)
{
	struct world *w = *state;

	if (!w)
		return 0;
	close_fd(&w->paths.lib);
	close_fd(&w->paths.run);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(io_remove_tree(AT_FDCWD, w->dir, NULL), 0);
	free(w);
	return 0;
}

#define NEEDS_ROOT(state)     \
	do {                  \
		if (!*(state)) \
			skip(); \
	} while (0)

static int look_up(const struct world *w, const char *name, int flags, struct err *err)
{
	char path[PATH_MAX];
	const struct lookup l = { path, "open", flags };
	int fd = -EBADF, r;

	snprintf(path, sizeof(path), "%s/%s", w->dir, name);
	*err = (struct err){ 0 };
	r = lookup_open(&fd, &w->paths, &l, err);
	assert_int_equal(r == 0, fd >= 0);
	return r < 0 ? r : fd;
}

static bool leads_to(const struct world *w, const char *name, const char *to)
{
	struct err err;
	cleanup_close int fd = look_up(w, name, O_PATH, &err);
	struct stat a, b;

	assert_string_equal(err.msg, "");
	return fstat(fd, &a) == 0 && stat(to, &b) == 0 && a.st_ino == b.st_ino;
}

static void note(const struct world *w, const char *name)
{
	struct err err = { 0 };
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", w->dir, name);
	assert_int_equal(handed_note(&w->paths, path, &err), 0);
}

static void lookup_open__links_of_root__followed_as_the_kernel_does(void **state)
{
	const struct world *w = *state;
	char far[PATH_MAX];

	NEEDS_ROOT(state);
	snprintf(far, sizeof(far), "%s/a//b/", w->dir);
	assert_int_equal(symlink("b", "a/near"), 0);
	assert_int_equal(symlink(far, "away/far"), 0);
	assert_int_equal(symlink("../away/./far", "a/up"), 0);
	assert_int_equal(symlink("/", "root"), 0);
	assert_int_equal(mkdir("a/b/c", 0755), 0);
	assert_true(leads_to(w, "a/near", "a/b"));
	assert_true(leads_to(w, "a/near/c", "a/b/c"));
	assert_true(leads_to(w, "away/far/c", "a/b/c"));
	assert_true(leads_to(w, "a/up/c", "a/b/c"));
	assert_true(leads_to(w, "root", "/"));
	assert_true(leads_to(w, "root/etc", "/etc"));
}

static void lookup_open__no_such_way__said_as_the_kernel_does(void **state)
{
	const struct world *w = *state;
	struct err err;

	NEEDS_ROOT(state);
	assert_int_equal(symlink("round", "round"), 0);
	assert_int_equal(symlink("nowhere", "away/dangling"), 0);
	assert_int_equal(symlink("a", "link"), 0);
	close(open("file", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
	assert_int_equal(look_up(w, "round", O_PATH, &err), -ELOOP);
	assert_non_null(strstr(err.msg, "/round': Too many levels of symbolic links"));
	assert_int_equal(look_up(w, "away/dangling", O_PATH, &err), -ENOENT);
	assert_int_equal(look_up(w, "link/none", O_PATH, &err), -ENOENT);
	assert_int_equal(look_up(w, "file/x", O_PATH, &err), -ENOTDIR);
	assert_int_equal(look_up(w, "link/../file/x", O_PATH, &err), -ENOTDIR);
	/* The caller's own wish. */
	assert_int_equal(look_up(w, "link", O_RDONLY | O_NOFOLLOW, &err), -ELOOP);
}

static void lookup_open__made_on_the_way__where_the_link_leads(void **state)
{
	const struct world *w = *state;
	struct err err;
	struct stat st;
	int fd;

	NEEDS_ROOT(state);
	assert_int_equal(symlink("a/b", "link"), 0);
	fd = look_up(w, "link/new", O_RDWR | O_CREAT, &err);
	assert_true(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
	close(fd);
	assert_int_equal(stat("a/b/new", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
}

static void lookup_open__links_of_others__refused_by_name(void **state)
{
	const struct world *w = *state;
	struct err err;

	NEEDS_ROOT(state);
	assert_int_equal(symlink("b", "a/link"), 0);
	assert_int_equal(lchown("a/link", 1000, 0), 0);
	assert_int_equal(look_up(w, "a/link", O_PATH, &err), -ELOOP);
	assert_non_null(strstr(err.msg, "/a/link' is not followed: user 1000 can change it"));
	assert_int_equal(lchown("a/link", 0, 1000), 0); /* a group has no say in a link */
	assert_true(leads_to(w, "a/link", "a/b"));
	assert_int_equal(chown("a", 7, 0), 0);
	assert_int_equal(look_up(w, "a/link", O_PATH, &err), -ELOOP);
	assert_non_null(strstr(err.msg, "user 7 can change it"));
	assert_int_equal(chown("a", 0, 0), 0);
	assert_int_equal(chmod("a", 0757), 0);
	assert_int_equal(look_up(w, "a/link", O_PATH, &err), -ELOOP);
	assert_non_null(strstr(err.msg, "others than root can change it"));
	assert_int_equal(chmod("a", 01777), 0); /* not what is another's: inode(7), S_ISVTX */
	assert_true(leads_to(w, "a/link", "a/b"));
	/* What no link leads through may be anybody's. */
	assert_int_equal(chown("a", 7, 7), 0);
	assert_true(leads_to(w, "a/b", "a/b"));
}

static void lookup_open__in_what_was_handed_out__refused_by_any_way(void **state)
{
	const struct world *w = *state;
	struct err err;

	NEEDS_ROOT(state);
	note(w, "a");
	assert_int_equal(symlink("/etc", "a/b/link"), 0);
	assert_int_equal(symlink("a/b", "way"), 0);
	assert_int_equal(look_up(w, "a/b/link", O_PATH, &err), -ELOOP);
	assert_non_null(strstr(err.msg, "/a/b/link' is not followed: containers can write to '"));
	assert_int_equal(look_up(w, "way/link", O_PATH, &err), -ELOOP);
	assert_non_null(strstr(err.msg, "/a/b/link' is not followed"));
	assert_true(leads_to(w, "way", "a/b"));
	/* Another mount of it, in a namespace of ours. */
	assert_int_equal(unshare(CLONE_NEWNS), 0);
	assert_int_equal(sys_mount(NULL, "/", NULL, 1 << 18 | 1 << 14 /* MS_PRIVATE | MS_REC */, NULL), 0);
	assert_int_equal(sys_mount("a", "away", NULL, 4096 /* MS_BIND */, NULL), 0);
	assert_int_equal(look_up(w, "away/b/link", O_PATH, &err), -ELOOP);
	/* And below itself: the way up does not end there. */
	assert_int_equal(mkdir("a/b/again", 0755), 0);
	assert_int_equal(sys_mount("a/b", "a/b/again", NULL, 4096, NULL), 0);
	assert_int_equal(look_up(w, "a/b/again/link", O_PATH, &err), -ELOOP);
	assert_int_equal(sys_umount2("a/b/again", MNT_DETACH), 0);
	assert_int_equal(sys_umount2("away", MNT_DETACH), 0);
	/* What containers write to the disk. */
	assert_int_equal(mkdir("lib/pods", 0755), 0);
	assert_int_equal(symlink("/etc", "lib/pods/link"), 0);
	assert_int_equal(look_up(w, "lib/pods/link", O_PATH, &err), -ELOOP);
}

/* Its paths, without the world's own directory, a space before each. */
static const char *list(const struct world *w, const char *file)
{
	static char text[512];
	char buf[2048];
	size_t n = 0, skipped = strlen(w->dir);
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? 0 : read(fd, buf, sizeof(buf));

	close_fd(&fd);
	text[0] = '\0';
	for (const char *p = buf; p < buf + size; p += strlen(p) + 1)
		n += (size_t)snprintf(text + n, sizeof(text) - n, " %s", p + skipped);
	return text;
}

static void handed_note__below_and_above__each_once(void **state)
{
	const struct world *w = *state;

	NEEDS_ROOT(state);
	note(w, "a/b");
	note(w, "away");
	note(w, "a/b");
	note(w, "a/b/c");
	note(w, "a/bc");
	assert_string_equal(list(w, "lib/handed-out"), " /a/b /away /a/bc");
	note(w, "a");
	assert_string_equal(list(w, "lib/handed-out"), " /away /a");
	note(w, "a/bc");
	assert_string_equal(list(w, "lib/handed-out"), " /away /a");
	assert_string_equal(list(w, "run/.handed-out"), "");
}

static void handed_note__no_var__kept_in_run(void **state)
{
	struct world *w = *state;
	struct err err;

	NEEDS_ROOT(state);
	close_fd(&w->paths.lib);
	note(w, "a");
	assert_string_equal(list(w, "run/.handed-out"), " /a");
	assert_int_equal(symlink("b", "a/link"), 0);
	assert_int_equal(look_up(w, "a/link", O_PATH, &err), -ELOOP);
	close_fd(&w->paths.run);
	assert_int_equal(handed_note(&w->paths, "/x", &err), -EROFS);
}

/* What is on it may be gone, a part of it torn off: the rest counts. */
static void handed_find__damaged_list__the_rest_counts(void **state)
{
	const struct world *w = *state;
	const char *text = "/no/such/directory\0\0relative\0";
	char path[PATH_MAX];
	struct err err;
	int fd = open("lib/handed-out", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	NEEDS_ROOT(state);
	assert_int_equal(write(fd, text, 29), 29);
	snprintf(path, sizeof(path), "%s/a", w->dir);
	assert_int_equal(io_write_all(fd, path, strlen(path)), 0); /* no NUL */
	close(fd);
	assert_int_equal(symlink("b", "a/link"), 0);
	assert_int_equal(symlink("a", "other"), 0);
	assert_int_equal(look_up(w, "a/link", O_PATH, &err), -ELOOP);
	assert_true(leads_to(w, "other", "a"));
	note(w, "away");
	assert_int_equal(symlink("x", "away/link"), 0);
	assert_int_equal(look_up(w, "away/link", O_PATH, &err), -ELOOP);
}

#define IN_WORLD(f) cmocka_unit_test_setup_teardown(f, make_world, drop_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(lookup_open__links_of_root__followed_as_the_kernel_does),
		IN_WORLD(lookup_open__no_such_way__said_as_the_kernel_does),
		IN_WORLD(lookup_open__made_on_the_way__where_the_link_leads),
		IN_WORLD(lookup_open__links_of_others__refused_by_name),
		IN_WORLD(lookup_open__in_what_was_handed_out__refused_by_any_way),
		IN_WORLD(handed_note__below_and_above__each_once),
		IN_WORLD(handed_note__no_var__kept_in_run),
		IN_WORLD(handed_find__damaged_list__the_rest_counts),
	};

	return cmocka_run_group_tests_name("lookup", tests, NULL, NULL);
}
