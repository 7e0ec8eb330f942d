/* SPDX-License-Identifier: MIT */
/* Device=: which nodes a container gets, and that it can open no others. */
#include "supervisor/devices.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/fd.h"
#include "cgroup/devices.h"

_Static_assert((int)CONTAINER_DEVICES_MAX <= (int)CGROUP_DEVICES_MAX, "all fit into the filter");

/**
 * devices_find() - the nodes of the devices that are there
 * @out: borrows the names from @spec
 *
 * A link, such as those of /dev/serial/by-id, is followed: the node is that of now.
 *
 * Return: 0 or -errno with @err filled (ENOENT: one that is not optional; EINVAL: no device).
 */
int devices_find(struct container_nodes *out, const struct container_spec *spec, struct err *err)
{
	out->n = 0;
	for (size_t i = 0; i < spec->device_n; i++) {
		const struct container_device *d = &spec->devices[i];
		struct stat st;

		if (stat(d->source, &st) < 0) {
			if (d->optional && errno == ENOENT)
				continue;
			return err_about(err, err_sys(err, "device '%s'", d->source), "Device",
					 (unsigned)i);
		}
		if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
			return err_about(err, err_set(err, EINVAL, "device '%s': it is no device node",
						      d->source), "Device", (unsigned)i);
		out->nodes[out->n++] = (struct container_node){
			.target = d->target,
			.type = st.st_mode & S_IFMT,
			.number = st.st_rdev,
			.read_only = d->read_only,
		};
	}
	return 0;
}

/**
 * devices_allow() - bound a container's group to its devices
 *
 * Not without a device and with ids of the pod's own: nothing there can make or reach
 * another node then (no capability is good for it, and mounts are nodev), and a filter
 * costs each container a page.
 *
 * Return: 0 or -errno with @err filled.
 */
int devices_allow(const struct cgroup *cg, const struct container_nodes *nodes,
		  const struct userns *userns, struct err *err)
{
	struct cgroup_device devices[CONTAINER_DEVICES_MAX];

	if (nodes->n == 0 && userns->fd >= 0)
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
