/* SPDX-License-Identifier: MIT */
/* Comparing a seccomp profile with podd's own, call by call. */
#include "ctl/security_profile.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/capability.h"
#include "base/fd.h"

/* From seccomp/default.json, as it is. */
extern const char security_own_profile[], security_own_profile_end[];
__asm__(".section .rodata\n"
	".global security_own_profile, security_own_profile_end\n"
	"security_own_profile:\n"
	".incbin \"seccomp/default.json\"\n"
	"security_own_profile_end:\n"
	".byte 0\n"
	".previous\n");

#define ROOM_FOR_MORE sizeof(" and 1000 more")

static bool lets_through(const char *action)
{
	return action && (strcmp(action, "SCMP_ACT_ALLOW") == 0 ||
			  strcmp(action, "SCMP_ACT_LOG") == 0 ||
			  strcmp(action, "SCMP_ACT_TRACE") == 0 ||
			  strcmp(action, "SCMP_ACT_NOTIFY") == 0);
}

static bool allows(const json_t *rule)
{
	return lets_through(json_string_value(json_object_get(rule, "action")));
}

static uint64_t named(const json_t *names)
{
	const json_t *name;
	uint64_t mask = 0;
	size_t i;

	json_array_foreach(names, i, name) {
		const char *s = json_string_value(name);
		int number = s ? capability_parse(s) : -1;

		if (number >= 0)
			mask |= UINT64_C(1) << number;
	}
	return mask;
}

/* Of what a rule depends on, only the capabilities: they are the file's. */
static bool applies(const json_t *rule, uint64_t capabilities)
{
	uint64_t needed = named(json_object_get(json_object_get(rule, "includes"), "caps"));
	uint64_t barred = named(json_object_get(json_object_get(rule, "excludes"), "caps"));

	return (needed & ~capabilities) == 0 && (barred & capabilities) == 0;
}

static const json_t *arches_of(const json_t *rule, const char *condition)
{
	return json_object_get(json_object_get(rule, condition), "arches");
}

/* Where it stands for all machines and kernels. */
static bool is_everywhere(const json_t *rule)
{
	return !arches_of(rule, "includes") && !arches_of(rule, "excludes") &&
	       !json_object_get(json_object_get(rule, "includes"), "minKernel");
}

/* The @nth of a rule, which has "names" or, as Docker's older ones, a "name"; NULL: no more. */
static const json_t *nth_name(const json_t *rule, size_t nth)
{
	const json_t *names = json_object_get(rule, "names");
	size_t n = json_array_size(names);

	return nth < n ? json_array_get(names, nth) :
	       nth == n ? json_object_get(rule, "name") : NULL;
}

static bool has_name(const json_t *rule, const char *call)
{
	const json_t *name;

	for (size_t i = 0; (name = nth_name(rule, i)); i++)
		if (json_is_string(name) && strcmp(json_string_value(name), call) == 0)
			return true;
	return false;
}

/* ------------------------------------------------------------------------ args */

/* So many args of a rule, from one on, which must all match. */
struct term {
	const json_t *args;
	size_t from, n;
};

static uint64_t number(const json_t *arg, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(arg, key));
}

static bool has_op(const json_t *arg, const char *op)
{
	static const char prefix[] = "SCMP_CMP_";
	const char *own = json_string_value(json_object_get(arg, "op"));

	return own && strncmp(own, prefix, strlen(prefix)) == 0 &&
	       strcmp(own + strlen(prefix), op) == 0;
}

static bool same_arg(const json_t *a, const json_t *b)
{
	const char *x = json_string_value(json_object_get(a, "op"));
	const char *y = json_string_value(json_object_get(b, "op"));

	return x && y && strcmp(x, y) == 0 &&
	       number(a, "value") == number(b, "value") &&
	       number(a, "valueTwo") == number(b, "valueTwo");
}

static bool matches(const json_t *arg, uint64_t n)
{
	uint64_t value = number(arg, "value");

	return (has_op(arg, "EQ") && n == value) || (has_op(arg, "NE") && n != value) ||
	       (has_op(arg, "LT") && n < value) || (has_op(arg, "LE") && n <= value) ||
	       (has_op(arg, "GT") && n > value) || (has_op(arg, "GE") && n >= value) ||
	       (has_op(arg, "MASKED_EQ") && (n & value) == number(arg, "valueTwo"));
}

static bool are_masks(const json_t *a, const json_t *b)
{
	return has_op(a, "MASKED_EQ") && has_op(b, "MASKED_EQ");
}

static bool same_index(const json_t *a, const json_t *b)
{
	return number(a, "index") == number(b, "index");
}

