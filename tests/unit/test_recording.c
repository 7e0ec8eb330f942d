/* SPDX-License-Identifier: MIT */
/* seccomp/recording.h: what was called becomes a profile, which is added to. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/audit.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "seccomp/recording.h"
#include "tests/unit/test_seccomp.h"

#define PROFILE(rules) "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[" rules "]}"
#define ALLOW(name) "{\"names\":[\"" name "\"],\"action\":\"SCMP_ACT_ALLOW\"}"
#define ALLOW_IF(name, args) \
	"{\"names\":[\"" name "\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[" args "]}"
#define DENY_IF(name, number, args) \
	"{\"names\":[\"" name "\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":" #number "," \
	"\"args\":[" args "]}"
#define EQ(index, value) \
	"{\"index\":" #index ",\"value\":" #value ",\"op\":\"SCMP_CMP_EQ\"}"
#define MASKED(index, mask, value) \
	"{\"index\":" #index ",\"value\":" #mask ",\"valueTwo\":" #value "," \
	"\"op\":\"SCMP_CMP_MASKED_EQ\"}"
#define NO_PUSH MASKED(1, 4294967295, 21522) "," MASKED(1, 4294967295, 21532)

static struct seccomp_profile *parsed(const char *text)
{
	const struct seccomp_target target = { seccomp_abi_find("X86_64"), 0, 6, 1 };
	struct seccomp_profile *p = NULL;
	struct err err = { 0 };

	if (seccomp_profile_parse(&p, text, strlen(text), &target, &err) < 0)
		fail_msg("%s", err.msg);
	return p;
}

/* What the profile says now to a call of x86-64. */
static uint32_t says(struct recording *w, const char *call, uint64_t a0, uint64_t a1, uint64_t a2)
{
	const struct seccomp_abi *abi = seccomp_abi_find("X86_64");
	const uint64_t args[6] = { a0, a1, a2 };
	cleanup_free char *text = recording_profile(w);
	struct seccomp_profile *p = parsed(text);
	struct err err = { 0 };
	uint32_t answer = rules_say(p, abi, seccomp_call_number(abi, call), args);

	assert_int_equal(recording_check(p, &err), 0); /* what it writes it can add to */
	seccomp_profile_free(p);
	return answer;
}

static bool lets(struct recording *w, const char *call, uint64_t a0, uint64_t a1, uint64_t a2)
{
	return says(w, call, a0, a1, a2) == SECCOMP_RET_ALLOW;
}

static void note(struct recording *w, const char *call, uint64_t a0, uint64_t a1, uint64_t a2)
{
	const struct seccomp_data data = {
		.nr = seccomp_call_number(seccomp_abi_find("X86_64"), call),
		.arch = AUDIT_ARCH_X86_64,
		.args = { a0, a1, a2 },
	};

	recording_note(w, &data);
}

static struct recording *merged(const char *text)
{
	struct recording *w = recording_new();
	struct seccomp_profile *p = parsed(text);
	struct err err = { 0 };

	if (recording_check(p, &err) < 0)
		fail_msg("%s", err.msg);
	recording_merge(w, p);
	seccomp_profile_free(p);
	return w;
}

static void recording__calls__what_was_called_and_no_more(void **state)
{
	struct recording *w = recording_new();

	(void)state;
	note(w, "read", 0, 0, 0);
	note(w, "ioctl", 0, 0x5401, 0);
	note(w, "clone", 0x11, 0, 0);
	note(w, "socket", 16, 3, 0);
	assert_true(lets(w, "read", 0, 0, 0) && lets(w, "ioctl", 0, 0x5401, 0));
	assert_true(lets(w, "clone", 0x11, 0, 0) && lets(w, "socket", 16, 3, 0));
	assert_int_equal(says(w, "write", 0, 0, 0), SECCOMP_RET_ERRNO | EPERM);
	assert_int_equal(says(w, "ioctl", 0, 0x5412, 0), SECCOMP_RET_ERRNO | EPERM);
	assert_false(lets(w, "clone", 0x10000011, 0, 0) || lets(w, "socket", 2, 1, 0));
	assert_int_equal(says(w, "socket", 16, 3, 9), SECCOMP_RET_ERRNO | EPROTONOSUPPORT);
	note(w, "ioctl", 0, 0x5412, 0);
	note(w, "clone", 0x10000011, 0, 0);
	note(w, "socket", 16, 3, 9);
	assert_true(lets(w, "ioctl", 0, 0x5412, 0) && lets(w, "clone", 0x10000011, 0, 0));
	assert_true(lets(w, "socket", 16, 3, 9));
	recording_free(w);
}

