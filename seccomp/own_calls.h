/* SPDX-License-Identifier: MIT */
/* System calls that podd does not use, and that an attacker who got into it would. */
#pragma once

#include <linux/capability.h>

#include "base/capability.h"

/*
 * Theory of operation
 *
 * podd's own filter refuses these (supervisor/own_filter.h). Containers inherit it, so
 * one is only refused when no container of the pod could make it: by its own filter, or
 * since the kernel asks for a capability over the host that it has not. Names are the
 * kernel's; podd-seccomp writes them with the numbers of each ABI into a header, at the
 * build. At most 63.
 *
 * OWN_CALL(name, capabilities): those of which the kernel asks for one in the first user
 * namespace, whatever is done with the call; 0: there is a use without.
 */
#define OWN_CALLS                                                                               \
	/* The kernel itself: another one, its code, its memory. */                             \
	OWN_CALL(kexec_load, CAPABILITY(SYS_BOOT))                                              \
	OWN_CALL(kexec_file_load, CAPABILITY(SYS_BOOT))                                         \
	OWN_CALL(init_module, CAPABILITY(SYS_MODULE))                                           \
	OWN_CALL(finit_module, CAPABILITY(SYS_MODULE))                                          \
	OWN_CALL(delete_module, CAPABILITY(SYS_MODULE))                                         \
	OWN_CALL(bpf, 0) /* but for what podd does with it */                                   \
	OWN_CALL(perf_event_open, 0)                                                            \
	OWN_CALL(reboot, 0)                                                                     \
	OWN_CALL(iopl, 0)                                                                       \
	OWN_CALL(ioperm, 0)                                                                     \
	OWN_CALL(lookup_dcookie, CAPABILITY(SYS_ADMIN))                                         \
	OWN_CALL(userfaultfd, 0) /* a race in the kernel won at leisure */                      \
	OWN_CALL(modify_ldt, 0)                                                                 \
	OWN_CALL(vm86, 0)                                                                       \
	OWN_CALL(vm86old, 0)                                                                    \
	/* Files and disks of the host, besides the way of mounts. */                           \
	OWN_CALL(open_by_handle_at, 0)                                                          \
	OWN_CALL(swapon, CAPABILITY(SYS_ADMIN))                                                 \
	OWN_CALL(swapoff, CAPABILITY(SYS_ADMIN))                                                \
	OWN_CALL(acct, CAPABILITY(SYS_PACCT))                                                   \
	OWN_CALL(quotactl, 0)                                                                   \
	OWN_CALL(quotactl_fd, 0)                                                                \
	OWN_CALL(fanotify_init, 0)                                                              \
	OWN_CALL(fanotify_mark, 0)                                                              \
	OWN_CALL(nfsservctl, CAPABILITY(SYS_ADMIN))                                             \
	OWN_CALL(uselib, 0)                                                                     \
	/* Other processes, and what they keep in the kernel. */                                \
	OWN_CALL(ptrace, 0)                                                                     \
	OWN_CALL(process_vm_readv, 0)                                                           \
	OWN_CALL(process_vm_writev, 0)                                                          \
	OWN_CALL(process_madvise, 0)                                                            \
	OWN_CALL(kcmp, 0)                                                                       \
	OWN_CALL(move_pages, 0)                                                                 \
	OWN_CALL(migrate_pages, 0)                                                              \
	OWN_CALL(add_key, 0)                                                                    \
	OWN_CALL(request_key, 0)                                                                \
	OWN_CALL(keyctl, 0) /* but for base/keyring.c */                                        \
	OWN_CALL(syslog, 0)                                                                     \
	OWN_CALL(vhangup, CAPABILITY(SYS_TTY_CONFIG))
