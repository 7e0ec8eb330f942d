/* SPDX-License-Identifier: MIT */
/* Credentials: secrets of the host as files of a container. */
#include "container/credentials.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/lookup.h"
#include "base/sys.h"
#include "container/mount.h"
#include "container/user.h"

#define NO_ALL (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)
/* Each file ends in a page of its own. */
#define TMPFS_SIZE  "2m"
#define TMPFS_FILES "257"
_Static_assert(CREDENTIALS_BYTES_MAX + CREDENTIALS_FILES_MAX * 4096 == 2 << 20, TMPFS_SIZE);

/* ------------------------------------------------------------------- the file system */

/* Without "noswap" before Linux 6.4, and where the kernel does not give it to us. */
static int make_tmpfs(int *out, struct err *err)
{
	struct mount_fs fs = {
		.type = "tmpfs",
		.attributes = NO_ALL,
		.options = { { "mode", "0500" }, { "size", TMPFS_SIZE },
			     { "nr_inodes", TMPFS_FILES }, { "noswap", NULL } },
	};
	int r = mount_fs_create(out, &fs, err);

	if (r == 0)
		return 0;
	fs.options[3].key = NULL;
	return mount_fs_create(out, &fs, err);
}

/**
 * credentials_mount() - mount an empty file system for them, read-only
 * @out: receives the same one, writable and mounted nowhere; the caller's
 * @root_fd: the container's root, in the caller's mount namespace
 *
 * Return: 0 or -errno with @err filled.
 */
int credentials_mount(int *out, int root_fd, struct err *err)
{
	cleanup_close int fd = -EBADF, target = -EBADF, writable = -EBADF;
	int r = make_tmpfs(&fd, err);

	if (r == 0)
		r = mount_open_target(&target, root_fd, CONTAINER_CREDENTIALS_PATH, S_IFDIR, err);
	if (r == 0)
		r = mount_check_target(target, CONTAINER_CREDENTIALS_PATH, err);
	if (r == 0)
		r = mount_attach(fd, target, CONTAINER_CREDENTIALS_PATH, err);
	/* Only what is attached can be copied before Linux 6.15. */
	if (r == 0)
		r = mount_clone(&writable, fd, "", 0, err);
	if (r == 0)
		r = mount_restrict(fd, NO_ALL | MOUNT_ATTR_RDONLY, CONTAINER_CREDENTIALS_PATH, err);
	if (r < 0)
		return err_wrap(err, r, "credentials");
	*out = take_fd(&writable);
	return 0;
}

/* ---------------------------------------------------------------------- its directory */

typedef int entry_fn(int dirfd, const char *name, void *arg);

/* As getdents64(2) gives them. */
struct entry {
	uint64_t inode;
	int64_t offset;
	unsigned short size;
	unsigned char type;
	char name[];
};

/* All but "." and "..", without the heap. @fd may be one of O_PATH. */
static int each_entry(int fd, entry_fn *fn, void *arg)
{
	cleanup_close int dir = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_Alignas(struct entry) char buf[4096];
	long n = dir < 0 ? -1 : 1;

	while (n > 0) {
		n = syscall(SYS_getdents64, dir, buf, sizeof(buf));
		for (long at = 0; at < n;) {
			const struct entry *e = (const struct entry *)(buf + at);
			int r = 0;

			if (strcmp(e->name, ".") != 0 && strcmp(e->name, "..") != 0)
				r = fn(dir, e->name, arg);
			if (r < 0)
				return r;
			at += e->size;
		}
	}
	return n < 0 ? -errno : 0;
}

static int remove_entry(int dirfd, const char *name, void *arg)
{
	(void)arg;
	return unlinkat(dirfd, name, 0) < 0 ? -errno : 0;
}

/* --------------------------------------------------------------------------- loading */

struct load {
	int to;
	const struct container_credential *credential;
	off_t left_bytes;
	unsigned left_files;
	struct err *err;
};

static int too_much(struct load *l)
{
	return err_set(l->err, EFBIG, "the container's credentials are larger than %d bytes",
		       CREDENTIALS_BYTES_MAX);
}

static int copy_bytes(struct load *l, int from, int to, const char *name)
{
	ssize_t n;

	while ((n = sendfile(to, from, NULL, (size_t)l->left_bytes + 1)) > 0) {
		l->left_bytes -= n;
		if (l->left_bytes < 0)
			return too_much(l);
	}
	return n < 0 ? err_sys(l->err, "copy into '%s'", name) : 0;
}

