/* SPDX-License-Identifier: MIT */
/* podd-seccomp: profiles into programs, for podd and at its build. */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/account.h"
#include "base/fd.h"
#include "base/io.h"
#include "seccomp/names.h"
#include "seccomp/own_calls.h"
#include "seccomp/profile.h"
#include "seccomp/record.h"
#include "seccomp/recording.h"

/*
 * Theory of operation
 *
 *   podd-seccomp compile CAPS <FILE   the program of a profile, as seccomp(2) takes it
 *   podd-seccomp check CAPS <FILE     the same, if it is one that a recorder can add to
 *   podd-seccomp default CAPS         that of podd's own profile, which is in here
 *   podd-seccomp record               answers for a container, see seccomp/record.c
 *   podd-seccomp header               the same without capabilities, as C
 *   podd-seccomp own                  the numbers of seccomp/own_calls.h, as C
 *
 * CAPS is a mask in hex. podd has neither libseccomp nor a parser of profiles in its
 * memory: it executes this once for a file and keeps the program. It is started as
 * root with nothing but three descriptors, and gives all else up before it reads.
 * The last line of stderr says why there is none.
 */
#define MEMORY_BYTES (UINT64_C(256) * 1024 * 1024)
#define CPU_SECONDS  5

/* From seccomp/default.json, as it is. */
extern const char default_profile[], default_profile_end[];
__asm__(".section .rodata\n"
	".global default_profile, default_profile_end\n"
	"default_profile:\n"
	".incbin \"seccomp/default.json\"\n"
	"default_profile_end:\n"
	".byte 0\n"
	".previous\n");

#ifdef __SANITIZE_ADDRESS__
/* Looking for leaks takes a thread and ptrace, which are given up below; podd hands on
 * no environment that could say so. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0:exitcode=99";
}
#endif

/* Nothing here asks for a privilege: a profile is a file that somebody got from somewhere. */
static int give_up_privileges(rlim_t cpu_seconds, struct err *err)
{
	const struct rlimit memory = { MEMORY_BYTES, MEMORY_BYTES };
	const struct rlimit cpu = { cpu_seconds, cpu_seconds }, none = { 0, 0 };

	const struct account who = account_find("/etc/passwd", "podd-seccomp");
	int r = geteuid() == 0 ? account_become(&who) : 0;

	if (r < 0)
		return err_set(err, -r, "become user %u: %s", who.uid, strerror(-r));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(err, "set no_new_privs");
#ifndef __SANITIZE_ADDRESS__ /* which maps terabytes */
	if (setrlimit(RLIMIT_AS, &memory) < 0)
		return err_sys(err, "limit the memory");
#endif
	(void)memory;
	if (setrlimit(RLIMIT_CPU, &cpu) < 0 || setrlimit(RLIMIT_NPROC, &none) < 0)
		return err_sys(err, "set limits");
	return 0;
}

static int read_input(char **out, size_t *n, struct err *err)
{
	const size_t room = SECCOMP_FILE_MAX + 1; /* one more shows that it is too long */
	char *text = malloc(room);
	ssize_t got = 1;

	if (!text)
		return err_set(err, ENOMEM, "out of memory");
	for (*n = 0; got > 0 && *n < room; *n += got > 0 ? (size_t)got : 0)
		got = read(STDIN_FILENO, text + *n, room - *n);
	*out = text;
	return got < 0 ? err_sys(err, "read the profile") : 0;
}

/* What is built. */
struct input {
	const char *text;
	size_t n;
	uint64_t capabilities;
	bool is_recording;
};

static int build(struct seccomp_program *p, uint64_t *seen, const struct input *in,
		 struct err *err)
{
	struct seccomp_profile *profile = NULL;
	struct seccomp_target target;
	int r = seccomp_target_here(&target, in->capabilities, err);

	if (r == 0)
		r = seccomp_profile_parse(&profile, in->text, in->n, &target, err);
	if (r == 0 && in->is_recording)
		r = recording_check(profile, err);
	if (r == 0)
		r = seccomp_compile(p, profile, err);
	if (r == 0)
		*seen = profile->capabilities_seen;
	seccomp_profile_free(profile);
	return r;
}

