/* SPDX-License-Identifier: MIT */
/* Another pod file for a pod that runs. */
#include "supervisor/reload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/io.h"
#include "config/load.h"
#include "supervisor/confine.h"
#include "supervisor/images.h"
#include "supervisor/limits.h"
#include "supervisor/origin.h"
#include "supervisor/pod.h"
#include "supervisor/say.h"

static struct member *find_member(const struct pod *pod, const char *name)
{
	for (unsigned i = 0; i < pod->member_n; i++)
		if (strcmp(pod->members[i]->spec->run.name, name) == 0)
			return pod->members[i];
	return NULL;
}

static bool is_leaving(const struct pod *pod, const struct member *m)
{
	return pod->machine.containers[m->index].leaving;
}

/* Whether the file in force has it; else its spec is one of the former ones. */
static bool is_in_file(const struct pod *pod, const struct member *m)
{
	return plan_find(pod->spec, m->spec->run.name) != NULL;
}

/* Who leaves, if somebody does. */
static const struct member *somebody_leaving(const struct pod *pod)
{
	for (unsigned i = 0; i < pod->member_n; i++)
		if (is_leaving(pod, pod->members[i]))
			return pod->members[i];
	return NULL;
}

/**
 * reload_plan() - what a reload of @new would do
 * @out: its names are borrowed from @new and from the spec in force
 */
void reload_plan(struct plan *out, const struct pod *pod, const struct pod_spec *new)
{
	uint64_t running[POD_CONTAINERS_MAX];

	for (size_t i = 0; i < pod->spec->container_n; i++) {
		const struct pod_container *c = &pod->spec->containers[i];
		const struct member *m = find_member(pod, c->run.name);

		running[i] = m && m->definition ? m->definition : plan_definition(pod->spec, c);
	}
	plan_make(out, pod->spec, new, running);
	for (unsigned i = 0; i < out->n; i++) { /* "runs what an earlier file said" */
		const struct member *m = find_member(pod, out->containers[i].name);

		out->containers[i].outdated &= m && m->pid;
	}
}

/* --------------------------------------------------------- what can fail, first */

static unsigned free_place(const struct pod *pod)
{
	unsigned place = 0;

	while (place < POD_CONTAINERS_MAX && pod->pool[place].host)
		place++;
	return place;
}

static int add_member(struct pod *pod, const struct pod_container *spec, struct err *err)
{
	unsigned place = free_place(pod);
	int r;

	if (place == POD_CONTAINERS_MAX || pod->member_n == POD_CONTAINERS_MAX)
		return err_set(err, EBUSY, "no place is free for container '%s'", spec->run.name);
	/* A podd that was killed may have left what one of that name wrote. */
	r = pod->disk_fd >= 0 ? io_remove_tree(pod->disk_fd, spec->run.name, err) : 0;
	if (r == 0)
		r = pause_logs_create(&pod->pause, place, err);
	if (r < 0)
		return err_wrap(err, r, "container '%s'", spec->run.name);
	last_words_keep_logs(&pod->pause, place);
	r = pod_add_member(pod, spec, place, err);
	pod->pool[place].logs_stored = true;
	return r;
}

/* The kernel objects of those that are new; they have no machine yet. */
static int add_members(struct pod *pod, const struct pod_spec *spec, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < spec->container_n; i++)
		if (!find_member(pod, spec->containers[i].run.name))
			r = add_member(pod, &spec->containers[i], err);
	return r;
}

static void undo_members(struct pod *pod)
{
	while (pod->member_n > pod->machine.n) {
		struct err ignored; /* what it leaves goes with the pod */

		member_remove(pod->members[--pod->member_n], &ignored);
	}
}

/* What is known before anything is changed. */
static int check_spec(const struct pod *pod, const struct pod_spec *spec, struct err *err)
{
	int r = confine_check(pod, spec, err);

	if (r == 0)
		r = limits_check_memory(pod, spec, err);
	return r < 0 ? r : limits_check(pod, spec, err);
}

