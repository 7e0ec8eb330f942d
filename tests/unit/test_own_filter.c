/* SPDX-License-Identifier: MIT */
/* podd's own filter: what it refuses, what containers need of it, and how it is passed on. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/capability.h"
#include "base/fd.h"
#include "container/filter.h"
#include "supervisor/own_filter.h"
#include "tests/unit/test_seccomp.h"

#define REFUSED (SECCOMP_RET_ERRNO | EPERM)
#define NONE	(SECCOMP_RET_ERRNO | ENOSYS)

static const struct sock_filter allow_all[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
static const struct sock_filter refuse_all[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1) };
/* ptrace(0) is let through, and all that needs no look at the number is not. */
static const struct sock_filter one_use[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ptrace, 0, 3),
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1),
};

static uint64_t set_of(const char *name)
{
	for (unsigned i = 0; own_filter_all() >> i; i++)
		if (strcmp(own_filter_name(i), name) == 0)
			return UINT64_C(1) << i;
	fail_msg("no call '%s'", name);
	return 0;
}

static uint32_t ask(uint64_t refused, uint32_t arch, int number, uint64_t arg)
{
	struct sock_filter insns[OWN_FILTER_INSNS_MAX];
	size_t n = own_filter_compile(insns, refused);
	const struct seccomp_data data = { .arch = arch, .nr = number, .args = { arg } };

	return bpf_run(insns, n, &data);
}

static struct container_spec with(const struct sock_filter *program, size_t n)
{
	return (struct container_spec){ .seccomp = { .mode = CONTAINER_SECCOMP_FILE,
						     .program = (void *)program,
						     .program_n = (unsigned short)n } };
}

static void compile__each_call__refused_in_each_abi(void **state)
{
	const struct seccomp_abi *native = seccomp_abi_native(), *abi;

	(void)state;
	for (unsigned i = 0; own_filter_all() >> i > 1; i++) /* the last is x32 */
		for (size_t k = 0; (abi = seccomp_abi_served(native, k)); k++) {
			int n = seccomp_call_number(abi, own_filter_name(i));
			uint64_t open = own_filter_all() & ~(UINT64_C(1) << i) & ~set_of("x32");
			int with_bit = (int)((unsigned)n | abi->number_bit);

			if (n < 0)
				continue;
			assert_int_equal(ask(own_filter_all(), abi->audit_arch, with_bit, 99),
					 abi->number_bit ? NONE : REFUSED);
			assert_int_equal(ask(UINT64_C(1) << i, abi->audit_arch, with_bit, 99),
					 REFUSED);
			assert_int_equal(ask(open, abi->audit_arch, with_bit, 99),
					 SECCOMP_RET_ALLOW);
		}
}

static void compile__all_others__let_through(void **state)
{
	const struct seccomp_abi *native = seccomp_abi_native(), *abi;
	char buf[64];

	(void)state;
	for (size_t k = 0; (abi = seccomp_abi_served(native, k)); k++)
		for (int n = 0; n < 1000 && !abi->number_bit; n++) {
			const char *name = seccomp_call_name(abi, (unsigned)n, buf);
			bool ours = false;

			for (unsigned i = 0; name && own_filter_all() >> i; i++)
				ours |= strcmp(own_filter_name(i), name) == 0;
			assert_int_equal(ask(own_filter_all(), abi->audit_arch, n, 0) ==
						 SECCOMP_RET_ALLOW, !ours);
			assert_int_equal(ask(0, abi->audit_arch, n, 0), SECCOMP_RET_ALLOW);
		}
}

static void compile__bpf__only_what_filters_of_devices_take(void **state)
{
	const uint32_t arch = seccomp_abi_native()->audit_arch;

	(void)state;
	for (uint64_t command = 0; command < 64; command++) {
		bool ours = command == BPF_PROG_LOAD || command == BPF_PROG_ATTACH;

		assert_int_equal(ask(own_filter_all(), arch, SYS_bpf, command),
				 ours ? SECCOMP_RET_ALLOW : REFUSED);
	}
	assert_int_equal(ask(own_filter_all(), AUDIT_ARCH_M68K, 1, 0), NONE);
}

static void compile__keyctl__only_an_empty_session_keyring(void **state)
{
	const uint32_t arch = seccomp_abi_native()->audit_arch;

	(void)state;
	for (uint64_t command = 0; command < 64; command++)
		assert_int_equal(ask(own_filter_all(), arch, SYS_keyctl, command),
				 command == KEYCTL_JOIN_SESSION_KEYRING ? SECCOMP_RET_ALLOW :
									  REFUSED);
}

