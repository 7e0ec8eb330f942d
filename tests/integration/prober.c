/* SPDX-License-Identifier: MIT */
/* What the place where this runs leaves open, a line each: "CLASS<tab>NAME". Static. */

/*
 * Theory of operation
 *
 * Nothing is done here that changes anything: files are opened and not written to, devices
 * that act when they are opened are left out, and no system call is made to learn whether it
 * could be.
 *
 * For that a child gets a filter of its own that asks this process about every call
 * (SECCOMP_RET_USER_NOTIF, seccomp_unotify(2)). Of the answers of all filters the kernel takes
 * the strictest, and KILL, TRAP and ERRNO are stricter than that question: a call that is
 * refused by the filter of the place is never asked about, and one that is asked about gets
 * an errno that nobody else gives. So what is told is the filter's word alone, not the
 * kernel's, which may refuse a call once more.
 *
 *	prober [HOSTNAME]	the host's, to see whether it shows
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/capability.h"
#include "base/fd.h"

#define NUMBERS	  600  /* of an ABI; the newest call of Linux 6.18 has 470 */
#define REACHED	  4000 /* an errno that no kernel has */
#define PATHS_MAX 4096

static void found(const char *class, const char *name)
{
	printf("%s\t%s\n", class, name);
}

/* ------------------------------------------------------------------ system calls */

enum abi { NATIVE, I386, X32, ABI_N };

static const struct {
	const char *class;
	uint32_t scmp_arch, bit;
} abis[ABI_N] = {
	[NATIVE] = { "call", SCMP_ARCH_NATIVE, 0 },
#ifdef __x86_64__
	[I386] = { "call-i386", SCMP_ARCH_X86, 0 },
	[X32] = { "call-x32", SCMP_ARCH_X32, 0x40000000 },
#endif
};

/* Those whose arguments decide; the rest is tried with none and with all bits set. */
static const struct special {
	const char *name;
	long nr;
	unsigned long args[3];
} specials[] = {
	{ "clone with a user namespace", SYS_clone, { CLONE_NEWUSER | SIGCHLD } },
	{ "clone with a mount namespace", SYS_clone, { CLONE_NEWNS | SIGCHLD } },
	{ "socket AF_PACKET", SYS_socket, { AF_PACKET, SOCK_RAW } },
	{ "socket AF_ALG", SYS_socket, { AF_ALG, SOCK_SEQPACKET } },
	{ "socket AF_VSOCK", SYS_socket, { AF_VSOCK, SOCK_STREAM } },
	{ "socket AF_BLUETOOTH", SYS_socket, { AF_BLUETOOTH, SOCK_RAW } },
	{ "socket AF_CAN", SYS_socket, { AF_CAN, SOCK_RAW } },
	{ "socket NETLINK_AUDIT", SYS_socket, { AF_NETLINK, SOCK_RAW, 9 } },
	{ "ioctl TIOCSTI", SYS_ioctl, { 0, 0x5412 } },
	{ "ioctl TIOCLINUX", SYS_ioctl, { 0, 0x541c } },
};
#define SPECIALS (sizeof(specials) / sizeof(specials[0]))
#define TRIES	 ((size_t)ABI_N * NUMBERS + SPECIALS)

/* What child and parent share: the child can make no call that is not one of the tries. */
struct board {
	volatile int listener;
	volatile size_t at;
	volatile bool reached[TRIES];
};

static long call(enum abi abi, long nr, const unsigned long a[3], unsigned long rest)
{
#ifdef __x86_64__
	long r;

	if (abi == I386) {
		__asm__ volatile("int $0x80" : "=a"(r) : "a"(nr), "b"(a[0]), "c"(a[1]), "d"(a[2]),
				 "S"(rest), "D"(rest) : "memory", "r8", "r9", "r10", "r11");
		return (int)r;
	}
	register unsigned long r10 __asm__("r10") = rest;
	__asm__ volatile("syscall" : "=a"(r) : "a"(nr | abis[abi].bit), "D"(a[0]), "S"(a[1]),
			 "d"(a[2]), "r"(r10) : "memory", "rcx", "r11");
	return r;
#else
	long r = abi == NATIVE ? syscall(nr, a[0], a[1], a[2], rest) : -1;

	return r < 0 ? -errno : r;
#endif
}

static bool try_one(size_t i)
{
	static const unsigned long none[3], all[3] = { ~0UL, ~0UL, ~0UL };
	const struct special *s;

	if (i < (size_t)ABI_N * NUMBERS) {
		enum abi abi = (enum abi)(i / NUMBERS);
		long nr = (long)(i % NUMBERS);

		return call(abi, nr, none, 0) == -REACHED || call(abi, nr, all, ~0UL) == -REACHED;
	}
	s = &specials[i - (size_t)ABI_N * NUMBERS];
	return call(NATIVE, s->nr, s->args, 0) == -REACHED;
}

