/* SPDX-License-Identifier: MIT */
/* podd's own filter of system calls. */
#include "supervisor/own_filter.h"

#include <assert.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "container/filter.h"
#include "own_numbers.h" /* made at the build of seccomp/own_calls.h */
#include "seccomp/own_calls.h"

#define VARIABLE "PODD_REFUSED_CALLS"
#define X32_BIT	 0x40000000u

static const struct {
	const char *name;
	uint64_t capabilities; /* over the host: without one the kernel refuses it anyway */
} calls[] = {
#define OWN_CALL(name, capabilities) { #name, capabilities },
	OWN_CALLS
#undef OWN_CALL
	{ "x32", 0 },
};
#define CALL_N ((unsigned)ARRAY_SIZE(calls))
#define X32    (CALL_N - 1)

static_assert(ARRAY_SIZE(calls) == ARRAY_SIZE(own_numbers) + 1, "in the same order");
static_assert(ARRAY_SIZE(calls) <= 64, "a mask has a bit for each");

/* ------------------------------------------------------- what containers may call */

static bool compare(const struct sock_filter *f, uint32_t a)
{
	switch (BPF_OP(f->code)) {
	case BPF_JEQ:
		return a == f->k;
	case BPF_JGT:
		return a > f->k;
	case BPF_JGE:
		return a >= f->k;
	default:
		return a & f->k; /* BPF_JSET */
	}
}

/* Of the accumulator, before an instruction. */
struct known {
	bool reached;
	bool sure; /* @value holds, however it is reached */
	uint32_t value;
};

static void reach(struct known *at, const struct known *from)
{
	at->sure = from->sure && (!at->reached || (at->sure && at->value == from->value));
	at->value = from->value;
	at->reached = true;
}

static bool lets_through(const struct sock_filter *f)
{
	uint32_t action = f->k & SECCOMP_RET_ACTION_FULL;

	return BPF_RVAL(f->code) != BPF_K || action == SECCOMP_RET_ALLOW ||
	       action == SECCOMP_RET_LOG || action == SECCOMP_RET_TRACE ||
	       action == SECCOMP_RET_USER_NOTIF;
}

/* What the next instruction finds after one that is no jump. */
static struct known calculate(const struct sock_filter *f, struct known a, uint32_t arch,
			      uint32_t number)
{
	if (f->code == (BPF_ALU | BPF_AND | BPF_K)) {
		a.value &= f->k;
	} else if (f->code == (BPF_LD | BPF_W | BPF_ABS)) {
		a.sure = f->k == offsetof(struct seccomp_data, nr) ||
			 f->k == offsetof(struct seccomp_data, arch);
		a.value = f->k == offsetof(struct seccomp_data, nr) ? number : arch;
	} else {
		a.sure = false; /* ours and libseccomp's have nothing else */
	}
	return a;
}

/*
 * Whether a program may let a call through, with some arguments or others: at a comparison
 * with what is neither its number nor its ABI, both ways are gone. Jumps lead forward
 * (bpf_check_classic()), so one pass comes to each instruction after all that lead there.
 */
static bool may_allow(const struct sock_filter *f, size_t n, uint32_t arch, uint32_t number)
{
	cleanup_free struct known *at = calloc(n + 1 + UINT8_MAX, sizeof(*at));
	bool allows = !at; /* nothing is refused that might be allowed */

	if (at)
		at[0] = (struct known){ .reached = true, .sure = true };
	for (size_t i = 0; i < n && !allows; i++) {
		struct known next = at[i];

		if (!next.reached)
			continue;
		if (BPF_CLASS(f[i].code) == BPF_RET) {
			allows = lets_through(&f[i]);
		} else if (f[i].code == (BPF_JMP | BPF_JA)) {
			if (f[i].k < n - i) /* as the kernel has made sure of */
				reach(&at[i + 1 + f[i].k], &next);
		} else if (BPF_CLASS(f[i].code) == BPF_JMP) {
			bool sure = next.sure && BPF_SRC(f[i].code) == BPF_K;
			bool jump = compare(&f[i], next.value);

			if (!sure || jump)
				reach(&at[i + 1 + f[i].jt], &next);
			if (!sure || !jump)
				reach(&at[i + 1 + f[i].jf], &next);
		} else {
			next = calculate(&f[i], next, arch, number);
			reach(&at[i + 1], &next);
		}
	}
	return allows;
}

static bool call_may_pass(const struct container_filter *filter, unsigned call)
{
	if (call == X32) /* read(2) */
		return may_allow(filter->program, filter->len, AUDIT_ARCH_X86_64, X32_BIT);
	for (size_t i = 0; i < ARRAY_SIZE(own_abis); i++)
		if (own_numbers[call][i] >= 0 &&
		    may_allow(filter->program, filter->len, own_abis[i],
			      (uint32_t)own_numbers[call][i]))
			return true;
	return false;
}

