/* SPDX-License-Identifier: MIT */
/* seccomp/: profiles, and the programs made of them, held against libseccomp's. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/capability.h"
#include "base/fd.h"
#include "base/io.h"
#include "tests/unit/test_seccomp.h"

#undef NDEBUG /* the target's checks are asserts */
#include "tests/fuzz/fuzz_seccomp.c"

#define E(number) (SECCOMP_RET_ERRNO | (number))

/* A machine that is none in particular, so that this passes on any. */
static struct seccomp_target x86_64(uint64_t capabilities)
{
	return (struct seccomp_target){ seccomp_abi_find("X86_64"), capabilities, 6, 1 };
}

static int parse(struct seccomp_profile **out, const char *text, uint64_t capabilities,
		 struct err *err)
{
	struct seccomp_target target = x86_64(capabilities);

	*err = (struct err){ 0 };
	*out = NULL;
	return seccomp_profile_parse(out, text, strlen(text), &target, err);
}

static struct seccomp_profile *good(const char *text, uint64_t capabilities)
{
	struct seccomp_profile *p;
	struct err err;

	if (parse(&p, text, capabilities, &err) < 0)
		fail_msg("%s", err.msg);
	return p;
}

static char *default_text(void)
{
	char *text = calloc(1, 65536);
	struct err err = { 0 };

	assert_true(io_read_file(AT_FDCWD, "seccomp/default.json", text, 65535, &err) > 0);
	return text;
}

static struct seccomp_program *compiled(const struct seccomp_profile *p)
{
	struct seccomp_program *out = malloc(sizeof(*out));
	struct err err = { 0 };

	if (seccomp_compile(out, p, &err) < 0)
		fail_msg("%s", err.msg);
	return out;
}

static uint32_t say(const struct seccomp_program *p, const struct seccomp_abi *abi, int number,
		    const uint64_t args[6])
{
	struct seccomp_data data = { .nr = (int)((uint32_t)number | abi->number_bit),
				     .arch = abi->audit_arch };

	memcpy(data.args, args, sizeof(data.args));
	return bpf_run(p->insns, p->n, &data);
}

/* Values at which a comparison could go wrong: those of the rules, and their neighbours. */
static uint64_t some_value(const struct seccomp_profile *p)
{
	const struct seccomp_rule *rule = &p->rules[(size_t)random() % p->rule_n];
	uint64_t v = rule->arg_n ? rule->args[(unsigned)random() % rule->arg_n].value : 0;

	switch (random() % 6) {
	case 0:
		return v;
	case 1:
		return v + 1;
	case 2:
		return v - 1;
	case 3:
		return v | UINT64_C(1) << (random() % 64);
	case 4:
		return (uint64_t)random() << 32 | (v & UINT32_MAX);
	default:
		return (uint64_t)random() << 33 ^ (uint64_t)random();
	}
}

static void check_against_rules(const struct seccomp_profile *p, int last, int rounds)
{
	cleanup_free struct seccomp_program *program = compiled(p);

	for (size_t i = 0; i < p->abi_n; i++) {
		for (int number = 0; number < last; number++) {
			for (int round = 0; round < rounds; round++) {
				uint64_t args[6];
				uint32_t want, got;

				for (int a = 0; a < 6; a++)
					args[a] = some_value(p);
				want = rules_say(p, p->abis[i], number, args);
				got = say(program, p->abis[i], number, args);
				if (want != got)
					fail_msg("%s %d: %x, not %x",
						 p->abis[i]->name, number, got, want);
			}
		}
	}
}

static void default_profile__every_number__as_its_rules_say(void **state)
{
	static const uint64_t capabilities[] = { 0, 0x4eb, CAPABILITY_ALL, CAPABILITY(SYS_PTRACE) };
	cleanup_free char *text = default_text();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(capabilities); i++) {
		struct seccomp_profile *p = good(text, capabilities[i]);

		assert_int_equal(p->abi_n, 2);
		check_against_rules(p, 520, 4);
		seccomp_profile_free(p);
	}
}

