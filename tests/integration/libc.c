/* SPDX-License-Identifier: MIT */
/* What any libc does by system calls of its own choice. Static; built with more than one. */
#include <netinet/in.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static void *thread(void *arg)
{
	return arg;
}

static int has_threads(void)
{
	pthread_t t;
	void *out;
	int arg;

	return pthread_create(&t, NULL, thread, &arg) == 0 && pthread_join(t, &out) == 0 &&
	       out == &arg;
}

static int has_children(void)
{
	char program[] = "/bin/true";
	char *argv[] = { program, NULL };
	char line[16] = "";
	FILE *f;
	int status;
	pid_t pid;

	if (posix_spawn(&pid, program, NULL, NULL, argv, environ) != 0 ||
	    waitpid(pid, &status, 0) != pid || status != 0)
		return 0;
	if (WEXITSTATUS(system("exit 7")) != 7)
		return 0;
	f = popen("echo x", "r");
	return f && fgets(line, sizeof(line), f) && strcmp(line, "x\n") == 0 && pclose(f) == 0;
}

static int has_sockets(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), pair[2], one = 1;

	return s >= 0 && setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
	       bind(s, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(s, 1) == 0 &&
	       socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 &&
	       socket(AF_INET6, SOCK_DGRAM, 0) >= 0;
}

static int has_the_rest(void)
{
	struct timespec ts = { .tv_nsec = 1 };
	struct winsize ws;
	struct stat st;
	char name[] = "/tmp/libc.XXXXXX";
	int fd = mkstemp(name);

	(void)ioctl(0, TIOCGWINSZ, &ws); /* stdin may be none */
	return fd >= 0 && fchmod(fd, 0600) == 0 && stat(name, &st) == 0 && unlink(name) == 0 &&
	       ftruncate(fd, 4096) == 0 &&
	       mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) != MAP_FAILED &&
	       nanosleep(&ts, NULL) == 0 && clock_gettime(CLOCK_MONOTONIC, &ts) == 0;
}

int main(void)
{
	printf("threads %d children %d sockets %d rest %d\n", has_threads(), has_children(),
	       has_sockets(), has_the_rest());
	return 0;
}
