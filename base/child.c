/* SPDX-License-Identifier: MIT */
/* Children that share our memory: the one way in which podd makes a process. */
#include "base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/sys.h"

#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND 0x100000000ULL
#endif

/* How soon a child is noticed that somebody has stopped. */
#define SLICE_MS 50
#define SHARED_SIZE 4096
#define SWEEP_MAX   1024 /* more descriptors than a podd has */
#define SWEEP_CHUNK 64

#if defined(__SANITIZE_ADDRESS__)
void __asan_unpoison_memory_region(void const volatile *addr, size_t size);
/* Frames of a child that exec'd or exited were never left: clear their marks. */
#define forget_frames(p, n) __asan_unpoison_memory_region(p, n)
#else
#define forget_frames(p, n) ((void)(p), (void)(n))
#endif

/*
 * The child cannot come back through a C return: its stack is empty. So the
 * system call, the call of @fn and the exit are one piece of assembly.
 * Numbers: 60 and 93 are SYS_exit of the two machines.
 */
static long clone3_call(struct clone_args *ca, child_fn *fn, void *arg)
{
#if defined(__x86_64__)
	register long nr __asm__("rax") = SYS_clone3;
	register void *a0 __asm__("rdi") = ca;
	register size_t a1 __asm__("rsi") = sizeof(*ca);
	register child_fn *f __asm__("r12") = fn;
	register void *p __asm__("r13") = arg;

	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "mov %%r13, %%rdi\n\t"
			 "call *%%r12\n\t"
			 "mov %%eax, %%edi\n\t"
			 "mov $60, %%eax\n\t"
			 "syscall\n\t"
			 "hlt\n"
			 "1:"
			 : "+r"(nr)
			 : "r"(a0), "r"(a1), "r"(f), "r"(p)
			 : "rcx", "r11", "memory", "cc");
	return nr;
#elif defined(__aarch64__)
	register long nr __asm__("x8") = SYS_clone3;
	register void *a0 __asm__("x0") = ca;
	register size_t a1 __asm__("x1") = sizeof(*ca);
	register child_fn *f __asm__("x19") = fn;
	register void *p __asm__("x20") = arg;
	long ret;

	__asm__ volatile("svc #0\n\t"
			 "cbnz x0, 1f\n\t"
			 "mov x29, xzr\n\t"
			 "mov x0, x20\n\t"
			 "blr x19\n\t"
			 "mov x8, #93\n\t"
			 "svc #0\n"
			 "1:\n\t"
			 "mov %0, x0"
			 : "=r"(ret), "+r"(a0)
			 : "r"(nr), "r"(a1), "r"(f), "r"(p)
			 : "memory", "cc", "x30");
	return ret;
#else
#error "base/child.c: clone3 is not written for this machine yet"
#endif
}

static pid_t clone_on(char *stack, size_t size, const struct child_args *args, uint64_t flags,
		      child_fn *fn, void *arg)
{
	struct clone_args ca = {
		.flags = args->flags | flags,
		.exit_signal = (uint64_t)args->exit_signal,
		.stack = (uintptr_t)stack,
		.stack_size = size,
		.pidfd = (uintptr_t)args->pidfd,
		.cgroup = args->flags & CLONE_INTO_CGROUP ? (uint64_t)args->cgroup_fd : 0,
	};

	return (pid_t)clone3_call(&ca, fn, arg);
}

/**
 * child_spawn() - make a child that runs @fn on the caller's memory
 * @args: flags, control group and pidfd
 * @fn: runs in the child; ends by execve or by returning an exit status
 * @arg: handed to @fn; shared, so @fn may leave results in it
 *
 * Comes back when the child has exec'd or is gone. The caller reaps it.
 *
 * Return: the child's pid as the caller's PID namespace numbers it, or -errno
 * (clone(2); ENOSYS: Linux before 5.3; EINVAL: a flag that it lacks).
 */
__attribute__((noinline, no_sanitize("address"))) pid_t
child_spawn(const struct child_args *args, child_fn *fn, void *arg)
{
	size_t size = args->stack_size ? args->stack_size : CHILD_STACK_SIZE;
	/* On the caller's stack, 16-byte aligned as both machines' calling
	 * conventions ask; pages that the child does not reach stay untouched. */
	char *stack = __builtin_alloca_with_align(size, 128);
	pid_t pid = clone_on(stack, size, args, CLONE_VM | CLONE_VFORK, fn, arg);

	forget_frames(stack, size);
	return pid;
}

static int reap(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, __WALL) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -ECHILD;
}

