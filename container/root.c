/* SPDX-License-Identifier: MIT */
/* A container's root: an overlay in a mount namespace of its own. */

/*
 * Theory of operation
 *
 * Two children work on it. The collector is in the caller's mount namespace,
 * where the host's paths are, and seen by nobody in the pod: it makes the overlay
 * and copies each volume's tree, all of them *detached*. The builder is a child
 * inside the pod's namespaces. It begins in the pause's mounts, which are nothing
 * but an empty root and the pod's /dev/shm, takes a copy of that (one mount,
 * however many the host has), and attaches what was collected: no path of the
 * host can be named where it works.
 *
 * An overlay cannot be made from detached layers before Linux 6.15
 * (clone_private_mount() wants them in the caller's namespace), so the upper
 * tmpfs and the idmapped lowers are mounted for a moment at the caller's scratch
 * directory.
 *
 * The builder never enters the pod's user namespace: userns/userns.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/handed.h"
#include "base/io.h"
#include "base/lookup.h"
#include "base/sys.h"
#include "container/container.h"
#include "container/credentials.h"
#include "container/mount.h"
#include "container/source.h"
#include "container/pidns.h"
#include "container/system.h"

#define OVERLAY_OPTIONS_MAX 4096 /* mount(2) takes one page; overlayfs itself 500 lowers */
#define LOWERS_MAX	    128	 /* more than an image may have layers */
#define OVERLAY_FD	    "/proc/self/fd/2147483647"
_Static_assert(sizeof("lowerdir=,upperdir=" OVERLAY_FD "/upper,workdir=" OVERLAY_FD "/work") +
			       LOWERS_MAX * sizeof(OVERLAY_FD) <= OVERLAY_OPTIONS_MAX,
	       "overlayfs options fit a page");

/* In memory that both share with the caller, as they share the table of
 * descriptors: all of these are closed there. */
struct builder {
	const struct container_root_args *args;
	int lower_fds[LOWERS_MAX];
	/* the sources, then detached; -EBADF: optional and not there */
	int volume_fds[CONTAINER_VOLUMES_MAX];
	int overlay_fd;
	int root_fd; /* == overlay_fd once it is attached */
	int shm_fd;  /* the pod's, detached */
	int mntns_fd;
	int credentials_fd;
	bool held[CONTAINER_VOLUMES_MAX]; /* read-only for good: the file system is now */
	bool begun;
	struct err *err; /* @told */
	struct err told;
};

/* @without: how the file would say that it is not to be. */
static int map_ids(const struct builder *b, int fd, unsigned flags, const char *path,
		   const char *without)
{
	int r = userns_map_mount(b->args->userns, fd, flags);

	if (r == -EINVAL)
		return err_set(b->err, EINVAL,
			       "the file system of '%s'%s cannot map ids on this kernel: "
			       "%s does without, see podd.pod(5), USERS", path,
			       flags & AT_RECURSIVE ? ", or one that is mounted below," : "",
			       without);
	return r < 0 ? err_set(b->err, -r, "map the ids of '%s': %s", path, strerror(-r)) : 0;
}

