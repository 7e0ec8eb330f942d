/* SPDX-License-Identifier: MIT */
/* The floor's mounts: the pause's bare root, and a container's whole root. */
#include "tests/bench/floor.h"

#include <linux/sched.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define NOSUID_NODEV (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
#define NO_ALL	     (NOSUID_NODEV | MOUNT_ATTR_NOEXEC)
#define CLONE_TREE   (OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH)

/* @options: "key=value" pairs, or a key alone; NULL ends them. */
static int make_fs(const char *type, unsigned attributes, const char *const *options)
{
	int ctx = must(sys_fsopen(type, FSOPEN_CLOEXEC), type), fd;
	char key[32];

	for (; options && *options; options++) {
		const char *value = strchr(*options, '=');

		snprintf(key, sizeof(key), "%.*s", (int)strcspn(*options, "="), *options);
		must(sys_fsconfig(ctx, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, key,
				  value ? value + 1 : NULL, 0), *options);
	}
	must(sys_fsconfig(ctx, FSCONFIG_CMD_CREATE, NULL, NULL, 0), type);
	fd = must(sys_fsmount(ctx, FSMOUNT_CLOEXEC, attributes), type);
	(void)close(ctx);
	return fd;
}

static void attach(int fd, int dirfd, const char *path)
{
	must(sys_move_mount(fd, "", dirfd, path, MOVE_MOUNT_F_EMPTY_PATH), path);
}

static void pivot_to(int root)
{
	attach(root, AT_FDCWD, "/");
	must(fchdir(root), "fchdir");
	must(sys_pivot_root(".", "."), "pivot_root");
	must(sys_umount2(".", MNT_DETACH), "umount");
	must(chdir("/"), "chdir");
}

/* Private and empty but for the pod's shared memory. */
void floor_lean_root(void)
{
	static const char *const root_options[] = { "mode=0755", "size=16k", NULL };
	static const char *const shm_options[] = { "mode=1777", "size=64m", NULL };
	const struct mount_attr private = { .propagation = MS_PRIVATE };
	const struct mount_attr read_only = { .attr_set = MOUNT_ATTR_RDONLY };
	int root, shm;

	must(sys_mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &private), "private");
	root = make_fs("tmpfs", NO_ALL, root_options);
	must(mkdirat(root, "shm", 0755), "shm");
	shm = make_fs("tmpfs", NO_ALL, shm_options);
	pivot_to(root);
	attach(shm, root, "shm"); /* not before: a detached tree takes none until Linux 6.15 */
	(void)close(shm);
	must(sys_mount_setattr(root, "", AT_EMPTY_PATH, &read_only), "read-only");
	(void)close(root);
}

/* In podd's mount namespace, where the host's paths are. */
static int make_overlay(const struct floor *f)
{
	static const char *const options[] = { "size=256m", "mode=0700", NULL };
	int lower = must(open(f->lower, O_PATH | O_DIRECTORY | O_CLOEXEC), f->lower);
	int upper = make_fs("tmpfs", MOUNT_ATTR_NODEV, options), tree;
	char text[256];

	must(fchdir(f->scratch_fd), "scratch");
	attach(upper, AT_FDCWD, "root");
	must(mkdirat(upper, "upper", 0755), "upper");
	must(mkdirat(upper, "work", 0700), "work");
	must(mkdirat(upper, "merged", 0700), "merged");
	snprintf(text, sizeof(text),
		 "lowerdir=/proc/self/fd/%d,upperdir=/proc/self/fd/%d/upper,"
		 "workdir=/proc/self/fd/%d/work", lower, upper, upper);
	must(sys_mount("overlay", "root/merged", "overlay", MS_NODEV, text), "overlay");
	tree = must(sys_open_tree(AT_FDCWD, "root/merged", CLONE_TREE), "overlay");
	must(sys_umount2("root", MNT_DETACH), "umount");
	(void)close(upper);
	(void)close(lower);
	return tree;
}

static void make_dev(int root, int shm)
{
	static const char *const dev_options[] = { "mode=0755", "size=64k", NULL };
	static const char *const pts_options[] = { "newinstance", "ptmxmode=0666", "mode=0620",
						   "gid=5", NULL };
	static const struct { const char *name; unsigned major, minor; } nodes[] = {
		{ "null", 1, 3 }, { "zero", 1, 5 }, { "full", 1, 7 },
		{ "random", 1, 8 }, { "urandom", 1, 9 }, { "tty", 5, 0 },
	};
	static const char *const links[][2] = {
		{ "/proc/self/fd", "fd" }, { "/proc/self/fd/0", "stdin" },
		{ "/proc/self/fd/1", "stdout" }, { "/proc/self/fd/2", "stderr" },
		{ "pts/ptmx", "ptmx" },
	};
	static const char *const dirs[] = { "shm", "pts", "mqueue" };
	int dev = make_fs("tmpfs", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_STRICTATIME,
			  dev_options), pts, mqueue;
	mode_t mask = umask(0);

	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
		must(mknodat(dev, nodes[i].name, S_IFCHR | 0666,
			     makedev(nodes[i].major, nodes[i].minor)), nodes[i].name);
	umask(mask);
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		must(symlinkat(links[i][0], dev, links[i][1]), links[i][1]);
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		must(mkdirat(dev, dirs[i], 0755), dirs[i]);
	attach(dev, root, "dev");
	attach(shm, dev, "shm");
	pts = make_fs("devpts", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, pts_options);
	attach(pts, dev, "pts");
	mqueue = make_fs("mqueue", NO_ALL, NULL);
	attach(mqueue, dev, "mqueue");
	(void)close(pts);
	(void)close(mqueue);
	(void)close(dev);
}

