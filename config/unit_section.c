/* SPDX-License-Identifier: MIT */
/* What [Unit] may say, as far as it does not depend on the systemd that reads it. */
#include "config/unit_section.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/fd.h"
#include "base/nearest.h"
#include "config/unit_words.h"

#define BLANKS " \t"

enum kind {
	KIND_ANY,   /* systemd's to judge */
	KIND_UNITS, /* a list of names of units */
	KIND_BOOL,
	KIND_PATHS, /* a list of them */
	KIND_NUMBER,
	KIND_STATUS, /* of a process: a number to 255 */
	KIND_TIME,
};

/* systemd.unit(5) of systemd 258, "[Unit] Section Options". */
static const struct unit_key {
	const char *name;
	enum kind kind;
} keys[] = {
	{ "After", KIND_UNITS },
	{ "AllowIsolate", KIND_BOOL },
	{ "Before", KIND_UNITS },
	{ "BindsTo", KIND_UNITS },
	{ "CollectMode", KIND_ANY },
	{ "Conflicts", KIND_UNITS },
	{ "DefaultDependencies", KIND_BOOL },
	{ "Description", KIND_ANY },
	{ "Documentation", KIND_ANY },
	{ "FailureAction", KIND_ANY },
	{ "FailureActionExitStatus", KIND_STATUS },
	{ "IgnoreOnIsolate", KIND_BOOL },
	{ "JobRunningTimeoutSec", KIND_TIME },
	{ "JobTimeoutAction", KIND_ANY },
	{ "JobTimeoutRebootArgument", KIND_ANY },
	{ "JobTimeoutSec", KIND_TIME },
	{ "JoinsNamespaceOf", KIND_UNITS },
	{ "OnFailure", KIND_UNITS },
	{ "OnFailureJobMode", KIND_ANY },
	{ "OnSuccess", KIND_UNITS },
	{ "OnSuccessJobMode", KIND_ANY },
	{ "PartOf", KIND_UNITS },
	{ "PropagatesReloadTo", KIND_UNITS },
	{ "PropagatesStopTo", KIND_UNITS },
	{ "RebootArgument", KIND_ANY },
	{ "RefuseManualStart", KIND_BOOL },
	{ "RefuseManualStop", KIND_BOOL },
	{ "ReloadPropagatedFrom", KIND_UNITS },
	{ "Requires", KIND_UNITS },
	{ "RequiresMountsFor", KIND_PATHS },
	{ "Requisite", KIND_UNITS },
	{ "SourcePath", KIND_ANY },
	{ "StartLimitAction", KIND_ANY },
	{ "StartLimitBurst", KIND_NUMBER },
	{ "StartLimitIntervalSec", KIND_TIME },
	{ "StopPropagatedFrom", KIND_UNITS },
	{ "StopWhenUnneeded", KIND_BOOL },
	{ "SuccessAction", KIND_ANY },
	{ "SuccessActionExitStatus", KIND_STATUS },
	{ "SurviveFinalKillSignal", KIND_BOOL },
	{ "Upholds", KIND_UNITS },
	{ "Wants", KIND_UNITS },
	{ "WantsMountsFor", KIND_PATHS },
};

/* Of the same page, "Conditions and Asserts": each is there with both words before it. */
static const char *const tests[] = {
	"ACPower", "Architecture", "CPUFeature", "CPUPressure", "CPUs", "Capability",
	"ControlGroupController", "Credential", "DirectoryNotEmpty", "Environment",
	"FileIsExecutable", "FileNotEmpty", "Firmware", "FirstBoot", "Group", "Host",
	"IOPressure", "KernelCommandLine", "KernelModuleLoaded", "KernelVersion", "Memory",
	"MemoryPressure", "NeedsUpdate", "OSRelease", "PathExists", "PathExistsGlob",
	"PathIsDirectory", "PathIsEncrypted", "PathIsMountPoint", "PathIsReadWrite",
	"PathIsSocket", "PathIsSymbolicLink", "Security", "User", "Version", "Virtualization",
};
static const char *const before_tests[] = { "Condition", "Assert" };

static const struct unit_key *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

/* "Condition" of "ConditionHost", else NULL. */
static const char *test_prefix(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(before_tests); i++)
		if (strncmp(name, before_tests[i], strlen(before_tests[i])) == 0)
			return before_tests[i];
	return NULL;
}

