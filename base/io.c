/* SPDX-License-Identifier: MIT */
/* Small files and directories, always relative to a directory's descriptor. */
#include "base/fault.h"
#include "base/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

/**
 * io_write_all() - write every byte, restarting on EINTR and short writes
 *
 * Return: 0 or -errno of the write that failed.
 */
int io_write_all(int fd, const void *buf, size_t n)
{
	const char *p = buf;

	while (n > 0) {
		ssize_t w = write(fd, p, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -errno;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

/**
 * io_path_of() - where a descriptor leads now, for a message
 *
 * Leaves errno alone.
 *
 * Return: @path; "?" where that cannot be told.
 */
const char *io_path_of(int fd, char path[PATH_MAX])
{
	const int code = errno;
	char link[32];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, PATH_MAX - 1);
	if (n <= 0)
		path[0] = '?';
	path[n > 0 ? n : 1] = '\0';
	errno = code;
	return path;
}

/* The directory in front of a name, for a message: which disk is it that is full?
 * "DIR/", or nothing where that cannot be told. Leaves errno alone. */
static const char *directory_of(char buf[PATH_MAX + 1], int dirfd, const char *name)
{
	if (name[0] == '/' || dirfd < 0 || io_path_of(dirfd, buf)[0] != '/')
		buf[0] = '\0';
	else
		strcat(buf, "/");
	return buf;
}

/**
 * io_mkdir_path() - create a directory and its missing parents
 * @dirfd: where a relative path starts
 * @mode: of each directory that is made; those that exist keep theirs
 *
 * Return: 0 or -errno with @err filled.
 */
int io_mkdir_path(int dirfd, const char *path, mode_t mode, struct err *err)
{
	char part[PATH_MAX], dir[PATH_MAX + 1];

	if (strlen(path) >= sizeof(part))
		return err_set(err, ENAMETOOLONG,
			       "create directory '%.80s...': name too long", path);
	for (const char *end = path; *end;) {
		end += strspn(end, "/");
		end += strcspn(end, "/");
		memcpy(part, path, (size_t)(end - path));
		part[end - path] = '\0';
		if (part[0] && mkdirat(dirfd, part, mode) < 0 && errno != EEXIST)
			return err_sys(err, "create directory '%s%s'",
				       directory_of(dir, dirfd, part), part);
	}
	return 0;
}

/**
 * io_read_file() - read a small file whole, as a string
 * @buf: receives the text, ended by a NUL
 * @size: room of @buf; a file that does not fit is an error (EFBIG)
 *
 * Nobody is waited for: of a FIFO there is what is in it.
 *
 * Return: length without the NUL, or -errno with @err filled.
 */
ssize_t io_read_file(int dirfd, const char *path, char *buf, size_t size, struct err *err)
{
	cleanup_close int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	size_t n = 0;

	if (fd < 0)
		return err_sys(err, "open '%s'", path);
	while (n < size) {
		ssize_t r = read(fd, buf + n, size - n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return err_sys(err, "read '%s'", path);
		if (r == 0) {
			buf[n] = '\0';
			return (ssize_t)n;
		}
		n += (size_t)r;
	}
	return err_set(err, EFBIG, "read '%s': more than %zu bytes", path, size - 1);
}

/**
 * io_write_file() - write a text into an existing file in one write(2)
 *
 * For kernel files (sysctl, cgroupfs), which take a value whole or refuse it;
 * nothing is created or truncated.
 *
 * Return: 0 or -errno with @err filled.
 */
int io_write_file(int dirfd, const char *path, const char *text, struct err *err)
{
	cleanup_close int fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	size_t n = strlen(text);

	if (fd < 0)
		return err_sys(err, "open '%s'", path);
	if (write(fd, text, n) != (ssize_t)n)
		return err_sys(err, "write '%s' to '%s'", text, path);
	return 0;
}

/* The new content under another name, for whoever renames it. */
static int write_new(int *out, int dirfd, const char *tmp, const void *buf, size_t n,
		     struct err *err)
{
	cleanup_close int fd =
		openat(dirfd, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	char dir[PATH_MAX + 1];
	int r;

	if (fd < 0)
		return err_sys(err, "create '%s%s'", directory_of(dir, dirfd, tmp), tmp);
	r = io_write_all(fd, buf, n);
	if (r < 0) {
		(void)unlinkat(dirfd, tmp, 0); /* the write's error is the one to tell */
		return err_set(err, -r, "write '%s%s': %s", directory_of(dir, dirfd, tmp), tmp,
			       strerror(-r));
	}
	fault_kill("replace-written");
	*out = take_fd(&fd);
	return 0;
}

static int new_name(char tmp[NAME_MAX + 1], const char *name, struct err *err)
{
	if (snprintf(tmp, NAME_MAX + 1, ".%s.new", name) > NAME_MAX)
		return err_set(err, ENAMETOOLONG, "replace '%s': name too long", name);
	return 0;
}

static int put_in_place(int dirfd, const char *tmp, const char *name, struct err *err)
{
	int r;

	if (renameat(dirfd, tmp, dirfd, name) == 0)
		return 0;
	r = err_sys(err, "rename '%s' to '%s'", tmp, name);
	(void)unlinkat(dirfd, tmp, 0); /* the rename's error is the one to tell */
	return r;
}

/**
 * io_replace_file() - put a file's new content in place in one step
 * @name: in @dirfd itself, no slash
 *
 * A reader sees the old or the new content, never a part (rename(2)). Not
 * synced to disk: for what lives in /run.
 *
 * Return: 0 or -errno with @err filled; the old file is untouched then.
 */
int io_replace_file(int dirfd, const char *name, const void *buf, size_t n, struct err *err)
{
	cleanup_close int fd = -EBADF;
	char tmp[NAME_MAX + 1];
	int r = new_name(tmp, name, err);

	if (r == 0)
		r = write_new(&fd, dirfd, tmp, buf, n, err);
	return r < 0 ? r : put_in_place(dirfd, tmp, name, err);
}

/**
 * io_replace_file_synced() - io_replace_file(), and it outlives a power cut
 * @dirfd: open for reading, not O_PATH
 *
 * The content is on the disk before the name leads to it, and the name before
 * this returns (fsync(2)).
 *
 * Return: 0 or -errno with @err filled; after a failure of the last step the new
 * file may be in place.
 */
int io_replace_file_synced(int dirfd, const char *name, const void *buf, size_t n, struct err *err)
{
	cleanup_close int fd = -EBADF;
	char tmp[NAME_MAX + 1];
	int r = new_name(tmp, name, err);

	if (r == 0)
		r = write_new(&fd, dirfd, tmp, buf, n, err);
	if (r == 0 && fsync(fd) < 0) {
		r = err_sys(err, "write '%s' to the disk", tmp);
		(void)unlinkat(dirfd, tmp, 0); /* the error above is the one to tell */
	}
	if (r == 0)
		r = put_in_place(dirfd, tmp, name, err);
	if (r == 0 && fsync(dirfd) < 0)
		r = err_sys(err, "write the directory of '%s' to the disk", name);
	return r;
}

/**
 * io_lock_directory() - wait until nobody else has the lock on a directory
 * @name: a file in it, for errors
 *
 * Return: a descriptor of the directory, the caller's, or -errno with @err filled. The lock
 * is gone when it is closed.
 */
int io_lock_directory(int dirfd, const char *name, struct err *err)
{
	cleanup_close int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, "open the directory of '%s'", name);
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return err_sys(err, "lock the directory of '%s'", name);
	return take_fd(&fd);
}

/* A name that cannot be removed, by its whole path: it may have been moved. */
static int cannot_remove(int dirfd, const char *name, struct err *err)
{
	int code = errno;
	char path[PATH_MAX];

	(void)io_path_of(dirfd, path);
	/* So unlink(2), rmdir(2) and rename(2) say it, before they look any further. */
	if (code == EBUSY)
		return err_set(err, EBUSY, "remove '%s/%s': it is a mount point", path, name);
	return err_set(err, code, "remove '%s/%s': %s", path, name, strerror(code));
}

/*
 * An entry that has nothing below. false: @errno is EBUSY for a mount point, be it
 * of the same file system, which must not be entered; else it is a directory.
 */
static bool remove_shallow(int dirfd, const char *name)
{
	return unlinkat(dirfd, name, 0) == 0 ||
	       (errno != EBUSY && unlinkat(dirfd, name, AT_REMOVEDIR) == 0);
}

/*
 * One level of a tree: unlinks what is no directory, removes what is empty,
 * and moves the directories found one level deeper up beside it, under names
 * that only podd gives. Two descriptors whatever the depth: a container may
 * leave a tree of any depth in its upper directory.
 */
static int flatten_directory(int topfd, const char *name, unsigned *serial, struct err *err)
{
	int fd = openat(topfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char moved[32];
	struct dirent *d;
	DIR *dir;
	int r = 0;

	if (fd < 0)
		return cannot_remove(topfd, name, err);
	fault_kill("remove-tree");
	dir = fdopendir(fd);
	if (!dir) {
		r = err_sys(err, "read directory '%s'", name);
		(void)close(fd);
		return r;
	}
	while (r == 0 && (d = readdir(dir))) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		if (remove_shallow(fd, d->d_name))
			continue;
		/* One of that name is of a removal that was cut short. */
		do {
			snprintf(moved, sizeof(moved), ".podd-rm-%u", (*serial)++);
			r = renameat(fd, d->d_name, topfd, moved);
		} while (r < 0 && (errno == ENOTEMPTY || errno == EEXIST));
		if (r < 0)
			r = cannot_remove(fd, d->d_name, err);
	}
	(void)closedir(dir);
	if (r == 0 && unlinkat(topfd, name, AT_REMOVEDIR) < 0)
		r = cannot_remove(topfd, name, err);
	return r;
}

/**
 * io_remove_tree() - remove a file or a directory with all that is in it
 * @name: in @dirfd; nothing there is no error
 *
 * Follows no link at any level (openat O_NOFOLLOW), so a tree that somebody
 * hostile filled can lead it nowhere else, nor into what is mounted in it, which
 * is somebody else's. Nobody may write to the tree at the same time.
 *
 * Return: 0 or -errno with @err filled, -EBUSY for a mount point; part of the
 * tree may be gone then.
 */
int io_remove_tree(int dirfd, const char *name, struct err *err)
{
	cleanup_close int top = -EBADF;
	unsigned serial = 0;
	struct dirent *d;
	DIR *dir;
	int r = 0;

	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	/* If it is a mount point itself, rmdir(2) says so before the first entry goes. */
	top = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (top < 0)
		return err_sys(err, "open directory '%s'", name);
	dir = fdopendir(dup(top));
	if (!dir)
		return err_sys(err, "read directory '%s'", name);
	/* What is moved up may or may not show in the same pass: go round until
	 * the directory itself can be removed. */
	while (r == 0 && unlinkat(dirfd, name, AT_REMOVEDIR) < 0) {
		if (errno != ENOTEMPTY && errno != EEXIST) {
			r = errno == ENOENT ? 0 : cannot_remove(dirfd, name, err);
			break;
		}
		rewinddir(dir);
		while (r == 0 && (d = readdir(dir))) {
			if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
				continue;
			if (remove_shallow(top, d->d_name))
				continue;
			r = errno == EBUSY ? cannot_remove(top, d->d_name, err) :
					     flatten_directory(top, d->d_name, &serial, err);
		}
	}
	(void)closedir(dir);
	return r;
}

/**
 * io_same_file() - whether two descriptors are of one file
 */
bool io_same_file(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

/**
 * io_send_fd() - one message with a descriptor (SCM_RIGHTS, unix(7))
 * @sock: of a type that keeps messages apart
 * @fd: borrowed; or -EBADF for a message without one
 *
 * Return: 0 or -errno; errno says the same.
 */
int io_send_fd(int sock, const void *data, size_t n, int fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { .head = { .cmsg_len = CMSG_LEN(sizeof(fd)),
				.cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS } };
	struct iovec iov = { .iov_base = (void *)data, .iov_len = n };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control.room);
	}
	return sendmsg(sock, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}
