/* SPDX-License-Identifier: MIT */
/* Answering notifications, and writing down for what. */
#include "seccomp/record.h"

#include <errno.h>
#include <jansson.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "seccomp/names.h"
#include "seccomp/profile.h"

/*
 * Theory of operation
 *
 * The filter of a process in a recorded container lets nothing through by itself:
 * the kernel asks, over a listener (seccomp_unotify(2)), and this process says
 * "continue" to all. The container's program and each exec session have a filter,
 * and so a listener, of their own; they come over a socket. A listener ends with the
 * last process that has its filter. podd may die meanwhile, and this goes on: its end
 * of the socket closes, and when the last listener has ended as well, so does this.
 *
 * The profile is written each time that no listener is left, as the sum of what is in
 * the file and what was called: another recorder may have written there.
 *
 * Minimal means: sockets of the families that were opened, no new namespaces but if
 * some were made, no input pushed into a terminal but if that was done. clone3 is
 * answered with ENOSYS, as podd's own profile does, so that a libc uses clone, whose
 * flags a filter can see.
 */
#define LISTENERS_MAX  64
#define NUMBERS_MAX    1024
#define VALUES_MAX     64
#define NAMESPACES     0x7e020000u /* CLONE_NEW* of clone(2) */
#define TERMINAL_PUSH  0x5412u     /* TIOCSTI */
#define TERMINAL_LINUX 0x541cu     /* TIOCLINUX */

/* A call of which the first argument decides. */
struct values {
	const char *call;
	uint32_t seen[VALUES_MAX];
	size_t n;
};

struct abi_calls {
	const struct seccomp_abi *abi;
	bool used[NUMBERS_MAX];
};

struct recording {
	struct abi_calls abis[SECCOMP_ABIS_MAX];
	size_t abi_n;
	char *names[NUMBERS_MAX];
	size_t name_n;
	struct values values[2];
	bool namespaces, terminal; /* were made; was pushed into */
};

struct recorder {
	struct pollfd fds[1 + LISTENERS_MAX]; /* the socket first */
	size_t n;
	struct recording *what;
	int out_fd;
};

/* ---------------------------------------------------------------------- noting */

static void note_abi(struct recording *w, const struct seccomp_abi *abi, struct abi_calls **out)
{
	*out = NULL;
	for (size_t i = 0; i < w->abi_n; i++)
		if (w->abis[i].abi == abi)
			*out = &w->abis[i];
	if (*out || w->abi_n == SECCOMP_ABIS_MAX)
		return;
	*out = &w->abis[w->abi_n++];
	(*out)->abi = abi;
}

static void note_name(struct recording *w, const char *name)
{
	for (size_t i = 0; i < w->name_n; i++)
		if (strcmp(w->names[i], name) == 0)
			return;
	if (w->name_n == NUMBERS_MAX)
		return;
	w->names[w->name_n] = strdup(name);
	if (w->names[w->name_n])
		w->name_n++;
}

/* Whether the call is one of which values are kept. */
static bool note_value(struct recording *w, const char *name, uint32_t value)
{
	for (size_t i = 0; i < ARRAY_SIZE(w->values); i++) {
		struct values *v = &w->values[i];
		size_t k = 0;

		if (strcmp(v->call, name) != 0)
			continue;
		while (k < v->n && v->seen[k] != value)
			k++;
		if (k == v->n && k < VALUES_MAX)
			v->seen[v->n++] = value;
		return true;
	}
	return false;
}

/* Numbers without a name are none of this kernel's calls, or too new to be in a profile. */
static void note_call(struct recording *w, const struct seccomp_data *data)
{
	const struct seccomp_abi *abi = seccomp_abi_of((uint32_t)data->nr, data->arch);
	struct abi_calls *calls;
	unsigned number;
	const char *name;
	char buf[64];

	if (!abi)
		return;
	number = (uint32_t)data->nr & ~abi->number_bit;
	note_abi(w, abi, &calls);
	if (!calls || number >= NUMBERS_MAX)
		return;
	name = calls->used[number] ? NULL : seccomp_call_name(abi, number, buf);
	if (name && !note_value(w, name, (uint32_t)data->args[0])) {
		calls->used[number] = strcmp(name, "clone") != 0 && strcmp(name, "ioctl") != 0;
		note_name(w, name);
		w->namespaces |= strcmp(name, "clone") == 0 && (data->args[0] & NAMESPACES);
		w->terminal |= strcmp(name, "ioctl") == 0 &&
			       ((uint32_t)data->args[1] == TERMINAL_PUSH ||
				(uint32_t)data->args[1] == TERMINAL_LINUX);
	}
}

