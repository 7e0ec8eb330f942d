/* SPDX-License-Identifier: MIT */
/* Names of architectures and of system calls. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An ABI that a kernel may serve. */
struct seccomp_abi {
	const char *name;    /* "X86_64": what comes after SCMP_ARCH_ */
	const char *go_name; /* "amd64": how Docker's includes and excludes call it */
	uint32_t audit_arch; /* AUDIT_ARCH_* of seccomp_data.arch */
	uint32_t scmp_arch;  /* libseccomp's token */
	uint32_t number_bit; /* in all of its numbers: x32 shares AUDIT_ARCH_X86_64 */
	const char *native;  /* name of the ABI of a kernel that serves it */
};

/* The number of a call that this ABI does not have, but another one. */
#define SECCOMP_NO_CALL (-1)
#define SECCOMP_UNKNOWN (-2)

const struct seccomp_abi *seccomp_abi_native(void);
const struct seccomp_abi *seccomp_abi_served(const struct seccomp_abi *native, size_t i);
const struct seccomp_abi *seccomp_abi_find(const char *name);
const struct seccomp_abi *seccomp_abi_of(uint32_t number, uint32_t audit_arch);
bool seccomp_abi_known(const char *name);
bool seccomp_go_arch_known(const char *name);
int seccomp_call_number(const struct seccomp_abi *arch, const char *name);
const char *seccomp_call_name(const struct seccomp_abi *arch, unsigned number, char buf[64]);
const char *seccomp_call_nearest(const char *name);
