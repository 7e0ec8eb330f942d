/* SPDX-License-Identifier: MIT */
/* JSON of OCI and Docker into rules for one machine and one container. */
#include "seccomp/profile.h"

#include <errno.h>
#include <jansson.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/capability.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/nearest.h"
#include "seccomp/names.h"

#define ERRNO_MAX 4095 /* the kernel cuts to that: MAX_ERRNO of linux/err.h */

struct reader {
	struct seccomp_profile *profile;
	const struct seccomp_target *target;
	struct err *err;
	size_t rule_room;
};

/* A rule of the file, before it is one for each of its names. */
struct draft {
	uint32_t action;
	bool repeated; /* two args look at the same argument */
	unsigned arg_n;
	struct seccomp_arg args[6];
};

struct word {
	const char *name;
	uint32_t value;
};

static const struct word actions[] = {
	{ "SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW },
	{ "SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO },
	{ "SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD },
	{ "SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS },
	{ "SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD },
	{ "SCMP_ACT_LOG", SECCOMP_RET_LOG },
	{ "SCMP_ACT_TRACE", SECCOMP_RET_TRACE },
	{ "SCMP_ACT_TRAP", SECCOMP_RET_TRAP },
};

static const struct word operators[] = {
	{ "SCMP_CMP_EQ", SECCOMP_OP_EQ }, { "SCMP_CMP_GE", SECCOMP_OP_GE },
	{ "SCMP_CMP_GT", SECCOMP_OP_GT }, { "SCMP_CMP_LE", SECCOMP_OP_LE },
	{ "SCMP_CMP_LT", SECCOMP_OP_LT }, { "SCMP_CMP_MASKED_EQ", SECCOMP_OP_MASKED_EQ },
	{ "SCMP_CMP_NE", SECCOMP_OP_NE },
};

/*
 * Of seccomp(2). Those with 0 change nothing here: a filter is loaded by the one thread that
 * there is, there is no listener, and podd leaves it to the kernel how to mitigate Speculative
 * Store Bypass, which lets no call through.
 */
static const struct word filter_flags[] = {
	{ "SECCOMP_FILTER_FLAG_LOG", 1 },
	{ "SECCOMP_FILTER_FLAG_SPEC_ALLOW", 0 },
	{ "SECCOMP_FILTER_FLAG_TSYNC", 0 },
	{ "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", 0 },
};

/* ------------------------------------------------------------------ JSON values */

/* "at syscalls[3].args[0]: ..."; -EINVAL. */
static int bad(struct reader *r, const char *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static int bad(struct reader *r, const char *at, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set(r->err, EINVAL, "%s%s%s", at, *at ? ": " : "", text);
}

static int no_memory(struct reader *r)
{
	return err_set(r->err, ENOMEM, "out of memory");
}

/* All keys of @object are among @known (NULL-terminated); the nearest is told. */
static int check_keys(struct reader *r, const char *at, json_t *object, const char *const *known)
{
	const char *key;
	json_t *value;

	if (!json_is_object(object))
		return bad(r, at, "is no object");
	json_object_foreach(object, key, value) {
		struct nearest near = { .word = key };
		size_t i = 0;

		for (; known[i] && strcmp(known[i], key) != 0; i++)
			nearest_try(&near, known[i]);
		if (!known[i])
			return bad(r, at, "unknown key '%.64s'%s%s%s", key,
				   near.found ? "; did you mean '" : "",
				   near.found ? near.found : "", near.found ? "'?" : "");
	}
	return 0;
}

/* What is not there, or null, is NULL. */
static json_t *get(json_t *object, const char *key)
{
	json_t *v = json_object_get(object, key);

	return json_is_null(v) ? NULL : v;
}

static int get_list(struct reader *r, const char *at, json_t *object, const char *key, json_t **out)
{
	*out = get(object, key);
	if (*out && !json_is_array(*out))
		return bad(r, at, "'%s' is no list", key);
	return 0;
}

static int get_string(struct reader *r, const char *at, json_t *v, const char **out)
{
	*out = json_string_value(v);
	return *out ? 0 : bad(r, at, "is no string");
}

static int get_number(struct reader *r, const char *at, json_t *object, const char *key,
		      uint64_t max, uint64_t *out)
{
	json_t *v = get(object, key);
	json_int_t n = json_integer_value(v);

	if (!v)
		return 0;
	if (!json_is_integer(v) || n < 0 || (uint64_t)n > max)
		return bad(r, at, "'%s' is no number from 0 to %llu", key, (unsigned long long)max);
	*out = (uint64_t)n;
	return 0;
}

/* @what: "action", as the complaint calls it */
static int get_word(struct reader *r, const char *at, json_t *v, const char *what,
		    const struct word *words, size_t n, uint32_t *out)
{
	const char *name = json_string_value(v);
	struct nearest near = { .word = name };

	if (!name)
		return bad(r, at, "%s is missing, or no string", what);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(words[i].name, name) == 0) {
			*out = words[i].value;
			return 0;
		}
		nearest_try(&near, words[i].name);
	}
	if (strcmp(name, "SCMP_ACT_NOTIFY") == 0)
		return bad(r, at, "SCMP_ACT_NOTIFY needs an agent, and podd has none");
	return bad(r, at, "unknown %s '%.64s'%s%s%s", what, name,
		   near.found ? "; did you mean '" : "", near.found ? near.found : "",
		   near.found ? "'?" : "");
}

/* @key: of the number that goes with the action, 1 (EPERM) if it is not given */
static int get_action(struct reader *r, const char *at, json_t *object, const char *action_key,
		      const char *key, uint32_t *out)
{
	bool given = get(object, key) != NULL;
	uint64_t number = EPERM;
	int e = get_word(r, at, get(object, action_key), "action",
			 actions, ARRAY_SIZE(actions), out);

	if (e == 0)
		e = get_number(r, at, object, key, ERRNO_MAX, &number);
	if (e < 0)
		return e;
	if (*out == SECCOMP_RET_ERRNO || *out == SECCOMP_RET_TRACE)
		*out |= (uint32_t)number;
	else if (given)
		return bad(r, at, "'%s' has no meaning for '%s'", key,
			   json_string_value(get(object, action_key)));
	return 0;
}

/* ---------------------------------------------------------------- architectures */

static int find_abi(struct reader *r, const char *at, json_t *v, const struct seccomp_abi **out)
{
	static const char prefix[] = "SCMP_ARCH_";
	const char *name;
	int e = get_string(r, at, v, &name);

	if (e < 0)
		return e;
	if (strcmp(name, "SCMP_ARCH_NATIVE") == 0) {
		*out = r->target->native;
		return 0;
	}
	if (strncmp(name, prefix, strlen(prefix)) != 0 ||
	    !seccomp_abi_known(name + strlen(prefix)))
		return bad(r, at, "unknown architecture '%.64s'", name);
	*out = seccomp_abi_find(name + strlen(prefix));
	return 0;
}

/* Those that this kernel does not serve do not matter. */
static void add_abi(struct reader *r, const struct seccomp_abi *abi)
{
	struct seccomp_profile *p = r->profile;

	if (!abi || strcmp(abi->native, r->target->native->name) != 0)
		return;
	for (size_t i = 0; i < p->abi_n; i++)
		if (p->abis[i] == abi)
			return;
	p->abis[p->abi_n++] = abi;
}

static int read_abis(struct reader *r, const char *where, json_t *list, bool take)
{
	const struct seccomp_abi *abi;
	char at[96];
	size_t i;
	json_t *v;

	json_array_foreach(list, i, v) {
		int e;

		snprintf(at, sizeof(at), "%s[%zu]", where, i);
		e = find_abi(r, at, v, &abi);
		if (e < 0)
			return e;
		if (take)
			add_abi(r, abi);
	}
	return 0;
}

static int read_arch_map(struct reader *r, json_t *list)
{
	static const char *const keys[] = { "architecture", "subArchitectures", NULL };
	const struct seccomp_abi *abi;
	json_t *entry, *sub;
	char at[64];
	size_t i;

	json_array_foreach(list, i, entry) {
		int e;

		snprintf(at, sizeof(at), "archMap[%zu]", i);
		e = check_keys(r, at, entry, keys);
		if (e == 0)
			e = find_abi(r, at, get(entry, "architecture"), &abi);
		if (e == 0)
			e = get_list(r, at, entry, "subArchitectures", &sub);
		if (e == 0)
			e = read_abis(r, at, sub, abi == r->target->native);
		if (e < 0)
			return e;
	}
	return 0;
}

/* The native ABI always, for without it nothing would run, the program's own start included. */
static int read_architectures(struct reader *r, json_t *root)
{
	json_t *list, *map;
	int e = get_list(r, "", root, "architectures", &list);

	add_abi(r, r->target->native);
	if (e == 0)
		e = get_list(r, "", root, "archMap", &map);
	if (e == 0 && list && map && json_array_size(list) > 0)
		return bad(r, "", "'architectures' and 'archMap' exclude each other");
	if (e == 0)
		e = read_abis(r, "architectures", list, true);
	return e < 0 ? e : read_arch_map(r, map);
}

/* ------------------------------------------------------- includes and excludes */

static int read_capabilities(struct reader *r, const char *at, json_t *list, uint64_t *out)
{
	const char *name;
	size_t i;
	json_t *v;

	*out = 0;
	json_array_foreach(list, i, v) {
		int n, e = get_string(r, at, v, &name);

		if (e < 0)
			return e;
		n = capability_parse(name);
		if (n < 0)
			return bad(r, at, "unknown capability '%.64s'", name);
		*out |= UINT64_C(1) << n;
	}
	r->profile->capabilities_seen |= *out;
	return 0;
}

static int read_go_arches(struct reader *r, const char *at, json_t *list, bool *here)
{
	const char *name;
	size_t i;
	json_t *v;

	*here = false;
	json_array_foreach(list, i, v) {
		int e = get_string(r, at, v, &name);

		if (e < 0)
			return e;
		if (!seccomp_go_arch_known(name))
			return bad(r, at, "unknown architecture '%.64s' (amd64, arm64, ...)", name);
		*here |= strcmp(name, r->target->native->go_name) == 0;
	}
	return 0;
}

static int read_kernel(struct reader *r, const char *at, json_t *v, bool *older)
{
	const char *text = json_string_value(v);
	unsigned major, minor;
	char end;

	*older = false;
	if (!v)
		return 0;
	/* sscanf(3) would take signs and blanks. */
	if (!text || text[strspn(text, "0123456789.")] ||
	    sscanf(text, "%4u.%4u%c", &major, &minor, &end) != 2)
		return bad(r, at, "'minKernel' is no version, such as 4.8");
	*older = r->target->kernel_major < major ||
		 (r->target->kernel_major == major && r->target->kernel_minor < minor);
	return 0;
}

/* What one of "includes" and "excludes" says. */
struct condition {
	uint64_t capabilities;
	bool arches_given, arch_here, kernel_older;
};

static int read_condition(struct reader *r, const char *at, json_t *object, struct condition *out)
{
	static const char *const keys[] = { "caps", "arches", "minKernel", NULL };
	json_t *caps = NULL, *arches = NULL;
	int e;

	*out = (struct condition){ 0 };
	if (!object)
		return 0;
	r->profile->conditional |= json_object_size(object) > 0;
	e = check_keys(r, at, object, keys);
	if (e == 0)
		e = get_list(r, at, object, "caps", &caps);
	if (e == 0)
		e = read_capabilities(r, at, caps, &out->capabilities);
	if (e == 0)
		e = get_list(r, at, object, "arches", &arches);
	if (e < 0)
		return e;
	out->arches_given = json_array_size(arches) > 0;
	e = read_go_arches(r, at, arches, &out->arch_here);
	return e < 0 ? e : read_kernel(r, at, get(object, "minKernel"), &out->kernel_older);
}

/* As Docker decides it: all of "includes" must hold, none of "excludes" may. */
static int read_applies(struct reader *r, const char *at, json_t *rule, bool *out)
{
	struct condition in, ex;
	char where[64];
	int e;

	snprintf(where, sizeof(where), "%s.includes", at);
	e = read_condition(r, where, get(rule, "includes"), &in);
	snprintf(where, sizeof(where), "%s.excludes", at);
	if (e == 0)
		e = read_condition(r, where, get(rule, "excludes"), &ex);
	if (e == 0 && get(get(rule, "excludes"), "minKernel"))
		return bad(r, where, "'minKernel' has no meaning here");
	if (e < 0)
		return e;
	*out = (in.capabilities & ~r->target->capabilities) == 0 &&
	       (!in.arches_given || in.arch_here) && !in.kernel_older &&
	       (ex.capabilities & r->target->capabilities) == 0 && !ex.arch_here;
	return 0;
}

/* ------------------------------------------------------------------------ rules */

static int read_arg(struct reader *r, const char *at, json_t *v, struct seccomp_arg *out)
{
	static const char *const keys[] = { "index", "value", "valueTwo", "op", "comment", NULL };
	uint64_t index = UINT64_MAX, value = 0, two = 0;
	uint32_t op = 0;
	int e = check_keys(r, at, v, keys);

	if (e == 0)
		e = get_number(r, at, v, "index", 5, &index);
	if (e == 0 && index > 5)
		return bad(r, at, "'index' is missing");
	if (e == 0)
		e = get_number(r, at, v, "value", INT64_MAX, &value);
	if (e == 0)
		e = get_number(r, at, v, "valueTwo", INT64_MAX, &two);
	if (e == 0)
		e = get_word(r, at, get(v, "op"), "operator",
			     operators, ARRAY_SIZE(operators), &op);
	if (e < 0)
		return e;
	*out = (struct seccomp_arg){ .index = (unsigned)index, .op = (enum seccomp_op)op,
				     .value = value };
	if (out->op == SECCOMP_OP_MASKED_EQ) {
		out->mask = value;
		out->value = two;
	}
	return 0;
}

static int read_args(struct reader *r, const char *where, json_t *list, struct draft *d)
{
	unsigned seen = 0;
	char at[96];
	size_t i;
	json_t *v;

	if (json_array_size(list) > ARRAY_SIZE(d->args))
		return bad(r, where, "more than %zu args", ARRAY_SIZE(d->args));
	json_array_foreach(list, i, v) {
		int e;

		snprintf(at, sizeof(at), "%s.args[%zu]", where, i);
		e = read_arg(r, at, v, &d->args[i]);
		if (e < 0)
			return e;
		d->repeated |= (seen & (1u << d->args[i].index)) != 0;
		seen |= 1u << d->args[i].index;
		d->arg_n++;
	}
	return 0;
}

static int push_rule(struct reader *r, const char *name, const struct draft *d, unsigned from,
		     unsigned n)
{
	struct seccomp_profile *p = r->profile;
	struct seccomp_rule *rule;

	if (p->rule_n == SECCOMP_RULES_MAX)
		return bad(r, "", "more than %d system calls", SECCOMP_RULES_MAX);
	if (p->rule_n == r->rule_room) {
		size_t room = r->rule_room ? 2 * r->rule_room : 512;
		struct seccomp_rule *grown = reallocarray(p->rules, room, sizeof(*grown));

		if (!grown)
			return no_memory(r);
		p->rules = grown;
		r->rule_room = room;
	}
	rule = &p->rules[p->rule_n];
	*rule = (struct seccomp_rule){ .name = strdup(name), .action = d->action, .arg_n = n };
	if (!rule->name)
		return no_memory(r);
	memcpy(rule->args, d->args + from, n * sizeof(rule->args[0]));
	p->rule_n++;
	return 0;
}

/* One rule for each name; two args at one argument are two rules, as runc and crun have it. */
static int add_call(struct reader *r, const char *at, json_t *v, const struct draft *d,
		    bool applies)
{
	const char *name, *nearest;
	int e = get_string(r, at, v, &name);

	if (e < 0)
		return e;
	if (seccomp_call_number(r->target->native, name) == SECCOMP_UNKNOWN) {
		nearest = seccomp_call_nearest(name);
		return bad(r, at, "unknown system call '%.64s'%s%s%s", name,
			   nearest ? "; did you mean '" : "", nearest ? nearest : "",
			   nearest ? "'?" : "");
	}
	/* It says nothing new, and must not stand in the way of one that does (runc, too). */
	if (!applies || (d->action == r->profile->default_action && d->arg_n == 0))
		return 0;
	if (!d->repeated)
		return push_rule(r, name, d, 0, d->arg_n);
	for (unsigned i = 0; e == 0 && i < d->arg_n; i++)
		e = push_rule(r, name, d, i, 1);
	return e;
}

static int read_names(struct reader *r, const char *where, json_t *rule, const struct draft *d,
		      bool applies)
{
	json_t *list, *one = get(rule, "name"), *v;
	int e = get_list(r, where, rule, "names", &list);
	char at[96];
	size_t i;

	if (e < 0)
		return e;
	if (!one == !list)
		return bad(r, where, "needs either 'names' or 'name'");
	if (one) {
		snprintf(at, sizeof(at), "%s.name", where);
		return add_call(r, at, one, d, applies);
	}
	json_array_foreach(list, i, v) {
		snprintf(at, sizeof(at), "%s.names[%zu]", where, i);
		e = add_call(r, at, v, d, applies);
		if (e < 0)
			return e;
	}
	return 0;
}

static int read_rule(struct reader *r, size_t index, json_t *v)
{
	static const char *const keys[] = { "names", "name", "action", "errnoRet", "args",
					    "comment", "includes", "excludes", NULL };
	struct draft d = { 0 };
	bool applies = false;
	json_t *args;
	char at[48];
	int e;

	snprintf(at, sizeof(at), "syscalls[%zu]", index);
	e = check_keys(r, at, v, keys);
	if (e == 0)
		e = get_action(r, at, v, "action", "errnoRet", &d.action);
	if (e == 0)
		e = get_list(r, at, v, "args", &args);
	if (e == 0)
		e = read_args(r, at, args, &d);
	if (e == 0)
		e = read_applies(r, at, v, &applies);
	return e < 0 ? e : read_names(r, at, v, &d, applies);
}

static int read_flags(struct reader *r, json_t *root)
{
	json_t *list, *v;
	int e = get_list(r, "", root, "flags", &list);
	uint32_t counts;
	char at[48];
	size_t i;

	json_array_foreach(list, i, v) {
		snprintf(at, sizeof(at), "flags[%zu]", i);
		e = get_word(r, at, v, "flag", filter_flags, ARRAY_SIZE(filter_flags), &counts);
		if (e == 0 && counts)
			e = bad(r, at, "%s is not supported", json_string_value(v));
		if (e < 0)
			return e;
	}
	return e;
}

static int read_profile(struct reader *r, json_t *root)
{
	static const char *const keys[] = { "defaultAction", "defaultErrnoRet", "architectures",
					    "archMap", "syscalls", "flags", "comment", NULL };
	json_t *syscalls, *v;
	size_t i;
	int e;

	if (get(root, "listenerPath") || get(root, "listenerMetadata"))
		return bad(r, "", "'listenerPath' needs an agent, and podd has none");
	e = check_keys(r, "", root, keys);
	if (e == 0)
		e = get_action(r, "defaultAction", root, "defaultAction", "defaultErrnoRet",
			       &r->profile->default_action);
	if (e == 0)
		e = read_flags(r, root);
	if (e == 0)
		e = read_architectures(r, root);
	if (e == 0)
		e = get_list(r, "", root, "syscalls", &syscalls);
	if (e < 0)
		return e;
	json_array_foreach(syscalls, i, v) {
		e = read_rule(r, i, v);
		if (e < 0)
			return e;
	}
	return 0;
}

/**
 * seccomp_target_here() - this machine and kernel, and a container with @capabilities
 *
 * Return: 0, or -ENOTSUP with @err filled on a machine that we have no table for.
 */
int seccomp_target_here(struct seccomp_target *out, uint64_t capabilities, struct err *err)
{
	struct utsname u;

	*out = (struct seccomp_target){ .native = seccomp_abi_native(),
					.capabilities = capabilities };
	if (!out->native)
		return err_set(err, ENOTSUP, "seccomp: no table for this architecture");
	if (uname(&u) < 0 ||
	    sscanf(u.release, "%u.%u", &out->kernel_major, &out->kernel_minor) != 2)
		return err_set(err, EINVAL, "read the kernel's version");
	return 0;
}

/**
 * seccomp_profile_parse() - read a profile for one container
 * @out: receives it, the caller's to free with seccomp_profile_free()
 * @text: @n bytes of JSON
 *
 * Return: 0, or -errno with @err filled, which says where in the JSON something is
 * unknown or wrong (syscalls[3].names[0]).
 */
int seccomp_profile_parse(struct seccomp_profile **out, const char *text, size_t n,
			  const struct seccomp_target *target, struct err *err)
{
	struct reader r = {
		.profile = calloc(1, sizeof(*r.profile)), .target = target, .err = err
	};
	json_t *root = NULL;
	int e = 0;

	if (!r.profile)
		return no_memory(&r);
	if (n > SECCOMP_FILE_MAX)
		e = err_set(err, EFBIG, "larger than %zu bytes", SECCOMP_FILE_MAX);
	if (e == 0)
		e = json_text_parse(&root, text, n, err);
	if (e == 0)
		e = read_profile(&r, root);
	json_decref(root);
	if (e < 0) {
		seccomp_profile_free(r.profile);
		return e;
	}
	*out = r.profile;
	return 0;
}

/**
 * seccomp_profile_free() - free a profile; NULL is fine
 */
void seccomp_profile_free(struct seccomp_profile *profile)
{
	for (size_t i = 0; profile && i < profile->rule_n; i++)
		free(profile->rules[i].name);
	if (profile)
		free(profile->rules);
	free(profile);
}