static int ask(void *arg)
{
	struct sock_filter insn = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
	const struct sock_fprog program = { 1, &insn };
	struct board *b = arg;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return 1;
	b->listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
				   SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
	if (b->listener < 0)
		b->listener = -errno - 1;
	while (b->listener >= 0 && b->at < TRIES) {
		b->reached[b->at] = try_one(b->at);
		b->at = b->at + 1;
	}
	return 0; /* a call, too: whoever answers sees that it is the last one */
}

/* Answers until the child has ended or is through. Return: false: nothing can be learned. */
static bool answer(struct board *b, pid_t pid)
{
	struct seccomp_notif question;
	struct seccomp_notif_resp reply;
	struct pollfd p = { .events = POLLIN };
	int status;

	while (b->listener == -1 && waitpid(pid, &status, WNOHANG) == 0)
		(void)sched_yield();
	if (b->listener < 0) {
		fprintf(stderr, "prober: no filter that asks: %s\n",
			b->listener == -1 ? "the child has ended" : strerror(-b->listener - 1));
		return false;
	}
	p.fd = b->listener;
	while (b->at < TRIES && poll(&p, 1, 5000) == 1 && (p.revents & POLLIN)) {
		memset(&question, 0, sizeof(question));
		if (ioctl(b->listener, SECCOMP_IOCTL_NOTIF_RECV, &question) < 0)
			continue; /* killed meanwhile */
		reply = (struct seccomp_notif_resp){ .id = question.id, .error = -REACHED };
		if (b->at < TRIES)
			(void)ioctl(b->listener, SECCOMP_IOCTL_NOTIF_SEND, &reply);
	}
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, &status, 0);
	(void)close(b->listener);
	b->listener = -1;
	b->at = b->at + 1; /* the one that has ended it, by its filter */
	return true;
}

static void show_calls(const struct board *b)
{
	for (size_t i = 0; i < TRIES; i++) {
		char text[64];
		char *name;

		if (!b->reached[i])
			continue;
		if (i >= (size_t)ABI_N * NUMBERS) {
			found("call-special", specials[i - (size_t)ABI_N * NUMBERS].name);
			continue;
		}
		/* Numbers that no kernel has given to a call are no way in. */
		name = seccomp_syscall_resolve_num_arch(abis[i / NUMBERS].scmp_arch,
							(int)(i % NUMBERS));
		snprintf(text, sizeof(text), "%s", name ? name : "");
		free(name);
		if (text[0])
			found(abis[i / NUMBERS].class, text);
	}
}

static bool probe_calls(void)
{
	static char stack[64 * 1024] __attribute__((aligned(16)));
	struct board *b = mmap(NULL, sizeof(*b), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			       -1, 0);

	if (b == MAP_FAILED)
		return false;
	b->listener = -1;
	while (b->at < TRIES) {
		/* CLONE_FILES: the listener is ours as well. */
		pid_t pid = clone(ask, stack + sizeof(stack), CLONE_FILES | SIGCHLD, b);

		if (pid < 0 || !answer(b, pid))
			return false;
	}
	show_calls(b);
	return true;
}

/* ------------------------------------------------------------------ capabilities */

static void probe_capabilities(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[256], set[32], name[64];
	unsigned long long bits;

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Cap%31[A-Za-z]: %llx", set, &bits) == 2)
			for (unsigned c = 0; c < 64; c++)
				if (bits >> c & 1 && capability_name(c)) {
					snprintf(name, sizeof(name), "%s %s",
						 set, capability_name(c));
					found("capability", name);
				}
		if (strncmp(line, "NoNewPrivs:\t0", 13) == 0)
			found("capability", "more by set-user-id programs");
		if (strncmp(line, "Seccomp:\t0", 10) == 0)
			found("capability", "no filter of system calls");
	}
	if (f)
		(void)fclose(f); /* only read */
}

/* ------------------------------------------------------------------ files */

