/* SPDX-License-Identifier: MIT */
/* The application of the benchmark: says when its first instruction ran. */

/*
 *	app STAMPS DONE COUNT stay
 *	app STAMPS DONE COUNT TRIGGER
 *
 * Appends CLOCK_BOOTTIME in ns to the file STAMPS, taken at the first
 * instruction. The process that writes number COUNT, or any with a TRIGGER, then
 * writes a byte to the FIFO DONE. It stays, or waits for a byte from the FIFO
 * TRIGGER, appends the time once more and exits. No libc: nothing runs before
 * the first stamp.
 */
#include <asm/unistd.h>
#include <linux/fcntl.h>
#include <linux/types.h>

#define CLOCK_BOOTTIME_ 7
#define SEEK_END_	2

struct time {
	long s, ns;
};

static long call(long nr, long a, long b, long c, long d)
{
#if defined(__x86_64__)
	register long r10 __asm__("r10") = d;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10)
			 : "rcx", "r11", "memory");
	return ret;
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;

	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
	return x0;
#else
#error "tests/bench/app.c: system calls are not written for this machine yet"
#endif
}

static __u64 now_ns(void)
{
	struct time t = { 0, 0 };

	(void)call(__NR_clock_gettime, CLOCK_BOOTTIME_, (long)&t, 0, 0);
	return (__u64)t.s * 1000000000 + (__u64)t.ns;
}

static long number(const char *s)
{
	long n = 0;

	while (*s)
		n = n * 10 + (*s++ - '0');
	return n;
}

__attribute__((noreturn)) static void leave(int status)
{
	for (;;)
		(void)call(__NR_exit_group, status, 0, 0, 0);
}

static long open_file(const char *path, int flags)
{
	long fd = call(__NR_openat, AT_FDCWD, (long)path, flags, 0644);

	if (fd < 0)
		leave(1);
	return fd;
}

static void append(long fd, __u64 ns)
{
	if (call(__NR_write, fd, (long)&ns, sizeof(ns), 0) != sizeof(ns))
		leave(1);
}

/* Its symbol is only needed by the assembly below. */
__attribute__((noreturn, used)) void app_main(long *stack);

void app_main(long *stack)
{
	__u64 first_ns = now_ns();
	const char **argv = (const char **)(stack + 1);
	long stamps, count;
	char byte = 0;
	int stay;

	if (stack[0] != 5)
		leave(2);
	stay = argv[4][0] == 's';
	stamps = open_file(argv[1], O_RDWR | O_CREAT | O_APPEND);
	append(stamps, first_ns);
	count = call(__NR_lseek, stamps, 0, SEEK_END_, 0) / (long)sizeof(first_ns);
	if ((!stay || count == number(argv[3])) &&
	    call(__NR_write, open_file(argv[2], O_WRONLY), (long)&byte, 1, 0) != 1)
		leave(1);
	if (!stay) {
		(void)call(__NR_read, open_file(argv[4], O_RDONLY), (long)&byte, 1, 0);
		append(stamps, now_ns());
		leave(0);
	}
	for (;;)
		(void)call(__NR_ppoll, 0, 0, 0, 0);
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n"
	"\tcall app_main\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n_start:\n\tmov x29, xzr\n\tmov x0, sp\n\tbl app_main\n");
#endif
