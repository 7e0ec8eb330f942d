/* SPDX-License-Identifier: MIT */
/* The plan of a reload: for each key what its change takes, and who stays, comes and goes. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "config/load.h"
#include "supervisor/plan.h"

static struct pod_spec *load(const char *text)
{
	const struct config_env env = { .hostname = "host" };
	const struct config_bytes file = { "/etc/podd/web.pod", text, strlen(text) };
	struct config_diags diags = { 0 };
	struct pod_spec *spec = NULL;
	struct err err = { 0 };
	char line[512];

	if (config_load_bytes(&spec, &file, &env, &diags, &err) < 0)
		fail_msg("%s: %s", err.msg, config_diags_line(&diags, 0, line, sizeof(line)));
	config_diags_done(&diags);
	return spec;
}

/* @line in its section of an otherwise fixed file; in container a if it is a container's. */
static struct pod_spec *load_with(enum config_section section, const char *line)
{
	char text[1024];

	snprintf(text, sizeof(text),
		 "[Pod]\n%s\n[Network]\n%s\n[Container a]\n%s\n%s\n%s\n"
		 "[Container b]\nRootfs=/r\nExec=b\n",
		 section == CONFIG_POD ? line : "", section == CONFIG_NETWORK ? line : "",
		 strncmp(line, "Rootfs=", 7) == 0 || strncmp(line, "Image=", 6) == 0 ? "" :
		 strncmp(line, "Pull=", 5) == 0 ? "Image=nginx" : "Rootfs=/r",
		 strncmp(line, "Exec=", 5) == 0 ? "" : "Exec=a",
		 section == CONFIG_CONTAINER ? line : "");
	return load(text);
}

enum where { POD, A, BOTH };

