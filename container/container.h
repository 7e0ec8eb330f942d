/* SPDX-License-Identifier: MIT */
/* Containers: building a root, and starting a process in it. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/paths.h"
#include "container/spec.h"
#include "pause/board.h"
#include "userns/userns.h"

/*
 * Theory of operation
 *
 * A container has no object of its own here. What it is made of is a mount
 * namespace, kept as one descriptor, and a process. container_root_build()
 * makes the first, once for as long as the pod lives: a restart joins it again
 * (31 us against 800 us for all the mounts). container_spawn() makes the
 * second, for the container's own program and for exec sessions alike.
 *
 * Both enter the namespaces of a process that holds them (the pause) through
 * its pidfd. The work is done by a child that is a *member* of the pod's PID
 * namespace when it clones the program: only then does the program become a
 * child of the pod's PID 1 once that child is gone, and outlives the caller.
 *
 *   caller  a child joins the pause's namespaces, and clones A as its sibling
 *     A     born with the pause's mounts; joins the container's mount namespace
 *       B   joins the user namespace; stages of container/process.c, then execve
 *     A     exits: B's parent is the pause
 *
 * The caller needs one thread, all signals blocked and none ignored, and a
 * mount namespace of its own in which it may mount for a moment.
 */

/* Texts for /etc; NULL: the file is left as the root has it. */
struct container_files {
	const char *hostname;
	const char *hosts;
	const char *resolv_conf;
};

/* A device node that the container gets. */
struct container_node {
	char target[CONTAINER_DEVICE_TARGET_SIZE]; /* below /dev */
	mode_t type;	    /* S_IFCHR or S_IFBLK */
	dev_t number;
	bool read_only;
	bool by_kernel; /* its name is the kernel's: not made where the container has another
			 * thing */
};

struct container_nodes {
	struct container_node nodes[CONTAINER_DEVICES_MAX];
	size_t n;
};

struct container_root_args {
	const struct container_spec *spec;
	struct container_files files;
	const struct container_nodes *nodes;
	const bool *absent; /* of each volume: the container does not get it; NULL: of none */
	const struct userns *userns; /* the pod's */
	int pause_pidfd;
	int cgroup_fd;	   /* the container's group */
	int scratch_dirfd; /* holds an empty directory "root" to mount on for a moment */
	int disk_dirfd;    /* holds "upper" and "work"; only for CONTAINER_WRITABLE_DISK */
};

struct container_root {
	int mntns_fd;	    /* the mounts live as long */
	int credentials_fd; /* container/credentials.h; -EBADF: the spec has none */
	const char *given_away; /* of the host's own directories, by this start; or NULL */
};

int container_root_build(struct container_root *out, const struct container_root_args *args,
			 struct err *err);
int container_lean_root(uint64_t shm_size_bytes, const struct userns *userns, struct err *err);

/* BPF as seccomp(2) takes it; len 0: no filter. */
struct container_filter {
	unsigned short len;
	const void *program;
	bool audit;    /* one that sends all to a recorder instead (container/audit.h) */
	int report_fd; /* with @audit: the recorder's socket, O_CLOEXEC */
};

struct container_process {
	char *const *argv;
	char *const *env; /* "NAME=value"; PATH, HOME and container= are added when absent */
	const char *cwd;
	bool make_cwd; /* a directory that is not there is made, as root's */
	const char *user; /* as container_spec.user */
	bool run_as_non_root;
	bool credentials;   /* it is told where they are */
	int credentials_fd; /* with @credentials: they become its user's; or -EBADF */
	const struct container_rlimit *rlimits; /* CONTAINER_RLIMIT_N */
	struct container_capabilities capabilities;
	bool allow_new_privs;
	struct container_filter filter;
	const struct container_spec *spec; /* for Landlock and labels; NULL: neither */
	bool host_network;
	const struct userns *userns; /* the pod's */
	int pause_pidfd;
	int mntns_fd;
	int cgroup_fd; /* CLONE_INTO_CGROUP */
	bool oom_group; /* its memory.oom.group, which is off during the start */
	/* -EBADF: the container's /dev/null; pipes are given to the program's user. Unused
	 * with a terminal. */
	int stdio[3];
	bool tty;
	unsigned short rows, cols;
	struct board_slot *slot; /* STARTING; NULL: the exit need not be told */
};

struct container_started {
	int pidfd;         /* of the program, O_CLOEXEC, the caller's */
	pid_t pid;         /* as the caller's PID namespace numbers it */
	int master_fd;     /* of the terminal, or -EBADF */
	const char *stage; /* on failure: which one, a static string */
};

int container_enter_directory(const char *dir, struct err *err);
int container_spawn(struct container_started *out, const struct container_process *p,
		    struct err *err);

uint64_t container_bounding_set(const struct container_capabilities *c);
