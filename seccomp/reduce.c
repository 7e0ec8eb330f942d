/* SPDX-License-Identifier: MIT */
/* Fewer steps that mean the same. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/fd.h"
#include "seccomp/layout.h"

#define NOTHING	     UINT32_MAX /* that is known of the accumulator */
#define BUCKETS	     (2 * SECCOMP_STEPS_MAX)
#define FIRST_BUCKET 2166136261u /* FNV-1a's numbers */
#define NEXT_BUCKET  16777619u

struct reduction {
	struct seccomp_steps *steps;
	uint32_t loaded[SECCOMP_STEPS_MAX]; /* offset whose value each step finds, or NOTHING */
	bool reached[SECCOMP_STEPS_MAX];
	uint32_t stands_for[SECCOMP_STEPS_MAX]; /* each step: itself or a later one */
	uint32_t buckets[BUCKETS];		/* steps that stand for themselves, + 1 */
};

static unsigned class_of(const struct seccomp_step *s)
{
	return BPF_CLASS(s->insn.code);
}

static bool is_load(const struct seccomp_step *s)
{
	return s->insn.code == (BPF_LD | BPF_W | BPF_ABS);
}

static bool is_test(const struct seccomp_step *s)
{
	return class_of(s) == BPF_JMP && BPF_OP(s->insn.code) != BPF_JA;
}

static void reach(struct reduction *r, uint32_t step, uint32_t loaded)
{
	if (r->reached[step] && r->loaded[step] != loaded)
		loaded = NOTHING;
	r->reached[step] = true;
	r->loaded[step] = loaded;
}

/* Who leads to a step comes before it, so all of them were seen when its turn comes. */
static void follow(struct reduction *r, uint32_t i)
{
	const struct seccomp_step *s = &r->steps->at[i];
	uint32_t loaded = r->loaded[i];

	if (!r->reached[i] || class_of(s) == BPF_RET)
		return;
	if (is_load(s))
		loaded = s->insn.k;
	else if (class_of(s) != BPF_JMP)
		loaded = NOTHING;
	reach(r, s->yes, loaded);
	if (is_test(s))
		reach(r, s->no, loaded);
}

static bool is_same(const struct seccomp_step *a, const struct seccomp_step *b)
{
	if (a->insn.code != b->insn.code || a->insn.k != b->insn.k)
		return false;
	return class_of(a) == BPF_RET ||
	       (a->yes == b->yes && (!is_test(a) || a->no == b->no));
}

static uint32_t bucket_of(const struct seccomp_step *s)
{
	const uint32_t words[] = { s->insn.code, s->insn.k, class_of(s) == BPF_RET ? 0 : s->yes,
				   is_test(s) ? s->no : 0 };
	uint32_t hash = FIRST_BUCKET;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		hash = (hash ^ words[i] ^ words[i] >> 16) * NEXT_BUCKET;
	return hash % BUCKETS;
}

/* A step whose targets stand for themselves. */
static uint32_t find_same(struct reduction *r, uint32_t i)
{
	uint32_t bucket = bucket_of(&r->steps->at[i]);

	for (; r->buckets[bucket]; bucket = (bucket + 1) % BUCKETS)
		if (is_same(&r->steps->at[r->buckets[bucket] - 1], &r->steps->at[i]))
			return r->buckets[bucket] - 1;
	r->buckets[bucket] = i + 1;
	return i;
}

static uint32_t stand_for(struct reduction *r, uint32_t i)
{
	struct seccomp_step *s = &r->steps->at[i];

	if (class_of(s) == BPF_RET)
		return find_same(r, i);
	s->yes = r->stands_for[s->yes];
	if (!is_test(s)) /* a load of what is there already, or a jump */
		return (is_load(s) && r->loaded[i] == s->insn.k) || class_of(s) == BPF_JMP ?
			       s->yes : find_same(r, i);
	s->no = r->stands_for[s->no];
	return s->yes == s->no ? s->yes : find_same(r, i);
}

/**
 * seccomp_reduce() - leave out steps that do nothing, or the same as others
 * @steps: as for seccomp_lay_out(); those left out are marked, and nothing leads there
 *
 * A load of what the accumulator has; a test that changes nothing; and of parts that
 * are alike, as the args of a call in two ABIs, all but the last one.
 *
 * Return: 0 or -ENOMEM with @err filled.
 */
int seccomp_reduce(struct seccomp_steps *steps, struct err *err)
{
	cleanup_free struct reduction *r = calloc(1, sizeof(*r));
	uint32_t n = (uint32_t)steps->n;

	if (!r)
		return err_set(err, ENOMEM, "out of memory");
	if (steps->n > SECCOMP_STEPS_MAX)
		return 0; /* told by seccomp_lay_out() */
	r->steps = steps;
	reach(r, 0, NOTHING);
	for (uint32_t i = 0; i < n; i++)
		follow(r, i);
	for (uint32_t i = n; i-- > 0;)
		r->stands_for[i] = stand_for(r, i);
	for (uint32_t i = 0; i < n; i++)
		steps->at[i].left_out = r->stands_for[i] != i;
	return 0;
}
