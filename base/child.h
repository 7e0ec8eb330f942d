/* SPDX-License-Identifier: MIT */
/* Children that share our memory: the one way in which podd makes a process. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Theory of operation
 *
 * Every child is cloned with CLONE_VM|CLONE_VFORK on a piece of the caller's
 * own stack: no page table is copied (68 us against 4 ms for a fork of a
 * 100 MiB parent), the caller stands still until the child has exec'd or
 * exited, and what the child writes to memory (a struct err, a pid) is there
 * when the caller goes on. Whoever calls must have one thread and all signals
 * blocked: a handler would run in the child on the caller's memory.
 *
 * child_call() is for work in other namespaces: the child shares the
 * descriptor table (CLONE_FILES), so a socket or a namespace that it opens is
 * the caller's as well.
 *
 * child_call_bounded() is for a child that strangers can see and signal: a
 * member of a pod's PID namespace. Stopped by one of them it would hold a caller
 * suspended by CLONE_VFORK for ever; so this caller is not suspended but waits,
 * for so long, and then ends it. The memory is shared all the same, so when
 * this comes back no child of the child is at work on it either. With @copy the
 * child has a copy of the memory (300 us more on a virtual machine) and tells
 * what it has to in child_shared(): for a child that is charged to a control
 * group, since an OOM kill takes all processes of a memory at once.
 */
#define CHILD_STACK_SIZE  (128 * 1024)
#define CHILD_STACK_INNER (48 * 1024)  /* for a child that a child makes */

struct child_args {
	uint64_t flags;  /* further CLONE_* flags (clone(2)), besides VM and VFORK */
	int cgroup_fd;   /* with CLONE_INTO_CGROUP */
	int *pidfd;      /* with CLONE_PIDFD; O_CLOEXEC, owned by the caller */
	int exit_signal; /* 0: the parent gets none; reap it with __WALL */
	size_t stack_size; /* bytes; 0: CHILD_STACK_SIZE */
	const int *inner_pidfd; /* of child_call_bounded(): a child that the child makes */
	const int *kept_fd; /* and what else stays open when the child is killed; or NULL */
	bool copy; /* of child_call_bounded() */
	/* Of child_call_bounded(): the child is born in these namespaces (CLONE_NEW*) of that
	 * process, so that who sees it from in there finds nothing of ours; 0: in ours. */
	int namespaces;
	int namespaces_pidfd;
};

typedef int child_fn(void *arg);

pid_t child_spawn(const struct child_args *args, child_fn *fn, void *arg);
int child_call(const struct child_args *args, child_fn *fn, void *arg);
int child_call_beside(const struct child_args *args, child_fn *fn,
		      void (*beside)(pid_t pid, void *arg), void *arg);
void *child_shared(size_t size);
pid_t child_pid(int pidfd);
bool child_has_execed(int pidfd);
int child_call_bounded(const struct child_args *args, unsigned timeout_ms, child_fn *fn,
		       void *arg);