static void needed__default__nothing(void **state)
{
	struct container_spec run = { 0 };
	struct container_filter filter;

	(void)state;
	assert_int_equal(own_filter_needed(&run, true), 0);
	assert_int_equal(container_filter_find(&filter, &run, NULL), 0);
	run = with(filter.program, filter.len); /* now it is looked at */
	run.capabilities.add = CAPABILITY_ALL;
	assert_int_equal(own_filter_needed(&run, false), 0);
}

static void needed__unconfined__all_but_what_the_kernel_refuses(void **state)
{
	struct container_spec run = { .seccomp = { .mode = CONTAINER_SECCOMP_UNCONFINED } };
	const uint64_t of_host = set_of("init_module") | set_of("finit_module") |
				 set_of("delete_module"), swap = set_of("swapon");

	(void)state;
	assert_true(own_filter_needed(&run, false) & set_of("ptrace"));
	assert_true(own_filter_needed(&run, false) & set_of("x32"));
	assert_int_equal(own_filter_needed(&run, false) & (of_host | swap), 0);
	run.capabilities.add = CAPABILITY(SYS_MODULE);
	assert_int_equal(own_filter_needed(&run, false) & (of_host | swap), of_host);
	assert_int_equal(own_filter_needed(&run, true) & (of_host | swap), 0);
	run.seccomp.mode = CONTAINER_SECCOMP_AUDIT;
	assert_int_equal(own_filter_needed(&run, false) & (of_host | swap), of_host);
	run.capabilities.add = CAPABILITY_ALL;
	assert_int_equal(own_filter_needed(&run, false), own_filter_all());
}

static void needed__profile__what_it_may_let_through(void **state)
{
	struct container_spec run = with(allow_all, ARRAY_SIZE(allow_all));
	const struct container_spec unconfined = {
		.seccomp = { .mode = CONTAINER_SECCOMP_UNCONFINED }
	};

	(void)state;
	assert_int_equal(own_filter_needed(&run, true), own_filter_needed(&unconfined, true));
	run = with(refuse_all, ARRAY_SIZE(refuse_all));
	assert_int_equal(own_filter_needed(&run, true), 0);
	run = with(NULL, 0); /* it could not be loaded: whatever it will say */
	assert_int_equal(own_filter_needed(&run, true), own_filter_needed(&unconfined, true));
#ifdef __x86_64__ /* of i386, ioperm has this number */
	run = with(one_use, ARRAY_SIZE(one_use));
	assert_int_equal(own_filter_needed(&run, true), set_of("ptrace") | set_of("ioperm"));
#endif
}

static int try_filter(void)
{
	struct err err = { 0 };
	uint64_t all = own_filter_all();

	if (own_filter_load(all, &err) < 0)
		return err.code == EPERM || err.code == EACCES ? 77 : 1;
	if (own_filter_bequeath(all) < 0 || own_filter_inherited() != all ||
	    getenv("PODD_REFUSED_CALLS"))
		return 2;
	if (own_filter_bequeath(0) < 0 || own_filter_inherited() != 0)
		return 3;
	(void)setenv("PODD_REFUSED_CALLS", "ptrace,a_call_of_later,bpf", 1);
	if (own_filter_inherited() != (set_of("ptrace") | set_of("bpf")))
		return 4;
	if (syscall(SYS_ptrace, 99, 0, 0, 0) != -1 || errno != EPERM)
		return 5;
	if (syscall(SYS_bpf, BPF_PROG_LOAD, NULL, 0) != -1)
		return 6;
	return getpid() > 0 ? 0 : 7;
}

static void load__all__refused_and_told_to_the_next(void **state)
{
	int status = 0;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(try_filter());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status == 77 << 8)
		skip();
	assert_int_equal(status, 0);
}

static void inherited__without_a_filter__what_the_variable_says_is_not_so(void **state)
{
	(void)state;
	assert_int_equal(own_filter_bequeath(own_filter_all()), 0);
	assert_int_equal(own_filter_inherited(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compile__each_call__refused_in_each_abi),
		cmocka_unit_test(compile__all_others__let_through),
		cmocka_unit_test(compile__bpf__only_what_filters_of_devices_take),
		cmocka_unit_test(compile__keyctl__only_an_empty_session_keyring),
		cmocka_unit_test(needed__default__nothing),
		cmocka_unit_test(needed__unconfined__all_but_what_the_kernel_refuses),
		cmocka_unit_test(needed__profile__what_it_may_let_through),
		cmocka_unit_test(load__all__refused_and_told_to_the_next),
		cmocka_unit_test(inherited__without_a_filter__what_the_variable_says_is_not_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
