/* SPDX-License-Identifier: MIT */
/* Directories of the host that containers were given to write to: the list of a host. */
#include "base/handed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/io.h"

/* Strings, each with its NUL, back to back. */
struct list {
	char *text;
	size_t n;
};

/* What is no absolute path would be one of the working directory, or above all others. */
static const char *next_of(const struct list *l, const char *path)
{
	const char *next = path ? path + strlen(path) + 1 : l->text;

	while (next && next < l->text + l->n && *next != '/')
		next += strlen(next) + 1;
	return next && next < l->text + l->n ? next : NULL;
}

/* A damaged one is read as far as it goes. */
static int read_list(struct list *out, int dirfd, const char *name, struct err *err)
{
	cleanup_close int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	cleanup_free char *text = NULL;
	struct stat st;
	size_t n = 0;
	ssize_t r;

	*out = (struct list){ .text = NULL };
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "open '%s'", name);
	text = malloc((size_t)st.st_size + 1);
	if (!text)
		return err_set(err, ENOMEM, "read '%s': out of memory", name);
	while (n < (size_t)st.st_size && (r = read(fd, text + n, (size_t)st.st_size - n)) != 0) {
		if (r < 0)
			return err_sys(err, "read '%s'", name);
		n += (size_t)r;
	}
	text[n] = '\0';
	*out = (struct list){ take_ptr(text), n };
	return 0;
}

/* ------------------------------------------------------------------------- writing */

static bool is_below(const char *path, const char *top)
{
	size_t n = strlen(top);

	if (n == 1) /* "/" */
		return true;
	return strncmp(path, top, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

static bool is_listed(const struct list *l, const char *path)
{
	const char *p = NULL;

	while ((p = next_of(l, p)))
		if (is_below(path, p))
			return true;
	return false;
}

static int write_with(const struct list *l, int dirfd, const char *name, const char *path,
		      struct err *err)
{
	cleanup_free char *text = malloc(l->n + strlen(path) + 2);
	const char *p = NULL;
	char *end = text;

	if (!text)
		return err_set(err, ENOMEM, "write '%s': out of memory", name);
	while ((p = next_of(l, p)))
		if (!is_below(p, path))
			end = stpcpy(end, p) + 1;
	end = stpcpy(end, path) + 1;
	return io_replace_file_synced(dirfd, name, text, (size_t)(end - text), err);
}

static int note_in(int dirfd, const char *name, const char *path, struct err *err)
{
	cleanup_close int locked = -EBADF;
	struct list l;
	int r = read_list(&l, dirfd, name, err);
	bool listed = r == 0 && is_listed(&l, path);

	free(l.text);
	if (r < 0 || listed) /* nothing is ever taken from it but for what covers it */
		return r;
	locked = io_lock_directory(dirfd, name, err);
	if (locked < 0)
		return locked;
	r = read_list(&l, locked, name, err);
	if (r == 0 && !is_listed(&l, path))
		r = write_with(&l, locked, name, path, err);
	free(l.text);
	return r;
}

static const struct {
	size_t member; /* of struct paths */
	const char *name;
} files[] = {
	{ offsetof(struct paths, lib), "handed-out" },
	{ offsetof(struct paths, run), ".handed-out" }, /* no pod is named so */
};

static int directory_of(const struct paths *paths, size_t i)
{
	return *(const int *)((const char *)paths + files[i].member);
}

/**
 * handed_note() - write down that containers may write to a directory
 * @path: absolute, without links
 *
 * Must come before they may.
 *
 * Return: 0 or -errno with @err filled.
 */
int handed_note(const struct paths *paths, const char *path, struct err *err)
{
	int r = -EROFS;

	for (size_t i = 0; r == -EROFS && i < ARRAY_SIZE(files); i++)
		if (directory_of(paths, i) >= 0)
			r = note_in(directory_of(paths, i), files[i].name, path, err);
	return r < 0 ? err_wrap(err, r, "write down that containers may write to '%s'", path) : 0;
}

/* ------------------------------------------------------------------------- finding */

struct place {
	uint64_t device, inode, mount;
};

static int look(struct place *out, int dirfd, const char *path)
{
	struct statx st;

	/* A server that does not answer holds nobody up. */
	if (statx(dirfd, path, AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC,
		  STATX_INO | STATX_MNT_ID, &st) < 0)
		return -errno;
	*out = (struct place){
		.device = (uint64_t)st.stx_dev_major << 32 | st.stx_dev_minor,
		.inode = st.stx_ino,
		.mount = st.stx_mnt_id,
	};
	return 0;
}

static bool is_same(const struct place *a, const struct place *b)
{
	return a->device == b->device && a->inode == b->inode;
}

/*
 * A link on the way to what is on the list is the operator's: else it were below another.
 * What is not there any more may come back. Return: 1, 0 or -errno.
 */
static int find_in(char out[PATH_MAX], const struct list *l, const struct place *at)
{
	struct place one;
	const char *p = NULL;

	while ((p = next_of(l, p))) {
		int r = look(&one, AT_FDCWD, p);

		if (r == 0 && is_same(&one, at)) {
			snprintf(out, PATH_MAX, "%s", p);
			return 1;
		}
		if (r < 0 && r != -ENOENT && r != -ENOTDIR)
			return r;
	}
	return 0;
}

/* From @dirfd up to the root of all mounts. */
static int climb(char out[PATH_MAX], const struct list *lists, const struct place *disk, int dirfd)
{
	cleanup_close int fd = openat(dirfd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct place at, above;
	int up, r = fd < 0 ? -errno : look(&at, fd, "");

	while (r == 0) {
		if (is_same(&at, disk)) {
			snprintf(out, PATH_MAX, "/var/lib/podd/pods");
			return 0;
		}
		for (size_t i = 0; i < ARRAY_SIZE(files); i++)
			if ((r = find_in(out, &lists[i], &at)) != 0)
				return r < 0 ? r : 0;
		up = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		r = up < 0 ? -errno : look(&above, up, "");
		close_fd(&fd);
		fd = up;
		/* A directory mounted below itself has another mount. */
		if (r == 0 && is_same(&at, &above) && at.mount == above.mount)
			break;
		at = above;
	}
	return r;
}

/**
 * handed_find() - whether a directory is, or lies in, one that containers may write to
 * @out: receives the path of that one, as it is on the list; "" when there is none
 * @dirfd: the directory
 *
 * What containers write to var/lib with Writable=yes counts, too.
 *
 * Return: 0 or -errno with @err filled.
 */
int handed_find(char out[PATH_MAX], const struct paths *paths, int dirfd, struct err *err)
{
	struct list lists[ARRAY_SIZE(files)] = { { .text = NULL } };
	struct place disk = { .inode = 0 }; /* nobody's */
	int r = 0;

	out[0] = '\0';
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(files); i++)
		if (directory_of(paths, i) >= 0)
			r = read_list(&lists[i], directory_of(paths, i), files[i].name, err);
	if (r == 0) {
		if (paths->lib >= 0)
			(void)look(&disk, paths->lib, "pods"); /* nobody has written there */
		r = climb(out, lists, &disk, dirfd);
		if (r < 0)
			(void)err_set(err, -r, "look at the directories above: %s", strerror(-r));
	}
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		free(lists[i].text);
	return r;
}
