/* SPDX-License-Identifier: MIT */
/* Which device nodes the processes of a group may open: a BPF program on it. */
#include "cgroup/devices.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"

/*
 * The program is given a struct bpf_cgroup_dev_ctx and answers 1 (yes) or 0 (EPERM).
 * Its registers: 2 the type of the node, 3 the accesses asked for, 4 major, 5 minor.
 */
#define ANY_MINOR  UINT32_MAX
#define PER_DEVICE 6
#define HEAD	   5
#define TAIL	   2

struct rule {
	uint32_t type; /* BPF_DEVCG_DEV_* */
	uint32_t access; /* BPF_DEVCG_ACC_*, a mask */
	uint32_t major, minor;
};

#define ALL (BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE)

/* What container/system.c puts into each /dev (Documentation/admin-guide/devices.txt). */
static const struct rule standard[] = {
	{ BPF_DEVCG_DEV_CHAR, ALL, 1, 3 }, /* null */
	{ BPF_DEVCG_DEV_CHAR, ALL, 1, 5 }, /* zero */
	{ BPF_DEVCG_DEV_CHAR, ALL, 1, 7 }, /* full */
	{ BPF_DEVCG_DEV_CHAR, ALL, 1, 8 }, /* random */
	{ BPF_DEVCG_DEV_CHAR, ALL, 1, 9 }, /* urandom */
	{ BPF_DEVCG_DEV_CHAR, ALL, 5, 0 }, /* tty */
	{ BPF_DEVCG_DEV_CHAR, ALL, 5, 2 }, /* ptmx */
	{ BPF_DEVCG_DEV_CHAR, ALL, 136, ANY_MINOR }, /* pts/N */
};

#define INSN(op, to, from, skip, value)                                                         \
	((struct bpf_insn){ .code = (op), .dst_reg = (to), .src_reg = (from), .off = (skip),        \
			    .imm = (int32_t)(value) })
#define LOAD(to, member)                                                                        \
	INSN(BPF_LDX | BPF_MEM | BPF_W, to, 1, offsetof(struct bpf_cgroup_dev_ctx, member), 0)
#define UNLESS_EQUAL(reg, value, skip) INSN(BPF_JMP | BPF_JNE | BPF_K, reg, 0, skip, value)
#define ANSWER(yes)                                                                             \
	INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, yes), INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

static size_t put_rule(struct bpf_insn *out, const struct rule *r)
{
	const struct bpf_insn code[PER_DEVICE] = {
		UNLESS_EQUAL(2, r->type, 5),
		UNLESS_EQUAL(4, r->major, 4),
		/* Any: to the next instruction either way. */
		UNLESS_EQUAL(5, r->minor, r->minor == ANY_MINOR ? 0 : 3),
		/* Some access that is not in the mask. */
		INSN(BPF_JMP | BPF_JSET | BPF_K, 3, 0, 2, ~r->access),
		ANSWER(1),
	};

	memcpy(out, code, sizeof(code));
	return PER_DEVICE;
}

static size_t compile(struct bpf_insn *out, const struct cgroup_device *devices, size_t n)
{
	const struct bpf_insn head[HEAD] = {
		LOAD(2, access_type), /* the accesses in the upper half, the type in the lower */
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 3, 2, 0, 0),
		INSN(BPF_ALU64 | BPF_RSH | BPF_K, 3, 0, 0, 16),
		INSN(BPF_ALU64 | BPF_AND | BPF_K, 2, 0, 0, 0xffff),
		LOAD(4, major),
	}, minor = LOAD(5, minor), tail[TAIL] = { ANSWER(0) };
	size_t at = HEAD;

	memcpy(out, head, sizeof(head));
	out[at++] = minor;
	for (size_t i = 0; i < ARRAY_SIZE(standard); i++)
		at += put_rule(out + at, &standard[i]);
	for (size_t i = 0; i < n; i++)
		at += put_rule(out + at, &(struct rule){
			.type = devices[i].block ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR,
			/* Read-only all the same: its node has to be made. */
			.access = devices[i].read_only ? BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ : ALL,
			.major = devices[i].major,
			.minor = devices[i].minor,
		});
	memcpy(out + at, tail, sizeof(tail));
	return at + TAIL;
}

static int sys_bpf(int command, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
}

/**
 * cgroup_devices_allow() - let a group open these devices, and those of every container
 * @n: at most CGROUP_DEVICES_MAX
 *
 * In place of what the group was allowed before. The kernel keeps the program as long as
 * the group is there, whatever becomes of the caller (bpf(2), BPF_PROG_TYPE_CGROUP_DEVICE,
 * Linux 4.15).
 *
 * Return: 0 or -errno with @err filled (EINVAL, ENOSYS: a kernel without it).
 */
int cgroup_devices_allow(const struct cgroup *cg, const struct cgroup_device *devices, size_t n,
			 struct err *err)
{
	struct bpf_insn code[HEAD + 1 + PER_DEVICE * (ARRAY_SIZE(standard) + CGROUP_DEVICES_MAX) + TAIL];
	cleanup_close int group = openat(cg->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_close int program = -EBADF;
	union bpf_attr load = { 0 }, attach = { 0 };

	if (n > CGROUP_DEVICES_MAX)
		return err_set(err, E2BIG, "more than %d devices", CGROUP_DEVICES_MAX);
	if (group < 0)
		return err_sys(err, "open the control group");
	load.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	load.insns = (uintptr_t)code;
	load.insn_cnt = (uint32_t)compile(code, devices, n);
	load.license = (uintptr_t) "MIT";
	program = sys_bpf(BPF_PROG_LOAD, &load);
	if (program < 0)
		return err_sys(err, "load the filter of devices");
	/* Without a flag: the one before it is replaced, and those of groups above, which
	 * systemd attaches with BPF_F_ALLOW_MULTI, are asked as well. */
	attach.target_fd = (uint32_t)group;
	attach.attach_bpf_fd = (uint32_t)program;
	attach.attach_type = BPF_CGROUP_DEVICE;
	return sys_bpf(BPF_PROG_ATTACH, &attach) < 0 ? err_sys(err, "attach the filter of devices") : 0;
}
