/* SPDX-License-Identifier: MIT */
/* Comparing a seccomp profile with podd's own, call by call. */
#include "ctl/security_profile.h"

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

static bool names_one_of(const json_t *names, uint64_t capabilities)
{
	const json_t *name;
	size_t i;

	json_array_foreach(names, i, name) {
		const char *s = json_string_value(name);
		int number = s ? capability_parse(s) : -1;

		if (number >= 0 && (capabilities & (UINT64_C(1) << number)))
			return true;
	}
	return false;
}

/* Of what a rule depends on, only the capabilities: they are the file's. */
static bool applies(const json_t *rule, uint64_t capabilities)
{
	const json_t *needed = json_object_get(json_object_get(rule, "includes"), "caps");
	const json_t *barred = json_object_get(json_object_get(rule, "excludes"), "caps");

	return lets_through(json_string_value(json_object_get(rule, "action"))) &&
	       (json_array_size(needed) == 0 || names_one_of(needed, capabilities)) &&
	       !names_one_of(barred, capabilities);
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

static bool same_number(const json_t *a, const json_t *b, const char *key)
{
	return json_integer_value(json_object_get(a, key)) ==
	       json_integer_value(json_object_get(b, key));
}

static bool same_arg(const json_t *a, const json_t *b)
{
	const char *x = json_string_value(json_object_get(a, "op"));
	const char *y = json_string_value(json_object_get(b, "op"));

	return x && y && strcmp(x, y) == 0 &&
	       same_number(a, b, "index") && same_number(a, b, "value") &&
	       same_number(a, b, "valueTwo");
}

static bool has_arg(const json_t *args, const json_t *wanted)
{
	const json_t *arg;
	size_t i;

	json_array_foreach(args, i, arg)
		if (same_arg(arg, wanted))
			return true;
	return false;
}

/* Args of one index are alternatives, as in Docker's profiles; else all of them must match. */
static bool are_alternatives(const json_t *args)
{
	for (size_t i = 1; i < json_array_size(args); i++)
		if (!same_number(json_array_get(args, 0), json_array_get(args, i), "index"))
			return false;
	return true;
}

static bool allows_args(const json_t *own, const json_t *args)
{
	size_t n = json_array_size(own);
	const json_t *arg;
	size_t i;

	if (n == 0)
		return true;
	if (json_array_size(args) == 0 ||
	    (json_array_size(args) != n && !(are_alternatives(own) && are_alternatives(args))))
		return false;
	json_array_foreach(args, i, arg)
		if (!has_arg(own, arg))
			return false;
	return true;
}

static bool own_allows(const json_t *own, const char *call, const json_t *args,
		       uint64_t capabilities)
{
	const json_t *rule;
	size_t i;

	json_array_foreach(json_object_get(own, "syscalls"), i, rule)
		if (applies(rule, capabilities) && has_name(rule, call) &&
		    allows_args(json_object_get(rule, "args"), args))
			return true;
	return false;
}

static void add_call(struct security_profile *out, const char *call)
{
	size_t used = strlen(out->calls);

	if (out->told == out->beyond++ &&
	    used + 1 + strlen(call) + ROOM_FOR_MORE <= sizeof(out->calls)) {
		snprintf(out->calls + used, sizeof(out->calls) - used, "%s%s",
			 used ? " " : "", call);
		out->told++;
	}
}

/* So that a call of two rules, one for each of some args, is counted once. */
static bool is_repeated(const json_t *rules, size_t nth, const char *call)
{
	for (size_t i = 0; i < nth; i++)
		if (has_name(json_array_get(rules, i), call))
			return true;
	return false;
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
static void compare_abis(struct security_profile *out, const json_t *abis, const json_t *own)
{
	const json_t *abi;
	size_t i;

	json_array_foreach(abis, i, abi)
		if (json_is_string(abi) && !own_has_abi(own, json_string_value(abi)))
			add_call(out, json_string_value(abi));
}

static void compare_all_abis(struct security_profile *out, const json_t *profile, const json_t *own)
{
	const json_t *entry;
	size_t i;

	compare_abis(out, json_object_get(profile, "architectures"), own);
	json_array_foreach(json_object_get(profile, "archMap"), i, entry) {
		const char *native = json_string_value(json_object_get(entry, "architecture"));

		if (native && own_has_abi(own, native)) /* others are not this machine's */
			compare_abis(out, json_object_get(entry, "subArchitectures"), own);
	}
}

static void compare(struct security_profile *out, const json_t *profile, const json_t *own,
		    uint64_t capabilities)
{
	const json_t *rules = json_object_get(profile, "syscalls"), *rule, *name;
	size_t i;

	json_array_foreach(rules, i, rule) {
		if (!applies(rule, capabilities))
			continue;
		for (size_t k = 0; (name = nth_name(rule, k)); k++) {
			const char *call = json_string_value(name);

			if (call &&
			    !own_allows(own, call, json_object_get(rule, "args"), capabilities) &&
			    !is_repeated(rules, i, call))
				add_call(out, call);
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

	*out = (struct security_profile){ .refuses = action && !lets_through(action) };
	compare_all_abis(out, profile, own);
	compare(out, profile, own, capabilities);
}