/* Every key, with two values; what a change from one to the other takes, and where it shows. */
static const struct row {
	enum config_section section;
	const char *name, *from, *to;
	enum where where;
	enum plan_action action; /* of the containers; unchanged: only the pod's line tells */
	bool new_pod;
} rows[] = {
	{ CONFIG_POD, "Description", "one", "two", POD, PLAN_UNCHANGED, false },
	{ CONFIG_POD, "Hostname", "one", "two", POD, PLAN_UNCHANGED, true },
	{ CONFIG_POD, "TimeoutStopSec", "1s", "2s", POD, PLAN_UNCHANGED, false },
	{ CONFIG_POD, "Limits", "strict", "best-effort", POD, PLAN_UNCHANGED, false },
	{ CONFIG_POD, "UpdateSettleSec", "1s", "2s", POD, PLAN_UNCHANGED, false },
	{ CONFIG_POD, "UserNamespace", "auto", "host", POD, PLAN_UNCHANGED, true },
	{ CONFIG_POD, "Sysctl", "kernel.msgmax=1", "kernel.msgmax=2", POD, PLAN_UNCHANGED, true },
	{ CONFIG_POD, "ImagePolicy", "any", "/key.pub", POD, PLAN_UNCHANGED, false },
	{ CONFIG_POD, "RunAsNonRoot", "no", "yes", BOTH, PLAN_RESTART, false },
	{ CONFIG_POD, "MemoryMax", "1G", "infinity", POD, PLAN_UNCHANGED, false },
	{ CONFIG_POD, "MemoryHigh", "", "1M", POD, PLAN_UNCHANGED, false },
	{ CONFIG_POD, "CPUQuota", "50%", "51%", POD, PLAN_UNCHANGED, false },
	{ CONFIG_POD, "CPUWeight", "1", "2", POD, PLAN_UNCHANGED, false },
	{ CONFIG_POD, "TasksMax", "2", "3", POD, PLAN_UNCHANGED, false },
	{ CONFIG_POD, "IOWeight", "1", "2", POD, PLAN_UNCHANGED, false },
	{ CONFIG_POD, "AllowedCPUs", "0", "0-1", POD, PLAN_UNCHANGED, false },
	{ CONFIG_POD, "AllowedMemoryNodes", "", "0", POD, PLAN_UNCHANGED, false },
	{ CONFIG_POD, "HugetlbMax", "2M:4M", "2M:8M", POD, PLAN_UNCHANGED, false },
	{ CONFIG_POD, "RestartPolicy", "always", "never", BOTH, PLAN_LIVE, false },
	{ CONFIG_POD, "RestartSec", "1s", "2s", BOTH, PLAN_LIVE, false },
	{ CONFIG_POD, "RestartMaxSec", "1h", "2h", BOTH, PLAN_LIVE, false },
	{ CONFIG_POD, "RestartResetSec", "1s", "2s", BOTH, PLAN_LIVE, false },
	{ CONFIG_POD, "LogMaxSize", "1M", "2M", BOTH, PLAN_LIVE, false },
	{ CONFIG_POD, "LogMaxFiles", "1", "2", BOTH, PLAN_LIVE, false },
	{ CONFIG_POD, "LogDriver", "file", "both", BOTH, PLAN_LIVE, false },
	{ CONFIG_POD, "LogRateLimitIntervalSec", "1s", "0", BOTH, PLAN_LIVE, false },
	{ CONFIG_POD, "LogRateLimitBurst", "1", "0", BOTH, PLAN_LIVE, false },
	{ CONFIG_NETWORK, "Mode", "bridge", "none", POD, PLAN_UNCHANGED, true },
	{ CONFIG_NETWORK, "Bridge", "br0", "br", POD, PLAN_UNCHANGED, true },
	{ CONFIG_NETWORK, "Subnet", "10.77.0.0/22", "10.77.0.0/23", POD, PLAN_UNCHANGED, true },
	{ CONFIG_NETWORK, "Address", "auto", "10.77.0.9", POD, PLAN_UNCHANGED, true },
	{ CONFIG_NETWORK, "DNS", "1.1.1.1 8.8.8.8", "1.1.1.1", BOTH, PLAN_RESTART, false },
	{ CONFIG_CONTAINER, "Pull", "never", "missing", A, PLAN_LIVE, false },
	{ CONFIG_CONTAINER, "Image", "nginx", "nginx:1.27", A, PLAN_RESTART, false },
	{ CONFIG_CONTAINER, "Rootfs", "/r", "/r:/s", A, PLAN_RESTART, false },
	{ CONFIG_CONTAINER, "Entrypoint", "a b", "a 'b '", A, PLAN_RESTART, false },
	{ CONFIG_CONTAINER, "Exec", "a b", "a 'b '", A, PLAN_RESTART, false },
	{ CONFIG_CONTAINER, "Environment", "A=1 B=2", "A=1", A, PLAN_RESTART, false },
	{ CONFIG_CONTAINER, "WorkingDirectory", "/", "/w", A, PLAN_RESTART, false },
	{ CONFIG_CONTAINER, "User", "", "0", A, PLAN_RESTART, false },
	{ CONFIG_CONTAINER, "RunAsNonRoot", "no", "yes", A, PLAN_RESTART, false },
	{ CONFIG_CONTAINER, "Writable", "tmpfs", "no", A, PLAN_RESTART, false },
	{ CONFIG_CONTAINER, "WritableSize", "1M", "2M", A, PLAN_RESTART, false },
	{ CONFIG_CONTAINER, "Volume", "/a:/b", "/a:/b:ro", A, PLAN_RESTART, false },
	{ CONFIG_CONTAINER, "Device", "/dev/a", "/dev/a:ro", A, PLAN_RESTART, false },
	{ CONFIG_CONTAINER, "LoadCredential", "db:/a", "db:/b", A, PLAN_RESTART, false },
	{ CONFIG_CONTAINER, "Tmpfs", "/t", "/t:mode=700", A, PLAN_RESTART, false },
	{ CONFIG_CONTAINER, "LimitCPU", "10s", "1min:2min", A, PLAN_RESTART, false },
	{ CONFIG_CONTAINER, "LimitFSIZE", "1M", "1M:infinity", A, PLAN_RESTART, false },
	{ CONFIG_CONTAINER, "LimitDATA", "1M", "1M:infinity", A, PLAN_RESTART, false },
	{ CONFIG_CONTAINER, "LimitSTACK", "1M", "1M:infinity", A, PLAN_RESTART, false },
	{ CONFIG_CONTAINER, "LimitCORE", "1M", "1M:infinity", A, PLAN_RESTART, false },
	{ CONFIG_CONTAINER, "LimitNOFILE", "64", "63:64", A, PLAN_RESTART, false },
	{ CONFIG_CONTAINER, "LimitAS", "1M", "1M:infinity", A, PLAN_RESTART, false },
	{ CONFIG_CONTAINER, "LimitNPROC", "64", "63:64", A, PLAN_RESTART, false },
	{ CONFIG_CONTAINER, "LimitMEMLOCK", "1M", "1M:infinity", A, PLAN_RESTART, false },
	{ CONFIG_CONTAINER, "LimitSIGPENDING", "64", "63:64", A, PLAN_RESTART, false },
	{ CONFIG_CONTAINER, "LimitMSGQUEUE", "1M", "1M:infinity", A, PLAN_RESTART, false },
	{ CONFIG_CONTAINER, "LimitRTPRIO", "64", "63:64", A, PLAN_RESTART, false },
	{ CONFIG_CONTAINER, "AddCapability", "", "NET_RAW", A, PLAN_RESTART, false },
	{ CONFIG_CONTAINER, "DropCapability", "all", "KILL", A, PLAN_RESTART, false },
	{ CONFIG_CONTAINER, "NoNewPrivileges", "yes", "no", A, PLAN_RESTART, false },
	{ CONFIG_CONTAINER, "SeccompProfile", "", "unconfined", A, PLAN_RESTART, false },
	{ CONFIG_CONTAINER, "Landlock", "auto", "no", A, PLAN_RESTART, false },
	{ CONFIG_CONTAINER, "SELinuxContext", "a:b:c:s0", "-a:b:c:s0", A, PLAN_RESTART, false },
	{ CONFIG_CONTAINER, "AppArmorProfile", "", "web", A, PLAN_RESTART, false },
	{ CONFIG_CONTAINER, "StopSignal", "TERM", "INT", A, PLAN_LIVE, false },
	{ CONFIG_CONTAINER, "MemoryMax", "1M", "", A, PLAN_LIVE, false },
	{ CONFIG_CONTAINER, "MemoryHigh", "1M", "2M", A, PLAN_LIVE, false },
	{ CONFIG_CONTAINER, "CPUQuota", "1%", "2%", A, PLAN_LIVE, false },
	{ CONFIG_CONTAINER, "CPUWeight", "1", "2", A, PLAN_LIVE, false },
	{ CONFIG_CONTAINER, "TasksMax", "1", "2", A, PLAN_LIVE, false },
	{ CONFIG_CONTAINER, "IOWeight", "1", "2", A, PLAN_LIVE, false },
	{ CONFIG_CONTAINER, "AllowedCPUs", "0", "", A, PLAN_LIVE, false },
	{ CONFIG_CONTAINER, "AllowedMemoryNodes", "0", "0,1", A, PLAN_LIVE, false },
	{ CONFIG_CONTAINER, "HugetlbMax", "2M:4M", "2M:4M 1G:0", A, PLAN_LIVE, false },
	{ CONFIG_CONTAINER, "OOMPolicy", "continue", "kill", A, PLAN_LIVE, false },
	{ CONFIG_CONTAINER, "RestartPolicy", "on-failure", "never", A, PLAN_LIVE, false },
	{ CONFIG_CONTAINER, "RestartSec", "1s", "2s", A, PLAN_LIVE, false },
	{ CONFIG_CONTAINER, "RestartMaxSec", "1h", "2h", A, PLAN_LIVE, false },
	{ CONFIG_CONTAINER, "RestartResetSec", "1s", "infinity", A, PLAN_LIVE, false },
	{ CONFIG_CONTAINER, "LogMaxSize", "1M", "2M", A, PLAN_LIVE, false },
	{ CONFIG_CONTAINER, "LogMaxFiles", "1", "2", A, PLAN_LIVE, false },
	{ CONFIG_CONTAINER, "LogDriver", "journald", "file", A, PLAN_LIVE, false },
	{ CONFIG_CONTAINER, "LogRateLimitIntervalSec", "1s", "2s", A, PLAN_LIVE, false },
	{ CONFIG_CONTAINER, "LogRateLimitBurst", "1", "2", A, PLAN_LIVE, false },
};

