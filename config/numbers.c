/* SPDX-License-Identifier: MIT */
/* Values that are stored as a number: sizes, durations, percents, choices, signals. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "config/signal.h"
#include "config/value.h"

#define LETTERS     "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define WHITESPACE  " \t"
#define NANO        UINT64_C(1000000000)
/* What is left for "no limit said" and "infinity". */
#define NUMBER_MAX  (UINT64_MAX - 2)

struct unit {
	const char *name;
	uint64_t scale;
};

static const struct unit size_units[] = {
	{ "", 1 },
	{ "K", UINT64_C(1) << 10 },
	{ "M", UINT64_C(1) << 20 },
	{ "G", UINT64_C(1) << 30 },
	{ "T", UINT64_C(1) << 40 },
};

/* All of systemd.time(7) but "us" written with a Greek letter; "M" is a month there too. */
static const struct unit duration_units[] = {
	{ "", NSEC_PER_SEC },
	{ "ns", 1 }, { "nsec", 1 },
	{ "us", NSEC_PER_USEC }, { "usec", NSEC_PER_USEC },
	{ "ms", NSEC_PER_MSEC }, { "msec", NSEC_PER_MSEC },
	{ "s", NSEC_PER_SEC }, { "sec", NSEC_PER_SEC },
	{ "second", NSEC_PER_SEC }, { "seconds", NSEC_PER_SEC },
	{ "m", 60 * NSEC_PER_SEC }, { "min", 60 * NSEC_PER_SEC },
	{ "minute", 60 * NSEC_PER_SEC }, { "minutes", 60 * NSEC_PER_SEC },
	{ "h", 3600 * NSEC_PER_SEC }, { "hr", 3600 * NSEC_PER_SEC },
	{ "hour", 3600 * NSEC_PER_SEC }, { "hours", 3600 * NSEC_PER_SEC },
	{ "d", 86400 * NSEC_PER_SEC }, { "day", 86400 * NSEC_PER_SEC },
	{ "days", 86400 * NSEC_PER_SEC },
	{ "w", 604800 * NSEC_PER_SEC }, { "week", 604800 * NSEC_PER_SEC },
	{ "weeks", 604800 * NSEC_PER_SEC },
	{ "M", 2629800 * NSEC_PER_SEC }, { "month", 2629800 * NSEC_PER_SEC },
	{ "months", 2629800 * NSEC_PER_SEC },
	{ "y", 31557600 * NSEC_PER_SEC }, { "year", 31557600 * NSEC_PER_SEC },
	{ "years", 31557600 * NSEC_PER_SEC },
};

/* "12" or "12.5" in billionths; what is finer is dropped. Too large shows in scale_number(). */
static bool read_decimal(const char **p, unsigned __int128 *out)
{
	const char *s = *p;
	uint64_t unit = NANO;

	if (!isdigit((unsigned char)*s))
		return false;
	for (*out = 0; isdigit((unsigned char)*s); s++)
		if (*out <= NUMBER_MAX) /* times 10 still has room */
			*out = *out * 10 + (unsigned)(*s - '0');
	*out = *out > NUMBER_MAX ? (unsigned __int128)NUMBER_MAX * NANO + NANO : *out * NANO;
	if (*s == '.') {
		if (!isdigit((unsigned char)*++s))
			return false;
		for (; isdigit((unsigned char)*s); s++) {
			unit /= 10;
			*out += unit * (unsigned)(*s - '0');
		}
	}
	*p = s;
	return true;
}

/* Adds a decimal times a unit's scale to a sum. */
static int add_scaled(unsigned __int128 billionths, uint64_t scale, uint64_t *sum)
{
	if (billionths / NANO > NUMBER_MAX / scale)
		return -ERANGE;
	/* Split, for the product of both whole would not fit 128 bits. */
	billionths = billionths / NANO * scale + billionths % NANO * scale / NANO;
	if (billionths > NUMBER_MAX - *sum)
		return -ERANGE;
	*sum += (uint64_t)billionths;
	return 0;
}

static const struct unit *find_unit(const struct unit *units, size_t n, const char *s, size_t len)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(units[i].name) == len && strncmp(units[i].name, s, len) == 0)
			return &units[i];
	return NULL;
}

/* One number with its unit, blanks between them allowed. */
static int read_quantity(const char **p, const struct unit *units, size_t n, uint64_t *sum)
{
	unsigned __int128 number;
	const struct unit *unit;
	size_t len;

	if (!read_decimal(p, &number))
		return -EINVAL;
	*p += strspn(*p, WHITESPACE);
	len = strspn(*p, LETTERS);
	unit = find_unit(units, n, *p, len);
	if (!unit)
		return -EINVAL;
	*p += len;
	return add_scaled(number, unit->scale, sum);
}