static int prepare(struct pod *pod, const struct pod_spec *spec, struct err *err)
{
	int r = check_spec(pod, spec, err);

	if (r == 0)
		r = limits_enable(pod, spec, err);
	if (r == 0)
		r = pod_open_disk(pod, spec, err);
	if (r < 0)
		return r;
	pod->host.disk_dirfd = pod->disk_fd;
	pod->host.best_effort = spec->limits_best_effort;
	r = add_members(pod, spec, err);
	if (r == 0)
		r = limits_change(pod, pod->spec, spec, err);
	if (r < 0) {
		struct err ignored; /* these were in force before */

		(void)limits_change(pod, spec, pod->spec, &ignored);
		undo_members(pod);
		pod->host.best_effort = pod->spec->limits_best_effort;
	}
	return r;
}

/* ---------------------------------------------------------- what cannot, after */

/**
 * reload_point_machines() - the machines go by the spec in force
 */
void reload_point_machines(struct pod *pod)
{
	pod->machine.stop_timeout_ns = pod->spec->stop_timeout_ns;
	for (unsigned i = 0; i < pod->machine.n; i++)
		pod->machine.containers[i].restart = &pod->members[i]->spec->restart;
}

static void put_in_order(struct pod *pod, struct member *const order[], unsigned n)
{
	unsigned from[POD_CONTAINERS_MAX];

	for (unsigned i = 0; i < n; i++) {
		from[i] = order[i]->index < pod->machine.n ? order[i]->index : POD_ITSELF;
		pod->members[i] = order[i];
		order[i]->index = i;
	}
	pod->member_n = n;
	pod_machine_arrange(&pod->machine, from, n);
	reload_point_machines(pod);
	drive_commit(pod);
}

/* The order of the file; those that are not in it any more last. */
static void follow_file(struct pod *pod)
{
	struct member *order[POD_CONTAINERS_MAX];
	unsigned n = 0;

	for (size_t i = 0; i < pod->spec->container_n; i++)
		order[n++] = find_member(pod, pod->spec->containers[i].run.name);
	for (unsigned i = 0; i < pod->member_n; i++)
		if (!is_in_file(pod, pod->members[i]))
			order[n++] = pod->members[i];
	put_in_order(pod, order, n);
}

static void tell(struct pod *pod, const struct member *m, enum pod_event_type type)
{
	(void)drive_event(pod, &(struct pod_event){ .type = type, .container = m->index });
}

/*
 * Tell each one what it is to do. By place: telling one may take it, or another
 * one, out of the order. A pod that ends meanwhile refuses the rest.
 */
static void tell_all(struct pod *pod, bool restart_outdated)
{
	for (unsigned i = 0; i < POD_CONTAINERS_MAX; i++) { /* first: the pod shall not end */
		struct member *m = &pod->pool[i];

		if (m->host && pod->machine.containers[m->index].state == MACHINE_WAITING)
			tell(pod, m, POD_EV_RESTART);
	}
	for (unsigned i = 0; i < POD_CONTAINERS_MAX; i++) {
		struct member *m = &pod->pool[i];

		if (m->host && !is_in_file(pod, m))
			tell(pod, m, POD_EV_REMOVE);
		else if (m->host && m->outdated && restart_outdated)
			tell(pod, m, POD_EV_RESTART);
	}
}

/*
 * Another definition for a container that has no process: what it was to run may never
 * have run, when what ran before is not what it is compared with.
 */
static bool is_to_start(const struct member *m, const struct pod_spec *was,
			const struct pod_spec *is)
{
	const struct pod_container *before = plan_find(was, m->spec->run.name);
	const struct pod_container *now = plan_find(is, m->spec->run.name);

	return !m->pid && before && now &&
	       plan_definition(was, before) != plan_definition(is, now);
}

static void take_spec(struct pod *pod, struct pod_spec *spec_take)
{
	const struct pod_spec *was = pod->spec;

	pod_spec_free(pod->former_spec);
	pod->former_spec = pod->own_spec; /* NULL: the first one is the caller's, and stays */
	pod->spec = pod->own_spec = spec_take;
	pod->host.pod_spec = spec_take;
	etc_compose(&pod->etc, spec_take, pod->lease.address);
	for (unsigned i = 0; i < pod->member_n; i++) {
		struct member *m = pod->members[i];
		const struct pod_container *c = plan_find(spec_take, m->spec->run.name);
		const bool to_start = is_to_start(m, was, spec_take);

		if (c && m->spec != c)
			member_respec(m, c);
		m->outdated |= to_start;
	}
}

