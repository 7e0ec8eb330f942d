/* SPDX-License-Identifier: MIT */
/* From the rules of a profile to classic BPF. */
#include <errno.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "seccomp/layout.h"
#include "seccomp/names.h"

/*
 * The program: which ABI, then a tree of comparisons over ranges of numbers that
 * are answered alike, then at its leaves an answer, or the args of the rules of
 * one call. What is allowed without a look at args, the kernel finds out when the
 * filter is loaded, and does not run it for such calls (Linux 5.11). All jumps are
 * forward; seccomp/layout.h has where the instructions come to lie.
 */
#define NUMBERS_MAX 1024 /* slots: one for each number of an ABI that we know */
#define ARM_SLOTS   16   /* the last ones are for 32-bit ARM's own, set_tls and the like */
#define ARM_FIRST   0xf0000
#define X32_FIRST   0x40000000u
#define COMMON_FIRST 424 /* calls since Linux 5.1: scripts/syscall.tbl */
#define NEXT	    UINT32_MAX /* of a jump: the step after this */
#define FAIL	    (UINT32_MAX - 1) /* the next rule, which is not known yet */
#define ANSWER_ENOSYS ((uint32_t)(SECCOMP_RET_ERRNO | ENOSYS))

#define STATEMENT(code, k)    ((struct sock_filter)BPF_STMT(code, k))
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

static size_t emit_jump(struct seccomp_steps *p, unsigned test, uint32_t k, uint32_t yes,
			uint32_t no)
{
	size_t at = p->n++; /* past the end: told by seccomp_lay_out() */

	if (at < SECCOMP_STEPS_MAX)
		p->at[at] = (struct seccomp_step){
			.insn = STATEMENT((uint16_t)test, k),
			.yes = yes == NEXT ? (uint32_t)at + 1 : yes,
			.no = no == NEXT ? (uint32_t)at + 1 : no,
		};
	return at;
}

static size_t emit_if(struct seccomp_steps *p, unsigned test, uint32_t k, uint32_t yes, uint32_t no)
{
	return emit_jump(p, BPF_JMP | BPF_K | test, k, yes, no);
}

static void emit(struct seccomp_steps *p, struct sock_filter insn)
{
	(void)emit_jump(p, insn.code, insn.k, NEXT, NEXT);
}

/* The steps that come now are where the jump at @at goes when its test holds. */
static void land(struct seccomp_steps *p, size_t at)
{
	if (at < SECCOMP_STEPS_MAX)
		p->at[at].yes = (uint32_t)p->n;
}

static void emit_answer(struct seccomp_steps *p, uint32_t answer)
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
static void emit_order(struct seccomp_steps *p, const struct seccomp_arg *a)
{
	uint32_t high = (uint32_t)(a->value >> 32), low = (uint32_t)a->value;
	bool less = a->op == SECCOMP_OP_LT || a->op == SECCOMP_OP_LE;
	unsigned test = a->op == SECCOMP_OP_LT || a->op == SECCOMP_OP_GE ? BPF_JGE : BPF_JGT;

	emit(p, LOAD(offset_of(a->index, true)));
	/* Then comes what is looked at if both are equal: a test, a load, a test. */
	(void)emit_if(p, BPF_JGT, high, less ? FAIL : (uint32_t)p->n + 4, NEXT);
	(void)emit_if(p, BPF_JEQ, high, NEXT, less ? (uint32_t)p->n + 3 : FAIL);
	emit(p, LOAD(offset_of(a->index, false)));
	(void)emit_if(p, test, low, less ? FAIL : NEXT, less ? NEXT : FAIL);
}

static void emit_equal(struct seccomp_steps *p, const struct seccomp_arg *a)
{
	uint64_t mask = a->op == SECCOMP_OP_MASKED_EQ ? a->mask : UINT64_MAX;
	uint32_t high = (uint32_t)(mask >> 32), low = (uint32_t)mask;

	if (high || a->value >> 32) {
		emit(p, LOAD(offset_of(a->index, true)));
		if (high != UINT32_MAX)
			emit(p, STATEMENT(BPF_ALU | BPF_AND | BPF_K, high));
		(void)emit_if(p, BPF_JEQ, (uint32_t)(a->value >> 32), NEXT, FAIL);
	}
	emit(p, LOAD(offset_of(a->index, false)));
	if (low != UINT32_MAX)
		emit(p, STATEMENT(BPF_ALU | BPF_AND | BPF_K, low));
	(void)emit_if(p, BPF_JEQ, (uint32_t)a->value, NEXT, FAIL);
}