/**
 * child_call() - run a function in a child and wait for its end
 * @args: as for child_spawn(), or NULL; CLONE_FILES is added
 * @fn: must return; its value is the child's exit status, so 0 to 255
 *
 * What @fn opens is in the caller's descriptor table afterwards; what it
 * changes about itself (namespaces, working directory, identity) is gone.
 *
 * Return: @fn's value, or -errno when there was no child or a signal ended it
 * (ECHILD).
 */
int child_call(const struct child_args *args, child_fn *fn, void *arg)
{
	struct child_args with_files = args ? *args : (struct child_args){ 0 };
	pid_t pid;

	with_files.flags |= CLONE_FILES;
	pid = child_spawn(&with_files, fn, arg);
	if (pid < 0)
		return pid;
	return reap(pid);
}

/**
 * child_call_beside() - child_call() of a child that something is done to
 * @fn: must not return before @beside lets it, nor use the heap
 * @beside: runs in the caller, while the child does; @pid is the child's
 *
 * Return: as child_call().
 */
__attribute__((noinline, no_sanitize("address"))) int
child_call_beside(const struct child_args *args, child_fn *fn,
		  void (*beside)(pid_t pid, void *arg), void *arg)
{
	char *stack = __builtin_alloca_with_align(CHILD_STACK_INNER, 128);
	pid_t pid = clone_on(stack, CHILD_STACK_INNER, args, CLONE_VM | CLONE_FILES, fn, arg);
	int r;

	if (pid < 0)
		return pid;
	beside(pid, arg);
	r = reap(pid);
	forget_frames(stack, CHILD_STACK_INNER);
	return r;
}

/**
 * child_pid() - the pid that a pidfd means, as our PID namespace numbers it
 *
 * Return: the pid, or -1 when the process is gone (proc(5), fdinfo).
 */
pid_t child_pid(int pidfd)
{
	char path[64], text[512];
	const char *line;
	int pid;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	if (io_read_file(AT_FDCWD, path, text, sizeof(text), NULL) < 0)
		return -1;
	line = strstr(text, "\nPid:");
	return line && sscanf(line, " Pid: %d", &pid) == 1 ? pid : -1;
}

/**
 * child_has_execed() - whether a process runs another program than we do
 */
bool child_has_execed(int pidfd)
{
	struct stat own, other;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/exe", child_pid(pidfd));
	return stat("/proc/self/exe", &own) == 0 && stat(path, &other) == 0 &&
	       (own.st_dev != other.st_dev || own.st_ino != other.st_ino);
}

/* After the child's untimely end: none that it made may use our memory either. */
static void end_inner(int pidfd)
{
	struct pollfd gone = { .fd = pidfd, .events = POLLIN };

	if (child_has_execed(pidfd))
		return;
	(void)sys_pidfd_send_signal(pidfd, SIGKILL); /* ESRCH: it is gone */
	while (poll(&gone, 1, -1) < 0 && errno == EINTR)
		;
}

/* By a signal: state T, the field after the name (proc(5), stat). */
static bool is_stopped(pid_t pid)
{
	char path[64], text[1024];
	const char *name_end;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (pid <= 0 || io_read_file(AT_FDCWD, path, text, sizeof(text), NULL) < 0)
		return false;
	name_end = strrchr(text, ')');
	return name_end && name_end[1] == ' ' && name_end[2] == 'T';
}

/* Until the child is gone, or one of the two is stopped, or the time is over. */
static bool wait_bounded(int pidfd, const int *inner_pidfd, unsigned timeout_ms)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	for (unsigned ms = 0; ms < timeout_ms; ms += SLICE_MS) {
		if (poll(&p, 1, SLICE_MS) > 0)
			return true;
		fault_child_wait();
		if (is_stopped(child_pid(pidfd)) ||
		    (inner_pidfd && *inner_pidfd >= 0 && is_stopped(child_pid(*inner_pidfd))))
			return false;
	}
	return false;
}

/**
 * child_shared() - memory that the caller and a child with a copy both see
 *
 * The same piece at each call, zeroed, for one child at a time.
 *
 * Return: at least @size bytes, or NULL (more than a page, or no memory).
 */
