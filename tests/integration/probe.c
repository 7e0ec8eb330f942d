/* SPDX-License-Identifier: MIT */
/* What a process in a container may do, told from inside. Static: it runs in any root. */
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* Ids and capability sets of this process, in the order of /proc/self/status. */
static int show_privileges(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[256];

	printf("%u %u", getuid(), geteuid());
	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, "Cap", 3) == 0 || strncmp(line, "NoNewPrivs", 10) == 0)
			printf(" %.*s", (int)strcspn(strchr(line, '\t') + 1, "\n"),
			       strchr(line, '\t') + 1);
	puts("");
	return f ? fclose(f) : 1;
}

/* int $0x80: a call of the 32-bit ABI from a 64-bit program. */
static long call_i386(long nr, const long a[6])
{
#ifdef __x86_64__
	long r;

	__asm__ volatile("int $0x80"
			 : "=a"(r)
			 : "a"(nr), "b"(a[0]), "c"(a[1]), "d"(a[2]), "S"(a[3]), "D"(a[4])
			 : "memory", "r8", "r9", "r10", "r11");
	return (int)r;
#else
	(void)nr;
	(void)a;
	return -ENOSYS;
#endif
}

/*
 * A call, in a child, since it may end it: "41 2 1 0". "i386:" before the number is
 * for the 32-bit ABI. Its args are not to be dereferenced: what gets through says
 * EFAULT or EBADF. Prints the name of the error, 0, or the signal.
 */
static int show_call(int argc, char *argv[])
{
	int i386 = strncmp(argv[0], "i386:", 5) == 0, status;
	long nr = strtol(argv[0] + (i386 ? 5 : 0), NULL, 0), a[6] = { 0 };
	pid_t pid;

	for (int i = 1; i < argc && i <= 6; i++)
		a[i - 1] = (long)strtoull(argv[i], NULL, 0);
	pid = fork();
	if (pid == 0) {
		long r = i386 ? call_i386(nr, a) :
				syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]) < 0 ? -errno : 0;

		if (getpid() != getppid()) /* a fork may have been what was asked for */
			_exit(r < 0 ? (int)-r : 0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return 1;
	if (WIFSIGNALED(status))
		printf("SIG%s\n", sigabbrev_np(WTERMSIG(status)));
	else
		printf("%s\n", WEXITSTATUS(status) ? strerrorname_np(WEXITSTATUS(status)) : "0");
	return 0;
}

/* The same for each line of stdin: "NAME NUMBER ARG..."; prints "NAME RESULT". */
static int show_calls(void)
{
	char line[256], *words[16], *save;

	while (fgets(line, sizeof(line), stdin)) {
		int n = 0;

		for (char *w = strtok_r(line, " \t\n", &save); w && n < 15;
		     w = strtok_r(NULL, " \t\n", &save))
			words[n++] = w;
		if (n < 2 || words[0][0] == '#')
			continue;
		printf("%s ", words[0]);
		fflush(stdout);
		if (show_call(n - 1, words + 1) != 0)
			return 1;
	}
	return 0;
}

/* "listen": an abstract socket of that name, until stdin ends; "connect": what comes of it. */
static int abstract_socket(const char *what, const char *name)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_STREAM, 0), r;
	socklen_t n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));

	snprintf(a.sun_path + 1, sizeof(a.sun_path) - 1, "%s", name);
	if (strcmp(what, "listen") != 0) {
		r = connect(s, (struct sockaddr *)&a, n);
		printf("%s\n", r < 0 ? strerrorname_np(errno) : "0");
		return 0;
	}
	if (bind(s, (struct sockaddr *)&a, n) < 0 || listen(s, 1) < 0)
		return 1;
	puts("listening");
	fflush(stdout);
	(void)getchar();
	return 0;
}

static int open_inotify(void)
{
	return inotify_init1(0);
}

static int open_terminal(void)
{
	return open("/dev/ptmx", O_RDWR | O_NOCTTY);
}

/* As many of what the kernel has a bounded number of as there are, until stdin ends. */
static int take_all(int (*take_one)(void))
{
	int n = 0;

	while (take_one() >= 0)
		n++;
	printf("%d %s\n", n, strerrorname_np(errno));
	fflush(stdout);
	(void)getchar();
	return 0;
}

/* The session keyring: its serial number, and what it has. "key": with one more of that name. */
static int show_keys(const char *name)
{
	int32_t keys[64];
	char about[256];
	long n;

	if (name && syscall(SYS_add_key, "user", name, "secret", 6, KEY_SPEC_SESSION_KEYRING) < 0)
		return printf("%s\n", strerrorname_np(errno)) < 0;
	printf("%ld", syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0));
	n = syscall(SYS_keyctl, KEYCTL_READ, KEY_SPEC_SESSION_KEYRING, keys, sizeof(keys));
	for (long i = 0; i < n / (long)sizeof(keys[0]); i++) {
		long k = syscall(SYS_keyctl, KEYCTL_DESCRIBE, keys[i], about, sizeof(about));

		printf(" %s", k < 0 ? strerrorname_np(errno) : strrchr(about, ';') + 1);
	}
	puts(n < 0 ? strerrorname_np(errno) : "");
	return 0;
}

