/* SPDX-License-Identifier: MIT */
/* Writing the entries of a layer into a directory. */
#include "image/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "image/tree.h"

#define OPAQUE_FILE_MAX (64u << 20) /* bytes */

/* What a directory is to be when all is in it. */
struct later {
	char *path;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	struct timespec mtime;
};

struct unpack {
	const struct unpack_args *args;
	struct layer_reader *reader;
	struct tree tree;
	struct later *later;
	size_t later_n, later_room;
	struct unpack_result result;
};

static int entry_error(struct err *err, const struct layer_entry *e, const char *what)
{
	return err_sys(err, "entry '%.200s': %s", e->path, what);
}

static int remember_opaque(void *ctx, const char *path, struct err *err)
{
	const struct unpack *u = ctx;
	int r = io_write_all(u->args->opaque_fd, path, strlen(path) + 1);

	if (r < 0)
		return err_set(err, -r, "write the list of opaque directories: %s", strerror(-r));
	return 0;
}

static int count_implied(void *ctx, struct err *err)
{
	struct unpack *u = ctx;

	u->result.inodes++;
	return layer_count_implied(u->reader, err);
}

/* ------------------------------------------------------------------ attributes */

/**
 * unpack_keeps_xattr() - whether an extended attribute of a layer is put in place
 *
 * Those that programs use. The rest is the kernel's or the security module's
 * own word about this host, and overlayfs's would rule over other layers.
 */
bool unpack_keeps_xattr(const char *name)
{
	if (strcmp(name, "security.capability") == 0)
		return true;
	return strncmp(name, "user.", 5) == 0 && strncmp(name, "user.overlay.", 13) != 0;
}

/* By descriptor of a file or directory that is open for real (fsetxattr(2)). */
static int set_xattrs(struct unpack *u, int fd, const struct layer_entry *e, struct err *err)
{
	const char *name = NULL;
	const void *value;
	size_t n;

	while (layer_xattr(u->reader, &name, &value, &n))
		if (unpack_keeps_xattr(name) && fsetxattr(fd, name, value, n, 0) < 0)
			return err_sys(err, "entry '%.200s': set the attribute '%.80s'",
				       e->path, name);
	return 0;
}