static int open_present(int root, const char *path)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
	};
	int fd = sys_openat2(root, path, &how);

	must(fd < 0 && errno != ENOENT ? -1 : 0, path);
	return fd;
}

/* The first directory gets an empty file system, the next ones that of the first. */
static int cover_dir(int root, const char **covered, const char *path)
{
	static const char *const options[] = { "size=0", "nr_inodes=1", "mode=0555", NULL };

	if (*covered)
		return must(sys_open_tree(root, *covered, CLONE_TREE), path);
	*covered = path;
	return make_fs("tmpfs", NO_ALL | MOUNT_ATTR_RDONLY, options);
}

/* What is not there needs no cover; which is found out for each. */
static void hide(int root, const char **covered, const char *path)
{
	int target = open_present(root, path), tree;
	struct stat st;

	if (target < 0)
		return;
	must(fstat(target, &st), path);
	tree = S_ISDIR(st.st_mode) ? cover_dir(root, covered, path) :
				     must(sys_open_tree(root, "dev/null", CLONE_TREE), path);
	must(sys_move_mount(tree, "", target, "",
			    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH), path);
	(void)close(tree);
	(void)close(target);
}

static void protect(int root, const char *path)
{
	const struct mount_attr attr = { .attr_set = NO_ALL | MOUNT_ATTR_RDONLY };
	int target = open_present(root, path), tree;

	if (target < 0)
		return;
	tree = must(sys_open_tree(target, "", CLONE_TREE), path);
	must(sys_mount_setattr(tree, "", AT_EMPTY_PATH, &attr), path);
	must(sys_move_mount(tree, "", target, "",
			    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH), path);
	(void)close(tree);
	(void)close(target);
}

static void mount_system(int root, int shm)
{
	/* As podd hides and protects them: container/system.c. */
	static const char *const hidden[] = {
		"proc/acpi", "proc/asound", "proc/interrupts", "proc/kcore", "proc/keys",
		"proc/latency_stats", "proc/locks", "proc/sched_debug", "proc/scsi",
		"proc/timer_list", "proc/timer_stats", "sys/dev/block",
		"sys/devices/virtual/powercap", "sys/firmware", "sys/fs/selinux",
		"sys/devices/system/cpu/cpu0/thermal_throttle",
	};
	static const char *const protected[] = { "proc/1", "proc/bus", "proc/fs", "proc/irq",
						 "proc/sys", "proc/sysrq-trigger" };
	int proc = make_fs("proc", NO_ALL, NULL);
	int sys = make_fs("sysfs", NO_ALL | MOUNT_ATTR_RDONLY, NULL);
	int cgroup = make_fs("cgroup2", NO_ALL | MOUNT_ATTR_RDONLY, NULL);
	const char *covered = NULL;

	attach(proc, root, "proc");
	attach(sys, root, "sys");
	attach(cgroup, root, "sys/fs/cgroup");
	(void)close(proc);
	(void)close(sys);
	(void)close(cgroup);
	make_dev(root, shm);
	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
		hide(root, &covered, hidden[i]);
	for (size_t i = 0; i < sizeof(protected) / sizeof(protected[0]); i++)
		protect(root, protected[i]);
}

static void put_file(int root, const char *path, const char *text)
{
	int fd = must(openat(root, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644), path);

	must(write(fd, text, strlen(text)), path);
	(void)close(fd);
}

/*
 * Like podd's builder: the caller is a member of the pod's PID namespace and of
 * the container's group, and is inside the container when this returns.
 */
void floor_build_root(struct floor *f, struct floor_container *c)
{
	const struct mount_attr volume_attr = { .attr_set = NOSUID_NODEV,
						.propagation = MS_PRIVATE };
	const struct mount_attr private = { .propagation = MS_PRIVATE };
	int root = make_overlay(f), volume, shm;

	must(sys_mount_setattr(root, "", AT_EMPTY_PATH, &private), "private");
	volume = must(sys_open_tree(AT_FDCWD, f->volume, CLONE_TREE | AT_RECURSIVE), f->volume);
	must(sys_mount_setattr(volume, "", AT_EMPTY_PATH | AT_RECURSIVE, &volume_attr), "volume");
	must(setns(f->pause_pidfd, CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS),
	     "setns");
	must(unshare(CLONE_NEWNS), "unshare");
	shm = must(sys_open_tree(AT_FDCWD, "/shm", CLONE_TREE), "shm");
	pivot_to(root);
	mount_system(root, shm);
	put_file(root, "etc/hostname", "floor\n");
	put_file(root, "etc/hosts", "127.0.0.1\tlocalhost\n10.77.3.2\tfloor\n");
	put_file(root, "etc/resolv.conf", "nameserver 10.77.0.1\n");
	attach(volume, root, "bench");
	c->mntns_fd = must(openat(root, "proc/self/ns/mnt", O_RDONLY | O_CLOEXEC), "ns/mnt");
	(void)close(volume);
	(void)close(shm);
	(void)close(root);
}
