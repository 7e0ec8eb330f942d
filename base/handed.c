/* SPDX-License-Identifier: MIT */
/* Directories of the host that containers were given to write to: a mark on each. */
#include "base/handed.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/fd.h"
#include "base/io.h"

/* A path for the calls that take no O_PATH descriptor. */
#define FD_PATH_SIZE 32

static const char *path_by(char path[FD_PATH_SIZE], int fd)
{
	snprintf(path, FD_PATH_SIZE, "/proc/self/fd/%d", fd);
	return path;
}

/*
 * Without CAP_SYS_ADMIN in the first user namespace no such attribute is shown, which
 * looks as if there was none. Setting one tells: EPERM comes before any other reason.
 */
static bool is_blind(void)
{
	cleanup_close int fd = memfd_create("podd-mark", MFD_CLOEXEC);

	return fd < 0 || (fsetxattr(fd, HANDED_ATTRIBUTE, "1", 1, 0) < 0 && errno == EPERM);
}

/**
 * handed_mark() - mark a directory that containers may write to
 * @fd: the directory; O_PATH will do
 *
 * Must come before they may. Without the right to set a mark nobody is there who would
 * follow a link, see handed_check().
 *
 * Return: 1 when it had none before, 0, or -errno with @err filled; EROFS: nobody can
 * write there now.
 */
int handed_mark(int fd, struct err *err)
{
	char by[FD_PATH_SIZE], path[PATH_MAX];

	path_by(by, fd);
	if (getxattr(by, HANDED_ATTRIBUTE, NULL, 0) >= 0 || errno == EOPNOTSUPP)
		return 0;
	if (errno == ENODATA && setxattr(by, HANDED_ATTRIBUTE, "1", 1, 0) == 0)
		return 1;
	if (errno == EOPNOTSUPP)
		return 0;
	if (errno != EPERM)
		return err_sys(err, "mark '%s' as given to containers", io_path_of(fd, path));
	if (is_blind())
		return 0;
	return err_set(err, EPERM,
		       "mark '%s' as given to containers: it is immutable or append-only "
		       "(lsattr(1))", io_path_of(fd, path));
}

/* ------------------------------------------------------------------------- finding */

struct place {
	uint64_t device, inode, mount;
};

static int look(struct place *out, int fd)
{
	struct statx st;

	/* A server that does not answer holds nobody up. */
	if (statx(fd, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC,
		  STATX_INO | STATX_MNT_ID, &st) < 0)
		return -errno;
	*out = (struct place){
		.device = (uint64_t)st.stx_dev_major << 32 | st.stx_dev_minor,
		.inode = st.stx_ino,
		.mount = st.stx_mnt_id,
	};
	return 0;
}

/* Return: 1 when it has a mark, 0, or -errno; EOPNOTSUPP: no directory there can have one. */
static int is_marked(int fd)
{
	char by[FD_PATH_SIZE];

	if (getxattr(path_by(by, fd), HANDED_ATTRIBUTE, NULL, 0) >= 0)
		return 1;
	return errno == ENODATA ? 0 : -errno;
}

/*
 * From @fd, which becomes each directory above it in turn, up to the root of all mounts.
 * That one alone need not be able to have a mark, for what is mounted below it: who was
 * given all of the host is its master. Return: as is_marked(), of @fd then.
 */
static int climb(int *fd)
{
	struct place first, at, above;
	int up, r = look(&first, *fd);

	at = first;
	while (r == 0) {
		int marked = is_marked(*fd);

		if (marked != 0 && marked != -EOPNOTSUPP)
			return marked;
		up = openat(*fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		r = up < 0 ? -errno : look(&above, up);
		/* A directory mounted below itself has another mount. */
		bool top = r == 0 && memcmp(&at, &above, sizeof(at)) == 0;
		if (r == 0 && !(top && at.device != first.device))
			r = marked;
		close_fd(fd);
		*fd = up;
		if (top)
			break;
		at = above;
	}
	return r;
}

/**
 * handed_check() - whether all links in a directory are of who owns it
 * @dirfd: the directory
 *
 * Return: 0, or -errno with @err filled; ELOOP: it is, or lies in, one that containers
 * may write to, or nobody can tell.
 */
int handed_check(int dirfd, struct err *err)
{
	cleanup_close int fd = openat(dirfd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char path[PATH_MAX];
	int r = fd < 0 ? -errno : climb(&fd);

	if (r > 0)
		return err_set(err, ELOOP, "containers can write to '%s'", io_path_of(fd, path));
	if (r == -EOPNOTSUPP)
		return err_set(err, ELOOP,
			       "the file system cannot say whether containers can write "
			       "to it (it has no trusted attributes)");
	if (r < 0)
		return err_set(err, -r, "look at the directories above: %s", strerror(-r));
	if (is_blind())
		return err_set(err, ELOOP, "only CAP_SYS_ADMIN of the host sees whether containers "
			       "can write to it");
	return 0;
}
