/* SPDX-License-Identifier: MIT */
/* Named points at which a build for tests can be told to fail or to die. */
#include "base/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static void trace(int dirfd, const char *point)
{
	cleanup_close int fd = openat(dirfd, "trace", O_WRONLY | O_APPEND | O_CLOEXEC);

	if (fd >= 0)
		(void)dprintf(fd, "%s\n", point);
}

/**
 * fault_kill() - end podd by SIGKILL when this point was chosen for it
 *
 * Leaves errno as it is.
 */
void fault_kill(const char *point)
{
	static unsigned passed;
	const char *dir = getenv("PODD_KILL");
	char text[128], chosen[64];
	int before = errno;
	unsigned n;

	if (dir) {
		cleanup_close int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		trace(dirfd, point);
		if (io_read_file(dirfd, "kill", text, sizeof(text), NULL) > 0 &&
		    sscanf(text, "%63s %u", chosen, &n) == 2 && strcmp(chosen, point) == 0 &&
		    ++passed == n && unlinkat(dirfd, "kill", 0) == 0)
			(void)kill(getpid(), SIGKILL);
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
