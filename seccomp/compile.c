/* SPDX-License-Identifier: MIT */
/* From the rules of a profile to classic BPF. */
#include <errno.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "seccomp/names.h"
#include "seccomp/profile.h"

/*
 * The program: which ABI, then a tree of comparisons over ranges of numbers that
 * are answered alike, then at its leaves an answer, or the args of the rules of
 * one call. What is allowed without a look at args, the kernel finds out when the
 * filter is loaded, and does not run it for such calls (Linux 5.11). All jumps are
 * forward; a conditional one reaches 255 instructions, "ja" all.
 */
#define NUMBERS_MAX 1024 /* slots: one for each number of an ABI that we know */
#define ARM_SLOTS   16   /* the last ones are for 32-bit ARM's own, set_tls and the like */
#define ARM_FIRST   0xf0000
#define X32_FIRST   0x40000000u
#define FAIL	    0xff /* of a jump that is not known yet: to the next rule */
#define ANSWER_ENOSYS ((uint32_t)(SECCOMP_RET_ERRNO | ENOSYS))

#define STATEMENT(code, k)    ((struct sock_filter)BPF_STMT(code, k))
#define JUMP(test, k, jt, jf) ((struct sock_filter)BPF_JUMP(BPF_JMP | (test) | BPF_K, k, jt, jf))
#define LOAD(offset)	      STATEMENT(BPF_LD | BPF_W | BPF_ABS, offset)
#define FIELD(member)	      (uint32_t)offsetof(struct seccomp_data, member)

/* The rules of one number, in the file's order; the last may have no args. */
struct call {
	const struct seccomp_rule **rules;
	size_t n;
};

/* Numbers from @first to the next range's are answered alike. */
struct range {
	unsigned first;
	const struct call *call; /* with args; or NULL */
	uint32_t answer;	 /* of others */
};

struct table {
	struct call calls[NUMBERS_MAX];
	struct range ranges[NUMBERS_MAX + 2];
	size_t range_n;
	uint32_t default_action, number_bit;
};

static void emit(struct seccomp_program *p, struct sock_filter insn)
{
	if (p->n < BPF_MAXINSNS)
		p->insns[p->n] = insn;
	p->n++; /* past the end: told by seccomp_compile() */
}

static void emit_answer(struct seccomp_program *p, uint32_t answer)
{
	emit(p, STATEMENT(BPF_RET | BPF_K, answer));
}

/* -------------------------------------------------------------------- the args */

/* The halves of an argument, whatever the byte order. */
static uint32_t offset_of(unsigned index, bool high)
{
	const bool little = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;

	return FIELD(args) + 8 * index + (high == little ? 4 : 0);
}

/* What is true of the high half decides, unless both are equal. */
static void emit_order(struct seccomp_program *p, const struct seccomp_arg *a)
{
	uint32_t high = (uint32_t)(a->value >> 32), low = (uint32_t)a->value;
	bool less = a->op == SECCOMP_OP_LT || a->op == SECCOMP_OP_LE;
	unsigned test = a->op == SECCOMP_OP_LT || a->op == SECCOMP_OP_GE ? BPF_JGE : BPF_JGT;

	emit(p, LOAD(offset_of(a->index, true)));
	emit(p, less ? JUMP(BPF_JGT, high, FAIL, 0) : JUMP(BPF_JGT, high, 3, 0));
	emit(p, less ? JUMP(BPF_JEQ, high, 0, 2) : JUMP(BPF_JEQ, high, 0, FAIL));
	emit(p, LOAD(offset_of(a->index, false)));
	emit(p, less ? JUMP(test, low, FAIL, 0) : JUMP(test, low, 0, FAIL));
}

static void emit_equal(struct seccomp_program *p, const struct seccomp_arg *a)
{
	uint64_t mask = a->op == SECCOMP_OP_MASKED_EQ ? a->mask : UINT64_MAX;
	uint32_t high = (uint32_t)(mask >> 32), low = (uint32_t)mask;

	if (high || a->value >> 32) {
		emit(p, LOAD(offset_of(a->index, true)));
		if (high != UINT32_MAX)
			emit(p, STATEMENT(BPF_ALU | BPF_AND | BPF_K, high));
		emit(p, JUMP(BPF_JEQ, (uint32_t)(a->value >> 32), 0, FAIL));
	}
	emit(p, LOAD(offset_of(a->index, false)));
	if (low != UINT32_MAX)
		emit(p, STATEMENT(BPF_ALU | BPF_AND | BPF_K, low));
	emit(p, JUMP(BPF_JEQ, (uint32_t)a->value, 0, FAIL));
}

