/* SPDX-License-Identifier: MIT */
/* Running a child as a member of the pod's PID namespace. */
#include "container/pidns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/fault.h"
#include "base/fd.h"

/* A root on a slow disk or network takes its time to mount; a start is never this slow. */
#define CHILD_TIMEOUT_MS 10000

struct member_call {
	child_fn *fn;
	void *arg;
};

/* Of a podd that is killed nothing may be left at work, nor hold its lock. */
static int run_as_member(void *arg)
{
	const struct member_call *call = arg;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* fails only for a wrong signal */
	return call->fn(call->arg);
}

/* Where podd's own children are born, for as long as it lives; to look it up takes a while. */
static int own_namespace(void)
{
	static int fd = -EBADF;

	if (fd < 0)
		fd = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
	return fd;
}

/**
 * pidns_child_call() - child_call() with the child inside a pod's PID namespace
 * @pause_pidfd: a process of that namespace
 * @args: as for child_call()
 *
 * setns(CLONE_NEWPID) only changes where the caller's *children* are born
 * (setns(2)), so it is in force just around the clone. While it is, a thread
 * could not be made (EINVAL) and io_uring work that needs a worker would be
 * cancelled; the caller only waits for all of that time.
 *
 * The containers of the pod see the child, and a root among them may signal it:
 * see child_call_bounded(), also for what @fn may write.
 *
 * Return: what @fn returned, or -errno with @err filled (ESRCH: the namespace's
 * PID 1 is gone; ETIMEDOUT, ECHILD: stopped or killed, mostly from inside).
 */
int pidns_child_call(int pause_pidfd, const struct child_args *args, child_fn *fn, void *arg,
		     struct err *err)
{
	struct member_call call = { fn, arg };
	int own = own_namespace(), r;

	if (own < 0)
		return err_sys(err, "open '/proc/self/ns/pid'");
	if (setns(pause_pidfd, CLONE_NEWPID) < 0)
		return err_sys(err, "join the pod's PID namespace");
	fault_child_begin();
	r = child_call_bounded(args, CHILD_TIMEOUT_MS, run_as_member, &call);
	fault_child_wait();
	if (setns(own, CLONE_NEWPID) < 0)
		return err_sys(err, "return to the own PID namespace");
	/* A namespace whose PID 1 is gone makes no more processes:
	 * pid_namespaces(7), "the init process". */
	if (r == -ENOMEM)
		return err_set(err, ESRCH, "the pod's PID 1 is gone");
	if (r == -ETIMEDOUT || r == -ECHILD)
		return err_set(err, -r, "the child in the pod was %s, perhaps from inside of it",
			       r == -ECHILD ? "killed" : "stopped");
	if (r < 0)
		return err_set(err, -r, "clone into the pod's PID namespace: %s", strerror(-r));
	return r;
}
