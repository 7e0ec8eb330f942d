/* SPDX-License-Identifier: MIT */
/* Numbers of system calls: libseccomp's, and what it does not say. */
#include "seccomp/names.h"

#include <linux/audit.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/nearest.h"

#ifndef AUDIT_ARCH_RISCV64
#define AUDIT_ARCH_RISCV64 (243 | __AUDIT_ARCH_64BIT | __AUDIT_ARCH_LE)
#endif
#define X32_BIT 0x40000000u

static const struct seccomp_abi arches[] = {
	{ "X86_64", "amd64", AUDIT_ARCH_X86_64, SCMP_ARCH_X86_64, 0, "X86_64" },
	{ "X86", "x86", AUDIT_ARCH_I386, SCMP_ARCH_X86, 0, "X86_64" },
	{ "X32", "x32", AUDIT_ARCH_X86_64, SCMP_ARCH_X32, X32_BIT, "X86_64" },
	{ "AARCH64", "arm64", AUDIT_ARCH_AARCH64, SCMP_ARCH_AARCH64, 0, "AARCH64" },
	{ "ARM", "arm", AUDIT_ARCH_ARM, SCMP_ARCH_ARM, 0, "AARCH64" },
	{ "RISCV64", "riscv64", AUDIT_ARCH_RISCV64, SCMP_ARCH_RISCV64, 0, "RISCV64" },
	{ "S390X", "s390x", AUDIT_ARCH_S390X, SCMP_ARCH_S390X, 0, "S390X" },
};

/* Others that a profile may name; what it says of them does not matter here. */
static const char *const other_arches[] = {
	"MIPS", "MIPS64", "MIPS64N32", "MIPSEL", "MIPSEL64", "MIPSEL64N32", "PPC", "PPC64",
	"PPC64LE", "S390", "PARISC", "PARISC64", "LOONGARCH64", "M68K", "SH", "SHEB",
};
static const char *const other_go_arches[] = {
	"386", "loong64", "mips", "mips64", "mips64n32", "mipsel", "mipsel64", "mipsel64n32",
	"ppc", "ppc64", "ppc64le", "s390",
};

struct number {
	const char *name;
	int number;
};

/* Since Linux 5.1 a new call has one number everywhere; these are newer than libseccomp 2.5.4. */
static const struct number unified[] = {
	{ "cachestat", 451 }, { "fchmodat2", 452 }, { "map_shadow_stack", 453 },
	{ "futex_wake", 454 }, { "futex_wait", 455 }, { "futex_requeue", 456 },
	{ "statmount", 457 }, { "listmount", 458 }, { "lsm_get_self_attr", 459 },
	{ "lsm_set_self_attr", 460 }, { "lsm_list_modules", 461 }, { "mseal", 462 },
	{ "setxattrat", 463 }, { "getxattrat", 464 }, { "listxattrat", 465 },
	{ "removexattrat", 466 }, { "open_tree_attr", 467 }, { "file_getattr", 468 },
	{ "file_setattr", 469 }, { "listns", 470 },
};

/* What was part of socketcall and ipc on these is a call of its own since Linux 4.3 and
 * 5.1; libseccomp gives them a number below 0 and means both. */
static const struct number unfolded[] = {
	{ "socket", 359 }, { "socketpair", 360 }, { "bind", 361 }, { "connect", 362 },
	{ "listen", 363 }, { "accept4", 364 }, { "getsockopt", 365 }, { "setsockopt", 366 },
	{ "getsockname", 367 }, { "getpeername", 368 }, { "sendto", 369 }, { "sendmsg", 370 },
	{ "recvfrom", 371 }, { "recvmsg", 372 }, { "shutdown", 373 }, { "recvmmsg", 337 },
	{ "sendmmsg", 345 }, { "semget", 393 }, { "semctl", 394 }, { "shmget", 395 },
	{ "shmctl", 396 }, { "shmat", 397 }, { "shmdt", 398 }, { "msgget", 399 },
	{ "msgsnd", 400 }, { "msgrcv", 401 }, { "msgctl", 402 },
};

static const struct number of_x86_64[] = { { "uretprobe", 335 }, { "uprobe", 336 } };
static const struct number of_riscv64[] = { { "riscv_hwprobe", 258 } };
static const struct number of_s390x[] = { { "recvmmsg", 357 }, { "sendmmsg", 358 },
					  { "semtimedop", 392 } };

static const struct {
	const char *arch; /* NULL: all */
	const struct number *numbers;
	size_t n;
} tables[] = {
	{ "X86_64", of_x86_64, ARRAY_SIZE(of_x86_64) },
	{ "RISCV64", of_riscv64, ARRAY_SIZE(of_riscv64) },
	{ "S390X", of_s390x, ARRAY_SIZE(of_s390x) },
	{ "S390X", unfolded, ARRAY_SIZE(unfolded) },
	{ "X86", unfolded, ARRAY_SIZE(unfolded) },
	{ NULL, unified, ARRAY_SIZE(unified) },
};

static bool has(const char *const *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i], name) == 0)
			return true;
	return false;
}