static bool is_clone3(const struct seccomp_data *data)
{
	const struct seccomp_abi *abi = seccomp_abi_of((uint32_t)data->nr, data->arch);

	return abi && seccomp_call_number(abi, "clone3") ==
			      (int)((uint32_t)data->nr & ~abi->number_bit);
}

/* ------------------------------------------------------------------ the profile */

static json_t *allow(const char *name, json_t *args)
{
	json_t *rule = json_pack("{s:[s], s:s}", "names", name, "action", "SCMP_ACT_ALLOW");

	if (args)
		(void)json_object_set_new(rule, "args", args);
	return rule;
}

static json_t *masked(unsigned index, uint32_t mask, uint32_t value)
{
	return json_pack("{s:i, s:I, s:I, s:s}", "index", index,
			 "value", (json_int_t)mask, "valueTwo", (json_int_t)value,
			 "op", "SCMP_CMP_MASKED_EQ");
}

static void add_values(json_t *rules, const struct values *v)
{
	for (size_t i = 0; i < v->n; i++)
		(void)json_array_append_new(rules, allow(v->call, json_pack(
			"[{s:i, s:I, s:s}]", "index", 0, "value", (json_int_t)v->seen[i], "op",
			"SCMP_CMP_EQ")));
}

static void add_terminal(json_t *rules)
{
	(void)json_array_append_new(rules, json_pack(
		"{s:[s], s:s, s:i, s:[o,o]}", "names", "ioctl", "action", "SCMP_ACT_ERRNO",
		"errnoRet", EPERM, "args", masked(1, UINT32_MAX, TERMINAL_PUSH),
		masked(1, UINT32_MAX, TERMINAL_LINUX)));
	(void)json_array_append_new(rules, allow("ioctl", NULL));
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static json_t *rules_of(struct recording *w)
{
	json_t *rules = json_array(), *names = json_array();

	qsort(w->names, w->name_n, sizeof(w->names[0]), by_name);
	(void)json_array_append_new(rules, json_pack("{s:o, s:s}", "names", names, "action",
						     "SCMP_ACT_ALLOW"));
	for (size_t i = 0; i < w->name_n; i++) {
		if (strcmp(w->names[i], "clone") == 0 && !w->namespaces)
			(void)json_array_append_new(rules, allow("clone", json_pack(
				"[o]", masked(0, NAMESPACES, 0))));
		else if (strcmp(w->names[i], "ioctl") == 0 && !w->terminal)
			add_terminal(rules);
		else
			(void)json_array_append_new(names, json_string(w->names[i]));
	}
	for (size_t i = 0; i < ARRAY_SIZE(w->values); i++)
		add_values(rules, &w->values[i]);
	return rules;
}

/* NULL without memory; what jansson could not add shows as a profile that lacks it. */
static char *profile_of(struct recording *w)
{
	json_t *root, *abis = json_array();
	char name[64], *text;

	for (size_t i = 0; i < w->abi_n; i++) {
		snprintf(name, sizeof(name), "SCMP_ARCH_%s", w->abis[i].abi->name);
		(void)json_array_append_new(abis, json_string(name));
	}
	root = json_pack("{s:s, s:i, s:o, s:o}", "defaultAction", "SCMP_ACT_ERRNO",
			 "defaultErrnoRet", EPERM, "architectures", abis, "syscalls", rules_of(w));
	text = json_dumps(root, JSON_INDENT(2));
	json_decref(root);
	return text;
}

/* ------------------------------------------------------------------- the file */

static void merge(struct recording *w, const struct seccomp_profile *p)
{
	struct abi_calls *calls;

	for (size_t i = 0; i < p->abi_n; i++)
		note_abi(w, p->abis[i], &calls);
	for (size_t i = 0; i < p->rule_n; i++) {
		const struct seccomp_rule *rule = &p->rules[i];
		bool bare = rule->arg_n == 0, clone = strcmp(rule->name, "clone") == 0;

		if (rule->action != SECCOMP_RET_ALLOW)
			continue;
		if (!bare && note_value(w, rule->name, (uint32_t)rule->args[0].value))
			continue;
		note_name(w, rule->name);
		w->namespaces |= clone && bare;
	}
}

/* What is there already: of an earlier run, or of another recorder. */
static int merge_file(struct recording *w, int fd, struct err *err)
{
	cleanup_free char *text = malloc(SECCOMP_FILE_MAX);
	struct seccomp_profile *p = NULL;
	struct seccomp_target target;
	ssize_t n = text ? pread(fd, text, SECCOMP_FILE_MAX, 0) : -1;
	int r = seccomp_target_here(&target, 0, err);

	if (n < 0)
		return err_sys(err, "read the profile");
	if (r < 0 || n == 0)
		return r;
	r = seccomp_profile_parse(&p, text, (size_t)n, &target, err);
	if (r == 0)
		merge(w, p);
	seccomp_profile_free(p);
	return r;
}

static int write_file(struct recorder *r, struct err *err)
{
	char *text = NULL;
	size_t n;
	int e;

	if (flock(r->out_fd, LOCK_EX) < 0)
		return err_sys(err, "lock the profile");
	e = merge_file(r->what, r->out_fd, err);
	if (e == 0)
		text = profile_of(r->what);
	if (e == 0 && !text)
		e = err_set(err, ENOMEM, "out of memory");
	n = text ? strlen(text) : 0;
	if (e == 0 && (pwrite(r->out_fd, text, n, 0) != (ssize_t)n ||
		       pwrite(r->out_fd, "\n", 1, (off_t)n) != 1 ||
		       ftruncate(r->out_fd, (off_t)n + 1) < 0))
		e = err_sys(err, "write the profile");
	free(text);
	(void)flock(r->out_fd, LOCK_UN); /* of a lock that is held: cannot fail */
	return e;
}

/* ---------------------------------------------------------------------- the loop */

/* The kernel's structures may have grown: it says so, and takes ours if they are larger. */
static void answer(struct recorder *r, int listener)
{
	union {
		struct seccomp_notif call;
		char room[512];
	} in = { 0 };
	union {
		struct seccomp_notif_resp resp;
		char room[512];
	} out = { 0 };

	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &in) < 0)
		return; /* ENOENT: it was killed meanwhile; EINTR */
	out.resp.id = in.call.id;
	if (is_clone3(&in.call.data)) {
		out.resp.error = -ENOSYS;
	} else {
		note_call(r->what, &in.call.data);
		out.resp.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	}
	(void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &out); /* ENOENT: as above */
}