static const struct row *row_of(const struct config_key *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].section == key->section && strcmp(rows[i].name, key->name) == 0)
			return &rows[i];
	return NULL;
}

static struct pod_spec *load_row(const struct row *row, const char *value)
{
	char line[128];

	snprintf(line, sizeof(line), "%s=%s", row->name, value);
	return load_with(row->section, line);
}

static void check_change(const struct row *row, size_t key, const char *from, const char *to)
{
	struct pod_spec *old = load_row(row, from), *new = load_row(row, to);
	struct plan *plan = calloc(1, sizeof(*plan));
	enum plan_action a = row->where == POD ? PLAN_UNCHANGED : row->action;
	enum plan_action b = row->where == BOTH ? row->action : PLAN_UNCHANGED;

	plan_make(plan, old, new, NULL);
	assert_true(plan->any);
	assert_int_equal(plan->new_pod, row->new_pod);
	assert_int_equal(plan->n, 2);
	if (plan->containers[0].action != a || plan->containers[1].action != b)
		fail_msg("%s: '%s' -> '%s': a %s, b %s", row->name, from, to,
			 plan_action_name(plan->containers[0].action),
			 plan_action_name(plan->containers[1].action));
	assert_true(row->section == CONFIG_CONTAINER ? plan->containers[0].key[key] :
		    config_keys[key].object == CONFIG_IN_POD ? plan->key[key] : true);
	/* What a digest tells is what the keys tell. */
	assert_int_equal(plan_definition(old, old->containers) !=
				 plan_definition(new, new->containers), a == PLAN_RESTART);
	assert_int_equal(plan_pod_definition(old) != plan_pod_definition(new), row->new_pod);
	pod_spec_free(old);
	pod_spec_free(new);
	free(plan);
}