/* With the pod's ids: mounted for a moment on "root", on top of each other. */
static int map_lower(int *fd, const struct builder *b, const char *path)
{
	cleanup_close int mapped = -EBADF;
	int r = mount_clone(&mapped, *fd, "", 0, b->err);

	if (r == 0)
		r = map_ids(b, mapped, 0, path, "UserNamespace=host");
	if (r < 0)
		return r;
	if (sys_move_mount(mapped, "", AT_FDCWD, "root", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_sys(b->err, "mount the root '%s'", path);
	close_fd(fd);
	*fd = take_fd(&mapped);
	return 0;
}

static int open_lower(int *out, const struct builder *b, const char *path)
{
	const struct lookup l = {
		.path = path,
		.what = "open the root",
		.flags = O_PATH | O_DIRECTORY | (b->args->spec->unsaid_mode ? O_NOFOLLOW : 0),
	};
	int r = lookup_open(out, &l, b->err);

	if (r < 0)
		return r;
	return b->args->userns->fd < 0 ? 0 : map_lower(out, b, path);
}

static int open_lowers(char *options, size_t size, struct builder *b)
{
	char *const *lowers = b->args->spec->lowers;
	size_t n = (size_t)snprintf(options, size, "lowerdir=");

	for (size_t i = 0; lowers[i]; i++) {
		if (i == LOWERS_MAX)
			return err_set(b->err, E2BIG, "more than %d root directories", LOWERS_MAX);
		if (open_lower(&b->lower_fds[i], b, lowers[i]) < 0)
			return err_about(b->err, -b->err->code, "Rootfs", 0);
		n += (size_t)snprintf(options + n, size - n, "%s/proc/self/fd/%d",
				      i == 0 ? "" : ":", b->lower_fds[i]);
	}
	return (int)n;
}

/* The tmpfs of a container's upper directory, mounted on "root". */
static int mount_upper_tmpfs(int *out, const struct builder *b)
{
	char size[32], inodes[32];
	const struct mount_fs fs = {
		.type = "tmpfs",
		.attributes = MOUNT_ATTR_NODEV,
		.options = { { "size", size }, { "mode", "0700" }, { "nr_inodes", inodes } },
	};
	cleanup_close int fd = -EBADF;
	int r;

	snprintf(size, sizeof(size), "%llu",
		 (unsigned long long)b->args->spec->writable_size_bytes);
	mount_tmpfs_inodes(inodes, b->args->spec->writable_size_bytes);
	r = mount_fs_create(&fd, &fs, b->err);
	if (r < 0)
		return r;
	if (sys_move_mount(fd, "", AT_FDCWD, "root", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_sys(b->err, "mount the upper directory's tmpfs");
	if (mkdirat(fd, "upper", 0755) < 0 || mkdirat(fd, "work", 0700) < 0)
		return err_sys(b->err, "make the upper directory");
	*out = take_fd(&fd);
	return 0;
}

/* Whether @path, or what is below it, has @inner; both without "." and "//". */
static bool is_within(const char *inner, const char *path)
{
	size_t n = strlen(path);

	if (n == 1) /* "/" */
		return true;
	return strncmp(inner, path, n) == 0 && (inner[n] == '\0' || inner[n] == '/');
}

static int overlay_error(const struct builder *b)
{
	char *const *lowers = b->args->spec->lowers;

	if (errno == EINVAL && b->args->userns->fd >= 0)
		return err_set(b->err, EINVAL,
			       "mount the overlay: %s (layers with a pod's own ids need "
			       "Linux 5.19: see podd.pod(5), USERS)", strerror(EINVAL));
	if (errno != ELOOP)
		return err_sys(b->err, "mount the overlay");
	for (unsigned i = 0; lowers[i]; i++)
		for (unsigned j = 0; lowers[j]; j++)
			if (i != j && is_within(lowers[i], lowers[j]))
				return err_set(b->err, ELOOP,
					       "mount the overlay: '%s' lies inside '%s'",
					       lowers[i], lowers[j]);
	return err_set(b->err, ELOOP,
		       b->args->spec->writable == CONTAINER_WRITABLE_DISK ?
			       "mount the overlay: one of the root's directories, or of podd's own "
			       "for Writable=yes, lies inside another" :
			       "mount the overlay: one of the root's directories "
			       "lies inside another");
}

/* Of an image, as the topmost layer has it that says what it is like. */
static int root_directory(struct stat *out, const struct builder *b)
{
	const struct container_spec *spec = b->args->spec;
	const uid_t root = b->args->userns->first;

	for (size_t i = 0; spec->unsaid_mode && spec->lowers[i]; i++) {
		if (fstat(b->lower_fds[i], out) < 0)
			return err_sys(b->err, "look at the root '%s'", spec->lowers[i]);
		if (out->st_uid != root || out->st_gid != root ||
		    (out->st_mode & 07777) != spec->unsaid_mode)
			return 0;
	}
	*out = (struct stat){ .st_uid = root, .st_gid = root, .st_mode = 0755 };
	return 0;
}

/* The root directory that is seen is the upper one (overlayfs.rst, "Upper and Lower"). */
static int own_upper(const struct builder *b, int dirfd)
{
	cleanup_close int fd = openat(dirfd, "upper",
				      O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int r = fd < 0 ? err_sys(b->err, "open the upper directory") : root_directory(&st, b);

	if (r < 0)
		return r;
	if (fchown(fd, st.st_uid, st.st_gid) < 0 || fchmod(fd, st.st_mode & 07777) < 0)
		return err_sys(b->err, "give the upper directory to the pod's root");
	if (b->args->spec->writable == CONTAINER_WRITABLE_DISK)
		r = handed_mark(fd, b->err);
	return r < 0 ? r : 0;
}

/*
 * The overlay, mounted on "root" in the scratch directory and copied from
 * there as a detached tree.
 */
static int make_overlay(struct builder *b)
{
	bool on_disk = b->args->spec->writable == CONTAINER_WRITABLE_DISK;
	cleanup_close int upper = -EBADF;
	char options[OVERLAY_OPTIONS_MAX];
	int n, r, upper_fd = b->args->disk_dirfd;

	n = open_lowers(options, sizeof(options), b);
	if (n < 0)
		return n;
	if (!on_disk) {
		r = mount_upper_tmpfs(&upper, b);
		if (r < 0)
			return r;
		upper_fd = upper;
	}
	r = own_upper(b, upper_fd);
	if (r < 0)
		return r;
	fault_child("root", "overlay"); /* an upper tmpfs lies on the scratch directory */
	snprintf(options + n, sizeof(options) - (size_t)n,
		 ",upperdir=/proc/self/fd/%d/upper,workdir=/proc/self/fd/%d/work", upper_fd,
		 upper_fd);
	if (sys_mount("overlay", "root", "overlay", MS_NODEV, options) < 0)
		return overlay_error(b);
	return mount_clone(&b->overlay_fd, AT_FDCWD, "root", 0, b->err);
}

/* All mounts that may be stacked there; EINVAL: none is left. */
static void clear_scratch(void)
{
	while (sys_umount2("root", MNT_DETACH) == 0)
		;
}

/* Nobody can mark it now (base/handed.h), so nothing there may become writable later. */
static int hold_read_only(struct builder *b, size_t i)
{
	struct statvfs fs;
	struct stat st;

	if (fstat(b->volume_fds[i], &st) < 0 || fstatvfs(b->volume_fds[i], &fs) < 0)
		return err_sys(b->err, "look at the file system");
	b->held[i] = S_ISDIR(st.st_mode) && (fs.f_flag & ST_RDONLY);
	return 0;
}

static int collect_volume(struct builder *b, size_t i)
{
	const struct container_volume *v = &b->args->spec->volumes[i];
	unsigned attributes = MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID;
	cleanup_close int tree = -EBADF;
	int r;

	if (b->volume_fds[i] < 0)
		return 0;
	r = mount_clone(&tree, b->volume_fds[i], "", AT_RECURSIVE, b->err);
	if (r == 0) {
		close_fd(&b->volume_fds[i]);
		b->volume_fds[i] = take_fd(&tree);
	}
	if (r == 0 && !v->read_only)
		r = hold_read_only(b, i);
	if (r == 0 && !v->no_idmap)
		r = map_ids(b, b->volume_fds[i], AT_RECURSIVE, v->source, "noidmap");
	if (r < 0)
		return err_about(b->err, err_wrap(b->err, r, "volume '%s'", v->target), "Volume",
				 (unsigned)i);
	if (v->read_only || b->held[i])
		attributes |= MOUNT_ATTR_RDONLY;
	return mount_restrict(b->volume_fds[i], attributes, v->target, b->err);
}

static int collect_from_host(struct builder *b)
{
	const struct container_spec *spec = b->args->spec;
	int r;

	if (fchdir(b->args->scratch_dirfd) < 0)
		return err_sys(b->err, "enter the scratch directory");
	r = make_overlay(b);
	clear_scratch();
	if (r < 0)
		return r;
	r = mount_restrict(b->overlay_fd, 0, "/", b->err);
	for (size_t i = 0; r == 0 && i < spec->volume_n; i++)
		r = collect_volume(b, i);
	return r;
}

/*
 * Should: leave the builder rooted in the overlay, in a namespace of its own.
 * Mustn't: leave a mount of the lean namespace reachable.
 */
static int enter_new_root(struct builder *b)
{
	int r;

	if (unshare(CLONE_NEWNS) < 0)
		return err_sys(b->err, "make a mount namespace");
	r = mount_clone(&b->shm_fd, AT_FDCWD, "/shm", 0, b->err);
	if (r < 0)
		return r;
	if (sys_move_mount(b->overlay_fd, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_sys(b->err, "attach the root");
	/* The same place for both: the old root comes to lie on top of the new
	 * one and is taken away from there (pivot_root(2), NOTES). */
	if (fchdir(b->overlay_fd) < 0 || sys_pivot_root(".", ".") < 0)
		return err_sys(b->err, "pivot_root");
	if (sys_umount2(".", MNT_DETACH) < 0)
		return err_sys(b->err, "detach the former root");
	if (chdir("/") < 0)
		return err_sys(b->err, "enter the new root");
	b->root_fd = b->overlay_fd;
	return 0;
}

static int attach_tmpfs(const struct builder *b, unsigned i)
{
	const struct container_tmpfs *t = &b->args->spec->tmpfs[i];
	char size[32], mode[16], inodes[32];
	struct mount_fs fs = {
		.type = "tmpfs",
		.attributes = MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID,
		.options = { { "mode", mode } },
	};
	cleanup_close int fd = -EBADF, target = -EBADF;
	int r;

	snprintf(mode, sizeof(mode), "%#o", (unsigned)t->mode);
	snprintf(size, sizeof(size), "%llu", (unsigned long long)t->size_bytes);
	mount_tmpfs_inodes(inodes, t->size_bytes);
	if (t->size_bytes) {
		fs.options[1] = (struct mount_option){ "size", size };
		fs.options[2] = (struct mount_option){ "nr_inodes", inodes };
	}
	r = mount_fs_create(&fd, &fs, b->err);
	if (r == 0)
		r = mount_open_target(&target, b->root_fd, t->target, S_IFDIR, b->err);
	if (r == 0)
		r = mount_check_target(target, t->target, b->err);
	if (r == 0)
		r = mount_attach(fd, target, t->target, b->err);
	return r < 0 ? err_about(b->err, r, "Tmpfs", i) : 0;
}

static int attach_volume(const struct builder *b, size_t i)
{
	const struct container_volume *v = &b->args->spec->volumes[i];
	cleanup_close int target = -EBADF;
	struct stat st;
	int r;

	if (b->volume_fds[i] < 0)
		return 0;
	if (fstat(b->volume_fds[i], &st) < 0)
		return err_sys(b->err, "look at the volume '%s'", v->source);
	r = mount_open_target(&target, b->root_fd, v->target, st.st_mode & S_IFMT, b->err);
	if (r == 0)
		r = mount_check_target(target, v->target, b->err);
	if (r == 0) {
		r = mount_attach(b->volume_fds[i], target, v->target, b->err);
		if (r == -EINVAL) /* directories fit on directories only, files on the rest */
			(void)err_set(b->err, EINVAL, "mount on '%s': it is %s directory",
				      v->target, S_ISDIR(st.st_mode) ? "no" : "a");
	}
	if (r < 0)
		return err_about(b->err, err_wrap(b->err, r, "volume '%s'", v->source), "Volume",
				 (unsigned)i);
	return 0;
}

/* Volumes and tmpfs by their targets' names, so that a parent precedes what
 * lies below it, in whatever order the file has them. */
static int attach_all(struct builder *b)
{
	const struct container_spec *s = b->args->spec;
	const char *done = "";
	int r = 0;

	for (size_t n = 0; r == 0 && n < s->volume_n + s->tmpfs_n; n++) {
		const char *next = NULL;
		size_t at = 0;

		for (size_t i = 0; i < s->volume_n + s->tmpfs_n; i++) {
			const char *t = i < s->volume_n ? s->volumes[i].target :
							  s->tmpfs[i - s->volume_n].target;

			if (strcmp(t, done) > 0 && (!next || strcmp(t, next) < 0)) {
				next = t;
				at = i;
			}
		}
		if (!next) /* the same target twice: the first one stands */
			break;
		r = at < s->volume_n ? attach_volume(b, at) :
				       attach_tmpfs(b, (unsigned)(at - s->volume_n));
		done = next;
	}
	return r;
}

/* A regular file of ours, whatever the root has there; only the upper changes. */
static int put_file(const struct builder *b, int etc_fd, const char *name, const char *text)
{
	cleanup_close int fd = -EBADF;
	int r;

	if (!text)
		return 0;
	if (unlinkat(etc_fd, name, 0) < 0 && errno != ENOENT)
		return err_sys(b->err, "replace '/etc/%s'", name);
	fd = openat(etc_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_sys(b->err, "create '/etc/%s'", name);
	r = io_write_all(fd, text, strlen(text));
	return r < 0 ? err_set(b->err, -r, "write '/etc/%s': %s", name, strerror(-r)) : 0;
}

static int put_files(struct builder *b)
{
	const struct container_files *f = &b->args->files;
	cleanup_close int path_fd = -EBADF, etc = -EBADF;
	int r = mount_open_dir(&path_fd, b->root_fd, "etc", 0755, b->err);

	if (r < 0)
		return r;
	etc = openat(path_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (etc < 0)
		return err_sys(b->err, "open '/etc' in the root");
	r = put_file(b, etc, "hostname", f->hostname);
	if (r == 0)
		r = put_file(b, etc, "hosts", f->hosts);
	return r < 0 ? r : put_file(b, etc, "resolv.conf", f->resolv_conf);
}

/* From here on: what is made in the root is not the host's root's, but the pod's. */
static int take_owner(struct builder *b)
{
	int r = userns_act_as_root(b->args->userns, b->err);

	/* Nobody heard it if podd was killed just then: our parent is the pause now, while
	 * podd is outside of the namespace and has no number in it. */
	if (r == 0 && getppid() != 0)
		return err_set(b->err, ESRCH, "build the root: podd has gone");
	return r;
}

static int mount_system(struct builder *b)
{
	int r = system_mounts(b->root_fd, b->shm_fd, b->args, b->err);

	if (r < 0)
		return r;
	b->mntns_fd = openat(b->root_fd, "proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	return b->mntns_fd < 0 ? err_sys(b->err, "open the container's mount namespace") : 0;
}

/* Should: come after the volumes, which may have given the directory that it lies in. */
static int add_credentials(struct builder *b)
{
	if (b->args->spec->credential_n == 0)
		return 0;
	return credentials_mount(&b->credentials_fd, b->root_fd, b->err);
}

static int seal_root(struct builder *b)
{
	struct mount_attr read_only = { .attr_set = MOUNT_ATTR_RDONLY };

	if (b->args->spec->writable == CONTAINER_WRITABLE_NO &&
	    sys_mount_setattr(b->root_fd, "", AT_EMPTY_PATH, &read_only) < 0)
		return err_sys(b->err, "make the root read-only");
	return 0;
}

/* Volumes late: they may lie over the files that podd has put there. */
static const struct {
	const char *name;
	int (*run)(struct builder *b);
} steps[] = {
	{ "enter", enter_new_root },
	{ "owner", take_owner },
	{ "system", mount_system },
	{ "files", put_files },
	{ "attach", attach_all },
	{ "credentials", add_credentials },
	{ "seal", seal_root },
};

static int build(struct builder *b)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(steps); i++) {
		fault_child("root", steps[i].name);
		r = steps[i].run(b);
	}
	return r;
}

static int collect_child(void *arg)
{
	umask(022);
	fault_child("root", "collect");
	return collect_from_host(arg) < 0 ? 1 : 0;
}

static int build_child(void *arg)
{
	struct builder *b = arg;

	b->begun = true;
	umask(022);
	return build(b) < 0 ? 1 : 0;
}

/* For a group that nobody can be cloned into: see clone_inside_group() in
 * container/process.c. */
static int enter_group_and_build(void *arg)
{
	struct builder *b = arg;

	if (io_write_file(b->args->cgroup_fd, "cgroup.procs", "0", b->err) < 0)
		return 1;
	if (unshare(CLONE_NEWCGROUP) < 0)
		return err_sys(b->err, "make a cgroup namespace") != 0;
	return build_child(b);
}

static int call_builder(struct builder *b, struct err *err)
{
	/* In the container's group and a cgroup namespace with that as its root,
	 * for /sys/fs/cgroup shows the root of whoever mounts it. */
	const struct child_args inside = {
		.flags = CLONE_INTO_CGROUP | CLONE_NEWCGROUP,
		.cgroup_fd = b->args->cgroup_fd,
		.copy = true,
	};
	const struct child_args outside = { .copy = true };
	int r = pidns_child_call(b->args->pause_pidfd, &inside, build_child, b, err);

	if (r == -ECHILD && !b->begun)
		r = pidns_child_call(b->args->pause_pidfd, &outside, enter_group_and_build, b, err);
	return r;
}

/**
 * container_root_build() - make a container's mount namespace
 * @out: receives its descriptors, O_CLOEXEC, the caller's
 * @args: borrowed
 *
 * Return: 0 or -errno with @err filled; nothing is left mounted then.
 */
int container_root_build(struct container_root *out, const struct container_root_args *args,
			 struct err *err)
{
	struct builder *b = child_shared(sizeof(*b));
	const char *given_away = NULL;
	int sources[CONTAINER_VOLUMES_MAX], r;

	if (!b)
		return err_set(err, ENOMEM, "build the root: out of memory");
	b->args = args;
	b->err = &b->told;
	b->overlay_fd = b->root_fd = b->shm_fd = b->mntns_fd = b->credentials_fd = -EBADF;
	for (size_t i = 0; i < LOWERS_MAX; i++)
		b->lower_fds[i] = -EBADF;
	for (size_t i = 0; i < CONTAINER_VOLUMES_MAX; i++)
		b->volume_fds[i] = sources[i] = -EBADF;
	r = source_open_all(b->volume_fds, args->spec, args->absent, err);
	if (r == 0)
		r = source_keep_all(sources, b->volume_fds, err);
	if (r == 0)
		r = pidns_child_call(-EBADF, NULL, collect_child, b, err);
	if (r == 0)
		r = call_builder(b, err);
	if (r == 0)
		r = source_mark_all(sources, b->held, args->spec, &given_away, err);
	for (size_t i = 0; i < CONTAINER_VOLUMES_MAX; i++)
		close_fd(&sources[i]);
	for (size_t i = 0; i < LOWERS_MAX; i++)
		close_fd(&b->lower_fds[i]);
	for (size_t i = 0; i < CONTAINER_VOLUMES_MAX; i++)
		close_fd(&b->volume_fds[i]);
	close_fd(&b->overlay_fd);
	close_fd(&b->shm_fd);
	if (r == 0) {
		*out = (struct container_root){ b->mntns_fd, b->credentials_fd, given_away };
		return 0;
	}
	close_fd(&b->mntns_fd);
	close_fd(&b->credentials_fd);
	if (r > 0)
		*err = b->told;
	return r < 0 ? r : -err->code;
}
