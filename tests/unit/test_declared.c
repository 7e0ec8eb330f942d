/* SPDX-License-Identifier: MIT */
/* Mounts that fstab and units declare: their names, and that they are missed. */
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
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "config/mount_unit.h"
#include "supervisor/declared.h"

static void config_mount_unit__paths__as_systemd_escape_has_them(void **state)
{
	static const char *const names[][2] = {
		{ "/mnt/never/data", "mnt-never-data.mount" },
		{ "//mnt///never/", "mnt-never.mount" },
		{ "/srv/a b", "srv-a\\x20b.mount" },
		{ "/a-b/c", "a\\x2db-c.mount" },
		{ "/.x/.y", "\\x2ex-.y.mount" },
		{ "/\xc3\xbc/%i", "\\xc3\\xbc-\\x25i.mount" },
		{ "/...", "\\x2e...mount" },
	};
	static const char *const none[] = { "/", "///", "/a/../b", "/./a", "/a/." };
	char unit[CONFIG_UNIT_NAME_MAX + 1], path[CONFIG_UNIT_NAME_MAX + 2];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_true(config_mount_unit(unit, names[i][0], strlen(names[i][0])));
		assert_string_equal(unit, names[i][1]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(none); i++)
		assert_false(config_mount_unit(unit, none[i], strlen(none[i])));
	memset(path, 'a', sizeof(path));
	path[0] = '/';
	assert_true(config_mount_unit(unit, path, 1 + 240));
	assert_int_equal(strlen(unit), 240 + strlen(".mount"));
	assert_false(config_mount_unit(unit, path, CONFIG_UNIT_NAME_MAX));
}

static void config_path_parent__up_to_the_root__each_once(void **state)
{
	const char *path = "/a//b/c/";
	size_t n = strlen(path);

	(void)state;
	n = config_path_parent(path, n);
	assert_int_equal(n, strlen("/a//b"));
	n = config_path_parent(path, n);
	assert_int_equal(n, strlen("/a"));
	assert_int_equal(config_path_parent(path, n), 0);
}

static char root[] = "/tmp/podd-test-XXXXXX";
static int root_fd = -EBADF;

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(root))
		return -1;
	root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return io_mkdir_path(root_fd, "etc/systemd/system", 0755, NULL) < 0 ||
	       io_mkdir_path(root_fd, "run/systemd/generator", 0755, NULL) < 0 ||
	       io_mkdir_path(root_fd, "usr/lib/systemd/system", 0755, NULL) < 0 ||
	       io_mkdir_path(root_fd, "disk/data", 0755, NULL) < 0 ||
	       symlinkat("disk/data", root_fd, "link") < 0;
}

static int teardown(void **state)
{
	(void)state;
	close_fd(&root_fd);
	return io_remove_tree(AT_FDCWD, root, NULL);
}

/* "%s" in @text is the root of all this. */
static void fstab(const char *text)
{
	char path[sizeof(root) + 16];
	FILE *f;

	snprintf(path, sizeof(path), "%s/etc/fstab", root);
	f = fopen(path, "we");
	assert_non_null(f);
	fprintf(f, text, root);
	assert_int_equal(fclose(f), 0);
}

static int check(const char *below, struct err *err)
{
	char path[sizeof(root) + 64];

	*err = (struct err){ 0 };
	snprintf(path, sizeof(path), "%s%s", root, below);
	return declared_check(root, path, err);
}

static void declared_check__fstab__missed_where_the_path_is_below(void **state)
{
	static const char *const missed[] = { "/disk", "/disk/data", "/disk/none/such", "/link" };
	char text[sizeof(root) + 128];
	struct err err;

	(void)state;
	fstab("# disks\n/dev/x %s/.//disk/. ext4 nofail 0 0\n");
	snprintf(text, sizeof(text),
		 "'%s/disk' is not mounted, and '/etc/fstab' says that it is to be", root);
	for (size_t i = 0; i < ARRAY_SIZE(missed); i++) {
		assert_int_equal(check(missed[i], &err), -ENOENT);
		assert_string_equal(err.msg, text);
	}
	assert_int_equal(check("/disks", &err), 0);
	assert_int_equal(check("/etc", &err), 0);
	fstab("/dev/x %s/disk ext4 noauto 0 0\n"); /* it is mounted by hand, or not */
	assert_int_equal(check("/disk/data", &err), 0);
	fstab("/dev/x / ext4 defaults 0 0\n/dev/y none swap sw 0 0\n"
	      "proc /proc proc defaults 0 0\nbroken\n");
	assert_int_equal(check("/disk/data", &err), 0);
	assert_int_equal(declared_check(root, "/proc/sys", &err), 0); /* it is mounted */
	fstab("/dev/x %s/a\\040b ext4 defaults 0 0\n");
	assert_int_equal(check("/a b/c", &err), -ENOENT);
	assert_int_equal(unlinkat(root_fd, "etc/fstab", 0), 0);
	assert_int_equal(check("/disk/data", &err), 0);
}

static void make_unit(const char *name, const char *text)
{
	cleanup_close int fd = openat(root_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(io_write_all(fd, text, strlen(text)), 0);
}

static void declared_check__units__missed_unless_masked(void **state)
{
	char path[sizeof(root) + 8], unit[CONFIG_UNIT_NAME_MAX + 1], name[sizeof(unit) + 32];
	char text[sizeof(name) + 128];
	struct err err;

	(void)state;
	snprintf(path, sizeof(path), "%s/disk", root);
	assert_true(config_mount_unit(unit, path, strlen(path)));
	snprintf(name, sizeof(name), "run/systemd/generator/%s", unit);
	snprintf(text, sizeof(text), "'%s' is not mounted, and '%s' says that it is to be",
		 path, unit);
	make_unit(name, "");
	assert_int_equal(check("/disk/data", &err), -ENOENT);
	assert_string_equal(err.msg, text);
	assert_int_equal(check("/link", &err), -ENOENT);
	assert_int_equal(check("/etc", &err), 0);
	snprintf(name, sizeof(name), "etc/systemd/system/%s", unit);
	assert_int_equal(symlinkat("/dev/null", root_fd, name), 0);
	assert_int_equal(check("/disk/data", &err), 0);
	assert_int_equal(unlinkat(root_fd, name, 0), 0);
	assert_int_equal(check("/disk/data", &err), -ENOENT);
	/* One that systemd may pass over, and one that a package has brought. */
	make_unit(name, "[Unit]\nConditionPathExists=/none\n");
	assert_int_equal(check("/disk/data", &err), 0);
	assert_int_equal(unlinkat(root_fd, name, 0), 0);
	snprintf(name, sizeof(name), "run/systemd/generator/%s", unit);
	assert_int_equal(unlinkat(root_fd, name, 0), 0);
	snprintf(name, sizeof(name), "usr/lib/systemd/system/%s", unit);
	make_unit(name, "");
	assert_int_equal(check("/disk/data", &err), 0);
	assert_int_equal(unlinkat(root_fd, name, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(config_mount_unit__paths__as_systemd_escape_has_them),
		cmocka_unit_test(config_path_parent__up_to_the_root__each_once),
		cmocka_unit_test(declared_check__fstab__missed_where_the_path_is_below),
		cmocka_unit_test(declared_check__units__missed_unless_masked),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