/* The args of a call that two ABIs have are looked at by one part, and no load is made twice. */
static void default_profile__two_abis__parts_that_are_alike_are_there_once(void **state)
{
	cleanup_free char *text = default_text();
	struct seccomp_profile *p = good(text, 0);
	cleanup_free struct seccomp_program *program = compiled(p);
	unsigned personality = 0;

	(void)state;
	for (size_t i = 0; i < program->n; i++) {
		const struct sock_filter *insn = &program->insns[i];

		personality += BPF_CLASS(insn->code) == BPF_JMP && insn->k == 0x20008;
	}
	assert_int_equal(personality, 1);
	assert_true(program->n < 280);
	seccomp_profile_free(p);
}

/* CVE-2022-0492, GHSA of io_uring and keyctl: what must never be in the default. */
static void default_profile__calls_that_broke_out__refused(void **state)
{
	static const char *const calls[] = {
		"add_key", "bpf", "clone3", "io_uring_enter", "io_uring_register",
		"io_uring_setup", "kexec_file_load", "kexec_load", "keyctl", "mount",
		"move_mount", "open_by_handle_at", "open_tree", "perf_event_open", "pivot_root",
		"process_vm_writev", "ptrace",
		"request_key", "setns", "umount2", "unshare", "userfaultfd", "init_module",
		"finit_module", "delete_module", "fsopen", "fsconfig", "fsmount", "mount_setattr",
		"pidfd_getfd", "memfd_secret", "modify_ldt", "iopl", "ioperm", "reboot", "swapon",
		"settimeofday", "clock_settime", "quotactl", "syslog", "acct", "lookup_dcookie",
	};
	cleanup_free char *text = default_text();
	struct seccomp_profile *p = good(text, 0x4eb);
	cleanup_free struct seccomp_program *program = compiled(p);
	const uint64_t args[6] = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		for (size_t k = 0; k < p->abi_n; k++) {
			int n = seccomp_call_number(p->abis[k], calls[i]);
			uint32_t got = n < 0 ? E(EPERM) : say(program, p->abis[k], n, args);

			if (got != E(EPERM) && got != E(ENOSYS))
				fail_msg("%s: %s: %x", p->abis[k]->name, calls[i], got);
		}
	}
	seccomp_profile_free(p);
}

static void default_profile__another_abi__killed_or_unknown(void **state)
{
	cleanup_free char *text = default_text();
	struct seccomp_profile *p = good(text, 0);
	cleanup_free struct seccomp_program *program = compiled(p);
	const uint64_t args[6] = { 0 };

	(void)state;
	assert_int_equal(say(program, seccomp_abi_find("X32"), 0, args), E(ENOSYS));
	assert_int_equal(say(program, seccomp_abi_find("AARCH64"), 63, args),
			 SECCOMP_RET_KILL_PROCESS);
	assert_int_equal(say(program, seccomp_abi_find("X86_64"), 0, args), SECCOMP_RET_ALLOW);
	seccomp_profile_free(p);
}

/* ------------------------------------------------------------- libseccomp's program */

