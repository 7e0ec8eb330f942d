/* SPDX-License-Identifier: MIT */
/* Taking up what another pull left. */
#include "image/leftovers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"

#define FORMER "former" /* in the layout */

typedef void entry_fn(int dirfd, const char *name, const void *arg);

/* @fn may take the entry away. */
static int for_each(int dirfd, entry_fn *fn, const void *arg, struct err *err)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;

	if (!dir) {
		close_fd(&fd);
		return err_sys(err, "read what was left of another pull");
	}
	while ((e = readdir(dir)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			fn(dirfd, e->d_name, arg);
	(void)closedir(dir);
	return 0;
}

/* In the way of a file that is already there: a directory, which nobody honest made. */
static void put_aside(int blobs_fd, const char *name, const void *former_fd)
{
	if (renameat(blobs_fd, name, *(const int *)former_fd, name) < 0)
		/* or it is in the way again, and told */
		(void)io_remove_tree(blobs_fd, name, NULL);
}

/**
 * leftovers_put_aside() - have the blobs' directory empty
 * @former_fd: filled: where it all is now
 *
 * Return: 0 or -errno with @err filled.
 */
int leftovers_put_aside(int *former_fd, int layout_fd, int blobs_fd, struct err *err)
{
	cleanup_close int fd = -EBADF;
	int r;

	/* or it is in the way again, and told */
	(void)io_remove_tree(layout_fd, "oci-layout", NULL);
	(void)io_remove_tree(layout_fd, "index.json", NULL);
	r = io_mkdir_path(layout_fd, FORMER, 0755, err);
	if (r < 0)
		return r;
	fd = openat(layout_fd, FORMER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "open the directory '%s'", FORMER);
	r = for_each(blobs_fd, put_aside, &fd, err);
	if (r == 0)
		*former_fd = take_fd(&fd);
	return r;
}

struct wanted {
	const struct image_descriptor *blobs;
	unsigned n;
};

static void drop_unwanted(int former_fd, const char *name, const void *arg)
{
	const struct wanted *w = arg;

	for (unsigned i = 0; i < w->n; i++)
		if (strcmp(w->blobs[i].digest.hex, name) == 0)
			return;
	(void)io_remove_tree(former_fd, name, NULL); /* it takes room, no more */
}

/**
 * leftovers_keep_only() - remove what is not wanted
 */
void leftovers_keep_only(int former_fd, const struct image_descriptor *wanted, unsigned n)
{
	const struct wanted w = { wanted, n };

	(void)for_each(former_fd, drop_unwanted, &w, NULL); /* what remains takes room, no more */
}

/**
 * leftovers_bytes() - how much of some blobs is there
 *
 * Return: bytes on the disk, no more than the blobs have.
 */
uint64_t leftovers_bytes(int former_fd, const struct image_descriptor *wanted, unsigned n)
{
	uint64_t bytes = 0;
	struct stat st;

	for (unsigned i = 0; i < n; i++) {
		uint64_t there;

		if (fstatat(former_fd, wanted[i].digest.hex, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !S_ISREG(st.st_mode))
			continue;
		there = (uint64_t)st.st_blocks * 512; /* st_blocks: inode(7) */
		bytes += there < wanted[i].size ? there : wanted[i].size;
	}
	return bytes;
}

/**
 * leftovers_take() - move what is left of a blob to the others
 *
 * Return: it, open for reading and writing at its beginning; -ENOENT: nothing that
 * can be used.
 */
int leftovers_take(int former_fd, int blobs_fd, const struct digest *d)
{
	cleanup_close int fd = openat(former_fd, d->hex,
				      O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1 ||
	    renameat(former_fd, d->hex, blobs_fd, d->hex) < 0)
		return -ENOENT;
	return take_fd(&fd);
}

/**
 * leftovers_end() - of a pull that failed, keep the leftovers alone
 */
void leftovers_end(int layout_fd)
{
	(void)io_remove_tree(layout_fd, "blobs", NULL); /* what remains takes room, no more */
	(void)unlinkat(layout_fd, FORMER, AT_REMOVEDIR); /* there is something in it, mostly */
}

/**
 * leftovers_drop() - have an empty layout
 */
void leftovers_drop(int layout_fd)
{
	(void)fchmodat(layout_fd, "blobs", 0700, 0); /* of our own directory, or it is told */
	(void)fchmodat(layout_fd, FORMER, 0700, 0);
	(void)io_remove_tree(layout_fd, "blobs", NULL); /* or it is in the way again, and told */
	(void)io_remove_tree(layout_fd, FORMER, NULL);
}

/**
 * leftovers_give() - what has come of a blob is for whoever tries next
 */
void leftovers_give(int former_fd, int blobs_fd, const struct digest *d)
{
	struct stat st;

	if (fstatat(blobs_fd, d->hex, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (st.st_size == 0 || renameat(blobs_fd, d->hex, former_fd, d->hex) < 0)
		(void)unlinkat(blobs_fd, d->hex, 0); /* it counts as a whole one here */
}