static void recording__socketcall__by_what_it_calls(void **state)
{
	const struct seccomp_abi *x86 = seccomp_abi_find("X86");
	struct recording *w = recording_new();
	struct seccomp_data data = { .nr = seccomp_call_number(x86, "socketcall"),
				     .arch = x86->audit_arch, .args = { 3 } };
	const uint64_t socket[6] = { 1 }, connect[6] = { 3 };
	cleanup_free char *text = NULL;
	struct seccomp_profile *p;

	(void)state;
	recording_note(w, &data);
	text = recording_profile(w);
	p = parsed(text);
	assert_int_equal(rules_say(p, x86, data.nr, connect), SECCOMP_RET_ALLOW);
	assert_int_equal(rules_say(p, x86, data.nr, socket), SECCOMP_RET_ERRNO | EPERM);
	seccomp_profile_free(p);
	recording_free(w);
}

/* No rule lets more through than before, and none less. */
static void recording_merge__own_form__lets_through_what_it_did(void **state)
{
	struct recording *w = merged(PROFILE(ALLOW("ptrace") "," DENY_IF("ioctl", 1, NO_PUSH) ","
					     ALLOW("ioctl") "," ALLOW_IF("socket", EQ(0, 16))));

	(void)state;
	note(w, "sync", 0, 0, 0);
	assert_true(lets(w, "sync", 0, 0, 0) && lets(w, "ptrace", 0, 0, 0));
	assert_true(lets(w, "ioctl", 0, 0x5401, 0) && !lets(w, "ioctl", 0, 0x5412, 0));
	assert_true(lets(w, "socket", 16, 3, 9)); /* it was: nothing there denied it */
	recording_free(w);

	w = merged(PROFILE(ALLOW("ioctl") "," ALLOW("clone") "," DENY_IF("ioctl", 1, NO_PUSH) ","
			   DENY_IF("socket", 93, MASKED(0, 4294967295, 16) ","
						 MASKED(2, 4294967295, 9)) "," ALLOW("socket")));
	assert_true(lets(w, "ioctl", 0, 0x5412, 0) && lets(w, "clone", 0x10000011, 0, 0));
	assert_true(lets(w, "socket", 40, 1, 0) && !lets(w, "socket", 16, 3, 9));
	recording_free(w);
}

static void recording_check__no_recorders_form__refused_by_what_it_has(void **state)
{
	static const char *const cases[][2] = {
		{ "{\"defaultAction\":\"SCMP_ACT_KILL_PROCESS\"}", "a defaultAction" },
		{ "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":38}",
		  "a defaultAction" },
		{ PROFILE(ALLOW_IF("prctl", EQ(0, 15))), "args for 'prctl'" },
		{ PROFILE(ALLOW_IF("ptrace", EQ(0, 0))), "args for 'ptrace'" },
		{ PROFILE(ALLOW_IF("socket", EQ(0, 2) "," EQ(1, 1))), "args for 'socket'" },
		{ PROFILE(ALLOW_IF("socket", EQ(1, 2))), "args for 'socket'" },
		{ PROFILE(ALLOW_IF("clone", MASKED(0, 1, 0))), "args for 'clone'" },
		{ PROFILE(DENY_IF("ioctl", 1, EQ(1, 21522))), "an action for 'ioctl'" },
		{ PROFILE(DENY_IF("mount", 1, EQ(1, 0))), "an action for 'mount'" },
		{ PROFILE("{\"names\":[\"sync\"],\"action\":\"SCMP_ACT_LOG\"}"),
		  "an action for 'sync'" },
		{ PROFILE("{\"names\":[\"sync\"],\"action\":\"SCMP_ACT_ALLOW\","
			  "\"includes\":{\"arches\":[\"s390\"]}}"), "includes or excludes" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct seccomp_profile *p = parsed(cases[i][0]);
		struct err err = { 0 };

		assert_int_equal(recording_check(p, &err), -EINVAL);
		if (!strstr(err.msg, cases[i][1]) || !strstr(err.msg, "name another file"))
			fail_msg("case %zu: %s", i, err.msg);
		seccomp_profile_free(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recording__calls__what_was_called_and_no_more),
		cmocka_unit_test(recording__socketcall__by_what_it_calls),
		cmocka_unit_test(recording_merge__own_form__lets_through_what_it_did),
		cmocka_unit_test(recording_check__no_recorders_form__refused_by_what_it_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