#define ARG(i, op, v) "{\"index\":" #i ",\"op\":\"SCMP_CMP_" op "\",\"value\":" #v "}"
/* What both understand alike: no rule without args beside others of the call. */
static const char both[] =
	"{\"defaultAction\":\"SCMP_ACT_KILL_PROCESS\","
	"\"architectures\":[\"SCMP_ARCH_X86_64\",\"SCMP_ARCH_X86\"],\"syscalls\":["
	"{\"names\":[\"read\",\"write\",\"exit_group\",\"close\",\"rt_sigreturn\",\"mmap\"],"
	"\"action\":\"SCMP_ACT_ALLOW\"},"
	"{\"name\":\"ptrace\",\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":13},"
	"{\"name\":\"kill\",\"action\":\"SCMP_ACT_TRAP\"},"
	"{\"name\":\"fcntl\",\"action\":\"SCMP_ACT_LOG\"},"
	"{\"name\":\"lseek\",\"action\":\"SCMP_ACT_TRACE\",\"errnoRet\":7},"
	"{\"name\":\"personality\",\"action\":\"SCMP_ACT_ALLOW\",\"args\":[" ARG(0, "EQ", 8) "]},"
	"{\"name\":\"personality\",\"action\":\"SCMP_ACT_ALLOW\",\"args\":["
	ARG(0, "EQ", 4294967295) "]},"
	"{\"name\":\"clone\",\"action\":\"SCMP_ACT_ALLOW\",\"args\":["
	"{\"index\":0,\"op\":\"SCMP_CMP_MASKED_EQ\",\"value\":2114060288,\"valueTwo\":0}]},"
	"{\"name\":\"dup2\",\"action\":\"SCMP_ACT_ALLOW\",\"args\":["
	ARG(0, "LT", 12) "," ARG(1, "GE", 3) "]},"
	"{\"name\":\"dup3\",\"action\":\"SCMP_ACT_ALLOW\",\"args\":["
	ARG(0, "LE", 12) "," ARG(2, "NE", 0) "]},"
	"{\"name\":\"fchmod\",\"action\":\"SCMP_ACT_ALLOW\",\"args\":["
	ARG(1, "GT", 4294967297) "]},"
	"{\"name\":\"fchown\",\"action\":\"SCMP_ACT_ALLOW\",\"args\":["
	ARG(1, "GE", 8589934592) "]},"
	"{\"name\":\"ftruncate\",\"action\":\"SCMP_ACT_ALLOW\",\"args\":["
	ARG(1, "LT", 8589934593) "]},"
	"{\"name\":\"pread64\",\"action\":\"SCMP_ACT_ALLOW\",\"args\":["
	ARG(5, "LE", 8589934592) "]}"
	"]}";

static uint32_t scmp_action(uint32_t action)
{
	uint32_t data = action & SECCOMP_RET_DATA;

	switch (action & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_ERRNO:
		return SCMP_ACT_ERRNO(data);
	case SECCOMP_RET_TRACE:
		return SCMP_ACT_TRACE(data);
	default:
		return action; /* the same numbers */
	}
}

static enum scmp_compare scmp_op(enum seccomp_op op)
{
	static const enum scmp_compare ops[] = {
		[SECCOMP_OP_NE] = SCMP_CMP_NE, [SECCOMP_OP_LT] = SCMP_CMP_LT,
		[SECCOMP_OP_LE] = SCMP_CMP_LE, [SECCOMP_OP_EQ] = SCMP_CMP_EQ,
		[SECCOMP_OP_GE] = SCMP_CMP_GE, [SECCOMP_OP_GT] = SCMP_CMP_GT,
		[SECCOMP_OP_MASKED_EQ] = SCMP_CMP_MASKED_EQ,
	};

	return ops[op];
}

static size_t compile_by_libseccomp(struct sock_filter insns[BPF_MAXINSNS],
				    const struct seccomp_profile *p)
{
	scmp_filter_ctx ctx = seccomp_init(scmp_action(p->default_action));
	cleanup_close int fd = memfd_create("bpf", MFD_CLOEXEC);
	ssize_t n;

	assert_non_null(ctx);
	(void)seccomp_arch_remove(ctx, SCMP_ARCH_NATIVE);
	for (size_t i = 0; i < p->abi_n; i++)
		assert_int_equal(seccomp_arch_add(ctx, p->abis[i]->scmp_arch), 0);
	for (size_t i = 0; i < p->rule_n; i++) {
		const struct seccomp_rule *rule = &p->rules[i];
		struct scmp_arg_cmp args[6];

		for (unsigned k = 0; k < rule->arg_n; k++) {
			const struct seccomp_arg *a = &rule->args[k];
			bool masked = a->op == SECCOMP_OP_MASKED_EQ;

			args[k] = (struct scmp_arg_cmp){ a->index, scmp_op(a->op),
							 masked ? a->mask : a->value,
							 masked ? a->value : 0 };
		}
		assert_int_equal(seccomp_rule_add_array(ctx, scmp_action(rule->action),
							seccomp_syscall_resolve_name(rule->name),
							rule->arg_n, args), 0);
	}
	assert_int_equal(seccomp_export_bpf(ctx, fd), 0);
	seccomp_release(ctx);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	n = read(fd, insns, BPF_MAXINSNS * sizeof(*insns));
	assert_true(n > 0);
	return (size_t)n / sizeof(*insns);
}