static int copy_file(struct load *l, int from, const char *name)
{
	cleanup_close int to = -EBADF;

	if (l->left_files-- == 0)
		return err_set(l->err, EFBIG, "the container's credentials are more than %d files",
			       CREDENTIALS_FILES_MAX);
	to = openat(l->to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0400);
	if (to < 0)
		return err_sys(l->err, "make '%s'", name);
	return copy_bytes(l, from, to, name);
}

/* Links in it are passed over, as systemd does it; so is what is no file. */
static int copy_entry(int dirfd, const char *name, void *arg)
{
	struct load *l = arg;
	cleanup_close int from = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY |
							     O_CLOEXEC);
	char to[NAME_MAX + 1];
	struct stat st;

	if (from < 0 && (errno == ELOOP || errno == ENXIO)) /* a link; a socket */
		return 0;
	if (from < 0 || fstat(from, &st) < 0)
		return err_sys(l->err, "open '%s/%s'", l->credential->source, name);
	if (!S_ISREG(st.st_mode))
		return 0;
	if (snprintf(to, sizeof(to), "%s_%s", l->credential->id, name) >= (int)sizeof(to))
		return err_set(l->err, ENAMETOOLONG, "'%s_%s' is no name of a file: it is too long",
			       l->credential->id, name);
	return copy_file(l, from, to);
}

/* A FIFO keeps nobody waiting. */
static int load_one(struct load *l)
{
	const struct container_credential *c = l->credential;
	const struct lookup path = { c->source, "open", O_RDONLY | O_NONBLOCK | O_NOCTTY };
	cleanup_close int from = -EBADF;
	struct stat st;
	int r = lookup_open(&from, &path, l->err);

	if (r < 0)
		return r;
	if (fstat(from, &st) < 0)
		return err_sys(l->err, "open '%s'", c->source);
	if (S_ISREG(st.st_mode))
		return copy_file(l, from, c->id);
	if (!S_ISDIR(st.st_mode))
		return err_set(l->err, EINVAL, "'%s' is neither a file nor a directory", c->source);
	r = each_entry(from, copy_entry, l);
	if (r < 0 && !l->err->code)
		return err_set(l->err, -r, "list '%s': %s", c->source, strerror(-r));
	return r;
}

/**
 * credentials_load() - fill the file system with what the host's files have now
 * @fd: of credentials_mount(); what is in it goes
 *
 * Nobody can read them until credentials_give(). After a failure what was there
 * before is gone, too.
 *
 * Return: 0 or -errno with @err filled.
 */
int credentials_load(int fd, const struct container_spec *spec, struct err *err)
{
	struct err told = { 0 };
	struct load l = {
		.to = fd,
		.left_bytes = CREDENTIALS_BYTES_MAX,
		.left_files = CREDENTIALS_FILES_MAX,
		.err = &told,
	};
	int r = each_entry(fd, remove_entry, NULL);

	if (r < 0)
		return err_set(err, -r, "remove the former credentials: %s", strerror(-r));
	for (size_t i = 0; r == 0 && i < spec->credential_n; i++) {
		l.credential = &spec->credentials[i];
		r = load_one(&l);
	}
	if (r < 0)
		return err_about(err, err_set(err, -r, "LoadCredential=%s: %s", l.credential->id,
					      told.msg),
				 "LoadCredential", (unsigned)(l.credential - spec->credentials));
	return 0;
}

/* ----------------------------------------------------------------------------- giving */

struct owner {
	uid_t uid;
	gid_t gid;
};

static int give_entry(int dirfd, const char *name, void *arg)
{
	const struct owner *o = arg;

	return fchownat(dirfd, name, o->uid, o->gid, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

/**
 * credentials_give() - make them the program's user's, and readable by nobody else
 *
 * By a process with the host's capabilities; it uses no heap.
 *
 * Return: 0 or -errno with @err filled.
 */
int credentials_give(int fd, const struct userns *userns, const struct user_ids *ids,
		     struct err *err)
{
	struct owner o = { userns_host_id(userns, ids->uid), userns_host_id(userns, ids->gid) };
	int r = each_entry(fd, give_entry, &o);

	if (r == 0 && fchownat(fd, "", o.uid, o.gid, AT_EMPTY_PATH) < 0)
		r = -errno;
	return r < 0 ? err_set(err, -r, "give the credentials to user %u: %s", ids->uid,
			       strerror(-r)) : 0;
}
