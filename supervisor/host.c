/* SPDX-License-Identifier: MIT */
/* What podd needs of its host and of its own process before it starts a pod. */
#include "supervisor/host.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/child.h"
#include "base/fd.h"
#include "base/keyring.h"
#include "base/sys.h"

#ifdef __GLIBC__
#include <malloc.h>
#else
#define malloc_trim(pad) ((void)(pad)) /* musl gives back by itself */
#endif

/* A child in the pod and the one that it makes, and our own frames above. */
#define STACK_USED_MAX (2 * CHILD_STACK_SIZE)

/* The first kernel whose interfaces we all use: docs/ARCHITECTURE.md. */
#define KERNEL_MAJOR 5
#define KERNEL_MINOR 15

#define DESCRIPTORS_NEEDED 1000 /* the usual soft limit is 1024 */

/* What a start cannot do without; the rest of root's powers goes unused. */
static const struct {
	unsigned bit;
	const char *name;
} needed[] = {
	{ CAP_CHOWN, "CAP_CHOWN" },
	{ CAP_DAC_OVERRIDE, "CAP_DAC_OVERRIDE" },
	{ CAP_KILL, "CAP_KILL" },
	{ CAP_MKNOD, "CAP_MKNOD" },
	{ CAP_NET_ADMIN, "CAP_NET_ADMIN" },
	{ CAP_SETGID, "CAP_SETGID" },
	{ CAP_SETPCAP, "CAP_SETPCAP" },
	{ CAP_SETUID, "CAP_SETUID" },
	{ CAP_SYS_ADMIN, "CAP_SYS_ADMIN" },
	{ CAP_SYS_CHROOT, "CAP_SYS_CHROOT" },
	{ CAP_SYS_PTRACE, "CAP_SYS_PTRACE" },
};

static int check_capabilities(struct err *err)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (geteuid() != 0)
		return err_set(err, EPERM, "podd must run as root, not as user %u", geteuid());
	if (syscall(SYS_capget, &head, data) < 0)
		return err_sys(err, "read the own capabilities");
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
		if (!(data[needed[i].bit / 32].effective & (1u << (needed[i].bit % 32))))
			return err_set(err, EPERM, "podd lacks the capability %s", needed[i].name);
	return 0;
}

static int check_kernel(struct err *err)
{
	unsigned major, minor;
	struct utsname u;

	if (uname(&u) < 0 || sscanf(u.release, "%u.%u", &major, &minor) != 2)
		return err_set(err, EINVAL, "read the kernel's version");
	if (major < KERNEL_MAJOR || (major == KERNEL_MAJOR && minor < KERNEL_MINOR))
		return err_set(err, ENOSYS, "kernel %s: podd needs Linux %d.%d or newer", u.release,
			       KERNEL_MAJOR, KERNEL_MINOR);
	return 0;
}

/*
 * Descriptors for the largest pod, and for the pause's while they are arranged.
 * A soft limit below that is raised; containers have limits of their own.
 */
static int check_descriptors(struct err *err)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return err_sys(err, "read the limit of open files");
	if (limit.rlim_cur >= DESCRIPTORS_NEEDED)
		return 0;
	if (limit.rlim_max < DESCRIPTORS_NEEDED)
		return err_set(err, EMFILE, "RLIMIT_NOFILE allows %llu open files, podd needs %d",
			       (unsigned long long)limit.rlim_max, DESCRIPTORS_NEEDED);
	limit.rlim_cur = DESCRIPTORS_NEEDED;
	return setrlimit(RLIMIT_NOFILE, &limit) < 0 ? err_sys(err, "raise RLIMIT_NOFILE") : 0;
}

/* A descriptor that podd makes must never land on 0, 1 or 2: a child would
 * dup2 over it. */
static int fill_standard_descriptors(struct err *err)
{
	for (;;) {
		int fd = open("/dev/null", O_RDWR | O_NOCTTY);

		if (fd < 0)
			return err_sys(err, "open '/dev/null'");
		if (fd > 2) {
			(void)close(fd);
			return 0;
		}
	}
}

