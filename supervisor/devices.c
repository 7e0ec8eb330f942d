/* SPDX-License-Identifier: MIT */
/* Device=: which nodes a container gets, and that it can open no others. */
#include "supervisor/devices.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/fd.h"
#include "base/lookup.h"
#include "cgroup/devices.h"
#include "supervisor/sysfs.h"

_Static_assert((int)CONTAINER_DEVICES_MAX <= (int)CGROUP_DEVICES_MAX, "all fit into the filter");

static int find_path(struct container_nodes *out, const struct container_device *d, struct err *err)
{
	struct container_node *node = &out->nodes[out->n];
	const struct lookup l = { .path = d->source, .what = "device", .flags = O_PATH };
	cleanup_close int fd = -EBADF;
	struct stat st;
	int r = lookup_open(&fd, &l, err);

	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return err_sys(err, "device '%s'", d->source);
	if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
		return err_set(err, EINVAL, "device '%s': it is no device node", d->source);
	if (out->n == CONTAINER_DEVICES_MAX)
		return err_set(err, E2BIG, "device '%s': more than %d",
			       d->source, CONTAINER_DEVICES_MAX);
	*node = (struct container_node){
		.type = st.st_mode & S_IFMT,
		.number = st.st_rdev,
		.read_only = d->read_only,
	};
	snprintf(node->target, sizeof(node->target), "%s", d->target);
	out->n++;
	return 0;
}

static int find_listed(struct container_nodes *out, int sys_fd, const struct container_device *d,
		       struct err *err)
{
	const size_t before = out->n;
	int r = sysfs_find(out, sys_fd, d, err);

	if (r == 0 && out->n == before)
		r = err_set(err, ENOENT, "device '%s': there is none", d->source);
	return r;
}

/* Two that find the same node: the first one says how it is opened. */
static void drop_doubles(struct container_nodes *nodes, size_t from)
{
	for (size_t i = from; i < nodes->n;) {
		size_t k = 0;

		while (k < i && strcmp(nodes->nodes[k].target, nodes->nodes[i].target) != 0)
			k++;
		if (k == i)
			i++;
		else
			nodes->nodes[i] = nodes->nodes[--nodes->n];
	}
}

static int find(struct container_nodes *out, const struct container_spec *spec, int sys_fd,
		bool present, struct err *err)
{
	out->n = 0;
	for (size_t i = 0; i < spec->device_n; i++) {
		const struct container_device *d = &spec->devices[i];
		const size_t before = out->n;
		int r = d->by == CONTAINER_DEVICE_PATH ? find_path(out, d, err) :
							 find_listed(out, sys_fd, d, err);

		if (r < 0 && !(r == -ENOENT && (d->optional || present)))
			return err_about(err, r, "Device", (unsigned)i);
		drop_doubles(out, before);
	}
	return 0;
}

/**
 * devices_find() - the nodes of the devices that are there
 * @sys_fd: the directory /sys
 *
 * A link of root's, such as those of /dev/serial/by-id, is followed: the node is that of now.
 *
 * Return: 0 or -errno with @err filled (ENOENT: one that is not optional; EINVAL: no device).
 */
int devices_find(struct container_nodes *out, const struct container_spec *spec, int sys_fd,
		 struct err *err)
{
	return find(out, spec, sys_fd, false, err);
}

/**
 * devices_find_present() - the same while the container is there: what has gone is no error
 */
int devices_find_present(struct container_nodes *out, const struct container_spec *spec, int sys_fd,
			 struct err *err)
{
	return find(out, spec, sys_fd, true, err);
}

/**
 * devices_allow() - bound a container's group to its devices
 *
 * Also when none of them is there now. Not without a Device= and with ids of the pod's
 * own: nothing there can make or reach another node then (no capability is good for it,
 * and mounts are nodev), and a filter costs each container a page.
 *
 * Return: 0 or -errno with @err filled.
 */
int devices_allow(const struct cgroup *cg, const struct container_nodes *nodes,
		  const struct container_spec *spec, const struct userns *userns, struct err *err)
{
	struct cgroup_device devices[CONTAINER_DEVICES_MAX];

	if (spec->device_n == 0 && userns->fd >= 0)
		return 0;
	for (size_t i = 0; i < nodes->n; i++)
		devices[i] = (struct cgroup_device){
			.block = S_ISBLK(nodes->nodes[i].type),
			.read_only = nodes->nodes[i].read_only,
			.major = major(nodes->nodes[i].number),
			.minor = minor(nodes->nodes[i].number),
		};
	return cgroup_devices_allow(cg, devices, nodes->n, err);
}
