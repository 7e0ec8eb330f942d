/* SPDX-License-Identifier: MIT */
/* Loading a filter whose listener goes to a recorder (seccomp_unotify(2)). */
#include "container/audit.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV /* Linux 5.19 */
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

#define LOAD(offset)	STATEMENT(BPF_LD | BPF_W | BPF_ABS, offset)
#define STATEMENT(c, k) BPF_STMT(c, (uint32_t)(k))
#define EQUAL(k, jf)	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(k), 0, jf)
#define ARG(index)	(offsetof(struct seccomp_data, args) + 8 * (index))
#define LOW(index)	(ARG(index) + (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0))
#define HIGH(index)	(ARG(index) + (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 0 : 4))

/* Once loaded, all waits for the listener, so this one call must not: the sendmsg of
 * this very message on this very socket. A program finds it at no address of its own. */
static int load(int report_fd, const struct msghdr *msg)
{
	uint64_t address = (uintptr_t)msg;
	struct sock_filter insns[] = {
		LOAD(offsetof(struct seccomp_data, nr)),
		EQUAL(SYS_sendmsg, 7),
		LOAD(LOW(0)),
		EQUAL(report_fd, 5),
		LOAD(LOW(1)),
		EQUAL(address, 3),
		LOAD(HIGH(1)),
		EQUAL(address >> 32, 1),
		STATEMENT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		STATEMENT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
	};
	const struct sock_fprog prog = { ARRAY_SIZE(insns), insns };
	/* Else a signal interrupts calls that nothing interrupts otherwise. */
	unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER |
			      SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	long fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);

	if (fd < 0 && errno == EINVAL)
		fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
			     &prog);
	return (int)fd;
}

/**
 * audit_load() - from here on, all that this process and its children call is recorded
 * @report_fd: socket of the recorder, which gets the listener and answers
 *
 * Return: 0 or -errno with @err filled. After a failure to send, nobody answers: the
 * caller can only be killed.
 */
int audit_load(int report_fd, struct err *err)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	char byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *head = CMSG_FIRSTHDR(&msg);
	int listener = load(report_fd, &msg);

	if (listener < 0)
		return err_sys(err, "load the seccomp filter that records");
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(listener));
	memcpy(CMSG_DATA(head), &listener, sizeof(listener));
	/* Raw, for nothing else may be called. Both descriptors are O_CLOEXEC. */
	if (syscall(SYS_sendmsg, report_fd, &msg, MSG_NOSIGNAL) < 0)
		return err_sys(err, "hand the seccomp listener to the recorder");
	return 0;
}