static int print_header(const struct seccomp_program *p, uint64_t seen)
{
	printf("/* Made by podd-seccomp of seccomp/default.json. */\n"
	       "#define DEFAULT_CAPABILITIES UINT64_C(0x%" PRIx64 ") /* on which more depends */\n"
	       "static const struct sock_filter default_program[] = {\n", seen);
	for (size_t i = 0; i < p->n; i++)
		printf("\t{ 0x%x, %u, %u, 0x%x },\n", p->insns[i].code, p->insns[i].jt,
		       p->insns[i].jf, p->insns[i].k);
	printf("};\n");
	return fflush(stdout) == 0 ? 0 : 1;
}

/* One row for each call, one column for each ABI; -1: it has no such call. */
static int print_own_numbers(void)
{
	static const char *const names[] = {
#define OWN_CALL(name, capabilities) #name,
		OWN_CALLS
#undef OWN_CALL
	};
	const struct seccomp_abi *native = seccomp_abi_native(), *abi;

	if (!native)
		return 1;
	printf("/* Made by podd-seccomp of seccomp/own_calls.h. */\n"
	       "static const uint32_t own_abis[] = {");
	for (size_t i = 0; (abi = seccomp_abi_served(native, i)); i++)
		printf(" 0x%x,", abi->audit_arch);
	printf(" };\nstatic const int64_t own_numbers[][ARRAY_SIZE(own_abis)] = {\n");
	for (size_t k = 0; k < ARRAY_SIZE(names); k++) {
		printf("\t{");
		for (size_t i = 0; (abi = seccomp_abi_served(native, i)); i++) {
			int n = seccomp_call_number(abi, names[k]);

			if (n == SECCOMP_UNKNOWN)
				return 1;
			printf(" %" PRId64 ",",
			       n < 0 ? -1 : (int64_t)((uint32_t)n | abi->number_bit));
		}
		printf(" }, /* %s */\n", names[k]);
	}
	printf("};\n");
	return fflush(stdout) == 0 ? 0 : 1;
}

static int fail(const struct err *err)
{
	fprintf(stderr, "%s\n", err->msg);
	return 1;
}

static int usage(void)
{
	fprintf(stderr, "Usage: podd-seccomp compile|check CAPS <FILE | default CAPS | header | "
			"own | record <>SOCKET >>FILE\n");
	return 2;
}

static int write_program(const struct seccomp_program *p, struct err *err)
{
	int r = io_write_all(STDOUT_FILENO, p->insns, p->n * sizeof(p->insns[0]));

	return r < 0 ? err_set(err, -r, "write the program: %s", strerror(-r)) : 0;
}

static int record(void)
{
	struct err err = { 0 };
	int r = give_up_privileges(RLIM_INFINITY, &err);

	if (r == 0)
		r = seccomp_record(STDIN_FILENO, STDOUT_FILENO, &err);
	if (r < 0)
		fprintf(stderr, "podd-seccomp: record: %s\n", err.msg);
	return r < 0;
}

int main(int argc, char *argv[])
{
	static struct seccomp_program program;
	bool header = argc == 2 && strcmp(argv[1], "header") == 0;
	bool check = argc == 3 && strcmp(argv[1], "check") == 0;
	bool file = check || (argc == 3 && strcmp(argv[1], "compile") == 0);
	struct input in = { default_profile, (size_t)(default_profile_end - default_profile),
			    .is_recording = check };
	cleanup_free char *text = NULL;
	struct err err = { 0 };
	uint64_t seen = 0;
	int r = 0;

	if (argc == 2 && strcmp(argv[1], "record") == 0)
		return record();
	if (argc == 2 && strcmp(argv[1], "own") == 0)
		return print_own_numbers();
	if (!header && !file && (argc != 3 || strcmp(argv[1], "default") != 0))
		return usage();
	if (!header) {
		in.capabilities = strtoull(argv[2], NULL, 16);
		r = give_up_privileges(CPU_SECONDS, &err);
	}
	if (r == 0 && file) {
		r = read_input(&text, &in.n, &err);
		in.text = text;
	}
	if (r == 0)
		r = build(&program, &seen, &in, &err);
	if (r == 0 && header)
		return print_header(&program, seen);
	if (r == 0)
		r = write_program(&program, &err);
	return r < 0 ? fail(&err) : 0;
}