/* systemd only warns of these, too, and a newer one may know more. */
static void check_unknown(const char *name, struct config_pos pos, struct config_diags *diags)
{
	const char *prefix = test_prefix(name);
	struct nearest near = { .word = name + (prefix ? strlen(prefix) : 0) };

	for (size_t i = 0; i < (prefix ? ARRAY_SIZE(tests) : ARRAY_SIZE(keys)); i++) {
		if (prefix && strcmp(near.word, tests[i]) == 0)
			return;
		nearest_try(&near, prefix ? tests[i] : keys[i].name);
	}
	config_diags_warn(diags, pos, "unknown key '%s' in [Unit]%s%s%s%s", name,
			  near.found ? "; did you mean '" : "", near.found && prefix ? prefix : "",
			  near.found ? near.found : "", near.found ? "'?" : "");
}

/* With a character of names in the place of each specifier, which systemd puts in. Return:
 * whether the end is one: it may be anything. */
static bool blank_specifiers(char *word)
{
	bool last = false;
	char *to = word;

	for (const char *s = word; *s; s++) {
		last = s[0] == '%' && s[1] && s[1] != '%';
		*to++ = last ? 'x' : *s;
		s += last;
	}
	*to = '\0';
	return last;
}

static int check_units(const char *key, const struct config_text *line, size_t offset,
		       struct config_diags *diags)
{
	char word[CONFIG_UNIT_NAME_MAX + 1], blanked[CONFIG_UNIT_NAME_MAX + sizeof(".target")];
	const char *at = line->s + offset;
	int out = 0;

	while (*(at += strspn(at, BLANKS))) {
		struct config_pos pos = config_text_pos(line, (size_t)(at - line->s));
		int r = config_unit_word(word, &at);

		strcpy(blanked, word);
		if (blank_specifiers(blanked))
			strcat(blanked, ".target");
		if (r == -EINVAL)
			config_diags_add(diags, pos, "%s=: a quote is not closed", key);
		else if (r < 0 || !config_unit_name_valid(blanked))
			config_diags_add(diags, pos, "%s=: '%s' is no name of a unit%s", key, word,
					 strchr(word, ',') ? "; blanks are between names" : "");
		else
			continue;
		out = -EINVAL;
	}
	return out;
}

static bool has_dots(const char *path)
{
	for (const char *s = path; (s = strstr(s, "/..")); s += 3)
		if (!s[3] || s[3] == '/')
			return true;
	return false;
}

static int check_paths(const char *key, const struct config_text *line, size_t offset,
		       struct config_diags *diags)
{
	char word[CONFIG_UNIT_NAME_MAX + 1]; /* the beginning says it */
	const char *at = line->s + offset;
	int out = 0;

	while (*(at += strspn(at, BLANKS))) {
		struct config_pos pos = config_text_pos(line, (size_t)(at - line->s));
		int r = config_unit_word(word, &at);

		if (r != -EINVAL && (*word == '/' || (*word == '%' && word[1] != '%')) &&
		    !has_dots(word))
			continue;
		config_diags_add(diags, pos, "%s=: '%s' is no absolute path%s", key, word,
				 has_dots(word) ? " without '..'" : "");
		out = -EINVAL;
	}
	return out;
}

/* As systemd's parse_boolean() has it. */
static int check_bool(const char *key, const struct config_text *line, size_t offset,
		      struct config_diags *diags)
{
	static const char *const words[] = { "1", "yes", "y", "true", "t", "on",
					     "0", "no", "n", "false", "f", "off" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcasecmp(line->s + offset, words[i]) == 0)
			return 0;
	config_diags_add(diags, config_text_pos(line, offset), "%s=: '%s' is none of yes, no", key,
			 line->s + offset);
	return -EINVAL;
}

/* As safe_atou() of systemd has it: with a sign, and to the base that its prefix says. */
static bool is_number(const char *s, uint64_t max)
{
	unsigned long long n;
	char *end;
	int base;

	s += *s == '+';
	base = strncmp(s, "0b", 2) == 0 ? 2 : strncmp(s, "0o", 2) == 0 ? 8 : 0;
	s += base ? 2 : 0;
	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	n = strtoull(s, &end, base);
	return !errno && !*end && n <= max;
}