/* Whatever matches @a matches @b. False for what is not worked out, too. */
static bool arg_implies(const json_t *a, const json_t *b)
{
	uint64_t mask = number(b, "value");

	return same_index(a, b) &&
	       (same_arg(a, b) || (has_op(a, "EQ") && matches(b, number(a, "value"))) ||
		(are_masks(a, b) && (mask & ~number(a, "value")) == 0 &&
		 (number(a, "valueTwo") & mask) == number(b, "valueTwo")));
}

/* Nothing matches both. */
static bool args_exclude(const json_t *a, const json_t *b)
{
	uint64_t both = number(a, "value") & number(b, "value");

	return same_index(a, b) &&
	       ((has_op(a, "EQ") && !matches(b, number(a, "value"))) ||
		(has_op(b, "EQ") && !matches(a, number(b, "value"))) ||
		(are_masks(a, b) &&
		 ((number(a, "valueTwo") ^ number(b, "valueTwo")) & both) != 0));
}

static const json_t *nth_arg(const struct term *t, size_t nth)
{
	return json_array_get(t->args, t->from + nth);
}

static bool implies(const struct term *a, const struct term *b)
{
	for (size_t k = 0; k < b->n; k++) {
		size_t i = 0;

		while (i < a->n && !arg_implies(nth_arg(a, i), nth_arg(b, k)))
			i++;
		if (i == a->n)
			return false;
	}
	return true;
}

static bool exclude(const struct term *a, const struct term *b)
{
	for (size_t i = 0; i < a->n; i++)
		for (size_t k = 0; k < b->n; k++)
			if (args_exclude(nth_arg(a, i), nth_arg(b, k)))
				return true;
	return false;
}

/* As podd reads a profile: with two args of one index, each arg is a rule. */
static bool are_alternatives(const json_t *args)
{
	for (size_t i = 1; i < json_array_size(args); i++)
		for (size_t k = 0; k < i; k++)
			if (same_index(json_array_get(args, i), json_array_get(args, k)))
				return true;
	return false;
}

static bool nth_term(const json_t *rule, size_t nth, struct term *out)
{
	const json_t *args = json_object_get(rule, "args");
	bool single = are_alternatives(args);
	size_t n = json_array_size(args);

	*out = (struct term){ args, single ? nth : 0, single ? 1 : n };
	return single ? nth < n : nth == 0;
}

/* ------------------------------------------------------------------------ rules */

/* What is looked for: whether a rule of the file is within podd's own. */
struct case_of {
	const char *call;
	const json_t *profile; /* the file */
	size_t nth;	       /* its rule */
	struct term term;
	uint64_t capabilities;
};

/* podd leaves out a rule that has no args and does what the profile does anyway. */
static bool says_nothing(const json_t *profile, const json_t *rule)
{
	static const char kill[] = "SCMP_ACT_KILL"; /* is one with KILL_THREAD */
	const char *a = json_string_value(json_object_get(profile, "defaultAction"));
	const char *b = json_string_value(json_object_get(rule, "action"));
	const json_t *x = json_object_get(profile, "defaultErrnoRet");
	const json_t *y = json_object_get(rule, "errnoRet");

	if (json_array_size(json_object_get(rule, "args")) > 0 || !a || !b)
		return false;
	if (strncmp(a, kill, strlen(kill)) == 0)
		return strncmp(b, kill, strlen(kill)) == 0;
	return strcmp(a, b) == 0 && (json_is_integer(x) ? json_integer_value(x) : EPERM) ==
					    (json_is_integer(y) ? json_integer_value(y) : EPERM);
}

/* Whether an earlier rule of the file surely denies all that matches @term. */
static bool is_denied_before(const struct case_of *c, const struct term *term)
{
	const json_t *rules = json_object_get(c->profile, "syscalls");
	struct term denied;

	for (size_t i = 0; i < c->nth; i++) {
		const json_t *rule = json_array_get(rules, i);

		if (allows(rule) || !is_everywhere(rule) || !applies(rule, c->capabilities) ||
		    says_nothing(c->profile, rule) || !has_name(rule, c->call))
			continue;
		for (size_t k = 0; nth_term(rule, k, &denied); k++)
			if (implies(term, &denied))
				return true;
	}
	return false;
}

/* clone's flags are another argument on some machines. */
static bool is_for_others(const struct case_of *c, const json_t *own_rule)
{
	const json_t *arches = arches_of(own_rule, "includes");
	const json_t *rule = json_array_get(json_object_get(c->profile, "syscalls"), c->nth);

	return json_array_size(json_object_get(own_rule, "args")) > 0 && arches &&
	       !json_equal(arches, arches_of(rule, "includes"));
}

