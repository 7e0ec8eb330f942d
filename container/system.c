/* SPDX-License-Identifier: MIT */
/* What every container finds in its root: /proc, /sys, /dev, and what is hidden. */
#include "container/system.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/sys.h"
#include "container/mount.h"

#define NOSUID_NODEV (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
#define NO_ALL	     (NOSUID_NODEV | MOUNT_ATTR_NOEXEC)
#define TTY_GROUP    5 /* in all images */
#define PTS_MAX	     "256" /* of 3,072 that all pods of the host have (kernel.pty.max) */

/* The standard nodes, Documentation/admin-guide/devices.txt. */
static const struct {
	const char *name;
	unsigned major, minor;
} nodes[] = {
	{ "null", 1, 3 },   { "zero", 1, 5 },	 { "full", 1, 7 },
	{ "random", 1, 8 }, { "urandom", 1, 9 }, { "tty", 5, 0 },
};

static const struct {
	const char *target, *name;
} links[] = {
	{ "/proc/self/fd", "fd" },	 { "/proc/self/fd/0", "stdin" },
	{ "/proc/self/fd/1", "stdout" }, { "/proc/self/fd/2", "stderr" },
	{ "pts/ptmx", "ptmx" },
};

/* The union of what moby, containerd and podman hide; and locks, with files of the host. */
static const char *const masked[] = {
	"proc/acpi",	    "proc/asound",     "proc/interrupts",
	"proc/kcore",	    "proc/keys",       "proc/latency_stats",
	"proc/locks",	    "proc/sched_debug", "proc/scsi",
	"proc/timer_list",  "proc/timer_stats", "sys/dev/block",
	"sys/devices/virtual/powercap",		"sys/firmware",
	"sys/fs/selinux",
};

/* The pause is PID 1. The files of a process that is not dumpable are its user namespace's
 * root's, and who raises its oom_score_adj has the kernel end the whole pod first. */
static const char *const read_only[] = {
	"proc/1", "proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger",
};

/* Make @fs and attach it at @path, which is made when it is absent. */
static int add_fs(int root_fd, const char *path, const struct mount_fs *fs, struct err *err)
{
	cleanup_close int fd = -EBADF, target = -EBADF;
	int r = mount_fs_create(&fd, fs, err);

	if (r == 0)
		r = mount_open_dir(&target, root_fd, path, 0755, err);
	return r < 0 ? r : mount_attach(fd, target, path, err);
}

static int add_devices(int dev, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		dev_t number = makedev(nodes[i].major, nodes[i].minor);

		/* fchmodat: the mode that mknodat gives is cut by the umask. */
		if (mknodat(dev, nodes[i].name, S_IFCHR | 0666, number) < 0 ||
		    fchmodat(dev, nodes[i].name, 0666, 0) < 0)
			return err_sys(err, "make '/dev/%s'", nodes[i].name);
	}
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		if (symlinkat(links[i].target, dev, links[i].name) < 0)
			return err_sys(err, "make '/dev/%s'", links[i].name);
	return 0;
}

/* What the pod's root owns all in the container may open: to list it was to grant it. */
static int add_node(int dev, const struct container_node *node, struct err *err)
{
	const char *path = node->target + strlen("/dev/"), *name = strrchr(path, '/');
	const mode_t mode = node->read_only ? 0444 : 0666;
	char parent[PATH_MAX];

	if (name) {
		snprintf(parent, sizeof(parent), "%.*s", (int)(name - path), path);
		if (io_mkdir_path(dev, parent, 0755, err) < 0)
			return -err->code;
	}
	if (mknodat(dev, path, node->type | mode, node->number) < 0)
		return node->by_kernel && errno == EEXIST ?
			       0 : /* null and its kin, which every container has */
			       err_sys(err, "make '%s'", node->target);
	if (fchmodat(dev, path, mode, 0) < 0)
		return err_sys(err, "make '%s'", node->target);
	return 0;
}

static int add_dev(int root_fd, int shm_fd, const struct container_root_args *args, struct err *err)
{
	char tty[16];
	static const struct mount_fs dev_fs = {
		.type = "tmpfs",
		.attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_STRICTATIME,
		.options = { { "mode", "0755" }, { "size", "64k" }, { "nr_inodes", "4096" } },
	};
	/* The ids of devpts are the mounter's, whatever it acts as. */
	const struct mount_fs pts_fs = {
		.type = "devpts",
		.attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
		.options = { { "ptmxmode", "0666" }, { "mode", "0620" }, { "gid", tty },
			     { "max", PTS_MAX } },
	};
	static const struct mount_fs mqueue_fs = { .type = "mqueue", .attributes = NO_ALL };
	cleanup_close int dev = -EBADF, target = -EBADF, shm = -EBADF;
	int r = mount_fs_create(&dev, &dev_fs, err);

	snprintf(tty, sizeof(tty), "%u", userns_host_id(args->userns, TTY_GROUP));
	if (r == 0)
		r = add_devices(dev, err);
	for (size_t i = 0; r == 0 && i < args->nodes->n; i++)
		r = add_node(dev, &args->nodes->nodes[i], err);
	if (r == 0)
		r = mount_open_dir(&target, root_fd, "dev", 0755, err);
	if (r == 0)
		r = mount_attach(dev, target, "/dev", err);
	if (r == 0)
		r = mount_open_dir(&shm, dev, "shm", 0755, err);
	if (r == 0)
		r = mount_attach(shm_fd, shm, "/dev/shm", err);
	if (r == 0)
		r = add_fs(dev, "pts", &pts_fs, err);
	return r < 0 ? r : add_fs(dev, "mqueue", &mqueue_fs, err);
}