/* A file that hides another one is a null device. */
static bool is_open(const char *path, int flags)
{
	cleanup_close int fd = open(path, flags | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	char byte;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	return flags == O_WRONLY || read(fd, &byte, 1) == 1;
}

/* What a process is told of itself or may say of itself, by its own number, is no matter. */
static bool is_of_processes(const char *path)
{
	const char *name = path + strlen("/proc/");

	return strncmp(path, "/proc/", strlen("/proc/")) == 0 &&
	       (isdigit((unsigned char)*name) || strcmp(name, "self") == 0 ||
		strcmp(name, "thread-self") == 0);
}

static void walk(const char *path, const char *top)
{
	char below[PATHS_MAX], class[64];
	struct dirent *d;
	DIR *dir = opendir(path);

	while (dir && (d = readdir(dir))) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		snprintf(below, sizeof(below), "%s/%s", path, d->d_name);
		if (is_of_processes(below) || d->d_type == DT_LNK)
			continue;
		if (d->d_type == DT_DIR) {
			walk(below, top);
			continue;
		}
		snprintf(class, sizeof(class), "writable-%s", top);
		if (is_open(below, O_WRONLY))
			found(class, below);
		/* To read it takes messages away. */
		snprintf(class, sizeof(class), "readable-%s", top);
		if (strcmp(below, "/proc/kmsg") != 0 && is_open(below, O_RDONLY))
			found(class, below);
	}
	if (dir)
		(void)closedir(dir);
}

static void walk_devices(const char *path)
{
	char below[PATHS_MAX];
	struct dirent *d;
	struct stat st;
	DIR *dir = opendir(path);

	while (dir && (d = readdir(dir))) {
		if (d->d_name[0] == '.' ||
		    strncmp(d->d_name, "watchdog", 8) == 0) /* opening starts it */
			continue;
		snprintf(below, sizeof(below), "%s/%s", path, d->d_name);
		if (lstat(below, &st) < 0)
			continue;
		if (S_ISDIR(st.st_mode))
			walk_devices(below);
		if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
			continue;
		cleanup_close int fd = open(below, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (fd >= 0)
			found("device", below);
	}
	if (dir)
		(void)closedir(dir);
}

/* ------------------------------------------------------------------ what is the host's */

/* Each line of a file, in turn. */
static void each_line(const char *path, void (*fn)(char *line))
{
	FILE *f = fopen(path, "re");
	char line[8192];

	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		fn(line);
	}
	if (f)
		(void)fclose(f); /* only read */
}

static void look_at_mount(char *line)
{
	char root[PATHS_MAX], point[PATHS_MAX], text[2 * PATHS_MAX + 64];
	const char *type = strstr(line, " - ");

	if (!type || sscanf(line, "%*s %*s %*s %4095s %4095s", root, point) != 2)
		return;
	/* Of a proc of its own a part mounted again, or a null device as a cover. */
	if (strcmp(root, "/") != 0 && strncmp(root, "/..", 3) != 0 && strcmp(root, "/null") != 0 &&
	    strncmp(type, " - proc ", strlen(" - proc ")) != 0) {
		snprintf(text, sizeof(text), "directory of the host's behind %s", point);
		found("host", text);
	}
	if (strstr(line, "lowerdir=/") || strstr(line, "upperdir=/"))
		found("host", "directories of the host's in the options of an overlay");
}

static void look_at_ids(char *line)
{
	unsigned long inside, outside;

	if (sscanf(line, "%lu %lu", &inside, &outside) == 2 && inside == 0 && outside == 0)
		found("host", "root is the host's root");
}

static void look_at_group(char *line)
{
	char text[PATHS_MAX + 64], *path = strrchr(line, ':');

	if (!path || strcmp(path, ":/") == 0)
		return;
	snprintf(text, sizeof(text), "control group %.*s", (int)(path - line), line);
	found("host", text);
}

static void look_at_socket(char *line)
{
	if (strchr(line, '@'))
		found("host", "an abstract socket");
}

static void look_at_symbol(char *line)
{
	static bool told;

	if (!told && strtoull(line, NULL, 16) != 0)
		found("host", "addresses of the kernel");
	told = true;
}

static void probe_host(const char *hostname)
{
	struct utsname name;
	char text[300];
	struct dirent *d;
	DIR *dir = opendir("/sys/class/net");

	each_line("/proc/self/mountinfo", look_at_mount);
	each_line("/proc/self/uid_map", look_at_ids);
	each_line("/proc/self/cgroup", look_at_group);
	each_line("/proc/net/unix", look_at_socket);
	each_line("/proc/kallsyms", look_at_symbol);
	while (dir && (d = readdir(dir)))
		if (d->d_name[0] != '.' && strcmp(d->d_name, "lo") != 0) {
			snprintf(text, sizeof(text), "network device %s", d->d_name);
			found("network", text);
		}
	if (dir)
		(void)closedir(dir);
	if (hostname && uname(&name) == 0 && strcmp(name.nodename, hostname) == 0)
		found("host", "its name");
}

int main(int argc, char **argv)
{
	bool calls;

	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	probe_capabilities();
	walk("/proc", "proc");
	walk("/sys", "sys");
	walk_devices("/dev");
	probe_host(argc > 1 ? argv[1] : NULL);
	fflush(stdout);
	calls = probe_calls();
	fflush(stdout);
	return calls ? 0 : 1;
}