static void take_listener(struct recorder *r)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(r->fds[0].fd, &msg, MSG_CMSG_CLOEXEC);
	struct cmsghdr *head = CMSG_FIRSTHDR(&msg);
	int fd;

	if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) {
		r->fds[0].fd = -1; /* podd needs no more of this, or is gone: who reads */
		(void)close(STDERR_FILENO); /* what it says shall see its end, too */
	}
	if (n <= 0 || !head || head->cmsg_type != SCM_RIGHTS)
		return;
	memcpy(&fd, CMSG_DATA(head), sizeof(fd));
	if (r->n == ARRAY_SIZE(r->fds))
		(void)close(fd); /* its processes get ENOSYS for all; there are as many slots */
	else
		r->fds[r->n++] = (struct pollfd){ .fd = fd, .events = POLLIN };
}

static int turn(struct recorder *r, struct err *err)
{
	size_t before = r->n;

	if (poll(r->fds, r->n, -1) < 0)
		return errno == EINTR ? 0 : err_sys(err, "poll");
	for (size_t i = r->n; i-- > 1;) {
		if (r->fds[i].revents & POLLIN)
			answer(r, r->fds[i].fd);
		else if (r->fds[i].revents & (POLLHUP | POLLERR | POLLNVAL)) {
			(void)close(r->fds[i].fd);
			r->fds[i] = r->fds[--r->n];
		}
	}
	if (r->fds[0].revents)
		take_listener(r);
	return before > 1 && r->n == 1 ? write_file(r, err) : 0;
}

/**
 * seccomp_record() - answer for the processes of a container until they and podd are done
 * @socket_fd: listeners come over it; its end says that no more will
 * @out_fd: open for reading and writing: a profile that is added to, or empty
 *
 * Return: 0 or -errno with @err filled.
 */
int seccomp_record(int socket_fd, int out_fd, struct err *err)
{
	struct recorder *r = calloc(1, sizeof(*r));
	struct recording *w = calloc(1, sizeof(*w));
	int e = 0;

	if (!r || !w) {
		free(r);
		free(w);
		return err_set(err, ENOMEM, "out of memory");
	}
	w->values[0].call = "socket";
	w->values[1].call = "personality";
	*r = (struct recorder){ .n = 1, .what = w, .out_fd = out_fd };
	r->fds[0] = (struct pollfd){ .fd = socket_fd, .events = POLLIN };
	while (e == 0 && (r->fds[0].fd >= 0 || r->n > 1))
		e = turn(r, err);
	for (size_t i = 0; i < w->name_n; i++)
		free(w->names[i]);
	free(w);
	free(r);
	return e;
}