/**
 * config_size_parse() - bytes from "512M", "1.5G" or "4096"
 * @bad: on failure, the part of @s that is no size
 *
 * Return: 0, -EINVAL or -ERANGE.
 */
int config_size_parse(const char *s, const char **bad, uint64_t *out)
{
	uint64_t sum = 0;
	int r = read_quantity(&s, size_units, ARRAY_SIZE(size_units), &sum);

	*bad = s;
	if (r == 0 && *s)
		r = -EINVAL;
	if (r == 0)
		*out = sum;
	return r;
}

static int parse_duration(const char *s, const char **bad, uint64_t *out)
{
	uint64_t sum = 0;
	int r;

	do {
		r = read_quantity(&s, duration_units, ARRAY_SIZE(duration_units), &sum);
		s += strspn(s, WHITESPACE);
	} while (r == 0 && *s);
	*bad = s;
	if (r == 0)
		*out = sum;
	return r;
}

/* "150%" of a CPU is 1500000 microseconds per second. */
static int parse_percent(const char *s, const char **bad, uint64_t *out)
{
	unsigned __int128 number;
	uint64_t sum = 0;
	int r = -EINVAL;

	if (read_decimal(&s, &number) && strcmp(s, "%") == 0)
		r = add_scaled(number, USEC_PER_SEC / 100, &sum);
	*bad = s;
	if (r == 0)
		*out = sum;
	return r;
}

static int parse_count(const char *s, const char **bad, uint64_t *out)
{
	unsigned __int128 number;
	uint64_t sum = 0;
	int r = -EINVAL;

	*bad = s;
	if (strspn(s, "0123456789") == strlen(s) && read_decimal(&s, &number))
		r = add_scaled(number, 1, &sum);
	if (r == 0)
		*out = sum;
	return r;
}

static bool is_beyond(const struct config_value *v, const char *bound, uint64_t n, bool above)
{
	const char *bad;
	uint64_t limit;

	if (!bound || v->key->type->number(bound, &bad, &limit) < 0)
		return false;
	return above ? n > limit : n < limit;
}

static int parse_number(const struct config_value *v, void *member)
{
	const struct config_key *key = v->key;
	const char *bad = v->s;
	uint64_t n;
	int r;

	if (strcmp(v->s, "infinity") == 0) {
		if (!key->infinity)
			return config_value_bad(v, v->s, "must have an end, not 'infinity'");
		config_value_store(v, member, key->infinity);
		return 0;
	}
	r = key->type->number(v->s, &bad, &n);
	if (r == -EINVAL)
		return config_value_bad(v, bad, "'%s' is no %s", v->s, key->type->what);
	if (r == -ERANGE || is_beyond(v, key->max, n, true))
		return config_value_bad(v, v->s, "'%s' is more than %s", v->s,
					key->max ? key->max : "can be counted");
	if (is_beyond(v, key->min, n, false))
		return config_value_bad(v, v->s, "'%s' is less than %s", v->s, key->min);
	config_value_store(v, member, n);
	return 0;
}

static int parse_choice(const struct config_value *v, void *member)
{
	char all[128] = "";
	size_t n = 0;

	for (size_t i = 0; v->key->words[i]; i++) {
		if (strcmp(v->key->words[i], v->s) == 0) {
			config_value_store(v, member, i);
			return 0;
		}
		n += (size_t)snprintf(all + n, sizeof(all) - n, "%s%s", i ? ", " : "",
				      v->key->words[i]);
	}
	return config_value_bad(v, v->s, "'%s' is none of %s", v->s, all);
}

static int parse_signal(const struct config_value *v, void *member)
{
	int n = signal_parse(v->s);

	if (n < 0)
		return config_value_bad(v, v->s,
					"'%s' is no signal, such as SIGTERM, RTMIN+3 or 15", v->s);
	config_value_store(v, member, (uint64_t)n);
	return 0;
}

const struct config_type config_type_size = {
	.parse = parse_number,
	.number = config_size_parse,
	.what = "size, such as 512M or 1.5G",
};
const struct config_type config_type_duration = {
	.parse = parse_number,
	.number = parse_duration,
	.what = "duration, such as 10s or 1min 30s",
};
const struct config_type config_type_percent = {
	.parse = parse_number,
	.number = parse_percent,
	.what = "percentage, such as 50% or 150%",
};
const struct config_type config_type_count = {
	.parse = parse_number,
	.number = parse_count,
	.what = "whole number",
};
const struct config_type config_type_choice = { .parse = parse_choice };
const struct config_type config_type_signal = { .parse = parse_signal };