static void plan__each_key_changed__live_restart_or_new_pod(void **state)
{
	(void)state;
	for (size_t i = 0; i < CONFIG_KEY_N; i++) {
		const struct row *row = row_of(&config_keys[i]);

		if (!row)
			fail_msg("no row for the key '%s'", config_keys[i].name);
		check_change(row, i, row->from, row->to);
		check_change(row, i, row->to, row->from);
	}
	assert_int_equal(ARRAY_SIZE(rows), CONFIG_KEY_N);
}

static void plan__each_key_said_again__nothing_to_do(void **state)
{
	struct plan *plan = calloc(1, sizeof(*plan));

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct pod_spec *old = load_row(&rows[i], rows[i].from);
		struct pod_spec *new = load_row(&rows[i], rows[i].from);

		plan_make(plan, old, new, NULL);
		assert_false(plan->any);
		assert_int_equal(plan_definition(old, old->containers),
				 plan_definition(new, new->containers));
		pod_spec_free(old);
		pod_spec_free(new);
	}
	free(plan);
}

static void config_keys__each__says_what_a_change_takes(void **state)
{
	(void)state;
	for (size_t i = 0; i < CONFIG_KEY_N; i++) {
		if (config_keys[i].change < CONFIG_CHANGE_LIVE ||
		    config_keys[i].change > CONFIG_CHANGE_NEW_POD)
			fail_msg("the key '%s' does not say it", config_keys[i].name);
		/* A container is never what needs a new pod. */
		assert_false(config_keys[i].section == CONFIG_CONTAINER &&
			     config_keys[i].change == CONFIG_CHANGE_NEW_POD);
	}
}

#define C(name) "[Container " name "]\nRootfs=/r\nExec=x\n"

static void plan__containers_come_go_and_move__each_told(void **state)
{
	static const struct {
		const char *old, *new, *plan;
		bool order, any;
	} cases[] = {
		{ C("a") C("b"), C("a") C("b"), "a unchanged, b unchanged", false, false },
		{ C("a") C("b"), C("b") C("a"), "b unchanged, a unchanged", true, true },
		{ C("a") C("b"), C("a"), "a unchanged, b stop", false, true },
		{ C("a"), C("b") C("a"), "b start, a unchanged", false, true },
		{ C("a"), C("b"), "b start, a stop", false, true },
		{ C("a") C("b") C("c"), C("c") C("d") C("a"),
		  "c unchanged, d start, a unchanged, b stop", true, true },
		{ C("a") C("b"), C("a") "LogDriver=passthrough\n" C("b"), "a restart, b unchanged",
		  false, true },
		{ C("a") "LogDriver=passthrough\n", C("a") "LogDriver=both\n", "a restart",
		  false, true },
		{ "[Pod]\nLogDriver=passthrough\n" C("a"), "[Pod]\nLogDriver=passthrough\n" C("a")
		  "LogDriver=file\n" C("b"), "a restart, b start", false, true },
		{ C("a") "User=1\n", C("a") "User=2\nTasksMax=9\n" C("b"),
		  "a restart, b start", false, true },
	};
	struct plan *plan = calloc(1, sizeof(*plan));

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct pod_spec *old = load(cases[i].old), *new = load(cases[i].new);
		char text[256] = "";
		size_t n = 0;

		plan_make(plan, old, new, NULL);
		for (unsigned k = 0; k < plan->n; k++)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s %s", k ? ", " : "",
					      plan->containers[k].name,
					      plan_action_name(plan->containers[k].action));
		assert_string_equal(text, cases[i].plan);
		assert_int_equal(plan->order, cases[i].order);
		assert_int_equal(plan->any, cases[i].any);
		pod_spec_free(old);
		pod_spec_free(new);
	}
	free(plan);
}

static void plan__container_runs_something_else__restarted(void **state)
{
	struct pod_spec *spec = load(C("a") C("b"));
	uint64_t running[] = { plan_definition(spec, &spec->containers[0]),
			       plan_definition(spec, &spec->containers[1]) + 1 };
	struct plan *plan = calloc(1, sizeof(*plan));

	(void)state;
	plan_make(plan, spec, spec, running);
	assert_int_equal(plan->containers[0].action, PLAN_UNCHANGED);
	assert_false(plan->containers[0].outdated);
	assert_int_equal(plan->containers[1].action, PLAN_RESTART);
	assert_true(plan->containers[1].outdated);
	pod_spec_free(spec);
	free(plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(config_keys__each__says_what_a_change_takes),
		cmocka_unit_test(plan__each_key_changed__live_restart_or_new_pod),
		cmocka_unit_test(plan__each_key_said_again__nothing_to_do),
		cmocka_unit_test(plan__containers_come_go_and_move__each_told),
		cmocka_unit_test(plan__container_runs_something_else__restarted),
	};

	return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
