/* SPDX-License-Identifier: MIT */
/* Finding the newest, the oldest, the next file of a log that is being rotated. */
#include "ctl/logs_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"

/* Each try that fails needs a rotation of its own to have come in between. */
#define TRIES_MAX 100

struct file {
	unsigned age;
	struct stat st;
};

/* Newest first. */
struct files {
	struct file *v;
	size_t n, room;
};

/**
 * logs_name_length() - whose log a file is, by its name
 * @file: "web.log" or "web.log.3"
 * @age: receives 0 or 3
 *
 * Return: the length of "web", or 0 when the name is no log's.
 */
size_t logs_name_length(const char *file, unsigned *age)
{
	size_t n = strlen(file), digits = 0;

	while (digits < n && file[n - digits - 1] >= '0' && file[n - digits - 1] <= '9')
		digits++;
	*age = 0;
	if (digits > 0) {
		if (digits > 9 || digits == n || file[n - digits - 1] != '.')
			return 0;
		*age = (unsigned)strtoul(file + n - digits, NULL, 10);
		n -= digits + 1;
	}
	if (n <= strlen(".log") || memcmp(file + n - strlen(".log"), ".log", strlen(".log")) != 0)
		return 0;
	return n - strlen(".log");
}

static int age_max(int dirfd, const char *name, unsigned *out, struct err *err)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;
	unsigned age;

	if (!dir) {
		int r = err_sys(err, "read log directory");

		close_fd(&fd);
		return r;
	}
	*out = 0;
	while ((d = readdir(dir)))
		if (logs_name_length(d->d_name, &age) == strlen(name) &&
		    memcmp(d->d_name, name, strlen(name)) == 0 && age > *out)
			*out = age;
	(void)closedir(dir);
	return 0;
}

static int file_name(char out[NAME_MAX + 1], const char *name, unsigned age)
{
	int n = age ? snprintf(out, NAME_MAX + 1, "%s.log.%u", name, age) :
		      snprintf(out, NAME_MAX + 1, "%s.log", name);

	return n > NAME_MAX ? -ENAMETOOLONG : 0;
}

static int stat_age(int dirfd, const char *name, unsigned age, struct stat *out)
{
	char file[NAME_MAX + 1];
	int r = file_name(file, name, age);

	if (r < 0)
		return r;
	return fstatat(dirfd, file, out, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int add_file(struct files *files, const struct file *f, struct err *err)
{
	if (files->n > 0 && files->v[files->n - 1].st.st_ino == f->st.st_ino)
		files->n--; /* seen again, one number on */
	if (files->n == files->room) {
		size_t room = files->room ? 2 * files->room : 8;
		struct file *v = reallocarray(files->v, room, sizeof(*v));

		if (!v)
			return err_set(err, ENOMEM, "list log files: out of memory");
		files->v = v;
		files->room = room;
	}
	files->v[files->n++] = *f;
	return 0;
}

static int scan(struct files *files, int dirfd, const char *name, struct err *err)
{
	struct file f = { 0 };
	unsigned last = 0;
	int r = age_max(dirfd, name, &last, err);

	files->n = 0;
	for (; r == 0; f.age++) {
		int found = stat_age(dirfd, name, f.age, &f.st);

		if (found == 0)
			r = add_file(files, &f, err);
		else if (f.age >= last)
			break; /* beyond it too there may be what was moved meanwhile */
	}
	return r;
}

static bool is_before(const struct stat *a, const struct stat *b)
{
	return a->st_mtim.tv_sec != b->st_mtim.tv_sec ? a->st_mtim.tv_sec < b->st_mtim.tv_sec :
							a->st_mtim.tv_nsec < b->st_mtim.tv_nsec;
}

/* The file after one that may be gone: then the oldest that was written to later. */
static const struct file *pick_newer(const struct files *files, const struct stat *than)
{
	for (size_t i = 0; i < files->n; i++)
		if (files->v[i].st.st_ino == than->st_ino)
			return i > 0 ? &files->v[i - 1] : NULL;
	for (size_t i = files->n; i-- > 0;)
		if (!is_before(&files->v[i].st, than))
			return &files->v[i];
	return NULL;
}

static const struct file *pick(const struct files *files, enum logs_which which,
			       const struct stat *than)
{
	if (files->n == 0)
		return NULL;
	if (which == LOGS_NEWEST)
		return &files->v[0];
	if (which == LOGS_OLDEST)
		return &files->v[files->n - 1];
	if (which == LOGS_NEWER)
		return pick_newer(files, than);
	for (size_t i = 0; i + 1 < files->n; i++)
		if (files->v[i].st.st_ino == than->st_ino)
			return &files->v[i + 1];
	return NULL;
}

/* Return: 0 with @fd_out, -EAGAIN when the name is another file's by now, or -errno. */
static int open_file(int *fd_out, int dirfd, const char *name, const struct file *f,
		     struct err *err)
{
	cleanup_close int fd = -EBADF;
	char file[NAME_MAX + 1];
	struct stat st;

	(void)file_name(file, name, f->age); /* it has been looked at by that name */
	fd = openat(dirfd, file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT)
		return -EAGAIN;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "open log '%s'", file);
	if (st.st_ino != f->st.st_ino)
		return -EAGAIN;
	if (!S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "log '%s' is not a regular file", file);
	*fd_out = take_fd(&fd);
	return 0;
}

/* The usual answer to "is there a newer one", for the price of one system call. */
static bool is_newest(int dirfd, const char *name, const struct stat *than)
{
	struct stat st;

	return stat_age(dirfd, name, 0, &st) == 0 && st.st_ino == than->st_ino;
}

/**
 * logs_file_open() - open one file of a container's log
 * @fd_out: receives it, owned by the caller, or -EBADF when there is none
 * @than_fd: the file that @which compares with, if it does; borrowed
 *
 * Return: 0 or -errno with @err filled.
 */
int logs_file_open(int *fd_out, int dirfd, const char *name, enum logs_which which, int than_fd,
		   struct err *err)
{
	struct files files = { 0 };
	struct stat than = { 0 };
	int r = -EAGAIN;

	*fd_out = -EBADF;
	if (than_fd >= 0 && fstat(than_fd, &than) < 0)
		return err_sys(err, "look at log of container '%s'", name);
	if (which == LOGS_NEWER && is_newest(dirfd, name, &than))
		return 0;
	for (int i = 0; i < TRIES_MAX && r == -EAGAIN; i++) {
		const struct file *f;

		r = scan(&files, dirfd, name, err);
		f = r == 0 ? pick(&files, which, &than) : NULL;
		if (f)
			r = open_file(fd_out, dirfd, name, f, err);
	}
	free(files.v);
	if (r == -EAGAIN)
		return err_set(err, EAGAIN,
			       "log of container '%s' is rotated faster than it can be read", name);
	return r;
}