static bool has_wide(const struct seccomp_profile *p, const struct seccomp_abi *abi, int number)
{
	for (size_t i = 0; i < p->rule_n; i++)
		for (unsigned k = 0; k < p->rules[i].arg_n; k++)
			if (p->rules[i].args[k].value > UINT32_MAX &&
			    seccomp_call_number(abi, p->rules[i].name) == number)
				return true;
	return false;
}

static void program__a_profile_of_both__same_as_libseccomps(void **state)
{
	cleanup_free struct sock_filter *theirs = calloc(BPF_MAXINSNS, sizeof(*theirs));
	struct seccomp_profile *p = good(both, 0);
	cleanup_free struct seccomp_program *program = compiled(p);
	size_t n = compile_by_libseccomp(theirs, p);

	(void)state;
	for (size_t i = 0; i < p->abi_n; i++) {
		/* The kernel has nothing in the upper halves, and libseccomp does not look
		 * there. */
		bool narrow = !(p->abis[i]->audit_arch & __AUDIT_ARCH_64BIT);

		for (int number = 0; number < 480; number++) {
			for (int round = 0;
			     round < 40 && !(narrow && has_wide(p, p->abis[i], number)); round++) {
				struct seccomp_data data = { .nr = number,
							     .arch = p->abis[i]->audit_arch };

				for (int a = 0; a < 6; a++)
					data.args[a] = some_value(p) &
						       (narrow ? UINT32_MAX : UINT64_MAX);
				if (bpf_run(program->insns, program->n, &data) !=
				    bpf_run(theirs, n, &data))
					fail_msg("%s %d (%jx %jx): %x, not %x",
						 p->abis[i]->name, number,
						 (uintmax_t)data.args[0], (uintmax_t)data.args[1],
						 bpf_run(program->insns, program->n, &data),
						 bpf_run(theirs, n, &data));
			}
		}
	}
	seccomp_profile_free(p);
}

/* ------------------------------------------------------------------------- rules */

#define PROFILE(rules) "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[" rules "]}"

static uint32_t of_call(const char *text, uint64_t capabilities, const char *call, uint64_t arg0)
{
	struct seccomp_profile *p = good(text, capabilities);
	cleanup_free struct seccomp_program *program = compiled(p);
	const uint64_t args[6] = { arg0 };
	uint32_t r = say(program, p->abis[0], seccomp_call_number(p->abis[0], call), args);

	seccomp_profile_free(p);
	return r;
}