#define SECOND UINT64_C(1000000)
#define HOUR   (3600 * SECOND)
#define DAY    (24 * HOUR)
/* systemd.time(7), "Parsing Time Spans". */
static const struct {
	uint64_t usec;
	const char *names[6];
} time_units[] = {
	{ 1, { "us", "usec", "\302\265s", "\316\274s" } },
	{ 1000, { "ms", "msec" } },
	{ SECOND, { "", "s", "sec", "second", "seconds" } },
	{ 60 * SECOND, { "m", "min", "minute", "minutes" } },
	{ HOUR, { "h", "hr", "hour", "hours" } },
	{ DAY, { "d", "day", "days" } },
	{ 7 * DAY, { "w", "week", "weeks" } },
	{ 2629800 * SECOND, { "M", "month", "months" } },
	{ 31557600 * SECOND, { "y", "year", "years" } },
};

/* Microseconds of a unit, @n bytes at @s; 0: it is none. */
static uint64_t time_unit(const char *s, size_t n)
{
	for (size_t i = 0; i < ARRAY_SIZE(time_units); i++)
		for (const char *const *name = time_units[i].names; *name; name++)
			if (strlen(*name) == n && strncmp(*name, s, n) == 0)
				return time_units[i].usec;
	return 0;
}

/* "5min 20s", "1.5h", "infinity". */
static bool is_time(const char *s)
{
	bool any = false;

	if (strcmp(s, "infinity") == 0)
		return true;
	while (*(s += strspn(s, BLANKS))) {
		bool has_sign = *s == '+';
		size_t n = strspn(s += has_sign, "0123456789"), unit;
		unsigned long long count = 0;
		uint64_t usec;

		if (n == 0 && (*s != '.' || has_sign))
			return false;
		errno = 0;
		if (n > 0)
			count = strtoull(s, NULL, 10);
		s += n;
		if (*s == '.' && !(n = strspn(s + 1, "0123456789")))
			return false;
		s += *s == '.' ? 1 + n : 0;
		s += strspn(s, BLANKS);
		unit = strcspn(s, BLANKS "0123456789.+");
		usec = time_unit(s, unit);
		if (usec == 0 || errno || count >= UINT64_MAX / usec)
			return false;
		s += unit;
		any = true;
	}
	return any;
}

/* One with a specifier is systemd's to judge; an empty one resets what was said before. */
static int check_single(const struct unit_key *k, const struct config_text *line, size_t offset,
			struct config_diags *diags)
{
	static const char *const what[] = {
		[KIND_NUMBER] = "number up to 4294967295",
		[KIND_STATUS] = "number up to 255",
		[KIND_TIME] = "time, such as 20s, 5min or infinity",
	};
	const char *value = line->s + offset;

	if (!*value || strchr(value, '%') ||
	    (k->kind == KIND_TIME ? is_time(value) :
				    is_number(value, k->kind == KIND_STATUS ? 255 : UINT32_MAX)))
		return 0;
	config_diags_add(diags, config_text_pos(line, offset), "%s=: '%s' is no %s", k->name, value,
			 what[k->kind]);
	return -EINVAL;
}

/**
 * config_unit_check() - check an assignment in [Unit]
 * @pos: of the key
 * @line: the value is from @offset on; its specifiers are systemd's
 * @diags: gets what is wrong with it; an unknown key is only a warning
 *
 * Return: 0 or -EINVAL.
 */
int config_unit_check(const char *key, struct config_pos pos, const struct config_text *line,
		      size_t offset, struct config_diags *diags)
{
	const struct unit_key *k = find(key);

	if (strncmp(key, "X-", 2) == 0)
		return 0;
	if (!k)
		check_unknown(key, pos, diags);
	else if (k->kind == KIND_UNITS)
		return check_units(key, line, offset, diags);
	else if (k->kind == KIND_PATHS)
		return check_paths(key, line, offset, diags);
	else if (k->kind == KIND_BOOL)
		return check_bool(key, line, offset, diags);
	else if (k->kind != KIND_ANY)
		return check_single(k, line, offset, diags);
	return 0;
}

/**
 * config_unit_key_lists() - whether the value of this key of [Unit] is a list of units
 */
bool config_unit_key_lists(const char *key)
{
	const struct unit_key *k = find(key);

	return k && k->kind == KIND_UNITS;
}
