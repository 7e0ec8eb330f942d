/* SPDX-License-Identifier: MIT */
/* Of what was called the profile, and back. */
#include "seccomp/recording.h"

#include <errno.h>
#include <jansson.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "seccomp/names.h"

#define NUMBERS_MAX    1024
#define VALUES_MAX     64
#define NAMESPACES     0x7e020000u /* CLONE_NEW* of clone(2) */
#define TERMINAL_PUSH  0x5412u     /* TIOCSTI */
#define TERMINAL_LINUX 0x541cu     /* TIOCLINUX */
#define FAMILY_NETLINK 16u         /* AF_NETLINK */
#define PROTOCOL_AUDIT 9u          /* NETLINK_AUDIT */

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
	struct values values[3];
	bool namespaces, terminal, audit; /* were made; was pushed into; was spoken to */
};

/**
 * recording_new() - one of nothing
 *
 * Return: to be given to recording_free(); NULL without memory.
 */
struct recording *recording_new(void)
{
	struct recording *w = calloc(1, sizeof(*w));

	if (w) {
		w->values[0].call = "socket";
		w->values[1].call = "personality";
		w->values[2].call = "socketcall"; /* 32-bit x86: 1 is socket, of any family */
	}
	return w;
}

/**
 * recording_free() - NULL is fine
 */
void recording_free(struct recording *w)
{
	for (size_t i = 0; w && i < w->name_n; i++)
		free(w->names[i]);
	free(w);
}

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

/**
 * recording_note() - a call was made
 *
 * Numbers without a name are none of this kernel's calls, or too new to be in a profile.
 */
void recording_note(struct recording *w, const struct seccomp_data *data)
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
	w->audit |= name && strcmp(name, "socket") == 0 &&
		    (uint32_t)data->args[0] == FAMILY_NETLINK &&
		    (uint32_t)data->args[2] == PROTOCOL_AUDIT;
	if (name && !note_value(w, name, (uint32_t)data->args[0])) {
		calls->used[number] = strcmp(name, "clone") != 0 && strcmp(name, "ioctl") != 0;
		note_name(w, name);
		w->namespaces |= strcmp(name, "clone") == 0 && (data->args[0] & NAMESPACES);
		w->terminal |= strcmp(name, "ioctl") == 0 &&
			       ((uint32_t)data->args[1] == TERMINAL_PUSH ||
				(uint32_t)data->args[1] == TERMINAL_LINUX);
	}
}

/**
 * recording_hides() - whether a call is to be answered with ENOSYS: clone3
 */
bool recording_hides(const struct seccomp_data *data)
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

static bool has_netlink(const struct recording *w)
{
	const struct values *sockets = &w->values[0];
	bool found = false;

	for (size_t i = 0; i < sockets->n; i++)
		found |= sockets->seen[i] == FAMILY_NETLINK;
	for (size_t i = 0; i < w->name_n; i++)
		found |= strcmp(w->names[i], sockets->call) == 0;
	return found;
}