/* In the order of podd's rules: what it denies before it allows, the file must deny, too. */
static bool own_allows(const json_t *own, const struct case_of *c)
{
	const json_t *rule;
	struct term term;
	size_t i;

	json_array_foreach(json_object_get(own, "syscalls"), i, rule) {
		bool allowing = allows(rule);

		if (!has_name(rule, c->call) || !applies(rule, c->capabilities) ||
		    is_for_others(c, rule))
			continue;
		for (size_t k = 0; nth_term(rule, k, &term); k++) {
			if (allowing && implies(&c->term, &term))
				return true;
			if (!allowing && !exclude(&c->term, &term) && !is_denied_before(c, &term))
				return false;
		}
	}
	return false;
}

/* Once, however many rules let it through. */
static void add_call(struct security_profile *out, json_t *counted, const char *call)
{
	size_t used = strlen(out->calls);

	if (json_object_get(counted, call))
		return;
	(void)json_object_set_new(counted, call, json_true()); /* without memory: twice */
	if (out->told == out->beyond++ &&
	    used + 1 + strlen(call) + ROOM_FOR_MORE <= sizeof(out->calls)) {
		snprintf(out->calls + used, sizeof(out->calls) - used, "%s%s",
			 used ? " " : "", call);
		out->told++;
	}
}

static bool has_string(const json_t *list, const char *s)
{
	const json_t *v;
	size_t i;

	json_array_foreach(list, i, v)
		if (json_is_string(v) && strcmp(json_string_value(v), s) == 0)
			return true;
	return false;
}

/* Whether a list of ABIs that podd's own profile has comes with @abi. */
static bool own_has_abi(const json_t *own, const char *abi)
{
	const json_t *entry;
	size_t i;

	json_array_foreach(json_object_get(own, "archMap"), i, entry) {
		const char *native = json_string_value(json_object_get(entry, "architecture"));

		if (strcmp(native, abi) == 0 ||
		    has_string(json_object_get(entry, "subArchitectures"), abi))
			return true;
	}
	return false;
}

/* What calls come in by that podd's own profile shuts: x32 beside x86-64. */
static void compare_abis(struct security_profile *out, json_t *counted, const json_t *abis,
			 const json_t *own)
{
	const json_t *abi;
	size_t i;

	json_array_foreach(abis, i, abi)
		if (json_is_string(abi) && !own_has_abi(own, json_string_value(abi)))
			add_call(out, counted, json_string_value(abi));
}

static void compare_all_abis(struct security_profile *out, json_t *counted, const json_t *profile,
			     const json_t *own)
{
	const json_t *entry;
	size_t i;

	compare_abis(out, counted, json_object_get(profile, "architectures"), own);
	json_array_foreach(json_object_get(profile, "archMap"), i, entry) {
		const char *native = json_string_value(json_object_get(entry, "architecture"));

		if (native && own_has_abi(own, native)) /* others are not this machine's */
			compare_abis(out, counted, json_object_get(entry, "subArchitectures"),
				     own);
	}
}

/* What one rule lets through of one call. */
static void compare_call(struct security_profile *out, json_t *counted, struct case_of *c,
			 const json_t *own)
{
	const json_t *rule = json_array_get(json_object_get(c->profile, "syscalls"), c->nth);

	for (size_t k = 0; nth_term(rule, k, &c->term); k++)
		if (!own_allows(own, c) && !is_denied_before(c, &c->term))
			add_call(out, counted, c->call);
}

static void compare(struct security_profile *out, json_t *counted, const json_t *profile,
		    const json_t *own, uint64_t capabilities)
{
	const json_t *rule, *name;
	size_t i;

	json_array_foreach(json_object_get(profile, "syscalls"), i, rule) {
		if (!allows(rule) || !applies(rule, capabilities))
			continue;
		for (size_t k = 0; (name = nth_name(rule, k)); k++) {
			struct case_of c = { .call = json_string_value(name), .profile = profile,
					     .nth = i, .capabilities = capabilities };

			if (c.call)
				compare_call(out, counted, &c, own);
		}
	}
	if (out->told < out->beyond)
		snprintf(out->calls + strlen(out->calls), sizeof(out->calls) - strlen(out->calls),
			 " and %u more", out->beyond - out->told);
}

/**
 * security_profile_look() - compare a profile with podd's own
 * @path: of a file in the form of OCI and Docker
 * @capabilities: the container's, on which rules may depend
 */
void security_profile_look(struct security_profile *out, const char *path, uint64_t capabilities)
{
	/* a FIFO is no file */
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	json_auto_t *profile = fd < 0 ? NULL : json_loadfd(fd, 0, NULL);
	json_auto_t *own =
		json_loadb(security_own_profile,
			   (size_t)(security_own_profile_end - security_own_profile), 0, NULL);
	const char *action = json_string_value(json_object_get(profile, "defaultAction"));
	json_auto_t *counted = json_object();

	*out = (struct security_profile){ .refuses = action && !lets_through(action) };
	compare_all_abis(out, counted, profile, own);
	compare(out, counted, profile, own, capabilities);
}