/**
 * reload_check() - whether another spec can be put into force now
 *
 * Return: 0, or -EBUSY with @err filled.
 */
int reload_check(const struct pod *pod, struct err *err)
{
	const struct member *leaving = somebody_leaving(pod);

	if (pod->machine.state != POD_RUNNING)
		return err_set(err, EBUSY, "it is %s", pod_state_name(pod->machine.state));
	if (pod->stepping)
		return err_set(err, EBUSY, "it is changing just now");
	if (leaving)
		return err_set(err, EBUSY, "container '%s' is still being stopped",
			       leaving->spec->run.name);
	return 0;
}

static int told_of(struct err *err, int r, const struct pod_spec *spec)
{
	(void)err_wrap(err, r, "reload");
	return origin_tell(err, r, spec);
}

/**
 * reload_rehearse() - whether reload_apply() would refuse a spec, as far as can be known
 * without doing it
 *
 * Not whether now is the time for it.
 *
 * Return: 0 or -errno with @err filled.
 */
int reload_rehearse(const struct pod *pod, const struct pod_spec *spec, struct err *err)
{
	int r = check_spec(pod, spec, err);

	return r < 0 ? told_of(err, r, spec) : 0;
}

/**
 * reload_apply() - put another spec of the same pod into force
 * @spec_take: the pod's from here on, freed on failure; of the same name
 *
 * Return: 0; -EBUSY: not now; -EXDEV: that takes a new pod; or -errno; with
 * @err filled and nothing changed.
 */
int reload_apply(struct pod *pod, struct pod_spec *spec_take, struct err *err)
{
	int r = reload_check(pod, err);

	if (r == 0 && plan_pod_definition(pod->spec) != plan_pod_definition(spec_take))
		r = err_set(err, EXDEV,
			    "the file asks for another network, hostname or user namespace");
	if (r == 0)
		r = images_pin(spec_take, pod->run_fd, pod->paths, false, err);
	if (r == 0)
		r = prepare(pod, spec_take, err);
	if (r < 0) {
		(void)told_of(err, r, spec_take);
		pod_spec_free(spec_take);
		return r;
	}
	take_spec(pod, spec_take);
	follow_file(pod);
	hotplug_update(pod);
	pod->update.overpinned = true;
	tell_all(pod, true);
	update_note(pod);
	update_let_go(pod); /* at once, where no container is started anew */
	return 0;
}

/* Out of the record first: a podd that comes between finds nothing half there. */
static void take_out(struct pod *pod, struct member *m)
{
	struct member *order[POD_CONTAINERS_MAX];
	struct err err = { 0 };
	unsigned n = 0;

	for (unsigned i = 0; i < pod->member_n; i++)
		if (pod->members[i] != m)
			order[n++] = pod->members[i];
	put_in_order(pod, order, n);
	say(SAY_INFO, "pod '%s': container '%s': removed", pod->spec->name, m->spec->run.name);
	member_remove(m, &err);
	if (err.code)
		say(SAY_WARNING, "pod '%s': %s, ignoring", pod->spec->name, err.msg);
}

/**
 * reload_take_out() - let go of the containers that were to leave and have ended
 *
 * One that the file has again, by the time that podd was started anew, comes back.
 */
void reload_take_out(struct pod *pod)
{
	if (pod->machine.state != POD_RUNNING)
		return;
	for (unsigned i = pod->member_n; i-- > 0;) {
		struct member *m = pod->members[i];

		if (!is_leaving(pod, m) || !machine_is_final(&pod->machine.containers[i]))
			continue;
		if (is_in_file(pod, m)) {
			tell(pod, m, POD_EV_RESTART);
			return; /* that has gone through all the others too */
		}
		take_out(pod, m);
	}
	for (unsigned i = 0; i < pod->member_n; i++)
		if (!is_in_file(pod, pod->members[i]))
			return;
	pod_spec_free(take_ptr(pod->former_spec));
}

/* ------------------------------------------------------------------- adoption */

