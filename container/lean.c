/* SPDX-License-Identifier: MIT */
/* The mount namespace of the pause: nothing of the host, and the pod's shm. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/sys.h"
#include "container/container.h"
#include "container/mount.h"
#include "userns/userns.h"

/**
 * container_lean_root() - replace all mounts of the own namespace by a bare root
 * @shm_size_bytes: bound of the pod's /dev/shm, which is at /shm afterwards
 * @userns: whose root it belongs to
 *
 * For a process that was just cloned with CLONE_NEWNS and is to hold it: what
 * stays is a read-only tmpfs. /proc/1/root leads a container
 * nowhere, and a copy of this namespace costs one mount, not the host's 500.
 *
 * Return: 0 or -errno with @err filled.
 */
int container_lean_root(uint64_t shm_size_bytes, const struct userns *userns, struct err *err)
{
	char size[32], owner[16], inodes[32];
	const struct mount_fs root_fs = {
		.type = "tmpfs",
		.attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
		.options = { { "mode", "0755" }, { "size", "4k" } },
	};
	const struct mount_fs shm_fs = {
		.type = "tmpfs",
		.attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
		.options = { { "mode", "1777" }, { "size", size }, { "nr_inodes", inodes },
			     { "uid", owner }, { "gid", owner } },
	};
	struct mount_attr private = { .propagation = MS_PRIVATE };
	struct mount_attr read_only = { .attr_set = MOUNT_ATTR_RDONLY };
	cleanup_close int root = -EBADF, shm = -EBADF, at = -EBADF;
	int r;

	snprintf(size, sizeof(size), "%" PRIu64, shm_size_bytes);
	mount_tmpfs_inodes(inodes, shm_size_bytes);
	snprintf(owner, sizeof(owner), "%" PRIu32, userns->first);
	if (sys_mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &private) < 0)
		return err_sys(err, "make the mounts private");
	r = mount_fs_create(&root, &root_fs, err);
	if (r == 0)
		r = mount_fs_create(&shm, &shm_fs, err);
	if (r < 0)
		return r;
	if (sys_move_mount(root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_sys(err, "attach the pause's root");
	if (fchdir(root) < 0 || sys_pivot_root(".", ".") < 0)
		return err_sys(err, "pivot_root");
	if (sys_umount2(".", MNT_DETACH) < 0)
		return err_sys(err, "detach the host's mounts");
	r = mount_open_dir(&at, root, "shm", 0755, err);
	if (r == 0)
		r = mount_attach(shm, at, "/shm", err);
	if (r == 0 && (chdir("/") < 0 ||
		       sys_mount_setattr(root, "", AT_EMPTY_PATH, &read_only) < 0))
		r = err_sys(err, "make the pause's root read-only");
	return r;
}
