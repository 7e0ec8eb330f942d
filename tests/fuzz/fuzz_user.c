/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer entry of user_resolve(): User=, and passwd and group of an image, parted by form
 * feeds. In bounds, and what comes out are ids that a process can have.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "container/user.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int root_fd = -EBADF;
static char root_path[64];

static void remove_root(void)
{
	(void)io_remove_tree(AT_FDCWD, root_path, NULL); /* what stays is a directory of /tmp */
}

static void make_root(void)
{
	snprintf(root_path, sizeof(root_path), "/tmp/podd-fuzz-user.XXXXXX");
	if (!mkdtemp(root_path))
		abort();
	root_fd = open(root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0 || io_mkdir_path(root_fd, "etc", 0755, NULL) < 0)
		abort();
	atexit(remove_root);
}

static void put(const char *path, const uint8_t *data, size_t n)
{
	cleanup_close int fd = openat(root_fd, path,
				      O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || io_write_all(fd, data, n) < 0)
		abort();
}

/* The bytes up to the next form feed, which goes. */
static size_t part(const uint8_t *data, size_t size)
{
	const uint8_t *end = size ? memchr(data, '\f', size) : NULL;

	return end ? (size_t)(end - data) : size;
}

static void check(const char *user, const struct user_ids *ids)
{
	const size_t digits = strspn(user, "0123456789");
	bool primary = false;

	if (ids->uid == (uid_t)-1 || ids->gid == (gid_t)-1 || ids->group_n > USER_GROUPS_MAX)
		abort();
	for (size_t i = 0; i < ids->group_n; i++)
		primary |= ids->groups[i] == ids->gid;
	if (!primary || !memchr(ids->home, '\0', sizeof(ids->home)) || strchr(ids->home, '\n'))
		abort();
	if (digits && (!user[digits] || user[digits] == ':') &&
	    strtoull(user, NULL, 10) != ids->uid)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t user_n = part(data, size), from = user_n < size ? user_n + 1 : size;
	size_t passwd_n = part(data + from, size - from), group;
	cleanup_free char *user = strndup(user_n ? (const char *)data : "", user_n);
	struct user_ids ids;
	struct err err = { 0 };

	if (root_fd < 0)
		make_root();
	if (!user)
		return 0;
	put("etc/passwd", data + from, passwd_n);
	group = from + passwd_n < size ? from + passwd_n + 1 : size;
	put("etc/group", data + group, size - group);
	if (user_resolve(&ids, root_fd, user, &err) == 0)
		check(user, &ids);
	else if (!err.code || !err.msg[0])
		abort();
	return 0;
}
