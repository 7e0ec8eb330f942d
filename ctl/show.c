/* SPDX-License-Identifier: MIT */
/* Rendering of status, list and events. */
#include "ctl/show.h"

#include <string.h>

#include "config/signal.h"
#include "ctl/text.h"

/* "" for what is not there or is no string. */
static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static const char *yes_no(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	if (!json_is_boolean(v))
		return "";
	return json_is_true(v) ? "yes" : "no";
}

/* @buf: room for any number; "" for what is not there. */
static const char *number_of(const json_t *o, const char *key, char buf[24])
{
	const json_t *v = json_object_get(o, key);

	buf[0] = '\0';
	if (json_is_integer(v))
		snprintf(buf, 24, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	return buf;
}

/* "2026-11-22T05:00:00.123456789Z" to the second. */
static const char *time_of(const json_t *o, const char *key, char buf[24])
{
	const char *s = text_of(o, key);
	int n = (int)strcspn(s, ".Z");

	buf[0] = '\0';
	if (n > 0 && n < 22)
		snprintf(buf, 24, "%.*sZ", n, s);
	return buf;
}

/* "exit 1", "SIGKILL" or "". */
static const char *ending(const json_t *o, char buf[32])
{
	const json_t *code = json_object_get(o, "exit_code");
	json_int_t signal = json_integer_value(json_object_get(o, "signal"));
	char name[SIGNAL_NAME_SIZE];

	buf[0] = '\0';
	if (signal > 0)
		snprintf(buf, 32, "%s", signal_name((int)signal, name));
	else if (json_is_integer(code))
		snprintf(buf, 32, "exit %d", (int)json_integer_value(code));
	return buf;
}

static void word(FILE *out, const char *before, const char *s)
{
	char clean[1024];

	if (*s)
		fprintf(out, "%s%s", before, text_clean(clean, sizeof(clean), s));
}

/* All that would run stands still; the state itself is none of a pod's. */
static bool is_paused(const json_t *pod)
{
	json_int_t paused = json_integer_value(json_object_get(pod, "paused"));

	return paused > 0 && paused == json_integer_value(json_object_get(pod, "running"));
}

/**
 * show_list() - the pods of a list document
 */
void show_list(FILE *out, const json_t *pods, bool colour)
{
	static const char *const head[] = { "POD", "STATE", "READY", "RUNNING", "RESTARTS",
					    "ADDRESS" };
	struct table t = { .columns = 6, .state_column = 1 };
	char running[24], total[24], restarts[24];
	const json_t *pod;
	size_t i;

	for (i = 0; i < t.columns; i++)
		table_add(&t, "%s", head[i]);
	json_array_foreach(pods, i, pod) {
		number_of(pod, "running", running);
		number_of(pod, "containers", total);
		table_add(&t, "%s", text_of(pod, "name"));
		table_add(&t, "%s", is_paused(pod) ? "paused" : text_of(pod, "state"));
		table_add(&t, "%s", yes_no(pod, "ready"));
		table_add(&t, "%s%s%s", running, *running ? "/" : "", total);
		table_add(&t, "%s", number_of(pod, "restarts", restarts));
		table_add(&t, "%s", text_of(pod, "address"));
	}
	table_print(&t, out, colour);
	table_done(&t);
}

static void add_last(struct table *t, const json_t *last)
{
	const char *reason = text_of(last, "reason");
	char end[32];

	ending(last, end);
	if (*reason && *end)
		table_add(t, "%s (%s)", reason, end);
	else
		table_add(t, "%s%s", reason, end);
}

static void show_containers(FILE *out, const json_t *containers, bool colour)
{
	static const char *const head[] = { "CONTAINER", "TYPE", "STATE", "READY", "PID",
					    "RESTARTS", "STARTED", "LAST" };
	struct table t = { .columns = 8, .state_column = 2 };
	const json_t *c;
	char buf[24];
	size_t i;

	for (i = 0; i < t.columns; i++)
		table_add(&t, "%s", head[i]);
	json_array_foreach(containers, i, c) {
		table_add(&t, "%s", text_of(c, "name"));
		table_add(&t, "%s", text_of(c, "type"));
		table_add(&t, "%s", json_is_true(json_object_get(c, "paused")) ? "paused" :
									       text_of(c, "state"));
		table_add(&t, "%s", yes_no(c, "ready"));
		table_add(&t, "%s", number_of(c, "pid", buf));
		table_add(&t, "%s", number_of(c, "restarts", buf));
		table_add(&t, "%s", time_of(c, "started_at", buf));
		add_last(&t, json_object_get(c, "last"));
	}
	table_print(&t, out, colour);
	table_done(&t);
}

/* " WORD TIME" or nothing. */
static void when(FILE *out, const char *word, const json_t *o, const char *key)
{
	char time[24];

	if (*time_of(o, key, time))
		fprintf(out, "%s%s", word, time);
}

/* An update that goes on, or that was nothing; one that was kept is the past. */
static void show_update(FILE *out, const json_t *update)
{
	const char *state = text_of(update, "state"), *reason = text_of(update, "reason");
	bool trial = strcmp(state, "trial") == 0, keeping = strcmp(state, "keeping") == 0;
	bool failed = strcmp(state, "failed") == 0;

	if (trial || failed || keeping || strcmp(text_of(update, "outcome"), "back") == 0) {
		fputs(trial ? "update: on trial" : keeping ? "update: kept" :
		      failed ? "update: going back, on trial" : "update: went back", out);
		when(out, trial || failed ? " since " : " at ", update, "since");
		when(out, ", kept at ", update, "settles_at");
		if (trial && !*text_of(update, "settles_at"))
			fputs(", not ready yet", out);
		word(out, ": ", reason);
		fputc('\n', out);
	}
	if (*text_of(update, "blocked")) {
		word(out, "update: ", text_of(update, "blocked"));
		when(out, "; next try at ", update, "next_try_at");
		fputc('\n', out);
	}
}

/**
 * show_status() - one pod's status document
 */
void show_status(FILE *out, const json_t *status, bool colour)
{
	const char *address = text_of(status, "address");
	char name[256], state[64], clean[1024];
	const json_t *warning;
	size_t i;

	text_clean(name, sizeof(name), text_of(status, "name"));
	text_clean(state, sizeof(state), text_of(status, "state"));
	text_clean(clean, sizeof(clean), address);
	fprintf(out, "pod %s: %s%s%s, %s%s%s\n", name, colour ? text_state_colour(state) : "",
		state, colour && *text_state_colour(state) ? TEXT_COLOUR_END : "",
		json_is_true(json_object_get(status, "ready")) ? "ready" : "not ready",
		*clean ? ", address " : "", clean);
	json_array_foreach(json_object_get(status, "warnings"), i, warning) {
		const char *s = json_string_value(warning);

		fprintf(out, "warning: %s\n", text_clean(clean, sizeof(clean), s ? s : ""));
	}
	show_update(out, json_object_get(status, "update"));
	show_containers(out, json_object_get(status, "containers"), colour);
}

/* "SOME/FULL", or nothing where the kernel does not count. */
static void add_pressure(struct table *t, const json_t *of, const char *resource)
{
	const json_t *stall = json_object_get(json_object_get(of, "pressure"), resource);

	if (stall)
		table_add(t, "%.2f/%.2f", json_number_value(json_object_get(stall, "some_avg10")),
			  json_number_value(json_object_get(stall, "full_avg10")));
	else
		table_add(t, "%s", "");
}

/**
 * show_pressure() - how much of the last 10 s the pod and its containers waited
 */
void show_pressure(FILE *out, const json_t *status)
{
	static const char *const head[] = { "PRESSURE", "CPU%", "MEMORY%", "IO%" };
	struct table t = { .columns = 4, .state_column = -1 };
	const json_t *c;
	size_t i;

	for (i = 0; i < t.columns; i++)
		table_add(&t, "%s", head[i]);
	table_add(&t, "%s", "(pod)");
	for (i = 1; i < t.columns; i++)
		add_pressure(&t, status, i == 1 ? "cpu" : i == 2 ? "memory" : "io");
	json_array_foreach(json_object_get(status, "containers"), i, c) {
		table_add(&t, "%s", text_of(c, "name"));
		add_pressure(&t, c, "cpu");
		add_pressure(&t, c, "memory");
		add_pressure(&t, c, "io");
	}
	table_print(&t, out, false);
	table_done(&t);
}

/**
 * show_event() - one event in one line
 *
 * Time, number, kind and container are always there ("-" when they are not),
 * so that a line can be cut at its blanks.
 */
void show_event(FILE *out, const json_t *event)
{
	const char *container = text_of(event, "container");
	char time[24], seq[24], end[32], number[24];

	time_of(event, "time", time);
	number_of(event, "seq", seq);
	word(out, "", *time ? time : "-");
	word(out, " ", *seq ? seq : "-");
	word(out, " ", text_of(event, "kind"));
	word(out, " ", *container ? container : "-");
	word(out, " ", text_of(event, "state"));
	word(out, " pid ", number_of(event, "pid", number));
	word(out, " ", ending(event, end));
	word(out, " ", text_of(event, "reason"));
	word(out, " restarts ", number_of(event, "restarts", number));
	word(out, " lost ", number_of(event, "lost", number));
	word(out, ": ", text_of(event, "message"));
	fputc('\n', out);
}
