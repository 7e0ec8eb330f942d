/* SPDX-License-Identifier: MIT */
/* What a program of classic BPF says to a system call, and what the rules say. */
#pragma once

#include <assert.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "seccomp/names.h"
#include "seccomp/profile.h"

/* As the kernel runs it; asserts what its check demands (seccomp_check_filter()). */
static inline uint32_t bpf_run(const struct sock_filter *f, size_t n,
			       const struct seccomp_data *data)
{
	uint32_t a = 0;

	for (size_t i = 0; i < n; i++) {
		bool jump = false;

		switch (f[i].code) {
		case BPF_LD | BPF_W | BPF_ABS:
			assert(f[i].k % 4 == 0 && f[i].k < sizeof(*data));
			memcpy(&a, (const char *)data + f[i].k, sizeof(a));
			continue;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= f[i].k;
			continue;
		case BPF_RET | BPF_K:
			return f[i].k;
		case BPF_JMP | BPF_JA:
			assert(f[i].k < n - i - 1);
			i += f[i].k;
			continue;
		case BPF_JMP | BPF_JEQ | BPF_K:
			jump = a == f[i].k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			jump = a >= f[i].k;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			jump = a > f[i].k;
			break;
		default:
			assert(!"an instruction of libseccomp's or ours");
		}
		assert(f[i].jt < n - i - 1 && f[i].jf < n - i - 1);
		i += jump ? f[i].jt : f[i].jf;
	}
	assert(!"the end of the program without an answer");
	return 0;
}

static inline bool arg_matches(const struct seccomp_arg *c, const uint64_t args[6])
{
	uint64_t a = args[c->index];

	return c->op == SECCOMP_OP_NE ? a != c->value : c->op == SECCOMP_OP_LT ? a < c->value :
	       c->op == SECCOMP_OP_LE ? a <= c->value : c->op == SECCOMP_OP_EQ ? a == c->value :
	       c->op == SECCOMP_OP_GE ? a >= c->value : c->op == SECCOMP_OP_GT ? a > c->value :
					(a & c->mask) == c->value;
}

/* The answer that the rules give: the first that matches. */
static inline uint32_t rules_say(const struct seccomp_profile *p, const struct seccomp_abi *abi,
				 int number, const uint64_t args[6])
{
	int last = -1;

	for (size_t i = 0; i < p->rule_n; i++) {
		const struct seccomp_rule *rule = &p->rules[i];
		int n = seccomp_call_number(abi, rule->name);
		bool match = n == number;

		last = n > last ? n : last;
		for (unsigned k = 0; k < rule->arg_n; k++)
			match &= arg_matches(&rule->args[k], args);
		if (match)
			return rule->action;
	}
	if (number > last && (p->default_action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO)
		return SECCOMP_RET_ERRNO | 38; /* ENOSYS */
	return p->default_action;
}
