/* SPDX-License-Identifier: MIT */
/* A pod's user namespace: made, entered, found again; and whose ids it has. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/*
 * Theory of operation
 *
 * Each pod has a range of the host's ids that is nobody else's (userns/range.h):
 * id N in the pod is FIRST + N outside. The namespace is made before the pause,
 * by a child that does nothing but be in it while podd writes its maps, which only
 * a process outside may do (user_namespaces(7)). It owns the pod's PID, network,
 * IPC and UTS namespaces, so a capability that a container has is good for those
 * and for nothing of the host's.
 *
 * The mount namespaces of the pause and of the containers belong to the *host's*
 * user namespace. podd's children make them before they enter the pod's, so all that
 * mounts is done as the host's root, and a container cannot undo any of it, whatever
 * capability it was given: CAP_SYS_ADMIN is asked for in the namespace that owns the
 * mounts. Its own roots are made to fit by idmapped mounts.
 *
 * The last id of the range is not in the namespace, so nobody inside can take it, whatever
 * capability he has. It is the pause's: whoever has a process's ids may set its limits, and
 * RLIMIT_CPU ends even a PID 1. And it is the owner's: to him the kernel charges what a pod
 * takes of inotify instances, queued signals and the like (ucounts), so that no pod takes them
 * from the host's root and from all others.
 */
#define USERNS_RANGE 65536	       /* the host's ids of a pod */
#define USERNS_IDS   (USERNS_RANGE - 1) /* those that it has: 16 bits hold no more, -1 is none */

struct userns {
	int fd;		/* or -EBADF: the host's own */
	uint32_t first; /* the host's id of the pod's 0 */
	uint32_t n;
};

#define USERNS_HOST ((struct userns){ .fd = -EBADF, .first = 0, .n = UINT32_MAX })

/* The host's id of an id of the pod that is below @ns->n. */
static inline uint32_t userns_host_id(const struct userns *ns, uint32_t id)
{
	return ns->first + id;
}

/* The host's id of the last of the range, which the namespace has not. */
static inline uint32_t userns_outside_id(const struct userns *ns)
{
	return ns->first + USERNS_IDS;
}

int userns_create(struct userns *out, uint32_t first, struct err *err);
int userns_find(struct userns *out, pid_t pid, struct err *err);
int userns_enter(const struct userns *ns, struct err *err);
int userns_enter_as_nobody(const struct userns *ns, struct err *err);
int userns_act_as_root(const struct userns *ns, struct err *err);
int userns_map_mount(const struct userns *ns, int mount_fd, unsigned flags);
