/* SPDX-License-Identifier: MIT */
/* Places for the instructions of a BPF program. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/fd.h"
#include "seccomp/layout.h"

#define ANSWERS_MAX 64 /* different ones that are remembered; others are made again */

/* An instruction's place is counted from the end of the program, which is laid out
 * backwards: when a jump gets its place, what it leads to has one. */
struct layout {
	const struct seccomp_steps *steps;
	size_t n;			   /* instructions so far, may be past the end */
	struct sock_filter insns[BPF_MAXINSNS]; /* the last one first */
	struct { uint32_t k; size_t place; } answers[ANSWERS_MAX]; /* the nearest of each */
	size_t answer_n;
	size_t place[SECCOMP_STEPS_MAX]; /* of each step but answers, once it has one */
};

static size_t put(struct layout *l, struct sock_filter insn)
{
	if (l->n < BPF_MAXINSNS)
		l->insns[l->n] = insn;
	return l->n++;
}

/* How many instructions one that is put now would jump over to get to @place. */
static size_t distance(const struct layout *l, size_t place)
{
	return l->n - place - 1;
}

static size_t put_ja(struct layout *l, size_t place)
{
	return put(l, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, (uint32_t)distance(l, place)));
}

static bool is_answer(const struct seccomp_step *s)
{
	return BPF_CLASS(s->insn.code) == BPF_RET;
}

static size_t put_answer(struct layout *l, const struct seccomp_step *s)
{
	size_t i = 0;

	while (i < l->answer_n && l->answers[i].k != s->insn.k)
		i++;
	/* One less than the reach: the other way of the jump may need an instruction, too. */
	if (i < l->answer_n && distance(l, l->answers[i].place) < UINT8_MAX)
		return l->answers[i].place;
	if (i == ANSWERS_MAX)
		return put(l, s->insn);
	l->answers[i].k = s->insn.k;
	l->answers[i].place = put(l, s->insn);
	l->answer_n = i == l->answer_n ? i + 1 : l->answer_n;
	return l->answers[i].place;
}

/* Have the step in reach of the conditional jump that comes next. */
static size_t reach(struct layout *l, uint32_t step)
{
	const struct seccomp_step *s = &l->steps->at[step];

	if (is_answer(s))
		return put_answer(l, s);
	if (distance(l, l->place[step]) < UINT8_MAX)
		return l->place[step];
	return put_ja(l, l->place[step]);
}

static size_t put_jump(struct layout *l, const struct seccomp_step *s)
{
	size_t yes = reach(l, s->yes), no = reach(l, s->no);
	struct sock_filter insn = s->insn;

	insn.jt = (uint8_t)distance(l, yes);
	insn.jf = (uint8_t)distance(l, no);
	return put(l, insn);
}

/* An instruction after which the next step's comes. */
static size_t put_plain(struct layout *l, uint32_t step)
{
	uint32_t next = l->steps->at[step].yes;

	if (is_answer(&l->steps->at[next]))
		(void)put(l, l->steps->at[next].insn); /* remembered or not: it is needed here */
	else if (distance(l, l->place[next]) > 0)
		(void)put_ja(l, l->place[next]);
	return put(l, l->steps->at[step].insn);
}

static size_t put_step(struct layout *l, uint32_t step)
{
	const struct seccomp_step *s = &l->steps->at[step];

	if (is_answer(s))
		return 0; /* where it is asked for */
	if (BPF_CLASS(s->insn.code) != BPF_JMP)
		return put_plain(l, step);
	if (BPF_OP(s->insn.code) != BPF_JA)
		return put_jump(l, s);
	/* Who leads here may as well lead there. */
	if (is_answer(&l->steps->at[s->yes]))
		return put(l, l->steps->at[s->yes].insn);
	return l->place[s->yes];
}

/**
 * seccomp_lay_out() - the program of some steps
 * @out: filled; what it holds on failure is undefined
 * @steps: the first is where the program begins and no jump; each leads forward only
 *
 * Return: 0 or -errno with @err filled; -E2BIG: more than BPF_MAXINSNS instructions.
 */
int seccomp_lay_out(struct seccomp_program *out, const struct seccomp_steps *steps, struct err *err)
{
	cleanup_free struct layout *l = calloc(1, sizeof(*l));
	size_t n = steps->n;

	if (!l)
		return err_set(err, ENOMEM, "out of memory");
	l->steps = steps;
	for (size_t i = n <= SECCOMP_STEPS_MAX ? n : 0; i-- > 0;)
		l->place[i] = steps->at[i].left_out ? 0 : put_step(l, (uint32_t)i);
	if (n <= SECCOMP_STEPS_MAX)
		n = l->n;
	if (n > BPF_MAXINSNS)
		return err_set(err, E2BIG,
			       "the program would have %zu instructions, and the kernel takes %d",
			       n, BPF_MAXINSNS);
	out->n = n;
	for (size_t i = 0; i < n; i++)
		out->insns[i] = l->insns[n - 1 - i];
	return 0;
}