/* An O_PATH descriptor of what is there, or -ENOENT without an error. */
static int open_present(int root_fd, const char *path)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
	};

	return sys_openat2(root_fd, path, &how);
}

struct masks {
	int root_fd;
	int empty; /* what covers directories, once it covers one; or -EBADF */
};

/* An empty read-only tmpfs: a new one, and the same again for the next directories. */
static int cover_directory(int *out, const struct masks *m, struct err *err)
{
	static const struct mount_fs empty = {
		.type = "tmpfs",
		.attributes = NO_ALL | MOUNT_ATTR_RDONLY,
		.options = { { "size", "0" }, { "nr_inodes", "1" }, { "mode", "0555" } },
	};

	return m->empty >= 0 ? mount_clone(out, m->empty, "", 0, err) :
			       mount_fs_create(out, &empty, err);
}

/*
 * Hide one path. The cover of a file is the null device that add_devices()
 * made a moment ago, by descriptor, so no image can plant another one
 * (CVE-2025-31133).
 */
static int mask_path(struct masks *m, const char *path, struct err *err)
{
	cleanup_close int target = open_present(m->root_fd, path), cover = -EBADF;
	struct stat st;
	bool is_dir;
	int r;

	if (target < 0 && errno == ENOENT)
		return 0;
	if (target < 0 || fstat(target, &st) < 0)
		return err_sys(err, "hide '/%s'", path);
	is_dir = S_ISDIR(st.st_mode);
	r = is_dir ? cover_directory(&cover, m, err) :
		     mount_clone(&cover, m->root_fd, "dev/null", 0, err);
	if (r == 0)
		r = mount_attach(cover, target, path, err);
	if (r == 0 && is_dir && m->empty < 0)
		m->empty = take_fd(&cover);
	return r;
}

/*
 * One directory for each processor, of those that are online. The numbers have gaps, so
 * the directory is listed. Of one that comes later nothing is hidden: its directory is
 * made anew then, and what is above holds the topology that runtimes read.
 */
static int mask_thermal(struct masks *m, struct err *err)
{
	static const char cpus[] = "sys/devices/system/cpu";
	static const struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
	};
	int fd = sys_openat2(m->root_fd, cpus, &how), r = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir && errno == ENOENT)
		return 0;
	if (!dir) {
		r = err_sys(err, "open '/%s'", cpus);
		close_fd(&fd);
		return r;
	}
	while (r == 0 && (errno = 0, entry = readdir(dir))) {
		char path[sizeof(cpus) + NAME_MAX + sizeof("//thermal_throttle")];
		const char *number = entry->d_name + strlen("cpu");

		if (strncmp(entry->d_name, "cpu", strlen("cpu")) != 0 || !*number ||
		    number[strspn(number, "0123456789")])
			continue;
		snprintf(path, sizeof(path), "%s/%s/thermal_throttle", cpus, entry->d_name);
		r = mask_path(m, path, err);
	}
	if (r == 0 && errno)
		r = err_sys(err, "list '/%s'", cpus);
	(void)closedir(dir);
	return r;
}

static int protect_path(int root_fd, const char *path, struct err *err)
{
	cleanup_close int target = open_present(root_fd, path), tree = -EBADF;
	int r;

	if (target < 0 && errno == ENOENT)
		return 0;
	if (target < 0)
		return err_sys(err, "protect '/%s'", path);
	r = mount_clone(&tree, target, "", AT_RECURSIVE, err);
	if (r == 0)
		r = mount_restrict(tree, NO_ALL | MOUNT_ATTR_RDONLY, path, err);
	return r < 0 ? r : mount_attach(tree, target, path, err);
}

/**
 * system_masks() - hide and protect what is there of the tables above
 * @root_fd: a root with /proc, /sys and a /dev with our null; mounts are made in the
 * caller's mount namespace
 *
 * Return: 0 or -errno with @err filled, naming the path.
 */
int system_masks(int root_fd, struct err *err)
{
	struct masks m = { root_fd, -EBADF };
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(masked); i++)
		r = mask_path(&m, masked[i], err);
	if (r == 0)
		r = mask_thermal(&m, err);
	close_fd(&m.empty);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(read_only); i++)
		r = protect_path(root_fd, read_only[i], err);
	return r;
}

/**
 * system_mounts() - mount what every container has, hide what none may see
 * @root_fd: the container's root; the caller is rooted there, in the pod's
 * namespaces, and a member of its PID namespace
 * @shm_fd: the pod's /dev/shm, detached; the caller's
 * @args: the container's; the caller acts as the root of @args->userns
 *
 * Return: 0 or -errno with @err filled. Any failure is fatal for the container:
 * there is no such thing as a mask that did not work.
 */
int system_mounts(int root_fd, int shm_fd, const struct container_root_args *args, struct err *err)
{
	static const struct mount_fs proc_fs = { .type = "proc", .attributes = NO_ALL };
	static const struct mount_fs sys_fs = { .type = "sysfs",
						.attributes = NO_ALL | MOUNT_ATTR_RDONLY };
	static const struct mount_fs cgroup_fs = { .type = "cgroup2",
						   .attributes = NO_ALL | MOUNT_ATTR_RDONLY };
	int r = add_fs(root_fd, "proc", &proc_fs, err);

	if (r == 0)
		r = add_fs(root_fd, "sys", &sys_fs, err);
	if (r == 0)
		r = add_fs(root_fd, "sys/fs/cgroup", &cgroup_fs, err);
	if (r == 0)
		r = add_dev(root_fd, shm_fd, args, err);
	return r < 0 ? r : system_masks(root_fd, err);
}
