/* SPDX-License-Identifier: MIT */
/* Devices that come and go while their containers run. */
#pragma once

#include "base/err.h"
#include "container/container.h"
#include "supervisor/loop.h"

/*
 * Theory of operation
 *
 * A container with a Device= by class or by ids, or an optional one, is *followed*: what
 * its devices are is looked up once more when the kernel or udev tells that a node came or
 * went (supervisor/uevent.h), a moment later, so that the nodes of one device are one
 * change. First the filter of the container's group is replaced, then nodes are made and
 * removed in its /dev (container/nodes.h). What cannot be done is told, and ends nobody.
 *
 * The socket is there only while the pod has such a container.
 */
struct pod;
struct member;

struct hotplug {
	struct watch watch;
	struct timer timer;
};

bool hotplug_follows(const struct container_spec *run);
int hotplug_begin(struct pod *pod, struct err *err);
void hotplug_update(struct pod *pod);
void hotplug_end(struct pod *pod);
