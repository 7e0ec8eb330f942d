/* SPDX-License-Identifier: MIT */
/* The service manager's store of descriptors, and Restart=on-failure, for test-last-words. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * fd_keeper SOCKET COMMAND...
 *
 * Runs the command with NOTIFY_SOCKET, FDSTORE and what it has stored so far, again
 * whenever a signal has ended it; ends as it does by itself. SIGTERM is passed on.
 * Says on stdout "main PID" for each run and "store NAME" or "remove NAME", then "N kept",
 * for each such message, as systemd acts on them: a file that is stored twice is kept once.
 *
 * GARBAGE=WORD makes the next run one with bad input: see spoil().
 */
#define KEPT_MAX 128
#define FIRST	 3

static struct kept {
	int fd;
	char name[256];
} kept[KEPT_MAX];
static unsigned kept_n;

static int same_file(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 &&
	       x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static void store(const char *name, int fd)
{
	for (unsigned i = 0; i < kept_n; i++)
		if (same_file(kept[i].fd, fd)) {
			printf("again %s, %u kept\n", name, kept_n);
			close(fd);
			return;
		}
	if (kept_n == KEPT_MAX)
		exit(3);
	kept[kept_n].fd = fd;
	snprintf(kept[kept_n++].name, sizeof(kept[0].name), "%s", name);
	printf("store %s, %u kept\n", name, kept_n);
}

static void take_out(const char *name)
{
	for (unsigned i = 0; i < kept_n;)
		if (strcmp(kept[i].name, name) == 0) {
			close(kept[i].fd);
			kept[i] = kept[--kept_n];
		} else {
			i++;
		}
	printf("remove %s, %u kept\n", name, kept_n);
}

static const char *value_of(const char *text, const char *key, char out[256])
{
	const char *line = strstr(text, key);

	snprintf(out, 256, "%.*s", line ? (int)strcspn(line + strlen(key), "\n") : 0,
		 line ? line + strlen(key) : "");
	return line ? out : NULL;
}

/* One message. Return: whether there was one. */
static int hear(int sock)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(8 * sizeof(int))];
	} control;
	char text[4096], name[256];
	struct iovec iov = { text, sizeof(text) - 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	struct cmsghdr *c = n < 0 ? NULL : CMSG_FIRSTHDR(&msg);
	int fd = -1;

	if (n < 0)
		return 0;
	text[n] = '\0';
	if (c)
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	if (strstr(text, "FDSTOREREMOVE=1"))
		take_out(value_of(text, "FDNAME=", name));
	else if (strstr(text, "FDSTORE=1") && strstr(text, "FDPOLL=0"))
		store(value_of(text, "FDNAME=", name), fd);
	return 1;
}

/* What no service manager gives. In the child, with all at their numbers. */
static void spoil(const char *how)
{
	if (strcmp(how, "kinds") == 0) /* no pipe, no memory */
		for (unsigned i = 0; i < kept_n; i++)
			dup2(open("/dev/null", O_RDWR), FIRST + (int)i);
	if (strcmp(how, "zeros") == 0) /* the right kinds, and nothing in them */
		for (unsigned i = 0; i < kept_n; i++) {
			int fd = memfd_create("zeros", MFD_ALLOW_SEALING);

			if (ftruncate(fd, 1 << 20) == 0 &&
			    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) == 0 &&
			    fcntl(FIRST + (int)i, F_GET_SEALS) >= 0)
				dup2(fd, FIRST + (int)i);
		}
	if (strcmp(how, "names") == 0)
		setenv("LISTEN_FDNAMES",
		       "log-99-stdout:log-0-nothing::record:record:log- 0-stdout:log-0-", 1);
	if (strcmp(how, "nameless") == 0)
		unsetenv("LISTEN_FDNAMES");
	if (strcmp(how, "count") == 0)
		setenv("LISTEN_FDS", "400", 1);
	if (strcmp(how, "number") == 0)
		setenv("LISTEN_FDS", "-1", 1);
	if (strcmp(how, "pid") == 0)
		setenv("LISTEN_PID", "1", 1);
	if (strcmp(how, "few") == 0) /* all but the pipes of the first */
		for (unsigned i = 0; i < kept_n; i++)
			if (strncmp(kept[i].name, "log-0-std", 9) == 0)
				dup2(open("/dev/null", O_RDWR), FIRST + (int)i);
}

static pid_t run(const char *socket_path, char **argv, const char *garbage)
{
	char names[KEPT_MAX * 32] = "", number[16];
	pid_t pid = fork();
	sigset_t none;

	if (pid != 0)
		return pid;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (unsigned i = 0; i < kept_n; i++)
		kept[i].fd = fcntl(kept[i].fd, F_DUPFD_CLOEXEC, FIRST + KEPT_MAX);
	for (unsigned i = 0; i < kept_n; i++) {
		dup2(kept[i].fd, FIRST + (int)i);
		snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s", i ? ":" : "",
			 kept[i].name);
	}
	setenv("NOTIFY_SOCKET", socket_path, 1);
	setenv("FDSTORE", "128", 1);
	if (kept_n > 0) {
		setenv("LISTEN_FDNAMES", names, 1);
		snprintf(number, sizeof(number), "%u", kept_n);
		setenv("LISTEN_FDS", number, 1);
		snprintf(number, sizeof(number), "%d", getpid());
		setenv("LISTEN_PID", number, 1);
		spoil(garbage);
	}
	execv(argv[0], argv);
	perror(argv[0]);
	_exit(126);
}

static int become_manager(const char *path, sigset_t *mask)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	unlink(path);
	if (sock < 0 || bind(sock, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		perror(path);
		exit(1);
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigemptyset(mask);
	sigaddset(mask, SIGCHLD);
	sigaddset(mask, SIGTERM);
	sigprocmask(SIG_BLOCK, mask, NULL);
	return sock;
}

int main(int argc, char **argv)
{
	const char *garbage = getenv("GARBAGE") ? getenv("GARBAGE") : "";
	sigset_t mask;
	int sock, status = 0;

	if (argc < 3)
		return 2;
	sock = become_manager(argv[1], &mask);
	do {
		struct pollfd p[] = {
			{ .fd = sock, .events = POLLIN },
			{ .fd = signalfd(-1, &mask, SFD_CLOEXEC), .events = POLLIN }
		};
		pid_t pid = run(argv[1], argv + 2, garbage);

		printf("main %d\n", (int)pid);
		while (waitpid(pid, &status, WNOHANG) == 0) {
			struct signalfd_siginfo info;

			poll(p, 2, -1);
			while (hear(sock))
				;
			if (p[1].revents && read(p[1].fd, &info, sizeof(info)) == sizeof(info) &&
			    info.ssi_signo == SIGTERM)
				kill(pid, SIGTERM);
		}
		while (hear(sock)) /* before the end: in systemd, too, messages come first */
			;
		close(p[1].fd);
	} while (WIFSIGNALED(status));
	return WEXITSTATUS(status);
}