static void rules__of_one_call__the_first_that_matches(void **state)
{
	static const char otherwise[] = PROFILE(
		"{\"name\":\"kill\",\"action\":\"SCMP_ACT_ERRNO\",\"args\":[" ARG(0, "EQ", 1) "]},"
		"{\"name\":\"kill\",\"action\":\"SCMP_ACT_ALLOW\"},"
		"{\"name\":\"kill\",\"action\":\"SCMP_ACT_TRAP\",\"args\":[" ARG(0, "EQ", 2) "]}");
	static const char two[] = PROFILE(
		"{\"name\":\"kill\",\"action\":\"SCMP_ACT_ALLOW\",\"args\":["
		ARG(0, "EQ", 1) "," ARG(0, "EQ", 5) "]}");
	static const char same_as_default[] = PROFILE(
		"{\"name\":\"kill\",\"action\":\"SCMP_ACT_ERRNO\"},"
		"{\"name\":\"kill\",\"action\":\"SCMP_ACT_ALLOW\"}");

	(void)state;
	assert_int_equal(of_call(otherwise, 0, "kill", 1), E(EPERM));
	assert_int_equal(of_call(otherwise, 0, "kill", 2), SECCOMP_RET_ALLOW);
	assert_int_equal(of_call(otherwise, 0, "kill", 3), SECCOMP_RET_ALLOW);
	assert_int_equal(of_call(two, 0, "kill", 1), SECCOMP_RET_ALLOW);
	assert_int_equal(of_call(two, 0, "kill", 5), SECCOMP_RET_ALLOW);
	assert_int_equal(of_call(two, 0, "kill", 2), E(EPERM));
	assert_int_equal(of_call(same_as_default, 0, "kill", 2), SECCOMP_RET_ALLOW);
}

#define KILL(more) PROFILE("{\"name\":\"kill\",\"action\":\"SCMP_ACT_ALLOW\"," more "}," \
			   "{\"name\":\"tkill\",\"action\":\"SCMP_ACT_ALLOW\"}")

