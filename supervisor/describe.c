/* SPDX-License-Identifier: MIT */
/* A pod as JSON documents: what `podctl status` and `podctl inspect` print. */
#include "supervisor/describe.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "config/keys.h"
#include "container/landlock.h"

/* Both documents carry it; a member is only ever added within one version. */
#define DOCUMENT_VERSION 1

/**
 * describe_time() - as the documents have it: RFC 3339, or null for 0
 */
json_t *describe_time(uint64_t realtime_ns)
{
	char text[CLOCK_RFC3339_SIZE];

	if (!realtime_ns)
		return json_null();
	clock_rfc3339(text, realtime_ns);
	return json_string(text);
}

static json_t *text_or_null(const char *s)
{
	return s ? json_text_string(s) : json_null();
}

static json_t *address_or_null(uint32_t a)
{
	return a ? json_sprintf("%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255) :
		   json_null();
}

static json_t *last_exit(const struct pod *pod, unsigned i)
{
	const struct machine_exit *last = &pod->machine.containers[i].last;
	json_t *o;

	if (last->reason == EXIT_REASON_NONE)
		return json_null();
	/* One of the two is a number: how it ended is either. */
	o = json_pack("{s:o, s:o, s:s, s:o}", "exit_code",
		      last->signal ? json_null() : json_integer(last->exit_code), "signal",
		      last->signal ? json_integer(last->signal) : json_null(), "reason",
		      exit_reason_name(last->reason), "finished_at",
		      describe_time(pod->members[i]->finished_realtime_ns));
	if (last->reason == EXIT_REASON_START_ERROR && pod->members[i]->stage)
		json_object_set_new(o, "stage", json_string(pod->members[i]->stage));
	if (pod->members[i]->message[0])
		json_object_set_new(o, "message", json_text_string(pod->members[i]->message));
	return o;
}

/* What the file says and what that was when it was looked up; NULL: a Rootfs=. */
static json_t *image(const struct pod_container *spec)
{
	if (!spec->image.name)
		return NULL;
	return json_pack("{s:o, s:s}", "name", json_text_string(spec->image.name),
			 "digest", spec->image.id);
}

/* In percent of the last 10 s; nothing where the kernel does not count. */
static json_t *pressure(const struct cgroup *cg)
{
	static const char *const names[CGROUP_RESOURCE_N] = { "cpu", "memory", "io" };
	struct cgroup_pressure p;
	json_t *o = NULL;

	for (unsigned i = 0; i < CGROUP_RESOURCE_N; i++) {
		if (!cgroup_pressure(cg, (enum cgroup_resource)i, &p))
			continue;
		if (!o)
			o = json_object();
		json_object_set_new(o, names[i],
				    json_pack("{s:f, s:f, s:I, s:I}",
					      "some_avg10", p.some_avg10 / 100.0,
					      "full_avg10", p.full_avg10 / 100.0,
					      "some_usec", (json_int_t)p.some_usec,
					      "full_usec", (json_int_t)p.full_usec));
	}
	return o;
}

static json_t *container_status(const struct pod *pod, unsigned i)
{
	const struct machine *c = &pod->machine.containers[i];
	const struct member *m = pod->members[i];

	return json_pack("{s:o, s:s, s:s, s:o, s:o, s:I, s:b, s:b, s:o, s:o*, s:o*}", "name",
			 json_text_string(m->spec->run.name), "type", "main", "state",
			 machine_state_name(c->state), "pid",
			 m->pid > 0 ? json_integer(m->pid) : json_null(), "started_at",
			 describe_time(m->started_realtime_ns), "restarts", (json_int_t)c->restarts,
			 "ready", machine_serves(c), "paused", c->paused, "last", last_exit(pod, i),
			 "image", image(m->spec), "pressure", pressure(&m->cgroup));
}

/* One warning for each limit that Limits=best-effort let pass. */
static void add_missing(json_t *list, const struct cgroup *cg, const struct cgroup_limits *limits,
			unsigned missing)
{
	for (unsigned i = 0; i < CGROUP_LIMIT_N; i++) {
		struct err err = { 0 };

		if (!(missing & (1u << i)))
			continue;
		if (cgroup_limit_missing(cg, limits, (enum cgroup_limit)i, &err) < 0)
			json_array_append_new(list, json_text_string(err.msg));
	}
}

static json_t *lost_lines(const char *container, const struct log_lost *lost)
{
	char causes[256];

	log_lost_causes(lost, causes, sizeof(causes));
	return json_sprintf("container '%s': %llu log lines (%llu bytes) could not be written%s%s",
			    container, (unsigned long long)lost->lines,
			    (unsigned long long)lost->bytes, *causes ? ": " : "", causes);
}

static json_t *warnings(const struct pod *pod)
{
	json_t *list = json_array();

	add_missing(list, &pod->cgroup, &pod->spec->limits, pod->limits_missing);
	if (pod->paths->log_in_run)
		json_array_append_new(list,
				      json_string("the logs are in memory, in 'run/podd/.log': "
						  "'var/log' is read-only"));
	for (unsigned i = 0; i < pod->member_n; i++) {
		const struct member *m = pod->members[i];
		struct log_lost lost = log_lost(&m->log);

		add_missing(list, &m->cgroup, &m->spec->limits, m->limits_missing);
		if (m->outdated && m->pid)
			json_array_append_new(
				list, json_sprintf("container '%s' runs what an earlier file said: "
						   "'podctl reload %s' restarts it",
						   m->spec->run.name, pod->spec->name));
		if (lost.lines || lost.bytes)
			json_array_append_new(list, lost_lines(m->spec->run.name, &lost));
	}
	return list;
}

/**
 * describe_status() - how the pod stands now
 *
 * Return: a document of the caller's, or NULL without memory.
 */
json_t *describe_status(const struct pod *pod)
{
	json_t *containers = json_array();

	for (unsigned i = 0; i < pod->member_n; i++)
		json_array_append_new(containers, container_status(pod, i));
	return json_pack("{s:i, s:o, s:s, s:b, s:o, s:o, s:o, s:o, s:o*, s:o*}",
			 "version", DOCUMENT_VERSION,
			 "name", json_text_string(pod->spec->name),
			 "state", pod_state_name(pod->machine.state),
			 "ready", pod_machine_is_ready(&pod->machine),
			 "address", address_or_null(pod->lease.address),
			 "started_at", describe_time(pod->started_realtime_ns),
			 "containers", containers, "warnings", warnings(pod),
			 "update", update_describe(pod), "pressure", pressure(&pod->cgroup));
}

/* -------------------------------------------------------------------- inspect */

static json_t *strings(char *const *list)
{
	json_t *a = json_array();

	for (; list && *list; list++)
		json_array_append_new(a, json_text_string(*list));
	return a;
}

static void put_limit(json_t *o, const char *name, uint64_t value)
{
	if (value == LIMIT_MAX)
		json_object_set_new(o, name, json_string("infinity"));
	else if (value != LIMIT_UNSET)
		json_object_set_new(o, name, json_integer((json_int_t)value));
}

static void put_set(json_t *o, const char *name, const struct idset *set)
{
	char text[IDSET_TEXT_SIZE];

	if (!set->said)
		return;
	idset_format(set, text, sizeof(text));
	json_object_set_new(o, name, json_string(text));
}

/* A member for each size of pages, in bytes. */
static void put_huge(json_t *o, const struct cgroup_huge *huge)
{
	json_t *sizes = huge->page_bytes ? json_object() : NULL;
	char text[24];

	for (size_t i = 0; sizes && i < CGROUP_HUGE_MAX && huge[i].page_bytes; i++) {
		snprintf(text, sizeof(text), "%llu", (unsigned long long)huge[i].page_bytes);
		put_limit(sizes, text, huge[i].max_bytes);
	}
	if (sizes)
		json_object_set_new(o, "hugetlb_max_bytes", sizes);
}

/* What nobody has asked for is in force only where it can be. */
static uint64_t tasks_max(const struct cgroup *cg, const struct cgroup_limits *l)
{
	if (l->tasks_max != LIMIT_STANDARD)
		return l->tasks_max;
	return cgroup_limit_missing(cg, l, CGROUP_LIMIT_TASKS_MAX, NULL) == 0 ?
		       CGROUP_TASKS_STANDARD : LIMIT_UNSET;
}

static json_t *limits(const struct cgroup *cg, const struct cgroup_limits *l)
{
	json_t *o = json_object();

	put_limit(o, "memory_max_bytes", l->memory_max_bytes);
	put_limit(o, "memory_high_bytes", l->memory_high_bytes);
	put_limit(o, "cpu_quota_usec", l->cpu_quota_usec);
	put_limit(o, "cpu_weight", l->cpu_weight);
	put_limit(o, "tasks_max", tasks_max(cg, l));
	put_limit(o, "io_weight", l->io_weight);
	put_set(o, "allowed_cpus", &l->cpus);
	put_set(o, "allowed_memory_nodes", &l->memory_nodes);
	put_huge(o, l->huge);
	return o;
}

/* @process: one that is in it, or 0. By that group's name journald files what it writes. */
static json_t *group(const struct cgroup *cg, pid_t process)
{
	cleanup_free char *name = process > 0 ? cgroup_of_process(process) : NULL;
	struct cgroup_stats stats;
	char path[PATH_MAX];
	json_t *o = json_object();

	if (cgroup_path(cg, path, sizeof(path)) == 0)
		json_object_set_new(o, "path", json_text_string(path));
	if (name)
		json_object_set_new(o, "name", json_text_string(name));
	cgroup_stats(cg, &stats);
	if (stats.memory_bytes != CGROUP_STAT_ABSENT)
		json_object_set_new(o, "memory_bytes",
				    json_integer((json_int_t)stats.memory_bytes));
	if (stats.cpu_usec != CGROUP_STAT_ABSENT)
		json_object_set_new(o, "cpu_usec", json_integer((json_int_t)stats.cpu_usec));
	if (stats.throttled_usec != CGROUP_STAT_ABSENT)
		json_object_set_new(o, "throttled_usec",
				    json_integer((json_int_t)stats.throttled_usec));
	if (stats.tasks != CGROUP_STAT_ABSENT)
		json_object_set_new(o, "tasks", json_integer((json_int_t)stats.tasks));
	return o;
}

static json_t *mounts(const struct container_spec *run)
{
	json_t *a = json_array();

	for (size_t i = 0; i < run->volume_n; i++)
		json_array_append_new(
			a, json_pack("{s:s, s:o, s:o, s:b, s:b}", "type", "volume",
				     "source", json_text_string(run->volumes[i].source),
				     "target", json_text_string(run->volumes[i].target),
				     "read_only", run->volumes[i].read_only,
				     "idmap", !run->volumes[i].no_idmap));
	for (size_t i = 0; i < run->tmpfs_n; i++)
		json_array_append_new(
			a, json_pack("{s:s, s:o, s:I}", "type", "tmpfs",
				     "target", json_text_string(run->tmpfs[i].target),
				     "size_bytes", (json_int_t)run->tmpfs[i].size_bytes));
	return a;
}

static json_t *credentials(const struct container_spec *run)
{
	json_t *a = json_array();

	for (size_t i = 0; i < run->credential_n; i++)
		json_array_append_new(
			a, json_pack("{s:o, s:o}",
				     "id", json_text_string(run->credentials[i].id),
				     "source", json_text_string(run->credentials[i].source)));
	return a;
}

/* The kernel's version of it; null: the container has no such wall. */
static json_t *landlock(const struct container_spec *run)
{
	int abi = container_landlock_wanted(run) ? landlock_abi() : 0;

	return abi >= LANDLOCK_ABI_MIN ? json_integer(abi) : json_null();
}

static json_t *container_details(const struct pod *pod, unsigned i)
{
	static const char *const writable[] = { [CONTAINER_WRITABLE_TMPFS] = "tmpfs",
						[CONTAINER_WRITABLE_DISK] = "yes",
						[CONTAINER_WRITABLE_NO] = "no" };
	static const char *const policy[] = { [RESTART_ALWAYS] = "always",
					      [RESTART_ON_FAILURE] = "on-failure",
					      [RESTART_NEVER] = "never" };
	const struct member *m = pod->members[i];
	const struct container_spec *run = &m->spec->run;
	struct log_lost lost = log_lost(&m->log);
	json_t *o = container_status(pod, i);

	json_object_set_new(o, "rootfs", strings(run->lowers));
	json_object_set_new(o, "writable", json_string(writable[run->writable]));
	json_object_set_new(o, "mounts", mounts(run));
	json_object_set_new(o, "credentials", credentials(run));
	json_object_set_new(o, "landlock", landlock(run));
	json_object_set_new(o, "selinux_context",
			    text_or_null(run->labels[CONTAINER_LABEL_SELINUX].name));
	json_object_set_new(o, "apparmor_profile",
			    text_or_null(run->labels[CONTAINER_LABEL_APPARMOR].name));
	json_object_set_new(o, "exec", strings(run->argv));
	json_object_set_new(o, "environment", strings(run->env));
	json_object_set_new(o, "user", text_or_null(run->user));
	json_object_set_new(o, "working_directory", text_or_null(run->cwd));
	json_object_set_new(o, "stop_signal", json_integer(m->spec->stop_signal));
	json_object_set_new(o, "restart_policy", json_string(policy[m->spec->restart.policy]));
	json_object_set_new(o, "limits", limits(&m->cgroup, &m->spec->limits));
	json_object_set_new(o, "oom_policy",
			    json_string(member_oom_group(m) ? "kill" : "continue"));
	json_object_set_new(o, "cgroup", group(&m->cgroup, m->pid));
	json_object_set_new(o, "log_driver",
			    json_string(config_key_find(CONFIG_CONTAINER, "LogDriver")
						->words[m->spec->log.driver]));
	json_object_set_new(o, "log_lost_lines", json_integer((json_int_t)lost.lines));
	json_object_set_new(o, "log_lost_bytes", json_integer((json_int_t)lost.bytes));
	return o;
}

static json_t *network(const struct pod *pod)
{
	static const char *const mode[] = { [NETNS_BRIDGE] = "bridge",
					    [NETNS_NONE] = "none",
					    [NETNS_HOST] = "host" };
	json_t *o = json_pack("{s:s, s:o}", "mode", mode[pod->spec->network.mode], "address",
			      address_or_null(pod->lease.address));

	if (pod->spec->network.mode != NETNS_BRIDGE)
		return o;
	json_object_set_new(o, "bridge", json_string(pod->lease.bridge));
	json_object_set_new(o, "gateway", address_or_null(pod->lease.gateway));
	json_object_set_new(o, "prefix_length", json_integer(pod->lease.prefix_len));
	return o;
}

/* What the pod has, which a file that was changed meanwhile need not say. */
static json_t *user_namespace(const struct userns *ns)
{
	return json_pack("{s:s, s:I, s:I}", "mode", ns->fd < 0 ? "host" : "auto", "first_id",
			 (json_int_t)ns->first, "ids", (json_int_t)ns->n);
}

/**
 * describe_inspect() - all that is known of the pod: status, file, kernel objects
 *
 * Return: a document of the caller's, or NULL without memory.
 */
json_t *describe_inspect(const struct pod *pod)
{
	json_t *o = describe_status(pod), *containers = json_array();

	for (unsigned i = 0; i < pod->member_n; i++)
		json_array_append_new(containers, container_details(pod, i));
	json_object_set_new(o, "containers", containers);
	json_object_set_new(o, "file", text_or_null(pod->spec->path));
	json_object_set_new(o, "description", text_or_null(pod->spec->description));
	json_object_set_new(o, "hostname", text_or_null(pod->spec->hostname));
	json_object_set_new(o, "image_policy", text_or_null(pod->spec->image_policy));
	json_object_set_new(o, "network", network(pod));
	json_object_set_new(o, "user_namespace", user_namespace(&pod->pause.userns));
	json_object_set_new(o, "limits", limits(&pod->cgroup, &pod->spec->limits));
	json_object_set_new(o, "cgroup", group(&pod->cgroup, 0));
	json_object_set_new(o, "pause_pid", json_integer(pod->pause.pid));
	json_object_set_new(o, "loop",
			    json_string(loop_backend(pod->loop) == LOOP_EPOLL ? "epoll" :
										"io_uring"));
	return o;
}
