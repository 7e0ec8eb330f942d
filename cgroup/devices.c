/* SPDX-License-Identifier: MIT */
/* Which device nodes the processes of a group may open: a BPF program on it. */
#include "cgroup/devices.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"

/*
 * The program is given a struct bpf_cgroup_dev_ctx and answers 1 (yes) or 0 (EPERM). The
 * kernel's verifier goes both ways of each branch when it is loaded, and that is what it
 * costs: so one comparison a device, with a number that has its major and its minor (12
 * and 20 bits, include/linux/kdev_t.h). The answers stand at the head, where each of them
 * is jumped back to (Linux 5.3).
 */
enum { RESULT = BPF_REG_0, CONTEXT = BPF_REG_1, TYPE = BPF_REG_2, ACCESS = BPF_REG_3,
       NUMBER = BPF_REG_4, MINOR = BPF_REG_5 };
#define MINOR_BITS		20
#define NUMBER_OF(major, minor) ((uint32_t)(major) << MINOR_BITS | (uint32_t)(minor))

/* What container/system.c puts into each /dev (Documentation/admin-guide/devices.txt). */
static const uint32_t standard[] = {
	NUMBER_OF(1, 3), /* null */
	NUMBER_OF(1, 5), /* zero */
	NUMBER_OF(1, 7), /* full */
	NUMBER_OF(1, 8), /* random */
	NUMBER_OF(1, 9), /* urandom */
	NUMBER_OF(5, 0), /* tty */
	NUMBER_OF(5, 2), /* ptmx */
};
#define PTS_MAJOR 136 /* /dev/pts/N */

#define OTHER_INSNS 32 /* at most, beside a test for each device */

struct program {
	struct bpf_insn code[OTHER_INSNS + ARRAY_SIZE(standard) + CGROUP_DEVICES_MAX];
	size_t n;
};

static size_t emit(struct program *p, struct bpf_insn insn)
{
	p->code[p->n] = insn;
	return p->n++;
}

static size_t emit_move(struct program *p, unsigned op, unsigned to, uint32_t value)
{
	return emit(p, (struct bpf_insn){ .code = (uint8_t)(BPF_ALU | BPF_K | op),
					  .dst_reg = to & 0xf, .imm = (int32_t)value });
}

static size_t emit_load(struct program *p, unsigned to, size_t offset)
{
	return emit(p, (struct bpf_insn){ .code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = to & 0xf,
					  .src_reg = CONTEXT, .off = (int16_t)offset });
}

static size_t emit_jump(struct program *p, unsigned op, unsigned reg, uint32_t value, size_t target)
{
	return emit(p, (struct bpf_insn){ .code = (uint8_t)(BPF_K | op), .dst_reg = reg & 0xf,
					  .off = (int16_t)(target - p->n - 1),
					  .imm = (int32_t)value });
}

/* The jump at @at goes to what comes now. */
static void land(struct program *p, size_t at)
{
	p->code[at].off = (int16_t)(p->n - at - 1);
}

static size_t emit_answer(struct program *p, bool yes)
{
	size_t at = emit_move(p, BPF_MOV, RESULT, yes);

	(void)emit(p, (struct bpf_insn){ .code = BPF_JMP | BPF_EXIT });
	return at;
}

/* The accesses asked for are in the upper half of a field, the type in the lower. */
static void emit_head(struct program *p)
{
	const size_t type_field = offsetof(struct bpf_cgroup_dev_ctx, access_type);

	(void)emit_load(p, ACCESS, type_field);
	(void)emit_move(p, BPF_RSH, ACCESS, 16);
	(void)emit_load(p, TYPE, type_field);
	(void)emit_move(p, BPF_AND, TYPE, 0xffff);
	(void)emit_load(p, NUMBER, offsetof(struct bpf_cgroup_dev_ctx, major));
	(void)emit_move(p, BPF_LSH, NUMBER, MINOR_BITS);
	(void)emit_load(p, MINOR, offsetof(struct bpf_cgroup_dev_ctx, minor));
	(void)emit(p, (struct bpf_insn){ .code = BPF_ALU | BPF_OR | BPF_X, .dst_reg = NUMBER,
					 .src_reg = MINOR });
}