/**
 * own_filter_needed() - which of the calls a container may make
 * @own_userns: it is in a user namespace of its pod's: no capability is one over the host
 *
 * With SeccompProfile=unconfined, in the recording mode, and while a profile could not be
 * loaded, all but those that the kernel refuses for want of a capability.
 */
uint64_t own_filter_needed(const struct container_spec *run, bool own_userns)
{
	const uint64_t held = own_userns ? 0 : container_bounding_set(&run->capabilities);
	struct container_filter filter;
	bool any = container_filter_find(&filter, run, NULL) < 0 || filter.len == 0;
	uint64_t needed = 0;

	/* podd's own profile lets none through: tests/unit/test_own_filter has gone through
	 * them. */
	if (run->seccomp.mode == CONTAINER_SECCOMP_DEFAULT && !container_filter_is_external(run))
		return 0;
	for (unsigned i = 0; i < CALL_N; i++) {
		if (calls[i].capabilities && !(calls[i].capabilities & held))
			continue;
		if (any || call_may_pass(&filter, i))
			needed |= UINT64_C(1) << i;
	}
	return needed;
}

/**
 * own_filter_all() - the set of all calls that podd does without
 */
uint64_t own_filter_all(void)
{
	return UINT64_MAX >> (64 - CALL_N);
}

/**
 * own_filter_name() - what a call is called
 * @call: a bit of a set
 */
const char *own_filter_name(unsigned call)
{
	return call < CALL_N ? calls[call].name : "a system call";
}

/* -------------------------------------------------------------------- the program */

#define REFUSE(number)	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (number))
#define ALLOW		    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define LOAD(offset)	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset)
#define EQUALS(k, yes, no)  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k, yes, no)

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define FIRST_ARG (offsetof(struct seccomp_data, args[0]) + 4)
#else
#define FIRST_ARG offsetof(struct seccomp_data, args[0])
#endif

struct code {
	struct sock_filter *insns;
	size_t n;
};

static void put(struct code *c, const struct sock_filter *insns, size_t n)
{
	memcpy(c->insns + c->n, insns, n * sizeof(*insns));
	c->n += n;
}

/* What podd itself does with a call that it refuses, of the ABI that it is built for. */
static const struct use {
	uint32_t number;
	uint32_t first_arg;
} own_uses[] = {
	{ SYS_bpf, BPF_PROG_LOAD }, /* cgroup/devices.c */
	{ SYS_bpf, BPF_PROG_ATTACH },
	{ SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING }, /* base/keyring.c, in each program's child */
};

/* One that is refused. */
struct number {
	uint32_t number;
	bool is_native; /* podd may make it, if it is among own_uses */
};

static void put_refusal(struct code *c, const struct number *call)
{
	const struct sock_filter skip = EQUALS(call->number, 0, 0), load = LOAD(FIRST_ARG),
				 allow = ALLOW, refuse = REFUSE(EPERM);
	const size_t begin = c->n;

	put(c, &skip, 1);
	for (size_t i = 0; call->is_native && i < ARRAY_SIZE(own_uses); i++) {
		const struct sock_filter compare = EQUALS(own_uses[i].first_arg, 0, 1);

		if (own_uses[i].number != call->number)
			continue;
		put(c, &load, 1);
		put(c, &compare, 1);
		put(c, &allow, 1);
	}
	put(c, &refuse, 1);
	c->insns[begin].jf = (uint8_t)(c->n - begin - 1);
}

static int by_number(const void *a, const void *b)
{
	const struct number *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

/* A tree down to LEAF of them; the number is loaded. Each leaf ends in an answer. */
#define LEAF 4
static void put_numbers(struct code *c, const struct number *numbers, size_t n)
{
	const size_t half = n / 2, at = c->n;
	const struct sock_filter allow = ALLOW;

	if (n > LEAF) {
		const struct sock_filter split =
			BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, numbers[half].number, 0, 0);

		put(c, &split, 1);
		put_numbers(c, numbers, half);
		c->insns[at].jt = (uint8_t)(c->n - at - 1);
		put_numbers(c, numbers + half, n - half);
		return;
	}
	for (size_t i = 0; i < n; i++)
		put_refusal(c, &numbers[i]);
	put(c, &allow, 1);
}

