/* SPDX-License-Identifier: MIT */
/* Opening a path of the host that a pod file names: links only where root made them. */
#include "base/lookup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/handed.h"
#include "base/io.h"
#include "base/sys.h"

#define LINKS_MAX 40 /* as the kernel has it: path_resolution(7) */

struct walk {
	const struct lookup *l;
	int at; /* where @rest begins */
	char rest[PATH_MAX];
	unsigned link_n;
};

static bool is_automount(int fd)
{
	struct statfs st;

	return fstatfs(fd, &st) == 0 && st.f_type == AUTOFS_SUPER_MAGIC;
}

/*
 * O_PATH alone does not wake an automount at the end of the path, where what is mounted is
 * wanted (follow_automount() in Linux's fs/namei.c). It is a directory, and waits.
 */
static int open_plain(int at, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.mode = flags & O_CREAT ? 0600 : 0,
		.resolve = RESOLVE_NO_SYMLINKS,
	};
	int fd = sys_openat2(at, path, &how);

	if (fd < 0 || !(flags & O_PATH) || flags & O_DIRECTORY || !is_automount(fd))
		return fd;
	(void)close(fd);
	how.flags |= O_DIRECTORY;
	return sys_openat2(at, path, &how);
}

/* ENODEV is what systemd answers for an automount that it cannot mount: nothing is there. */
static int failed(const struct lookup *l, struct err *err)
{
	int code = errno == ENODEV ? ENOENT : errno;

	return err_set(err, code, "%s '%s': %s", l->what, l->path, strerror(errno));
}

/* Should: find any link that somebody else than the host's root can have made. */
static int check_link(const struct walk *w, const char *name, const struct stat *link,
		      struct err *err)
{
	char path[PATH_MAX];
	struct stat dir;
	int r;

	if (fstat(w->at, &dir) < 0)
		return failed(w->l, err);
	if (link->st_uid != 0 || dir.st_uid != 0)
		r = err_set(err, ELOOP, "user %u can change it",
			    link->st_uid ? link->st_uid : dir.st_uid);
	else if ((dir.st_mode & 022) && !(dir.st_mode & S_ISVTX))
		r = err_set(err, ELOOP, "others than root can change it");
	else
		r = handed_check(w->at, err);
	if (r == 0)
		return 0;
	(void)io_path_of(w->at, path);
	return err_wrap(err, r, "%s '%s': the link '%s/%s' is not followed", w->l->what, w->l->path,
			path[1] ? path : "", name); /* "/": what follows has one */
}

/* Takes the first part off; "." when there is none. */
static int take_part(struct walk *w, char name[NAME_MAX + 1])
{
	char *from = w->rest + strspn(w->rest, "/");
	size_t n = strcspn(from, "/");

	if (n > NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(name, n ? from : ".", n ? n : 1);
	name[n ? n : 1] = '\0';
	from += n;
	from += strspn(from, "/");
	memmove(w->rest, from, strlen(from) + 1);
	return 0;
}

/* Puts what the link says in its place. What is none any more is tried once more. */
static int follow(struct walk *w, const char *name, struct err *err)
{
	cleanup_close int link = openat(w->at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	char text[PATH_MAX], rest[PATH_MAX];
	struct stat st;
	ssize_t n;
	int r;

	if (link < 0 || fstat(link, &st) < 0)
		return failed(w->l, err);
	snprintf(text, sizeof(text), "%s", name);
	errno = ELOOP;
	if (++w->link_n > LINKS_MAX)
		return failed(w->l, err);
	if (S_ISLNK(st.st_mode)) {
		r = check_link(w, name, &st, err);
		if (r < 0)
			return r;
		n = readlinkat(link, "", text, sizeof(text) - 1);
		if (n < 0)
			return failed(w->l, err);
		text[n] = '\0';
	}
	errno = ENAMETOOLONG;
	if ((size_t)snprintf(rest, sizeof(rest), "%s%s%s", text, *w->rest ? "/" : "", w->rest) >=
	    sizeof(rest))
		return failed(w->l, err);
	strcpy(w->rest, rest);
	if (text[0] != '/')
		return 0;
	close_fd(&w->at);
	w->at = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return w->at < 0 ? failed(w->l, err) : 0;
}

static int walk_path(int *out, struct walk *w, struct err *err)
{
	for (;;) {
		char name[NAME_MAX + 1];
		int fd, r = take_part(w, name);

		if (r < 0) {
			errno = -r;
			return failed(w->l, err);
		}
		fd = open_plain(w->at, name, *w->rest ? O_PATH | O_DIRECTORY : w->l->flags);
		if (fd < 0 && errno == ELOOP && (*w->rest || !(w->l->flags & O_NOFOLLOW))) {
			r = follow(w, name, err);
			if (r < 0)
				return r;
			continue;
		}
		if (fd < 0)
			return failed(w->l, err);
		if (!*w->rest) {
			*out = fd;
			return 0;
		}
		close_fd(&w->at);
		w->at = fd;
	}
}

/**
 * lookup_open() - open a file or directory of the host by a path of a pod file
 *
 * Return: 0 or -errno with @err filled; ELOOP: a link that somebody else may have made.
 */
int lookup_open(int *out, const struct lookup *l, struct err *err)
{
	struct walk w = { .l = l, .at = -EBADF };
	int r, fd = open_plain(AT_FDCWD, l->path, l->flags);

	if (fd >= 0) {
		*out = fd;
		return 0;
	}
	if (errno != ELOOP)
		return failed(l, err);
	errno = ENAMETOOLONG;
	if (strlen(l->path) >= sizeof(w.rest))
		return failed(l, err);
	strcpy(w.rest, l->path);
	w.at = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	r = w.at < 0 ? failed(l, err) : walk_path(out, &w, err);
	close_fd(&w.at);
	return r;
}
