/* SPDX-License-Identifier: MIT */
/* A seccomp profile in the form of OCI and Docker, and the BPF program it becomes. */
#pragma once

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Theory of operation
 *
 * A profile is what the OCI runtime specification (config-linux.md, "seccomp")
 * says, with what Docker's own has besides: archMap, minKernel, and includes and
 * excludes by capabilities and architectures. It is parsed for one container:
 * rules that its capabilities or this machine exclude are left out at once.
 *
 * Rules are tried in the order of the file: of those for a system call the first
 * whose args all match decides, else the default action does. libseccomp has no
 * order; where a profile has a rule without args for a call, it lets that one win
 * over all others. A rule here says so by standing first, and one that stands last
 * is an "otherwise" that libseccomp cannot express (ioctl, but not TIOCSTI).
 *
 * A call that is newer than all that a profile names gets ENOSYS where the
 * default would be an error of another number: programs fall back on that, and not
 * on EPERM (what runc does since clone3 and faccessat2 came as EPERM).
 *
 * The program is ours and not libseccomp's, for these two, and since a balanced
 * tree over ranges of numbers is a third of the size and built in no time. What
 * libseccomp knows is the numbers. The tests hold the program against
 * libseccomp's for profiles that both can express.
 */
#define SECCOMP_FILE_MAX   ((size_t)1024 * 1024) /* bytes of a profile */
#define SECCOMP_RULES_MAX  8192                  /* system calls named in it */
#define SECCOMP_ABIS_MAX 4

enum seccomp_op {
	SECCOMP_OP_NE, SECCOMP_OP_LT, SECCOMP_OP_LE, SECCOMP_OP_EQ, SECCOMP_OP_GE, SECCOMP_OP_GT,
	SECCOMP_OP_MASKED_EQ, /* (argument & mask) == value */
};

struct seccomp_arg {
	unsigned index; /* 0 to 5 */
	enum seccomp_op op;
	uint64_t value, mask;
};

/* One call in one rule of the file. */
struct seccomp_rule {
	char *name;
	uint32_t action; /* SECCOMP_RET_*, with its data (seccomp(2)) */
	unsigned arg_n;  /* all must match */
	struct seccomp_arg args[6];
};

struct seccomp_abi; /* seccomp/names.h */

struct seccomp_profile {
	uint32_t default_action;
	const struct seccomp_abi *abis[SECCOMP_ABIS_MAX];
	size_t abi_n;
	struct seccomp_rule *rules;
	size_t rule_n;
	uint64_t capabilities_seen; /* that includes or excludes name */
	bool conditional; /* some rules have includes or excludes, of whatever */
};

/* For whom a profile is read. */
struct seccomp_target {
	const struct seccomp_abi *native;
	uint64_t capabilities;
	unsigned kernel_major, kernel_minor;
};

int seccomp_target_here(struct seccomp_target *out, uint64_t capabilities, struct err *err);
int seccomp_profile_parse(struct seccomp_profile **out, const char *text, size_t n,
			  const struct seccomp_target *target, struct err *err);
void seccomp_profile_free(struct seccomp_profile *profile);

struct seccomp_program {
	size_t n;
	struct sock_filter insns[BPF_MAXINSNS];
};

int seccomp_compile(struct seccomp_program *out, const struct seccomp_profile *profile,
		    struct err *err);
