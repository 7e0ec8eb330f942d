/* SPDX-License-Identifier: MIT */
/* pod-pause: PID 1 of a pod. Holds the namespaces, reaps, records exits. */

/*
 * Theory of operation
 *
 * podd clones this process into the pod's new namespaces, as an id of its own
 * with no capability, all signals blocked and the descriptors of pause/board.h
 * in place. It maps the board and then does one thing for ever: wait for
 * SIGCHLD, and for every child that ended write its status into the slot that
 * carries its pid, reap it, and tell podd by the eventfd. It allocates
 * nothing, parses nothing, and blocks nowhere else, so there is nothing in it
 * that could fail later. It ends by SIGKILL from outside, and the kernel then
 * ends every process of the pod (pid_namespaces(7)).
 *
 * Should: be able to record an exit while no podd lives.
 * Mustn't: use libc (its start-up alone is larger), write anywhere but the
 * board, change its descriptors.
 *
 * SIGCHLD has to be blocked: with its default disposition a signal to PID 1 is
 * dropped before anybody could wait for it, unless it is blocked
 * (kernel/signal.c, sig_ignored()).
 */
#include <linux/time_types.h>
#include <linux/types.h>
#include <asm/unistd.h>

#include "pause/board.h"

#define PROT_READ_WRITE 3        /* PROT_READ | PROT_WRITE, mmap(2) */
#define MAP_SHARED_     1
#define P_ALL_          0        /* waitid(2) */
#define WNOHANG_        1
#define WEXITED_        4
#define WNOWAIT_        0x01000000
#define CLD_EXITED_     1        /* sigaction(2), si_code */
#define CLD_DUMPED_     3
#define SIGCHLD_        17
#define EINTR_          4
#define CLOCK_REALTIME_ 0
#define CLOCK_BOOTTIME_ 7
#define PR_SET_DUMPABLE_ 4
#define PR_SET_NAME_    15

static long call6(long nr, long a, long b, long c, long d, long e, long f)
{
#if defined(__x86_64__)
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc #0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
#else
#error "pause/pause.c: system calls are not written for this machine yet"
#endif
}

#define call(nr, a, b, c, d) call6(nr, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)

/* The part of siginfo_t that waitid(2) fills, as all Linux ABIs lay it out. */
struct child_info {
	int signo, error, code, pad;
	int pid;
	unsigned uid;
	int status;
	int rest[25];
};
_Static_assert(sizeof(struct child_info) == 128, "siginfo_t is 128 bytes");

static __u64 now_ns(int clock)
{
	struct __kernel_timespec ts = { 0, 0 };

	(void)call(__NR_clock_gettime, clock, &ts, 0, 0);
	return (__u64)ts.tv_sec * 1000000000 + (__u64)ts.tv_nsec;
}

/* The status as wait(2) encodes it, from what waitid(2) says in two members. */
static int wait_status(const struct child_info *info)
{
	if (info->code == CLD_EXITED_)
		return (info->status & 0xff) << 8;
	return (info->status & 0x7f) | (info->code == CLD_DUMPED_ ? 0x80 : 0);
}

static void record(struct board *board, const struct child_info *info)
{
	__u64 one = 1;

	for (unsigned i = 0; i < BOARD_SLOTS; i++) {
		struct board_slot *s = &board->slots[i];

		if (__atomic_load_n(&s->state, __ATOMIC_ACQUIRE) != BOARD_RUNNING ||
		    s->pid != info->pid)
			continue;
		s->wait_status = wait_status(info);
		s->exited_boottime_ns = now_ns(CLOCK_BOOTTIME_);
		s->exited_realtime_ns = now_ns(CLOCK_REALTIME_);
		__atomic_store_n(&s->state, BOARD_EXITED, __ATOMIC_RELEASE);
		/* Fails only with a counter at its maximum: podd is told anyway. */
		(void)call(__NR_write, PAUSE_FD_EVENT, &one, sizeof(one), 0);
		return;
	}
	/* An orphan that its parent left to PID 1: nobody asked for its status. */
}

static void reap_all(struct board *board)
{
	struct child_info info;
	long r;

	for (;;) {
		info.pid = 0;
		r = call6(__NR_waitid, P_ALL_, 0, (long)&info,
			  WEXITED_ | WNOHANG_ | WNOWAIT_, 0, 0);
		if (r == -EINTR_)
			continue;
		if (r < 0 || info.pid == 0)
			return;
		record(board, &info);
		(void)call(__NR_wait4, info.pid, 0, WNOHANG_, 0);
	}
}

__attribute__((noreturn)) static void leave(int status)
{
	for (;;)
		(void)call(__NR_exit_group, status, 0, 0, 0);
}

/* Its symbol is only needed by the assembly below. */
__attribute__((noreturn, used)) void pause_main(void);

void pause_main(void)
{
	__u64 sigchld = 1UL << (SIGCHLD_ - 1);
	struct board *board;
	long p;

	/* execve by descriptor named us after its number; and from here on even
	 * a process with our uid may not look into /proc/1/{fd,root,mem}. */
	(void)call(__NR_prctl, PR_SET_NAME_, "pod-pause", 0, 0);
	(void)call(__NR_prctl, PR_SET_DUMPABLE_, 0, 0, 0);
	p = call6(__NR_mmap, 0, BOARD_SIZE, PROT_READ_WRITE, MAP_SHARED_, PAUSE_FD_BOARD, 0);
	if (p < 0 && p > -4096)
		leave(1);
	board = (struct board *)p;
	if (board->magic != BOARD_MAGIC || board->version != BOARD_VERSION)
		leave(2);
	for (;;) {
		reap_all(board);
		(void)call(__NR_rt_sigtimedwait, &sigchld, 0, 0, sizeof(sigchld));
	}
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tand $-16, %rsp\n\tcall pause_main\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n_start:\n\tmov x29, xzr\n\tbl pause_main\n");
#endif