/* As who has logged in, and has a key that nobody else may have. */
static int log_in(const char *name, char *argv[])
{
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 ||
	    syscall(SYS_add_key, "user", name, "secret", 6, KEY_SPEC_SESSION_KEYRING) < 0)
		return 1;
	(void)execvp(argv[0], argv);
	return 1;
}

static bool says(int pid, const char *file, const char *word)
{
	static char text[256 * 1024];
	char path[64];
	size_t used = 0;
	ssize_t n = 1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	fd = open(path, O_RDONLY);
	while (fd >= 0 && used < sizeof(text) - 1 &&
	       (n = read(fd, text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t)n;
	text[used] = '\0';
	(void)close(fd);
	return strstr(text, word);
}

/* How many that come and go tell of a mount or an interface of that name, until stdin ends. */
static int watch_neighbours(const char *mount, const char *interface)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	int own = getpid(), seen = 0, mounts = 0, interfaces = 0;

	puts("watching");
	fflush(stdout);
	while (poll(&in, 1, 0) == 0)
		for (int pid = own + 1; pid < own + 1000; pid++) {
			if (kill(pid, 0) < 0 && errno == ESRCH)
				continue;
			seen++;
			mounts += says(pid, "mountinfo", mount);
			interfaces += says(pid, "net/dev", interface);
		}
	printf("%s %d %d\n", seen ? "seen" : "none", mounts, interfaces);
	return 0;
}

/* Whether PID 1's limits can be set by who takes that id. */
static int limit_init(unsigned id)
{
	const struct rlimit one = { 1, 1 };

	if (syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setresgid, id, id, id) < 0 ||
	    syscall(SYS_setresuid, id, id, id) < 0)
		printf("ids %s ", strerrorname_np(errno));
	printf("%s %s\n", prlimit(1, RLIMIT_CPU, &one, NULL) < 0 ? strerrorname_np(errno) : "0",
	       setpriority(PRIO_PROCESS, 1, 19) < 0 ? strerrorname_np(errno) : "0");
	return 0;
}

/* What of PID 1 somebody with CAP_SYS_PTRACE gets at: its descriptors, its memory. */
static int trace_init(void)
{
	int pidfd = (int)syscall(SYS_pidfd_open, 1, 0), taken = 0, n;
	char buf[64];

	for (int fd = 0; fd < 64; fd++)
		taken += syscall(SYS_pidfd_getfd, pidfd, fd, 0) >= 0;
	printf("%d", taken);
	n = ptrace(PTRACE_SEIZE, 1, NULL, NULL) < 0 ? errno : 0;
	printf(" %s", n ? strerrorname_np(n) : "seized");
	n = open("/proc/1/mem", O_RDWR) < 0 ? errno : 0;
	printf(" %s", n ? strerrorname_np(n) : "mem");
	n = readlink("/proc/1/root", buf, sizeof(buf)) < 0 ? errno : 0;
	printf(" %s", n ? strerrorname_np(n) : "root");
	n = open("/proc/1/fd", O_RDONLY | O_DIRECTORY) < 0 ? errno : 0;
	printf(" %s\n", n ? strerrorname_np(n) : "fd");
	return 0;
}

int main(int argc, char *argv[])
{
	if (argc == 2 && strcmp(argv[1], "privileges") == 0)
		return show_privileges();
	if (argc == 2 && strcmp(argv[1], "calls") == 0)
		return show_calls();
	if (argc > 2 && strcmp(argv[1], "call") == 0)
		return show_call(argc - 2, argv + 2);
	if (argc == 4 && strcmp(argv[1], "abstract") == 0)
		return abstract_socket(argv[2], argv[3]);
	if (argc == 3 && strcmp(argv[1], "mqueue") == 0) {
		/* As mq_open(3), whose name has a slash that the call has not. */
		long q = syscall(SYS_mq_open, argv[2], O_RDWR | O_CREAT, 0600, NULL);

		puts(q < 0 ? strerrorname_np(errno) : "0");
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "inotify") == 0)
		return take_all(open_inotify);
	if (argc == 2 && strcmp(argv[1], "terminals") == 0)
		return take_all(open_terminal);
	if ((argc == 2 || argc == 3) && strcmp(argv[1], "keys") == 0)
		return show_keys(argv[2]);
	if (argc > 3 && strcmp(argv[1], "login") == 0)
		return log_in(argv[2], argv + 3);
	if (argc == 3 && strcmp(argv[1], "limit-init") == 0)
		return limit_init((unsigned)strtoul(argv[2], NULL, 10));
	if (argc == 2 && strcmp(argv[1], "trace-init") == 0)
		return trace_init();
	if (argc == 4 && strcmp(argv[1], "neighbours") == 0)
		return watch_neighbours(argv[2], argv[3]);
	fprintf(stderr, "Usage: probe privileges | calls | call [i386:]NUMBER ARG... |\n"
			"             abstract listen|connect NAME | inotify | terminals |\n"
			"             mqueue NAME | limit-init ID | trace-init | keys [NAME] |\n"
			"             login NAME PROGRAM ARG... | neighbours MOUNT INTERFACE\n");
	return 2;
}