/* As much as is known of a container that the file has not: to stop it. */
static const struct pod_container *remember(struct pod *pod, const struct record_member *record)
{
	const struct pod_container *hint =
		pod->file_to_stop ? plan_find(pod->file_to_stop, record->name) : NULL;
	struct pod_spec *former = pod->former_spec;
	struct pod_container *c = &former->containers[former->container_n];

	c->run.name = strdup(record->name);
	if (!c->run.name)
		return NULL;
	former->container_n++;
	c->run.writable = CONTAINER_WRITABLE_NO;
	c->restart.policy = RESTART_NEVER;
	c->log = hint ? hint->log : (struct log_spec){ .max_bytes = UINT64_MAX, .max_files = 1 };
	c->stop_signal = record->stop_signal;
	cgroup_limits_init(&c->limits);
	return c;
}

static int find_member_of(struct pod *pod, const struct record_member *record, struct err *err)
{
	const struct pod_container *spec = plan_find(pod->spec, record->name);
	int r;

	if (!spec)
		spec = remember(pod, record);
	if (!spec)
		return err_set(err, ENOMEM, "container '%s': out of memory", record->name);
	if (pod->pool[record->place].host)
		return err_set(err, EPROTO, "the pod's record is damaged");
	r = pod_add_member(pod, spec, record->place, err);
	pod->pool[record->place].logs_stored = record->logs_stored;
	return r;
}

static bool is_recorded(unsigned number, const void *ctx)
{
	const struct record_state *state = ctx;

	for (unsigned i = 0; i < state->machine.n; i++) {
		const struct record_member *m = &state->members[i];
		unsigned first = pause_store_log(m->place, 0);

		if (number == pause_store_root(m->place) ||
		    number == pause_store_credentials(m->place))
			return true;
		if (m->logs_stored && number >= first && number < first + PAUSE_LOG_FDS)
			return true;
	}
	return false;
}

static bool has_member(const char *name, const void *ctx)
{
	return find_member(ctx, name) != NULL;
}

/**
 * reload_find_members() - the containers of the record, in its order
 *
 * Those that the file has not are among them; what nobody has on record is
 * taken out of the store.
 *
 * Return: 0 or -errno with @err filled.
 */
int reload_find_members(struct pod *pod, struct err *err)
{
	const struct record_state *state = record_current(pod->pause.record);
	int r = 0;

	pod->former_spec = calloc(1, sizeof(*pod->former_spec));
	if (pod->former_spec)
		pod->former_spec->containers =
			calloc(POD_CONTAINERS_MAX, sizeof(*pod->former_spec->containers));
	if (!pod->former_spec || !pod->former_spec->containers)
		return err_set(err, ENOMEM, "adopt: out of memory");
	for (unsigned i = 0; r == 0 && i < state->machine.n; i++)
		r = find_member_of(pod, &state->members[i], err);
	if (r < 0)
		return r;
	cgroup_containers_prune(&pod->cgroup, has_member, pod);
	return fd_store_prune(&pod->pause.store, is_recorded, state, err);
}

static void tell_outdated(const struct pod *pod)
{
	for (unsigned i = 0; i < pod->member_n; i++)
		if (pod->members[i]->outdated && !is_leaving(pod, pod->members[i]))
			say(SAY_NOTICE, "pod '%s': container '%s' runs what an earlier file said; "
					"'podctl reload %s' restarts it",
			    pod->spec->name, pod->members[i]->spec->run.name, pod->spec->name);
}

/**
 * reload_adopted() - a pod that was adopted gets the limits and the containers of
 * its file
 *
 * The limits of what runs after all that can refuse the pod.
 *
 * Return: 0 or -errno with @err filled.
 */
int reload_adopted(struct pod *pod, struct err *err)
{
	bool runs = pod->machine.state == POD_RUNNING;
	int r;

	if (pod_machine_is_final(&pod->machine))
		return 0;
	r = limits_enable(pod, pod->spec, err);
	if (r == 0 && runs)
		r = add_members(pod, pod->spec, err);
	if (r == 0)
		r = limits_adopt(pod, err);
	if (r < 0) {
		undo_members(pod);
		return r;
	}
	if (!runs)
		return 0;
	follow_file(pod);
	tell_outdated(pod);
	tell_all(pod, false);
	return 0;
}