void *child_shared(size_t size)
{
	static void *page;

	if (size > SHARED_SIZE)
		return NULL;
	if (!page) {
		void *p = mmap(NULL, SHARED_SIZE, PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

		page = p == MAP_FAILED ? NULL : p;
	}
	return page ? memset(page, 0, size) : NULL;
}

static bool has_open(const struct pollfd *fds, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (!(fds[i].revents & POLLNVAL))
			return true;
	return false;
}

/*
 * Which of the caller's descriptors are open: poll(2) tells of many in one call, 40 ns
 * each. The kernel gives the lowest that is free, so behind a chunk without any there are
 * hardly more; what a child opens there, if it has a chunk full of others, stays.
 *
 * Return: how many were looked at; 0: unknown.
 */
static unsigned list_open(struct pollfd fds[SWEEP_MAX])
{
	struct rlimit limit = { .rlim_cur = SWEEP_MAX };
	unsigned n = 0, chunk;

	(void)getrlimit(RLIMIT_NOFILE, &limit); /* cannot fail */
	do {
		chunk = limit.rlim_cur - n < SWEEP_CHUNK ?
				(unsigned)limit.rlim_cur - n : SWEEP_CHUNK;
		for (unsigned i = n; i < n + chunk; i++)
			fds[i] = (struct pollfd){ .fd = (int)i };
		if (poll(fds + n, chunk, 0) < 0)
			return 0;
		n += chunk;
	} while (n < SWEEP_MAX && n < limit.rlim_cur && has_open(fds + n - chunk, chunk));
	return n;
}

/* What a child that was killed had opened for itself is in our table, for good. */
static void sweep(const struct pollfd *before, unsigned n, int pidfd, const struct child_args *args)
{
	const int inner = args->inner_pidfd ? *args->inner_pidfd : -EBADF;
	const int kept = args->kept_fd ? *args->kept_fd : -EBADF;
	struct pollfd after[SWEEP_MAX];
	unsigned after_n = list_open(after);

	for (unsigned i = 0; i < n && i < after_n; i++)
		if ((before[i].revents & POLLNVAL) && !(after[i].revents & POLLNVAL) &&
		    (int)i != pidfd && (int)i != inner && (int)i != kept)
			(void)close((int)i);
}

/* A clone that another process makes for us. */
struct birth {
	char *stack;
	const struct child_args *args;
	uint64_t flags;
	child_fn *fn;
	void *arg;
	pid_t caller, pid;
};

/* Only a child's child is born in the PID namespace that its parent has joined: setns(2). */
static int give_birth(void *arg)
{
	struct birth *b = arg;

	/* Of a caller that is killed nothing may be born. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != b->caller)
		b->pid = -ESRCH;
	else if (setns(b->args->namespaces_pidfd, b->args->namespaces) < 0)
		b->pid = -errno;
	else
		b->pid = clone_on(b->stack, CHILD_STACK_SIZE, b->args, b->flags | CLONE_PARENT,
				  b->fn, b->arg);
	return 0;
}

static pid_t clone_elsewhere(struct birth *b)
{
	int r = child_call(NULL, give_birth, b);

	return r < 0 ? r : b->pid;
}

/**
 * child_call_bounded() - run a function in a child that nobody has to trust
 * @args: as for child_call(); without a pidfd
 * @timeout_ms: bound of the child's whole life
 * @fn, @arg: as for child_call(); neither uses the heap, which the child's end
 * might leave torn
 *
 * What @fn has opened stays open when it comes back, and is closed, but for what
 * @args says, when it does not.
 *
 * Return: @fn's value, or -errno: as child_call(), and ETIMEDOUT when the
 * child was stopped or too slow, and was killed. A program that its child has
 * executed lives on then.
 */
__attribute__((noinline, no_sanitize("address"))) int
child_call_bounded(const struct child_args *args, unsigned timeout_ms, child_fn *fn, void *arg)
{
	struct child_args with = args ? *args : (struct child_args){ 0 };
	char *stack = __builtin_alloca_with_align(CHILD_STACK_SIZE, 128);
	cleanup_close int pidfd = -EBADF;
	struct pollfd before[SWEEP_MAX];
	unsigned before_n = list_open(before);
	struct birth b;
	bool in_time;
	pid_t pid;
	int r;

	with.flags |= CLONE_FILES | CLONE_PIDFD;
	with.pidfd = &pidfd;
	b = (struct birth){ stack, &with, with.copy ? 0 : CLONE_VM, fn, arg, getpid(), -EINVAL };
	pid = with.namespaces ? clone_elsewhere(&b) :
				clone_on(stack, CHILD_STACK_SIZE, &with, b.flags, fn, arg);
	if (pid < 0)
		return pid;
	in_time = wait_bounded(pidfd, with.inner_pidfd, timeout_ms);
	if (!in_time)
		(void)sys_pidfd_send_signal(pidfd, SIGKILL); /* ESRCH: it just made it */
	r = reap(pid);
	if (r < 0 && with.inner_pidfd && *with.inner_pidfd >= 0)
		end_inner(*with.inner_pidfd);
	if (r < 0 || !in_time)
		sweep(before, before_n, pidfd, &with);
	forget_frames(stack, CHILD_STACK_SIZE);
	return in_time ? r : -ETIMEDOUT;
}