static int set_times(int dirfd, const char *name, const struct layer_entry *e, struct err *err)
{
	const struct timespec times[2] = { e->mtime, e->mtime };

	if (utimensat(dirfd, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return entry_error(err, e, "set its time");
	return 0;
}

/* Owner first: chown(2) takes the set-user-id bits away. */
static int set_owner_and_mode(int fd, const struct layer_entry *e, struct err *err)
{
	if (fchown(fd, e->uid, e->gid) < 0)
		return entry_error(err, e, "set its owner");
	if (fchmod(fd, e->mode & 07777) < 0)
		return entry_error(err, e, "set its mode");
	return 0;
}

/* ----------------------------------------------------------------------- kinds */

static int write_content(struct unpack *u, int fd, const struct layer_entry *e, struct err *err)
{
	const void *buf;
	off_t offset = 0, end_at = 0;
	size_t n;
	bool end;
	int r;

	for (;;) {
		r = layer_data(u->reader, &buf, &n, &offset, &end, err);
		if (r < 0)
			return err_wrap(err, r, "entry '%.200s'", e->path);
		if (end)
			break;
		while (n > 0) {
			ssize_t w = pwrite(fd, buf, n, offset);

			if (w < 0)
				return entry_error(err, e, "write");
			buf = (const char *)buf + w;
			n -= (size_t)w;
			offset += w;
			u->result.bytes += (uint64_t)w;
		}
		end_at = offset;
	}
	u->result.claimed_bytes += e->size;
	/* A sparse file may end in a hole. */
	if ((uint64_t)end_at != e->size && ftruncate(fd, (off_t)e->size) < 0)
		return entry_error(err, e, "set its size");
	return 0;
}

static int put_file(struct unpack *u, int dir, const char *name, const struct layer_entry *e,
		    struct err *err)
{
	const struct timespec times[2] = { e->mtime, e->mtime };
	cleanup_close int fd =
		openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return entry_error(err, e, "create");
	r = write_content(u, fd, e, err);
	if (r == 0)
		r = set_owner_and_mode(fd, e, err);
	if (r == 0)
		r = set_xattrs(u, fd, e, err);
	if (r == 0 && futimens(fd, times) < 0)
		r = entry_error(err, e, "set its time");
	return r;
}

static int remember_directory(struct unpack *u, const struct layer_entry *e, struct err *err)
{
	struct later *l;

	if (u->later_n == u->later_room) {
		size_t room = u->later_room ? u->later_room * 2 : 256;
		struct later *grown = realloc(u->later, room * sizeof(*grown));

		if (!grown)
			return err_set(err, ENOMEM, "unpack: out of memory");
		u->later = grown;
		u->later_room = room;
	}
	l = &u->later[u->later_n];
	*l = (struct later){ strdup(e->path), e->mode, e->uid, e->gid, e->mtime };
	if (!l->path)
		return err_set(err, ENOMEM, "unpack: out of memory");
	u->later_n++;
	return 0;
}

/* May be there already: of an entry below it, or said twice. */
static int put_directory(struct unpack *u, const struct layer_entry *e, struct err *err)
{
	cleanup_close int fd = -EBADF;
	const char *name;
	int dir, r;

	if (e->path[0]) {
		dir = tree_parent(&u->tree, e->path, true, &name, err);
		if (dir < 0)
			return dir;
		if (tree_is_whiteout(dir, name)) {
			if (unlinkat(dir, name, 0) < 0)
				return entry_error(err, e, "replace the whiteout");
			r = remember_opaque(u, e->path, err);
			if (r < 0)
				return r;
		}
		if (mkdirat(dir, name, 0700) < 0 && errno != EEXIST)
			return entry_error(err, e, "create");
	}
	fd = tree_open(&u->tree, e->path, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return err_set(err, -fd,
			       "entry '%.200s': it is there twice, and not as a directory",
			       e->path);
	r = set_xattrs(u, fd, e, err);
	return r < 0 ? r : remember_directory(u, e, err);
}

static int put_node(int dir, const char *name, const struct layer_entry *e, struct err *err)
{
	int r;

	if (mknodat(dir, name, (e->mode & S_IFMT) | 0600, e->device) < 0)
		return entry_error(err, e, "create");
	if (fchownat(dir, name, e->uid, e->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return entry_error(err, e, "set its owner");
	/* Nobody but us is in here, so it still is what we made: no link. */
	if (fchmodat(dir, name, e->mode & 07777, 0) < 0)
		return entry_error(err, e, "set its mode");
	r = set_times(dir, name, e, err);
	return r;
}

static int put_symlink(int dir, const char *name, const struct layer_entry *e, struct err *err)
{
	if (symlinkat(e->link, dir, name) < 0)
		return entry_error(err, e, "create");
	if (fchownat(dir, name, e->uid, e->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return entry_error(err, e, "set its owner");
	return set_times(dir, name, e, err);
}

/* Its target is of this layer, and was there before (layer.md: tar's rule). */
static int put_hard_link(struct unpack *u, int dir, const char *name, const struct layer_entry *e,
			 struct err *err)
{
	struct tree other;
	const char *target;
	int from, r = 0;

	tree_init(&other, u->args->root_fd);
	from = tree_parent(&other, e->link, false, &target, err);
	if (from < 0)
		r = err_set(err, -from,
			    "entry '%.200s': a hard link to '%.200s', which is not in the layer",
			    e->path, e->link);
	else if (tree_is_whiteout(from, target))
		r = err_set(err, EBADMSG, "entry '%.200s': a hard link to a whiteout", e->path);
	else if (linkat(from, target, dir, name, 0) < 0)
		r = err_sys(err, "entry '%.200s': make a hard link to '%.200s'", e->path, e->link);
	tree_done(&other);
	return r;
}

/*
 * What this very layer has there stands: a whiteout is about lower ones, whose
 * files a directory of that name hides, too.
 */
static int put_whiteout(struct unpack *u, int dir, const char *name, const struct layer_entry *e,
			struct err *err)
{
	struct stat st;

	if (mknodat(dir, name, S_IFCHR, 0) == 0)
		return 0;
	if (errno != EEXIST || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return entry_error(err, e, "create the whiteout");
	return S_ISDIR(st.st_mode) ? remember_opaque(u, e->path, err) : 0;
}

/* What comes after its own whiteout stands in its place. */
static int make_room(int dir, const char *name, const struct layer_entry *e, struct err *err)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : entry_error(err, e, "look what is there");
	if (!tree_is_whiteout(dir, name))
		return err_set(err, EEXIST, "entry '%.200s': it is there twice", e->path);
	if (unlinkat(dir, name, 0) < 0)
		return entry_error(err, e, "replace the whiteout");
	return 0;
}

static int put_opaque(struct unpack *u, const struct layer_entry *e, struct err *err)
{
	char inside[PATH_MAX + 2];
	const char *name;
	int dir;

	/* That the directory itself is there, too. */
	if (snprintf(inside, sizeof(inside), "%s/.", e->path) >= PATH_MAX)
		return err_set(err, ENAMETOOLONG, "entry '%.200s': the name is too long", e->path);
	dir = tree_parent(&u->tree, inside, true, &name, err);
	return dir < 0 ? dir : remember_opaque(u, e->path, err);
}

static int put_entry(struct unpack *u, const struct layer_entry *e, struct err *err)
{
	const char *name;
	int dir, r;

	if (e->kind == LAYER_DIRECTORY)
		return put_directory(u, e, err);
	if (e->kind == LAYER_OPAQUE)
		return put_opaque(u, e, err);
	dir = tree_parent(&u->tree, e->path, true, &name, err);
	/* umoci: a directory is a file now, and what was in it is gone. So it is. */
	if (e->kind == LAYER_WHITEOUT && (dir == -ENOTDIR || dir == -ELOOP))
		return 0;
	if (dir < 0)
		return dir;
	if (e->kind == LAYER_WHITEOUT)
		return put_whiteout(u, dir, name, e, err);
	r = make_room(dir, name, e, err);
	if (r < 0)
		return r;
	switch (e->kind) {
	case LAYER_FILE:
		return put_file(u, dir, name, e, err);
	case LAYER_SYMLINK:
		return put_symlink(dir, name, e, err);
	case LAYER_HARD_LINK:
		return put_hard_link(u, dir, name, e, err);
	default:
		return put_node(dir, name, e, err);
	}
}

/* In their order: of one that is there twice, the last word counts. */
static int finish_directory(struct unpack *u, const struct later *l, struct err *err)
{
	struct layer_entry e = { .mode = l->mode, .uid = l->uid, .gid = l->gid };
	const struct timespec times[2] = { l->mtime, l->mtime };
	cleanup_close int fd = tree_open(&u->tree, l->path, O_RDONLY | O_DIRECTORY);
	int r;

	snprintf(e.path, sizeof(e.path), "%s", l->path);
	if (fd < 0)
		return err_set(err, -fd, "entry '%.200s': open: %s", l->path, strerror(-fd));
	r = set_owner_and_mode(fd, &e, err);
	if (r == 0 && futimens(fd, times) < 0)
		r = entry_error(err, &e, "set its time");
	return r;
}

static int unpack_entries(struct unpack *u, struct err *err)
{
	struct layer_entry e;
	bool end = false;
	int r = 0;

	for (;;) {
		r = layer_next(u->reader, &e, &end, err);
		if (r < 0 || end)
			break;
		u->result.inodes++;
		r = put_entry(u, &e, err);
		if (r < 0)
			break;
	}
	for (size_t i = 0; r == 0 && i < u->later_n; i++)
		r = finish_directory(u, &u->later[i], err);
	return r < 0 ? r : layer_finish(u->reader, &u->result.diff_id, err);
}

/**
 * unpack_layer() - unpack a layer whose blob's digest was checked
 *
 * Return: 0 or -errno with @err filled; what is in the directory then is for the
 * caller to remove.
 */
int unpack_layer(struct unpack_result *out, const struct unpack_args *args, struct err *err)
{
	struct unpack u = { .args = args };
	int r;

	tree_init(&u.tree, args->root_fd);
	u.tree.uncovered = remember_opaque;
	u.tree.implied = count_implied;
	u.tree.ctx = &u;
	r = layer_open(&u.reader, args->blob_fd, args->media, &args->limits, err);
	if (r == 0)
		r = unpack_entries(&u, err);
	if (r == 0)
		*out = u.result;
	layer_close(u.reader);
	tree_done(&u.tree);
	while (u.later_n > 0)
		free(u.later[--u.later_n].path);
	free(u.later);
	return r;
}

static int mark(const struct tree *t, const char *path, struct err *err)
{
	cleanup_close int fd = tree_open(t, path, O_RDONLY | O_DIRECTORY);

	if (fd < 0)
		return err_set(err, -fd, "open the opaque directory '%.200s': %s",
			       path, strerror(-fd));
	if (fsetxattr(fd, OPAQUE_XATTR, "y", 1, 0) < 0)
		return err_sys(err, "mark the opaque directory '%.200s'", path);
	return 0;
}

/**
 * unpack_mark_opaque() - set overlayfs's mark on the directories that were written down
 * @opaque_fd: the list; only it and the tree were in the unpacker's hands, and a
 *             wrong one marks nothing outside of the tree
 *
 * Return: 0 or -errno with @err filled.
 */
int unpack_mark_opaque(int root_fd, int opaque_fd, struct err *err)
{
	cleanup_free char *list = NULL;
	struct tree t;
	struct stat st;
	int r = 0;

	if (fstat(opaque_fd, &st) < 0)
		return err_sys(err, "look at the list of opaque directories");
	if ((uint64_t)st.st_size > OPAQUE_FILE_MAX)
		return err_set(err, EFBIG, "the list of opaque directories is too long");
	list = calloc(1, (size_t)st.st_size + 1);
	if (!list)
		return err_set(err, ENOMEM, "mark the opaque directories: out of memory");
	if (pread(opaque_fd, list, (size_t)st.st_size, 0) != st.st_size)
		return err_set(err, EIO, "read the list of opaque directories");
	tree_init(&t, root_fd);
	for (const char *s = list; r == 0 && s < list + st.st_size; s += strlen(s) + 1)
		r = mark(&t, s, err);
	tree_done(&t);
	return r;
}
