/* SPDX-License-Identifier: MIT */
/* Where podd's programs are, and a podd that no container can write to. */
#include "base/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sys.h"

/* Where the file of a sealed program is, which it cannot see any more. */
#define PROGRAM_VARIABLE "PODD_PROGRAM"

/* The kernel's word for our file; "/" when that is the root of a mount of its own. */
static int read_exe(char out[PATH_MAX], struct err *err)
{
	ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 1);

	if (n < 0)
		return err_sys(err, "read '/proc/self/exe'");
	out[n] = '\0';
	return 0;
}

static bool is_sealed(const char *exe) { return strcmp(exe, "/") == 0; }

/**
 * program_own() - the path of the program that this process runs
 * @out: may end with " (deleted)", as in proc(5), exe
 *
 * Return: 0 or -errno with @err filled.
 */
int program_own(char out[PATH_MAX], struct err *err)
{
	const char *told = getenv(PROGRAM_VARIABLE);
	int r = read_exe(out, err);

	if (r == 0 && is_sealed(out) && told)
		snprintf(out, PATH_MAX, "%s", told);
	return r;
}

/**
 * program_seal() - execute ourselves again, from a mount that nobody can write to
 * @argv: of main()
 *
 * A process that podd makes in a container runs podd's program until it executes
 * another, and whoever is root in there can get hold of it: by /proc/PID/exe, or by
 * executing /proc/self/exe. Where its file could be written, the host's podd would be
 * the container's (CVE-2019-5736). A read-only copy of the mount shares the file's
 * pages, so it costs an execve and no memory; a file on a read-only file system needs none.
 *
 * Before anything else, with the mount namespace that the program was executed in.
 * Linux 5.12 (mount_setattr(2)).
 *
 * Return: 0 when it is sealed, or -errno with @err filled.
 */
int program_seal(char *const argv[], struct err *err)
{
	const struct mount_attr read_only = { .attr_set = MOUNT_ATTR_RDONLY };
	cleanup_close int fd = -EBADF;
	char exe[PATH_MAX];
	struct statvfs fs;
	int r = read_exe(exe, err);

	if (r < 0)
		return r;
	if (is_sealed(exe)) /* the name was that of the descriptor */
		return prctl(PR_SET_NAME, "podd") < 0 ? err_sys(err, "set podd's name") : 0;
	if (statvfs("/proc/self/exe", &fs) == 0 && (fs.f_flag & ST_RDONLY))
		return 0;
	fd = sys_open_tree(AT_FDCWD, "/proc/self/exe", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (fd < 0 || sys_mount_setattr(fd, "", AT_EMPTY_PATH, &read_only) < 0)
		return err_sys(err, "make a read-only mount of '%s'", exe);
	if (setenv(PROGRAM_VARIABLE, exe, 1) < 0)
		return err_sys(err, "set " PROGRAM_VARIABLE);
	(void)execveat(fd, "", argv, environ, AT_EMPTY_PATH);
	return err_sys(err, "execute '%s' from a read-only mount", exe);
}

/**
 * program_find() - a program beside this one (a build directory), or in podd's library directory
 *
 * Return: 0 or -errno with @err filled.
 */
int program_find(char out[PATH_MAX], const char *name, struct err *err)
{
	static const char *const places[] = { "", "../lib/podd/" };
	char own[PATH_MAX];
	int r = program_own(own, err);

	if (r < 0)
		return r;
	*strrchr(own, '/') = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (snprintf(out, PATH_MAX, "%s/%s%s", own, places[i], name) >= PATH_MAX)
			continue;
		if (access(out, X_OK) == 0)
			return 0;
	}
	return err_sys(err, "find '%s' in '%s' or '%s/../lib/podd'", name, own, own);
}