static void emit_different(struct seccomp_program *p, const struct seccomp_arg *a)
{
	emit(p, LOAD(offset_of(a->index, true)));
	emit(p, JUMP(BPF_JEQ, (uint32_t)(a->value >> 32), 0, 2));
	emit(p, LOAD(offset_of(a->index, false)));
	emit(p, JUMP(BPF_JEQ, (uint32_t)a->value, FAIL, 0));
}

static void emit_arg(struct seccomp_program *p, const struct seccomp_arg *a)
{
	switch (a->op) {
	case SECCOMP_OP_NE:
		emit_different(p, a);
		break;
	case SECCOMP_OP_EQ:
	case SECCOMP_OP_MASKED_EQ:
		emit_equal(p, a);
		break;
	default:
		emit_order(p, a);
	}
}

static void emit_rule(struct seccomp_program *p, const struct seccomp_rule *rule)
{
	size_t start = p->n;

	for (unsigned i = 0; i < rule->arg_n; i++)
		emit_arg(p, &rule->args[i]);
	emit_answer(p, rule->action);
	/* Six args of five instructions at most: always in reach. */
	for (size_t i = start; i < p->n && p->n <= BPF_MAXINSNS; i++) {
		struct sock_filter *f = &p->insns[i];

		if (BPF_CLASS(f->code) != BPF_JMP)
			continue;
		if (f->jt == FAIL)
			f->jt = (uint8_t)(p->n - i - 1);
		if (f->jf == FAIL)
			f->jf = (uint8_t)(p->n - i - 1);
	}
}

static void emit_call(struct seccomp_program *p, const struct call *call, uint32_t otherwise)
{
	for (size_t i = 0; i < call->n; i++) {
		emit_rule(p, call->rules[i]);
		if (call->rules[i]->arg_n == 0)
			return;
	}
	emit_answer(p, otherwise);
}

/* -------------------------------------------------------------------- the tree */

/* At @at is a conditional jump over all that came after it: now it is known how far. */
static void land(struct seccomp_program *p, size_t at)
{
	size_t over = p->n - at - 1;

	if (over <= UINT8_MAX) {
		if (at < BPF_MAXINSNS)
			p->insns[at].jt = (uint8_t)over;
		return;
	}
	emit(p, STATEMENT(0, 0)); /* room for one more */
	if (p->n > BPF_MAXINSNS)
		return;
	memmove(&p->insns[at + 2], &p->insns[at + 1], over * sizeof(p->insns[0]));
	p->insns[at].jt = 0;
	p->insns[at].jf = 1;
	p->insns[at + 1] = STATEMENT(BPF_JMP | BPF_JA, (uint32_t)over);
}

static void emit_ranges(struct seccomp_program *p, const struct table *t, size_t from, size_t n)
{
	const struct range *r = &t->ranges[from];
	size_t half = n / 2, at = p->n;

	if (n == 1 && r->call) {
		emit_call(p, r->call, t->default_action);
	} else if (n == 1) {
		emit_answer(p, r->answer);
	} else {
		emit(p, JUMP(BPF_JGE, t->ranges[from + half].first | t->number_bit, 0, 0));
		emit_ranges(p, t, from, half);
		land(p, at);
		emit_ranges(p, t, from + half, n - half);
	}
}

static void add_range(struct table *t, unsigned first, const struct call *call, uint32_t answer)
{
	const struct range *last = t->range_n ? &t->ranges[t->range_n - 1] : NULL;

	if (last && !call && !last->call && last->answer == answer)
		return;
	t->ranges[t->range_n++] = (struct range){ first, call, answer };
}