/* As podd's own profile: as if the kernel had none. */
static void add_audit(json_t *rules)
{
	(void)json_array_append_new(rules, json_pack(
		"{s:[s], s:s, s:i, s:[o,o]}", "names", "socket", "action", "SCMP_ACT_ERRNO",
		"errnoRet", EPROTONOSUPPORT, "args", masked(0, UINT32_MAX, FAMILY_NETLINK),
		masked(2, UINT32_MAX, PROTOCOL_AUDIT)));
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static json_t *rules_of(struct recording *w)
{
	json_t *rules = json_array(), *names = json_array();

	qsort(w->names, w->name_n, sizeof(w->names[0]), by_name);
	if (!w->audit && has_netlink(w))
		add_audit(rules); /* before all that allows it */
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

/**
 * recording_profile() - the text of the profile
 *
 * Return: the caller's to free; NULL without memory. What jansson could not add shows as a
 * profile that lacks it.
 */
char *recording_profile(struct recording *w)
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

/* ------------------------------------------------------------- a profile that is there */

static bool is_masked(const struct seccomp_arg *a, unsigned index, uint64_t mask, uint64_t value)
{
	return a->index == index && a->op == SECCOMP_OP_MASKED_EQ && a->mask == mask &&
	       a->value == value;
}

/* What the rules that recording_profile() writes are to merge(). */
enum form { FOREIGN, BARE, VALUE, NO_NAMESPACES, NO_PUSH, NO_LINUX, NO_AUDIT };

static enum form form_of_bound(const struct seccomp_rule *rule)
{
	const struct seccomp_arg *a = rule->args;

	if (strcmp(rule->name, "ioctl") == 0 && rule->arg_n == 1 &&
	    rule->action == (SECCOMP_RET_ERRNO | EPERM))
		return is_masked(a, 1, UINT32_MAX, TERMINAL_PUSH)  ? NO_PUSH :
		       is_masked(a, 1, UINT32_MAX, TERMINAL_LINUX) ? NO_LINUX :
								     FOREIGN;
	return strcmp(rule->name, "socket") == 0 && rule->arg_n == 2 &&
	       rule->action == (SECCOMP_RET_ERRNO | EPROTONOSUPPORT) &&
	       is_masked(&a[0], 0, UINT32_MAX, FAMILY_NETLINK) &&
	       is_masked(&a[1], 2, UINT32_MAX, PROTOCOL_AUDIT) ? NO_AUDIT : FOREIGN;
}

static enum form form_of(const struct seccomp_rule *rule)
{
	const struct seccomp_arg *a = rule->args;

	if (rule->action != SECCOMP_RET_ALLOW)
		return form_of_bound(rule);
	if (rule->arg_n == 0)
		return BARE;
	if (rule->arg_n > 1)
		return FOREIGN;
	if (strcmp(rule->name, "clone") == 0)
		return is_masked(a, 0, NAMESPACES, 0) ? NO_NAMESPACES : FOREIGN;
	return a->index == 0 && a->op == SECCOMP_OP_EQ && a->value <= UINT32_MAX &&
	       (strcmp(rule->name, "socket") == 0 || strcmp(rule->name, "personality") == 0 ||
		strcmp(rule->name, "socketcall") == 0) ? VALUE : FOREIGN;
}

/**
 * recording_check() - whether a profile is one that a recorder can add to
 *
 * Return: 0, or -EINVAL with @err saying what it has that none writes.
 */
int recording_check(const struct seccomp_profile *p, struct err *err)
{
	static const char none[] = "that no recorder writes: name another file";

	if (p->default_action != (SECCOMP_RET_ERRNO | EPERM))
		return err_set(err, EINVAL, "it has a defaultAction (not ERRNO with EPERM) %s",
			       none);
	if (p->conditional)
		return err_set(err, EINVAL, "it has includes or excludes %s", none);
	for (size_t i = 0; i < p->rule_n; i++) {
		const struct seccomp_rule *rule = &p->rules[i];

		if (form_of(rule) == FOREIGN)
			return err_set(err, EINVAL, "it has %s for '%s' %s",
				       rule->action == SECCOMP_RET_ALLOW ? "args" : "an action",
				       rule->name, none);
	}
	return 0;
}

/**
 * recording_merge() - what a profile lets through was called, too
 * @p: that recording_check() has passed
 */
void recording_merge(struct recording *w, const struct seccomp_profile *p)
{
	bool before[NO_AUDIT + 1] = { false }; /* a bound stands before what it bounds */
	struct abi_calls *calls;

	for (size_t i = 0; i < p->abi_n; i++)
		note_abi(w, p->abis[i], &calls);
	for (size_t i = 0; i < p->rule_n; i++) {
		const struct seccomp_rule *rule = &p->rules[i];
		enum form form = form_of(rule);
		bool bare = form == BARE, is_socket = strcmp(rule->name, "socket") == 0;

		before[form] = true;
		if (rule->action != SECCOMP_RET_ALLOW)
			continue;
		w->namespaces |= bare && strcmp(rule->name, "clone") == 0;
		w->terminal |= bare && strcmp(rule->name, "ioctl") == 0 &&
			       !(before[NO_PUSH] && before[NO_LINUX]);
		w->audit |= is_socket && !before[NO_AUDIT] &&
			    (bare || rule->args[0].value == FAMILY_NETLINK);
		if (form != VALUE ||
		    !note_value(w, rule->name, (uint32_t)rule->args[0].value))
			note_name(w, rule->name);
	}
}