/* The calls of the ABIs that have this value of seccomp_data.arch. */
static void put_calls(struct code *c, uint32_t arch, uint64_t refused)
{
	struct number numbers[2 * ARRAY_SIZE(own_numbers)];
	size_t n = 0;

	for (unsigned call = 0; call < X32; call++)
		for (size_t i = 0; i < ARRAY_SIZE(own_abis); i++) {
			int64_t number = own_numbers[call][i];
			bool x32 = arch == AUDIT_ARCH_X86_64 && number & X32_BIT;

			if (own_abis[i] != arch || number < 0 || !(refused & UINT64_C(1) << call) ||
			    (x32 && refused & UINT64_C(1) << X32))
				continue;
			numbers[n++] = (struct number){ (uint32_t)number, i == 0 };
		}
	qsort(numbers, n, sizeof(numbers[0]), by_number);
	put_numbers(c, numbers, n);
}

/**
 * own_filter_compile() - a filter that refuses a set of calls: EPERM, and lets all else through
 * @out: the program, as seccomp(2) takes it
 *
 * The kernel runs it once for each number, when it is loaded, and keeps which ones are let
 * through whatever their arguments (seccomp_cache_prepare(), Linux 5.11).
 *
 * Return: its length.
 */
size_t own_filter_compile(struct sock_filter out[OWN_FILTER_INSNS_MAX], uint64_t refused)
{
	const struct sock_filter load_arch = LOAD(offsetof(struct seccomp_data, arch)),
				 load_number = LOAD(offsetof(struct seccomp_data, nr)),
				 foreign = REFUSE(ENOSYS);
	const struct sock_filter x32[] = { BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1),
					   REFUSE(ENOSYS) };
	struct code c = { .insns = out };

	put(&c, &load_arch, 1);
	for (size_t i = 0; i < ARRAY_SIZE(own_abis); i++) {
		size_t begin = c.n;
		struct sock_filter other = EQUALS(own_abis[i], 0, 0);

		if (i > 0 && own_abis[i] == own_abis[0]) /* x32 */
			continue;
		put(&c, &other, 1);
		put(&c, &load_number, 1);
		if (own_abis[i] == AUDIT_ARCH_X86_64 && refused & UINT64_C(1) << X32)
			put(&c, x32, ARRAY_SIZE(x32));
		put_calls(&c, own_abis[i], refused);
		assert(c.n - begin - 1 <= UINT8_MAX && c.n < OWN_FILTER_INSNS_MAX);
		out[begin].jf = (uint8_t)(c.n - begin - 1);
	}
	put(&c, &foreign, 1);
	return c.n;
}

/**
 * own_filter_load() - refuse a set of calls to this process and all that come from it
 *
 * Needs CAP_SYS_ADMIN. The cost of a Spectre mitigation that kernels before 5.16 switch
 * on with a filter is not podd's to impose on containers: SPEC_ALLOW leaves it as it is.
 *
 * Return: 0 or -errno with @err filled.
 */
int own_filter_load(uint64_t refused, struct err *err)
{
	struct sock_filter insns[OWN_FILTER_INSNS_MAX];
	const struct sock_fprog program = {
		.len = (unsigned short)own_filter_compile(insns, refused),
		.filter = insns,
	};

	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW,
		    &program) < 0)
		return err_sys(err, "load podd's own seccomp filter");
	return 0;
}

/* ------------------------------------------------------------ from podd to podd */

/**
 * own_filter_inherited() - what is refused already, by the filter of the podd before this one
 *
 * The variable that says so goes, so that it is asked for once.
 */
uint64_t own_filter_inherited(void)
{
	cleanup_free char *text = getenv(VARIABLE) ? strdup(getenv(VARIABLE)) : NULL;
	bool filtered = prctl(PR_GET_SECCOMP) == SECCOMP_MODE_FILTER;
	uint64_t refused = 0;
	char *rest = NULL;

	(void)unsetenv(VARIABLE); /* no name that it refuses */
	if (!text || !filtered)
		return 0;
	for (char *name = strtok_r(text, ",", &rest); name; name = strtok_r(NULL, ",", &rest))
		for (unsigned i = 0; i < CALL_N; i++)
			if (strcmp(name, calls[i].name) == 0)
				refused |= UINT64_C(1) << i;
	return refused;
}

/**
 * own_filter_bequeath() - tell the podd that is executed next what is refused to it
 *
 * By names: it may know more or fewer.
 *
 * Return: 0 or -errno: it adds another filter then.
 */
int own_filter_bequeath(uint64_t refused)
{
	char text[64 * 24] = "";
	size_t n = 0;

	for (unsigned i = 0; i < CALL_N; i++)
		if (refused & UINT64_C(1) << i)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s,", calls[i].name);
	return setenv(VARIABLE, text, 1) < 0 ? -errno : 0;
}