/*
 * All signals blocked, and none ignored: what whoever started us ignores
 * (systemd: SIGPIPE, nohup: SIGHUP) would be ignored in every container, since
 * neither execve(2) nor CLONE_CLEAR_SIGHAND (clone(2)) resets it. The raw call,
 * for the libc keeps two signals for itself.
 */
static int clear_signals(struct err *err)
{
	static const uint64_t by_default[8]; /* the kernel's struct sigaction, all zero */
	sigset_t all;

	sigfillset(&all);
	if (sigprocmask(SIG_BLOCK, &all, NULL) < 0)
		return err_sys(err, "block the signals");
	for (int sig = 1; sig <= 64; sig++)
		(void)syscall(SYS_rt_sigaction, sig, by_default, NULL, sizeof(uint64_t));
	return 0;
}

/**
 * host_prepare_process() - turn this process into a supervisor
 *
 * All signals blocked (base/child.h asks for it; the loop takes them from a
 * signalfd), not dumpable (children in the pod share our memory for a moment:
 * nobody in there may trace them), without the keys of who has started us, and in
 * a mount namespace of our own, which gets the host's mounts and gives none back:
 * what a start mounts for a moment is seen by nobody and cannot outlive us.
 * Descriptors of directories have to be opened after this.
 *
 * Return: 0 or -errno with @err filled; host_lacks() tells whose fault it is.
 */
int host_prepare_process(struct err *err)
{
	const struct mount_attr slave = { .propagation = MS_SLAVE };
	int r;

	r = fill_standard_descriptors(err);
	if (r == 0)
		r = check_kernel(err);
	if (r == 0)
		r = check_capabilities(err);
	if (r == 0)
		r = check_descriptors(err);
	if (r == 0)
		r = clear_signals(err);
	if (r < 0)
		return r;
	umask(022); /* containers inherit it */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_sys(err, "make podd not dumpable");
	r = keyring_leave();
	if (r < 0)
		return err_set(err, -r, "make a session keyring: %s", strerror(-r));
	if (unshare(CLONE_NEWNS) < 0)
		return err_sys(err, "make podd's mount namespace");
	if (sys_mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &slave) < 0)
		return err_sys(err, "cut the mounts' propagation to the host");
	return 0;
}

/* Where the program's headers and its code begin, and where the code ends (ld(1)). */
extern const char __executable_start[], etext[]; /* NOLINT(bugprone-reserved-identifier) */

/*
 * The code of the start: nobody has written to these pages, so what is executed again
 * comes from the page cache, without a wait for a disk. The page that etext is in may
 * have what is not code.
 */
static void unmap_code(uintptr_t page)
{
	const uintptr_t begin = (uintptr_t)__executable_start & ~(page - 1);
	const uintptr_t end = (uintptr_t)etext & ~(page - 1);

	(void)madvise((void *)begin, end - begin, MADV_DONTNEED); /* or it stays */
}

/**
 * host_trim_process() - give back the memory that only the start has used
 *
 * Free pages of the heap, the stack below the caller, which is that of the parser and
 * of the children, and the code: 50 KiB and half a MiB, of which ten podds have the code
 * in common.
 */
__attribute__((noinline)) void host_trim_process(void)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	/* Our own frame, and that of madvise(), are in the page above this. */
	uintptr_t end = ((uintptr_t)__builtin_frame_address(0) & ~(page - 1)) - page;
	uintptr_t begin = end - STACK_USED_MAX;

	(void)malloc_trim(0);
	/* ENOMEM: the stack never was so large; what there is of it is done. */
	(void)madvise((void *)begin, STACK_USED_MAX, MADV_DONTNEED);
	unmap_code(page);
}

/**
 * host_lacks() - whether an error means that the host cannot do it
 * @code: positive errno
 *
 * Privilege, kernel feature, file system, protocol or controller: nothing that
 * another pod file could mend.
 */
bool host_lacks(int code)
{
	switch (code) {
	case EPERM:
	case ENOSYS:
	case EMFILE:
	case ENODEV:
	case EOPNOTSUPP:
	case EAFNOSUPPORT:
	case EPROTONOSUPPORT:
		return true;
	default:
		return false;
	}
}
