/* SPDX-License-Identifier: MIT */
/* Fuzz target: any bytes as a profile give a program that does what its rules say, or an error. */
#include <assert.h>
#include <stdlib.h>

#include "tests/unit/test_seccomp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_calls(const struct seccomp_program *program, const struct seccomp_profile *p)
{
	for (size_t i = 0; i < p->abi_n; i++) {
		for (size_t k = 0; k < p->rule_n && k < 64; k++) {
			const struct seccomp_rule *rule = &p->rules[k];
			int number = seccomp_call_number(p->abis[i], rule->name);
			uint64_t args[6] = { 0 };
			struct seccomp_data call = { .arch = p->abis[i]->audit_arch };

			if (number < 0)
				continue;
			for (unsigned a = 0; a < rule->arg_n; a++)
				args[rule->args[a].index] = rule->args[a].value + k % 2;
			call.nr = (int)((uint32_t)number | p->abis[i]->number_bit);
			memcpy(call.args, args, sizeof(call.args));
			assert(bpf_run(program->insns, program->n, &call) ==
			       rules_say(p, p->abis[i], number, args));
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct seccomp_target target = { seccomp_abi_find("X86_64"), 0x4eb, 6, 1 };
	struct seccomp_program *program = malloc(sizeof(*program));
	struct seccomp_profile *p = NULL;
	struct err err = { 0 };
	int r = seccomp_profile_parse(&p, (const char *)data, size, &target, &err);

	assert(program && r <= 0 && r == -err.code && (r == 0) == (p != NULL));
	if (r == 0)
		r = seccomp_compile(program, p, &err);
	assert((r == 0) == (err.msg[0] == '\0'));
	if (r == 0) {
		assert(program->n > 0 && program->n <= BPF_MAXINSNS);
		try_calls(program, p);
	}
	seccomp_profile_free(p);
	free(program);
	return 0;
}