/**
 * seccomp_abi_find() - an ABI by its name without "SCMP_ARCH_", NULL for one that is not ours
 */
const struct seccomp_abi *seccomp_abi_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(arches); i++)
		if (strcmp(arches[i].name, name) == 0)
			return &arches[i];
	return NULL;
}

/**
 * seccomp_abi_of() - the ABI of a call, by seccomp_data's nr and arch; NULL for others'
 */
const struct seccomp_abi *seccomp_abi_of(uint32_t number, uint32_t audit_arch)
{
	const struct seccomp_abi *found = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(arches); i++)
		if (arches[i].audit_arch == audit_arch &&
		    (number & arches[i].number_bit) == arches[i].number_bit)
			found = &arches[i]; /* x32 comes after x86_64 */
	return found;
}

/**
 * seccomp_abi_known() - whether anybody has an ABI of that name
 */
bool seccomp_abi_known(const char *name)
{
	return seccomp_abi_find(name) || has(other_arches, ARRAY_SIZE(other_arches), name);
}

/**
 * seccomp_go_arch_known() - the same, by the name that Docker's includes have
 */
bool seccomp_go_arch_known(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(arches); i++)
		if (strcmp(arches[i].go_name, name) == 0)
			return true;
	return has(other_go_arches, ARRAY_SIZE(other_go_arches), name);
}

/**
 * seccomp_abi_native() - the ABI that we are built for, NULL if we have no table for it
 */
const struct seccomp_abi *seccomp_abi_native(void)
{
	uint32_t native = seccomp_arch_native();

	for (size_t i = 0; i < ARRAY_SIZE(arches); i++)
		if (arches[i].scmp_arch == native)
			return &arches[i];
	return NULL;
}

/**
 * seccomp_abi_served() - the ABIs that a kernel for this one serves, its own first
 * @i: from 0 on
 *
 * Return: NULL: there are no more.
 */
const struct seccomp_abi *seccomp_abi_served(const struct seccomp_abi *native, size_t i)
{
	for (size_t k = 0; k < ARRAY_SIZE(arches); k++)
		if (strcmp(arches[k].native, native->name) == 0 && i-- == 0)
			return &arches[k];
	return NULL;
}

/**
 * seccomp_call_number() - the number of a call, without seccomp_abi.number_bit
 *
 * Return: the number; SECCOMP_NO_CALL if only others have it; SECCOMP_UNKNOWN.
 */
int seccomp_call_number(const struct seccomp_abi *arch, const char *name)
{
	int r = seccomp_syscall_resolve_name_arch(arch->scmp_arch, name);
	bool known = r != __NR_SCMP_ERROR;

	if (r >= 0)
		return (int)((uint32_t)r & ~arch->number_bit);
	for (size_t t = 0; t < ARRAY_SIZE(tables); t++) {
		bool here = !tables[t].arch || strcmp(tables[t].arch, arch->name) == 0;

		for (size_t i = 0; i < tables[t].n; i++) {
			if (strcmp(tables[t].numbers[i].name, name) != 0)
				continue;
			if (here)
				return tables[t].numbers[i].number;
			known = true;
		}
	}
	return known ? SECCOMP_NO_CALL : SECCOMP_UNKNOWN;
}

/**
 * seccomp_call_name() - what a number is called
 * @number: without seccomp_abi.number_bit
 * @buf: may hold the result
 *
 * Return: the name, or NULL if we know none.
 */
const char *seccomp_call_name(const struct seccomp_abi *arch, unsigned number, char buf[64])
{
	char *name = seccomp_syscall_resolve_num_arch(arch->scmp_arch,
						      (int)(number | arch->number_bit));
	bool found = name != NULL;

	if (found)
		snprintf(buf, 64, "%s", name);
	free(name);
	for (size_t t = 0; !found && t < ARRAY_SIZE(tables); t++) {
		if (tables[t].arch && strcmp(tables[t].arch, arch->name) != 0)
			continue;
		for (size_t i = 0; !found && i < tables[t].n; i++) {
			found = (unsigned)tables[t].numbers[i].number == number;
			snprintf(buf, 64, "%s", tables[t].numbers[i].name);
		}
	}
	return found ? buf : NULL;
}

/**
 * seccomp_call_nearest() - the known name that was probably meant, or NULL
 *
 * Of calls that this machine has. Not to be called twice and compared: it lives in
 * a buffer of its own.
 */
const char *seccomp_call_nearest(const char *name)
{
	static char best[64];
	const struct seccomp_abi *arch = seccomp_abi_native();
	unsigned distance = 0;
	bool found = false;
	char buf[64];

	for (unsigned i = 0; arch && i < 512; i++) {
		struct nearest near = { .word = name };
		const char *known = seccomp_call_name(arch, i, buf);

		if (!known)
			continue;
		nearest_try(&near, known);
		if (near.found && (!found || near.distance < distance)) {
			found = true;
			distance = near.distance;
			snprintf(best, sizeof(best), "%s", known);
		}
	}
	return found ? best : NULL;
}
