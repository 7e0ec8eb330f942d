/* SPDX-License-Identifier: MIT */
/* Running a child as a member of the pod's namespaces. */
#include "container/pidns.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/fault.h"
#include "base/sys.h"

/* A root on a slow disk or network takes its time to mount; a start is never this slow. */
#define CHILD_TIMEOUT_MS 10000

struct member_call {
	child_fn *fn;
	void *arg;
	int podd_pidfd;
};

/*
 * Of a podd that is killed nothing may be left at work, nor hold its lock. From inside the
 * pod, whose parents outside all have the number 0, only its pidfd says whether it lives.
 */
static int run_as_member(void *arg)
{
	const struct member_call *call = arg;
	struct pollfd gone = { .fd = call->podd_pidfd, .events = POLLIN };

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* fails only for a wrong signal */
	return poll(&gone, 1, 0) == 0 ? call->fn(call->arg) : 1;
}

static int own_pidfd(void)
{
	static int fd = -EBADF;

	if (fd < 0)
		fd = sys_pidfd_open(getpid(), 0);
	return fd;
}

/**
 * pidns_child_call() - child_call() with the child inside a pod's namespaces
 * @pause_pidfd: a process of those; negative: in ours, for what strangers shall not see
 * @args: as for child_call_bounded()
 *
 * It is born there, with the pause's mounts, since its /proc/PID is the pod's to read:
 * mountinfo and net would tell of the host's. The containers of the pod see the child, and
 * a root among them may signal it: see child_call_bounded(), also for what @fn may write.
 *
 * Return: what @fn returned, or -errno with @err filled (ESRCH: the namespace's
 * PID 1 is gone; ETIMEDOUT, ECHILD: stopped or killed, mostly from inside).
 */
int pidns_child_call(int pause_pidfd, const struct child_args *args, child_fn *fn, void *arg,
		     struct err *err)
{
	struct member_call call = { fn, arg, own_pidfd() };
	struct child_args with = args ? *args : (struct child_args){ 0 };
	int r;

	if (call.podd_pidfd < 0)
		return err_sys(err, "open podd's pidfd");
	if (pause_pidfd >= 0)
		with.namespaces = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC |
				  CLONE_NEWUTS;
	with.namespaces_pidfd = pause_pidfd;
	fault_child_begin();
	r = child_call_bounded(&with, CHILD_TIMEOUT_MS, run_as_member, &call);
	fault_child_wait();
	/* A namespace whose PID 1 is gone makes no more processes:
	 * pid_namespaces(7), "the init process". */
	if (r == -ENOMEM || r == -ESRCH)
		return err_set(err, ESRCH, "the pod's PID 1 is gone");
	if (r == -ECHILD)
		return err_set(err, ECHILD, pause_pidfd < 0 ? "podd's child was killed" :
			       "the child in the pod was killed, perhaps from inside of it");
	if (r == -ETIMEDOUT)
		return err_set(err, ETIMEDOUT, pause_pidfd < 0 ? "podd's child took too long" :
			       "the child in the pod was stopped, perhaps from inside of it");
	if (r < 0)
		return err_set(err, -r, "clone into the pod's namespaces: %s", strerror(-r));
	return r;
}
