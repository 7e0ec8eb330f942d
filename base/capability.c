/* SPDX-License-Identifier: MIT */
/* The names of capabilities. Our own table: libcap would be in podd for nothing else. */
#include "base/capability.h"

#include <errno.h>
#include <linux/capability.h>
#include <stddef.h>
#include <strings.h>

#include "base/fd.h"
#include "base/nearest.h"

#ifndef CAP_CHECKPOINT_RESTORE /* Linux 5.9 */
#define CAP_PERFMON            38
#define CAP_BPF                39
#define CAP_CHECKPOINT_RESTORE 40
#endif

#define NAME(name) [CAP_##name] = "CAP_" #name
static const char *const names[] = {
	NAME(CHOWN), NAME(DAC_OVERRIDE), NAME(DAC_READ_SEARCH), NAME(FOWNER), NAME(FSETID),
	NAME(KILL), NAME(SETGID), NAME(SETUID), NAME(SETPCAP), NAME(LINUX_IMMUTABLE),
	NAME(NET_BIND_SERVICE), NAME(NET_BROADCAST), NAME(NET_ADMIN), NAME(NET_RAW),
	NAME(IPC_LOCK), NAME(IPC_OWNER), NAME(SYS_MODULE), NAME(SYS_RAWIO), NAME(SYS_CHROOT),
	NAME(SYS_PTRACE), NAME(SYS_PACCT), NAME(SYS_ADMIN), NAME(SYS_BOOT), NAME(SYS_NICE),
	NAME(SYS_RESOURCE), NAME(SYS_TIME), NAME(SYS_TTY_CONFIG), NAME(MKNOD), NAME(LEASE),
	NAME(AUDIT_WRITE), NAME(AUDIT_CONTROL), NAME(SETFCAP), NAME(MAC_OVERRIDE),
	NAME(MAC_ADMIN), NAME(SYSLOG), NAME(WAKE_ALARM), NAME(BLOCK_SUSPEND), NAME(AUDIT_READ),
	NAME(PERFMON), NAME(BPF), NAME(CHECKPOINT_RESTORE),
};
#undef NAME

#define PREFIX 4 /* of "CAP_" */

/**
 * capability_parse() - the number of a capability
 * @name: "CAP_NET_RAW" or "NET_RAW", in letters of either case, as Quadlet takes it
 *
 * Return: the number, or -EINVAL.
 */
int capability_parse(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcasecmp(name, names[i]) == 0 || strcasecmp(name, names[i] + PREFIX) == 0)
			return (int)i;
	return -EINVAL;
}

/**
 * capability_name() - "CAP_NET_RAW" for 13; NULL for one that we do not know
 */
const char *capability_name(unsigned number)
{
	return number < ARRAY_SIZE(names) ? names[number] : NULL;
}

/**
 * capability_nearest() - the name that was probably meant, or NULL
 * @name: none of ours
 */
const char *capability_nearest(const char *name)
{
	struct nearest near = { .word = name };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		nearest_try(&near, names[i]);
		nearest_try(&near, names[i] + PREFIX);
	}
	return near.found;
}
