/* SPDX-License-Identifier: MIT */
/* The session keyring, which comes with a process: keyrings(7). */
#include "base/keyring.h"

#include <errno.h>
#include <linux/keyctl.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

/**
 * keyring_leave() - an empty session keyring in place of that of the parent
 *
 * Who possesses a keyring may use the keys in it, whatever its ids and its user namespace
 * are, and a child possesses that of its parent: tests/kernel/test_userns.c. Pam gives one
 * to each login. The new one is charged to the caller's user, whose keys are bounded
 * (/proc/sys/kernel/keys). Safe in a child that shares our memory.
 *
 * Return: 0, also where a filter refuses it (EPERM), which all that comes from here
 * inherits, or without keys in the kernel (ENOSYS); or -errno.
 */
int keyring_leave(void)
{
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 && errno != EPERM &&
	    errno != ENOSYS)
		return -errno;
	return 0;
}