static void emit_different(struct seccomp_steps *p, const struct seccomp_arg *a)
{
	emit(p, LOAD(offset_of(a->index, true)));
	(void)emit_if(p, BPF_JEQ, (uint32_t)(a->value >> 32), NEXT, (uint32_t)p->n + 3);
	emit(p, LOAD(offset_of(a->index, false)));
	(void)emit_if(p, BPF_JEQ, (uint32_t)a->value, FAIL, NEXT);
}

static void emit_arg(struct seccomp_steps *p, const struct seccomp_arg *a)
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

static void emit_rule(struct seccomp_steps *p, const struct seccomp_rule *rule)
{
	size_t start = p->n;

	for (unsigned i = 0; i < rule->arg_n; i++)
		emit_arg(p, &rule->args[i]);
	emit_answer(p, rule->action);
	for (size_t i = start; i < p->n && p->n <= SECCOMP_STEPS_MAX; i++) {
		struct seccomp_step *step = &p->at[i];

		step->yes = step->yes == FAIL ? (uint32_t)p->n : step->yes;
		step->no = step->no == FAIL ? (uint32_t)p->n : step->no;
	}
}

static void emit_call(struct seccomp_steps *p, const struct call *call, uint32_t otherwise)
{
	for (size_t i = 0; i < call->n; i++) {
		emit_rule(p, call->rules[i]);
		if (call->rules[i]->arg_n == 0)
			return;
	}
	emit_answer(p, otherwise);
}

/* -------------------------------------------------------------------- the tree */

/* How many numbers a range has; what is above the last call counts for one. */
static unsigned width(const struct table *t, size_t range)
{
	return range + 1 < t->range_n ? t->ranges[range + 1].first - t->ranges[range].first : 1;
}

/*
 * So that about half of the numbers is on each side: the kernel goes the way of each
 * once when the filter is loaded. But first apart are those that mean the same in all
 * ABIs: a part that is alike is there once (seccomp_reduce()).
 */
static size_t split(const struct table *t, size_t from, size_t n)
{
	unsigned all = 0, left = 0;
	size_t at = 1;

	for (size_t i = from; i < from + n; i++) {
		if (i > from && t->ranges[i - 1].first < COMMON_FIRST &&
		    t->ranges[i].first >= COMMON_FIRST)
			return i - from;
		all += width(t, i);
	}
	left = width(t, from);
	while (at + 1 < n && left + width(t, from + at) / 2 < all / 2)
		left += width(t, from + at++);
	return at;
}

static void emit_ranges(struct seccomp_steps *p, const struct table *t, size_t from, size_t n)
{
	const struct range *r = &t->ranges[from];
	size_t half, at;

	if (n == 1 && r->call) {
		emit_call(p, r->call, t->default_action);
	} else if (n == 1) {
		emit_answer(p, r->answer);
	} else {
		half = split(t, from, n);
		at = emit_if(p, BPF_JGE, t->ranges[from + half].first | t->number_bit, NEXT, NEXT);
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

static int emit_abi(struct seccomp_steps *p, const struct seccomp_profile *profile,
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
static int emit_numbers(struct seccomp_steps *p, const struct seccomp_profile *profile,
			const struct seccomp_abi *abi, struct err *err)
{
	const struct seccomp_abi *x32 = x32_of(profile);
	size_t at;
	int r;

	if (strcmp(abi->name, "X86_64") != 0)
		return emit_abi(p, profile, abi, err);
	at = emit_if(p, BPF_JGE, X32_FIRST, NEXT, NEXT);
	r = emit_abi(p, profile, abi, err);
	land(p, at);
	if (r == 0 && x32)
		r = emit_abi(p, profile, x32, err);
	else if (r == 0)
		emit_answer(p, ANSWER_ENOSYS);
	return r;
}

static int emit_abis(struct seccomp_steps *p, const struct seccomp_profile *profile,
		     struct err *err)
{
	int r = 0;

	emit(p, LOAD(FIELD(arch)));
	for (size_t i = 0; r == 0 && i < profile->abi_n; i++) {
		const struct seccomp_abi *abi = profile->abis[i];
		size_t at;

		if (abi->number_bit)
			continue;
		at = emit_if(p, BPF_JEQ, abi->audit_arch, NEXT, NEXT);
		emit(p, LOAD(FIELD(nr)));
		r = emit_numbers(p, profile, abi, err);
		if (at < SECCOMP_STEPS_MAX)
			p->at[at].no = (uint32_t)p->n;
	}
	emit_answer(p, SECCOMP_RET_KILL_PROCESS);
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
	cleanup_free struct seccomp_steps *steps = calloc(1, sizeof(*steps));
	int r = steps ? emit_abis(steps, profile, err) : err_set(err, ENOMEM, "out of memory");

	if (r == 0)
		r = seccomp_reduce(steps, err);
	return r < 0 ? r : seccomp_lay_out(out, steps, err);
}
