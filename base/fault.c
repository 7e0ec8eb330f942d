/* SPDX-License-Identifier: MIT */
/* Named points at which a build for tests can be told to fail or to die. */
#include "base/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"

#ifdef PODD_FAULTS
/**
 * fault_at() - whether this point was chosen to fail
 */
bool fault_at(const char *point)
{
	const char *chosen = getenv("PODD_FAULT");

	return chosen && strcmp(chosen, point) == 0;
}

/* @lines: each with its end */
static void trace(int dirfd, const char *lines)
{
	cleanup_close int fd = openat(dirfd, "trace", O_WRONLY | O_APPEND | O_CLOEXEC);

	if (fd >= 0)
		(void)io_write_all(fd, lines, strlen(lines));
}

static int open_dir(void)
{
	const char *dir = getenv("PODD_KILL");

	return dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -EBADF;
}

/* Return: whether a point was chosen. */
static bool read_choice(int dirfd, char chosen[64], unsigned *n)
{
	char text[128];

	return io_read_file(dirfd, "kill", text, sizeof(text), NULL) > 0 &&
	       sscanf(text, "%63s %u", chosen, n) == 2;
}

/**
 * fault_kill() - end podd by SIGKILL when this point was chosen for it
 *
 * Leaves errno as it is.
 */
void fault_kill(const char *point)
{
	static unsigned passed;
	char line[64], chosen[64];
	int before = errno;
	cleanup_close int dirfd = open_dir();
	unsigned n;

	if (dirfd >= 0) {
		snprintf(line, sizeof(line), "%s\n", point);
		trace(dirfd, line);
		if (read_choice(dirfd, chosen, &n) && strcmp(chosen, point) == 0 &&
		    ++passed == n && unlinkat(dirfd, "kill", 0) == 0)
			(void)kill(getpid(), SIGKILL);
	}
	errno = before;
}

/* What podd and its children tell each other. */
static struct children {
	char chosen[64];
	unsigned n, passed; /* at which time, and how often they came to it */
	bool asked;	    /* podd is to end */
	char lines[2048];   /* points that they came to */
} *children;

/**
 * fault_child_begin() - before a child that may come to points
 */
void fault_child_begin(void)
{
	cleanup_close int dirfd = open_dir();

	if (dirfd < 0)
		return;
	if (!children) {
		void *p = mmap(NULL, sizeof(*children), PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

		children = p == MAP_FAILED ? NULL : p;
	}
	if (children && !read_choice(dirfd, children->chosen, &children->n))
		children->chosen[0] = '\0';
}

/**
 * fault_child_wait() - while it is waited for, and when it is gone
 */
void fault_child_wait(void)
{
	cleanup_close int dirfd = open_dir();

	if (dirfd < 0 || !children)
		return;
	trace(dirfd, children->lines);
	children->lines[0] = '\0';
	if (__atomic_load_n(&children->asked, __ATOMIC_ACQUIRE) && unlinkat(dirfd, "kill", 0) == 0)
		(void)kill(getpid(), SIGKILL);
}

/**
 * fault_child() - fault_kill() in a child, at the point "WORK-STEP"
 *
 * A child that ends with podd does so in here; another one, when its parent has.
 */
void fault_child(const char *work, const char *step)
{
	const pid_t parent = getppid();
	int before = errno;
	char point[64];
	size_t n;

	if (!children)
		return;
	snprintf(point, sizeof(point), "%s-%s", work, step);
	n = strlen(children->lines);
	snprintf(children->lines + n, sizeof(children->lines) - n, "%s\n", point);
	if (strcmp(children->chosen, point) == 0 && ++children->passed == children->n) {
		__atomic_store_n(&children->asked, true, __ATOMIC_RELEASE);
		while (getppid() == parent)
			(void)poll(NULL, 0, 1);
	}
	errno = before;
}
#endif

/**
 * fault_error() - the error of a point that was chosen to fail
 */
int fault_error(const char *point, struct err *err)
{
	return err_set(err, EIO, "fault injected at '%s'", point);
}