static void emit_devices(struct program *p, const struct cgroup_device *devices, size_t n,
			 struct cgroup_device kind, size_t target)
{
	for (size_t i = 0; i < n; i++)
		if (devices[i].block == kind.block && devices[i].read_only == kind.read_only)
			(void)emit_jump(p, BPF_JMP32 | BPF_JEQ, NUMBER,
					NUMBER_OF(devices[i].major, devices[i].minor), target);
}

/* The node has to be made all the same. */
static size_t emit_read_only(struct program *p, size_t no, size_t yes)
{
	size_t at = emit_jump(p, BPF_JMP32 | BPF_JSET, ACCESS,
			      ~(uint32_t)(BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ), no);

	(void)emit_jump(p, BPF_JMP | BPF_JA, 0, 0, yes);
	return at;
}

/* The kernel refuses a program with a part that nothing leads to. */
static bool has_read_only(const struct cgroup_device *devices, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (devices[i].read_only)
			return true;
	return false;
}

/* A node may be named twice: what may be written to comes first. */
static void compile(struct program *p, const struct cgroup_device *devices, size_t n)
{
	size_t start = emit_jump(p, BPF_JMP | BPF_JA, 0, 0, 0), no = emit_answer(p, false),
	       yes = emit_answer(p, true), read_only, block;

	read_only = has_read_only(devices, n) ? emit_read_only(p, no, yes) : no;
	land(p, start);
	emit_head(p);
	block = emit_jump(p, BPF_JMP32 | BPF_JNE, TYPE, BPF_DEVCG_DEV_CHAR, 0);
	for (size_t i = 0; i < ARRAY_SIZE(standard); i++)
		(void)emit_jump(p, BPF_JMP32 | BPF_JEQ, NUMBER, standard[i], yes);
	emit_devices(p, devices, n, (struct cgroup_device){ .read_only = false }, yes);
	emit_devices(p, devices, n, (struct cgroup_device){ .read_only = true }, read_only);
	(void)emit_move(p, BPF_RSH, NUMBER, MINOR_BITS);
	(void)emit_jump(p, BPF_JMP32 | BPF_JEQ, NUMBER, PTS_MAJOR, yes);
	(void)emit_jump(p, BPF_JMP | BPF_JA, 0, 0, no);
	land(p, block);
	(void)emit_jump(p, BPF_JMP32 | BPF_JNE, TYPE, BPF_DEVCG_DEV_BLOCK, no);
	emit_devices(p, devices, n, (struct cgroup_device){ .block = true }, yes);
	emit_devices(p, devices, n, (struct cgroup_device){ .block = true, .read_only = true },
		     read_only);
	(void)emit_jump(p, BPF_JMP | BPF_JA, 0, 0, no);
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
	struct program p = { .n = 0 };
	cleanup_close int group = openat(cg->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_close int program = -EBADF;
	union bpf_attr load = { 0 }, attach = { 0 };

	if (n > CGROUP_DEVICES_MAX)
		return err_set(err, E2BIG, "more than %d devices", CGROUP_DEVICES_MAX);
	if (group < 0)
		return err_sys(err, "open the control group");
	compile(&p, devices, n);
	load.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	load.insns = (uintptr_t)p.code;
	load.insn_cnt = (uint32_t)p.n;
	load.license = (uintptr_t) "MIT";
	program = sys_bpf(BPF_PROG_LOAD, &load);
	if (program < 0)
		return err_sys(err, "load the filter of devices");
	/* Without a flag: the one before it is replaced, and those of groups above, which
	 * systemd attaches with BPF_F_ALLOW_MULTI, are asked as well. */
	attach.target_fd = (uint32_t)group;
	attach.attach_bpf_fd = (uint32_t)program;
	attach.attach_type = BPF_CGROUP_DEVICE;
	if (sys_bpf(BPF_PROG_ATTACH, &attach) < 0)
		return err_sys(err, "attach the filter of devices");
	return 0;
}