/* The numbers from @first on, whose slots are those from @slot on. */
static void add_numbers(struct table *t, size_t slot, size_t slot_n, unsigned first)
{
	bool error = (t->default_action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO;
	unsigned end = 0;

	for (unsigned i = 0; i < slot_n; i++)
		if (t->calls[slot + i].n > 0)
			end = i + 1;
	for (unsigned i = 0; i < end; i++) {
		const struct call *call = &t->calls[slot + i];

		if (call->n > 0 && call->rules[0]->arg_n > 0)
			add_range(t, first + i, call, 0);
		else
			add_range(t, first + i, NULL, call->n > 0 ? call->rules[0]->action :
								    t->default_action);
	}
	add_range(t, first + end, NULL, error ? ANSWER_ENOSYS : t->default_action);
}

/* ------------------------------------------------------------------------ ABIs */

static int add_rule(struct call *call, const struct seccomp_rule *rule)
{
	const struct seccomp_rule **grown;

	if (call->n > 0 && call->rules[call->n - 1]->arg_n == 0)
		return 0; /* decided already */
	grown = reallocarray(call->rules, call->n + 1, sizeof(const struct seccomp_rule *));
	if (!grown)
		return -ENOMEM;
	call->rules = grown;
	grown[call->n++] = rule;
	return 0;
}

static int fill(struct table *t, const struct seccomp_profile *profile,
		const struct seccomp_abi *abi, struct err *err)
{
	t->default_action = profile->default_action;
	t->number_bit = abi->number_bit;
	for (size_t i = 0; i < profile->rule_n; i++) {
		int number = seccomp_call_number(abi, profile->rules[i].name);

		if (number >= ARM_FIRST)
			number += NUMBERS_MAX - ARM_SLOTS - ARM_FIRST;
		if (number < 0 || number >= NUMBERS_MAX)
			continue;
		if (add_rule(&t->calls[number], &profile->rules[i]) < 0)
			return err_set(err, ENOMEM, "out of memory");
	}
	add_numbers(t, 0, NUMBERS_MAX - ARM_SLOTS, 0);
	add_numbers(t, NUMBERS_MAX - ARM_SLOTS, ARM_SLOTS, ARM_FIRST);
	return 0;
}

static void table_free(struct table *t)
{
	for (size_t i = 0; t && i < NUMBERS_MAX; i++)
		free(t->calls[i].rules);
	free(t);
}

static int emit_abi(struct seccomp_program *p, const struct seccomp_profile *profile,
		    const struct seccomp_abi *abi, struct err *err)
{
	struct table *t = calloc(1, sizeof(*t));
	int r = t ? fill(t, profile, abi, err) : err_set(err, ENOMEM, "out of memory");

	if (r == 0)
		emit_ranges(p, t, 0, t->range_n);
	table_free(t);
	return r;
}

static const struct seccomp_abi *x32_of(const struct seccomp_profile *profile)
{
	for (size_t i = 0; i < profile->abi_n; i++)
		if (profile->abis[i]->number_bit)
			return profile->abis[i];
	return NULL;
}

/* The accumulator has the number. x32's are those of x86_64 with a bit set; without
 * x32 in the profile they get what a kernel without it would say. */
static int emit_numbers(struct seccomp_program *p, const struct seccomp_profile *profile,
			const struct seccomp_abi *abi, struct err *err)
{
	const struct seccomp_abi *x32 = x32_of(profile);
	size_t at;
	int r;

	if (strcmp(abi->name, "X86_64") != 0)
		return emit_abi(p, profile, abi, err);
	at = p->n;
	emit(p, JUMP(BPF_JGE, X32_FIRST, 0, 0));
	r = emit_abi(p, profile, abi, err);
	land(p, at);
	if (r == 0 && x32)
		r = emit_abi(p, profile, x32, err);
	else if (r == 0)
		emit_answer(p, ANSWER_ENOSYS);
	return r;
}

/**
 * seccomp_compile() - the program that a profile asks for
 * @out: filled; what it holds on failure is undefined
 *
 * A call of an ABI that the profile does not have kills the process, as with libseccomp.
 *
 * Return: 0 or -errno with @err filled; -E2BIG: more than BPF_MAXINSNS instructions.
 */
int seccomp_compile(struct seccomp_program *out, const struct seccomp_profile *profile,
		    struct err *err)
{
	int r = 0;

	out->n = 0;
	emit(out, LOAD(FIELD(arch)));
	for (size_t i = 0; r == 0 && i < profile->abi_n; i++) {
		const struct seccomp_abi *abi = profile->abis[i];
		size_t at = out->n + 1;

		if (abi->number_bit)
			continue;
		emit(out, JUMP(BPF_JEQ, abi->audit_arch, 1, 0));
		emit(out, STATEMENT(BPF_JMP | BPF_JA, 0));
		emit(out, LOAD(FIELD(nr)));
		r = emit_numbers(out, profile, abi, err);
		if (at < BPF_MAXINSNS)
			out->insns[at].k = (uint32_t)(out->n - at - 1);
	}
	emit_answer(out, SECCOMP_RET_KILL_PROCESS);
	if (r == 0 && out->n > BPF_MAXINSNS)
		return err_set(err, E2BIG, "the program would have %zu instructions, and the kernel "
			       "takes %d", out->n, BPF_MAXINSNS);
	return r;
}