static void includes_and_excludes__as_docker_decides(void **state)
{
	static const struct {
		const char *text;
		uint64_t capabilities;
		bool allowed;
	} rows[] = {
		{ KILL("\"includes\":{\"caps\":[\"CAP_KILL\",\"CAP_BPF\"]}"), CAPABILITY(KILL),
		  false },
		{ KILL("\"includes\":{\"caps\":[\"CAP_KILL\"]}"), CAPABILITY(KILL), true },
		{ KILL("\"excludes\":{\"caps\":[\"CAP_KILL\",\"CAP_BPF\"]}"), CAPABILITY(KILL),
		  false },
		{ KILL("\"excludes\":{\"caps\":[\"CAP_BPF\"]}"), CAPABILITY(KILL), true },
		{ KILL("\"includes\":{\"arches\":[\"arm64\",\"amd64\"]}"), 0, true },
		{ KILL("\"includes\":{\"arches\":[\"arm64\",\"x86\"]}"), 0, false },
		{ KILL("\"excludes\":{\"arches\":[\"amd64\"]}"), 0, false },
		{ KILL("\"includes\":{\"minKernel\":\"6.1\"}"), 0, true },
		{ KILL("\"includes\":{\"minKernel\":\"6.2\"}"), 0, false },
		{ KILL("\"includes\":{\"minKernel\":\"5.19\"},\"excludes\":{}"), 0, true },
		{ KILL("\"includes\":null,\"args\":null,\"comment\":\"\""), 0, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (of_call(rows[i].text, rows[i].capabilities, "kill", 0) !=
		    (rows[i].allowed ? SECCOMP_RET_ALLOW : E(EPERM)))
			fail_msg("%s", rows[i].text);
}

static void number__above_all_that_are_named__enosys(void **state)
{
	struct seccomp_profile *p =
		good(PROFILE("{\"name\":\"kill\",\"action\":\"SCMP_ACT_ALLOW\"}"), 0);
	cleanup_free struct seccomp_program *program = compiled(p);
	const uint64_t args[6] = { 0 };

	(void)state;
	assert_int_equal(say(program, p->abis[0], 61, args), E(EPERM));
	assert_int_equal(say(program, p->abis[0], 62, args), SECCOMP_RET_ALLOW);
	assert_int_equal(say(program, p->abis[0], 63, args), E(ENOSYS));
	assert_int_equal(say(program, p->abis[0], 0x3fffffff, args), E(ENOSYS));
	seccomp_profile_free(p);
	p = good("{\"defaultAction\":\"SCMP_ACT_ALLOW\"}", 0);
	free(program);
	program = compiled(p);
	assert_int_equal(say(program, p->abis[0], 500, args), SECCOMP_RET_ALLOW);
	seccomp_profile_free(p);
}

/* Conditional jumps reach 255 instructions: here the tree is larger, on three ABIs. */
static void program__with_far_jumps__as_its_rules_say(void **state)
{
	cleanup_free char *text = malloc(200000);
	struct seccomp_profile *p;
	size_t n;
	char buf[64];

	(void)state;
	n = (size_t)sprintf(text,
			    "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":99,"
			    "\"archMap\":[{\"architecture\":\"SCMP_ARCH_X86_64\","
			    "\"subArchitectures\":[\"SCMP_ARCH_X86\",\"SCMP_ARCH_X32\"]}],"
			    "\"syscalls\":[");
	for (unsigned i = 0; i < 330; i += 4) {
		const char *name = seccomp_call_name(seccomp_abi_find("X86_64"), i, buf);

		if (name)
			n += (size_t)sprintf(text + n,
					     "%s{\"name\":\"%s\",\"action\":\"SCMP_ACT_ALLOW\","
					     "\"args\":[" ARG(1, "LE", 77) "," ARG(3, "NE", 4) "]}",
					     i ? "," : "", name);
	}
	strcpy(text + n, "]}");
	p = good(text, 0);
	assert_int_equal(p->abi_n, 3);
	check_against_rules(p, 480, 6);
	seccomp_profile_free(p);
}

static void program__too_large__refused(void **state)
{
	cleanup_free struct seccomp_program *program = malloc(sizeof(*program));
	cleanup_free char *text = malloc(400000);
	struct err err = { 0 };
	struct seccomp_profile *p;
	size_t n = (size_t)sprintf(text, "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[");

	(void)state;
	for (unsigned i = 0; i < 2000; i++)
		n += (size_t)sprintf(text + n,
				     "%s{\"name\":\"kill\",\"action\":\"SCMP_ACT_ALLOW\",\"args\":"
				     "[{\"index\":0,\"op\":\"SCMP_CMP_EQ\",\"value\":%u}]}",
				     i ? "," : "", i);
	strcpy(text + n, "]}");
	p = good(text, 0);
	assert_int_equal(seccomp_compile(program, p, &err), -E2BIG);
	assert_string_equal(err.msg,
			    "the program would have 8042 instructions, and the kernel takes 4096");
	seccomp_profile_free(p);
}

static const struct {
	const char *text, *expected;
} wrong_profiles[] = {
	{ "", "bad JSON at byte 0: '[' or '{' expected near end of file" },
	{ "[]", "is no object" },
	{ "{}", "defaultAction: action is missing, or no string" },
	{ "{\"defaultAction\":\"SCMP_ACT_ALOW\"}",
	  "defaultAction: unknown action 'SCMP_ACT_ALOW'; did you mean 'SCMP_ACT_ALLOW'?" },
	{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"defaultErrnoRet\":3}",
	  "defaultAction: 'defaultErrnoRet' has no meaning for 'SCMP_ACT_ALLOW'" },
	{ "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":4096}",
	  "defaultAction: 'defaultErrnoRet' is no number from 0 to 4095" },
	{ "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":-1}",
	  "defaultAction: 'defaultErrnoRet' is no number from 0 to 4095" },
	{ "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscall\":[]}",
	  "unknown key 'syscall'; did you mean 'syscalls'?" },
	{ "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":{}}", "'syscalls' is no list" },
	{ "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":[\"SCMP_ARCH_Z80\"]}",
	  "architectures[0]: unknown architecture 'SCMP_ARCH_Z80'" },
	{ "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"archMap\":[{\"architecture\":\"X86\"}]}",
	  "archMap[0]: unknown architecture 'X86'" },
	{ "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"listenerPath\":\"/x\"}",
	  "'listenerPath' needs an agent, and podd has none" },
	{ "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"flags\":[\"SECCOMP_FILTER_FLAG_LOG\"]}",
	  "flags[0]: SECCOMP_FILTER_FLAG_LOG is not supported" },
	{ "{\"defaultAction\":\"SCMP_ACT_ERRNO\","
	  "\"flags\":[\"SECCOMP_FILTER_FLAG_TSYNC\",\"SECCOMP_FILTER_FLAG_TSINC\"]}",
	  "flags[1]: unknown flag 'SECCOMP_FILTER_FLAG_TSINC'; did you mean "
	  "'SECCOMP_FILTER_FLAG_TSYNC'?" },
	{ "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"flags\":[1]}",
	  "flags[0]: flag is missing, or no string" },
	{ "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"flags\":\"\"}", "'flags' is no list" },
	{ PROFILE("3"), "syscalls[0]: is no object" },
	{ PROFILE("{\"name\":\"kill\"}"), "syscalls[0]: action is missing, or no string" },
	{ PROFILE("{\"name\":\"kill\",\"action\":\"SCMP_ACT_NOTIFY\"}"),
	  "syscalls[0]: SCMP_ACT_NOTIFY needs an agent, and podd has none" },
	{ PROFILE("{\"action\":\"SCMP_ACT_ALLOW\"}"),
	  "syscalls[0]: needs either 'names' or 'name'" },
	{ PROFILE("{\"names\":[\"read\",\"raed\"],\"action\":\"SCMP_ACT_ALLOW\"}"),
	  "syscalls[0].names[1]: unknown system call 'raed'; did you mean 'read'?" },
	{ PROFILE("{\"names\":[\"read\",7],\"action\":\"SCMP_ACT_ALLOW\"}"),
	  "syscalls[0].names[1]: is no string" },
	{ PROFILE("{\"name\":\"frobnicate_all\",\"action\":\"SCMP_ACT_ALLOW\"}"),
	  "syscalls[0].name: unknown system call 'frobnicate_all'" },
	{ KILL("\"args\":[{\"index\":6,\"op\":\"SCMP_CMP_EQ\"}]"),
	  "syscalls[0].args[0]: 'index' is no number from 0 to 5" },
	{ KILL("\"args\":[{\"op\":\"SCMP_CMP_EQ\"}]"),
	  "syscalls[0].args[0]: 'index' is missing" },
	{ KILL("\"args\":[{\"index\":0,\"op\":\"SCMP_CMP_QE\"}]"),
	  "syscalls[0].args[0]: unknown operator 'SCMP_CMP_QE'; did you mean 'SCMP_CMP_EQ'?" },
	{ KILL("\"args\":[{\"index\":0,\"op\":\"SCMP_CMP_EQ\",\"valuTwo\":1}]"),
	  "syscalls[0].args[0]: unknown key 'valuTwo'; did you mean 'valueTwo'?" },
	{ KILL("\"args\":[" ARG(0, "EQ", 18446744073709551615) "]"),
	  "bad JSON at byte 153: too big integer near '18446744073709551615'" },
	{ KILL("\"includes\":{\"caps\":[\"CAP_KIL\"]}"),
	  "syscalls[0].includes: unknown capability 'CAP_KIL'" },
	{ KILL("\"includes\":{\"arches\":[\"x86_64\"]}"),
	  "syscalls[0].includes: unknown architecture 'x86_64' (amd64, arm64, ...)" },
	{ KILL("\"includes\":{\"minKernel\":\"6\"}"),
	  "syscalls[0].includes: 'minKernel' is no version, such as 4.8" },
	{ KILL("\"includes\":{\"minKernel\":\"-4.8\"}"),
	  "syscalls[0].includes: 'minKernel' is no version, such as 4.8" },
	{ KILL("\"includes\":{\"minKernel\":\" 4. 8\"}"),
	  "syscalls[0].includes: 'minKernel' is no version, such as 4.8" },
	{ KILL("\"excludes\":{\"minKernel\":\"6.1\"}"),
	  "syscalls[0].excludes: 'minKernel' has no meaning here" },
	{ "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultAction\":\"SCMP_ACT_ALLOW\"}",
	  "bad JSON at byte 49: duplicate object key near '\"defaultAction\"'" },
};

static void profile__wrong__said_where(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong_profiles); i++) {
		struct seccomp_profile *p;
		struct err err;

		assert_int_equal(parse(&p, wrong_profiles[i].text, 0, &err) < 0, true);
		assert_null(p);
		assert_string_equal(err.msg, wrong_profiles[i].expected);
	}
}

