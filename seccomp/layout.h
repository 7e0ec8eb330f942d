/* SPDX-License-Identifier: MIT */
/* A BPF program whose instructions have no places yet. */
#pragma once

#include <stdbool.h>

#include "seccomp/profile.h"

/*
 * Theory of operation
 *
 * Steps name each other by their numbers, all forward. To lay them out is to choose
 * an order in which conditional jumps, which reach 255 instructions, get there; and to
 * have each answer ("ret") once for all jumps that it is in reach of, where a tree has
 * one for each leaf. The kernel compiles the program at each start of a container, in a
 * time that grows with its length: the answers were half of it. Before, what is there
 * twice is left out (seccomp_reduce()).
 */
#define SECCOMP_STEPS_MAX 65536

struct seccomp_step {
	struct sock_filter insn; /* jt and jf, and k of "ja", are not looked at */
	uint32_t yes, no;	 /* where a jump leads; "ja" and all but answers: yes */
	bool left_out;		 /* nothing leads here */
};

struct seccomp_steps {
	size_t n; /* may be past the end: E2BIG */
	struct seccomp_step at[SECCOMP_STEPS_MAX];
};

int seccomp_reduce(struct seccomp_steps *steps, struct err *err);
int seccomp_lay_out(struct seccomp_program *out, const struct seccomp_steps *steps,
		    struct err *err);
