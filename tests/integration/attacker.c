/* SPDX-License-Identifier: MIT */
/* Who has all of a container and races podd, for tests/unit/test_races_*.c. Static. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/integration/attacker.h"

/* ------------------------------------------------------------------------- exchange */

/* Each TWO of "DIR NAME LINK": NAME and LINK change places, again and again. */
static int exchange(int n, char *argv[])
{
	for (;;)
		for (int i = 0; i + 2 < n; i += 3) {
			int dir = open(argv[i], O_PATH | O_DIRECTORY | O_CLOEXEC);

			/* And back: NAME is the directory when the next link's turn comes. */
			for (int k = 0; k < 2; k++)
				if (renameat2(dir, argv[i + 1], dir, argv[i + 2],
					      RENAME_EXCHANGE) < 0)
					return 1;
			(void)close(dir);
		}
}

/* Whether one of the places shows what only the host has. */
static int look(int n, char *argv[])
{
	for (int i = 0; i < n; i++)
		if (access(argv[i], F_OK) == 0)
			return ATTACKER_SAW_HOST;
	return 0;
}

/* ---------------------------------------------------------------------------- trace */

static struct attacker_board *board;

static void gain(enum attacker_way way, const char *what, const char *name)
{
	if (__atomic_fetch_add(&board->gains[way], 1, __ATOMIC_RELAXED) == 0)
		snprintf(board->text[way], sizeof(board->text[way]), "%s %s", what, name);
}

static void reach(enum attacker_way way)
{
	__atomic_fetch_add(&board->reached[way], 1, __ATOMIC_RELAXED);
}

static int open_of(const char *pid, const char *what, int flags)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/proc/%s/%s", pid, what);
	return open(path, flags | O_CLOEXEC);
}

static void try_memory(const char *pid)
{
	char buf[65536], path[64];
	int fd = open_of(pid, "mem", O_RDWR);
	ssize_t n;

	if (fd >= 0) {
		reach(ATTACKER_MEMORY);
		n = pread(fd, buf, sizeof(board->secret), (off_t)board->secret_at);
		if (n == sizeof(board->secret) && memcmp(buf, board->secret, (size_t)n) == 0)
			gain(ATTACKER_MEMORY, "mem", pid);
		(void)close(fd);
	}
	fd = open_of(pid, "environ", O_RDONLY);
	n = fd < 0 ? -1 : read(fd, buf, sizeof(buf));
	if (n > 0 && memmem(buf, (size_t)n, board->secret, sizeof(board->secret)))
		gain(ATTACKER_MEMORY, "environ", pid);
	if (fd >= 0)
		(void)close(fd);
	snprintf(path, sizeof(path), "/proc/%s/exe", pid);
	n = readlink(path, buf, sizeof(buf));
	if (n > 0 && !memmem(buf, (size_t)n, "attacker", strlen("attacker")))
		gain(ATTACKER_MEMORY, "exe", pid);
}

static void try_descriptors(const char *pid)
{
	char path[PATH_MAX], buf[PATH_MAX];
	int fd = open_of(pid, "cwd/" ATTACKER_CANARY, O_RDONLY);
	struct dirent *d;
	DIR *dir;

	if (fd >= 0)
		gain(ATTACKER_DESCRIPTORS, "cwd", pid);
	snprintf(path, sizeof(path), "root/%s", board->canary);
	fd = open_of(pid, path, O_RDONLY);
	if (fd >= 0)
		gain(ATTACKER_DESCRIPTORS, "root", pid);
	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	dir = opendir(path);
	while (dir && (d = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), d->d_name, buf, sizeof(buf));

		if (n > 0)
			reach(ATTACKER_DESCRIPTORS);
		if (n > 0 && memmem(buf, (size_t)n, ATTACKER_CANARY, strlen(ATTACKER_CANARY)))
			gain(ATTACKER_DESCRIPTORS, "fd", pid);
	}
	if (dir)
		(void)closedir(dir);
}

static void try_ptrace(const char *name)
{
	const pid_t pid = atoi(name);
	long word;

	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0)
		return;
	reach(ATTACKER_PTRACE);
	if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) == 0 && waitpid(pid, NULL, __WALL) == pid) {
		errno = 0;
		word = ptrace(PTRACE_PEEKDATA, pid, (void *)board->secret_at, NULL);
		if (errno == 0 && memcmp(&word, board->secret, sizeof(word)) == 0)
			gain(ATTACKER_PTRACE, "ptrace", name);
	}
	(void)ptrace(PTRACE_DETACH, pid, NULL, NULL);
}

static void (*const tries[ATTACKER_WAYS])(const char *pid) = {
	[ATTACKER_MEMORY] = try_memory,
	[ATTACKER_DESCRIPTORS] = try_descriptors,
	[ATTACKER_PTRACE] = try_ptrace,
};

/* Whatever process comes after the attackers, as long as it lives. */
static _Noreturn void attack(enum attacker_way way)
{
	DIR *proc = opendir("/proc");
	struct dirent *d;

	while (!__atomic_load_n(&board->attackers_are, __ATOMIC_ACQUIRE))
		sched_yield();
	for (;; rewinddir(proc)) {
		while ((d = readdir(proc)))
			if (atoi(d->d_name) > board->last_attacker)
				tries[way](d->d_name);
		__atomic_fetch_add(&board->rounds[way], 1, __ATOMIC_RELAXED);
	}
}

static int trace(void)
{
	for (int way = 0; way < ATTACKER_WAYS; way++) {
		const pid_t pid = fork();

		if (pid < 0)
			return 1;
		if (pid == 0)
			attack((enum attacker_way)way);
		board->last_attacker = pid;
	}
	__atomic_store_n(&board->attackers_are, 1, __ATOMIC_RELEASE);
	return wait(NULL) < 0;
}

/* Until each way has reached it: an attack that reaches nobody would gain nothing, too. */
static int be_reached(void)
{
	unsigned before[ATTACKER_WAYS];

	for (int way = 0; way < ATTACKER_WAYS; way++)
		before[way] = __atomic_load_n(&board->reached[way], __ATOMIC_RELAXED);
	for (int way = 0; way < ATTACKER_WAYS; way++)
		while (__atomic_load_n(&board->reached[way], __ATOMIC_RELAXED) == before[way])
			sched_yield();
	return 0;
}

static void map_board(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (board == MAP_FAILED)
		exit(2);
}

int main(int argc, char *argv[])
{
	const char *verb = argc > 1 ? argv[1] : "";

	if (strcmp(verb, "exchange") == 0)
		return exchange(argc - 2, argv + 2);
	if (strcmp(verb, "look") == 0)
		return look(argc - 2, argv + 2);
	if (strcmp(verb, "true") == 0)
		return 0;
	if (argc < 3)
		return 2;
	map_board(argv[2]);
	if (strcmp(verb, "trace") == 0)
		return trace();
	return strcmp(verb, "reached") == 0 ? be_reached() : 2;
}