/* What fuzzing starts from, whole and cut anywhere, and podd's own profile. */
static void fuzz__corpus__replayed(void **state)
{
	static const char *const files[] = { "args", "docker", "oci", "unknown", "notify",
					     "numbers", "deep" };
	cleanup_free char *own = default_text();

	(void)state;
	LLVMFuzzerTestOneInput((const uint8_t *)own, strlen(own));
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		char path[128], text[8192];
		struct err err = { 0 };
		ssize_t n;

		snprintf(path, sizeof(path), "tests/fuzz/corpus/seccomp/%s", files[i]);
		n = io_read_file(AT_FDCWD, path, text, sizeof(text), &err);
		assert_true(n > 0);
		for (ssize_t cut = 0; cut <= n; cut++)
			LLVMFuzzerTestOneInput((const uint8_t *)text, (size_t)cut);
	}
}

static void call__of_every_table__has_name_and_number(void **state)
{
	static const struct {
		const char *abi, *name;
		int number;
	} rows[] = {
		{ "X86_64", "read", 0 }, { "X86", "socket", 359 }, { "X32", "read", 0 },
		{ "X86_64", "socketcall", SECCOMP_NO_CALL }, { "X86", "socketcall", 102 },
		{ "X86", "shmget", 395 }, { "X86_64", "mseal", 462 },
		{ "AARCH64", "fchmodat2", 452 },
		{ "X86_64", "uretprobe", 335 }, { "X86", "uretprobe", SECCOMP_NO_CALL },
		{ "S390X", "semtimedop", 392 }, { "X86_64", "raed", SECCOMP_UNKNOWN },
		{ "AARCH64", "open", SECCOMP_NO_CALL }, { "RISCV64", "riscv_hwprobe", 258 },
	};
	char buf[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct seccomp_abi *abi = seccomp_abi_find(rows[i].abi);

		assert_int_equal(seccomp_call_number(abi, rows[i].name), rows[i].number);
		if (rows[i].number >= 0)
			assert_string_equal(seccomp_call_name(abi, (unsigned)rows[i].number, buf),
					    rows[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(default_profile__every_number__as_its_rules_say),
		cmocka_unit_test(default_profile__two_abis__parts_that_are_alike_are_there_once),
		cmocka_unit_test(default_profile__calls_that_broke_out__refused),
		cmocka_unit_test(default_profile__another_abi__killed_or_unknown),
		cmocka_unit_test(program__a_profile_of_both__same_as_libseccomps),
		cmocka_unit_test(rules__of_one_call__the_first_that_matches),
		cmocka_unit_test(includes_and_excludes__as_docker_decides),
		cmocka_unit_test(number__above_all_that_are_named__enosys),
		cmocka_unit_test(program__with_far_jumps__as_its_rules_say),
		cmocka_unit_test(program__too_large__refused),
		cmocka_unit_test(profile__wrong__said_where),
		cmocka_unit_test(fuzz__corpus__replayed),
		cmocka_unit_test(call__of_every_table__has_name_and_number),
	};

	return cmocka_run_group_tests_name("seccomp", tests, NULL, NULL);
}
