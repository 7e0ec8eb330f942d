/* SPDX-License-Identifier: MIT */
/* Finding out who logs to the journal, and having journalctl read it. */
#include "ctl/logs_journal.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "config/keys.h"
#include "config/load.h"
#include "ctl/pods.h"

static const char *const *driver_words(void)
{
	return config_key_find(CONFIG_CONTAINER, "LogDriver")->words;
}

static int ask_podd(struct logs_drivers *out, struct ctl *ctl, const char *pod, struct err *err)
{
	json_auto_t *reply = NULL;
	struct conn conn;
	json_t *c;
	size_t i;
	int r = conn_open(&conn, &ctl->paths, pod, err);

	if (r < 0)
		return r;
	r = conn_call(&conn, "io.podd.Pod.Inspect", NULL, &reply, err);
	conn_close(&conn);
	if (r < 0)
		return r;
	json_array_foreach(json_object_get(json_object_get(reply, "pod"), "containers"), i, c) {
		const char *name = json_string_value(json_object_get(c, "name"));
		/* none: a podd before 0.1 had it */
		json_t *driver = json_object_get(c, "log_driver");
		json_t *group = json_object_get(json_object_get(c, "cgroup"), "name");

		if (name && driver &&
		    (json_object_set(out->drivers, name, driver) < 0 ||
		     (group && json_object_set(out->groups, name, group) < 0)))
			return err_set(err, ENOMEM, "out of memory");
	}
	return 0;
}

static void ask_file(json_t *out, const char *path)
{
	struct config_diags diags = { 0 };
	struct pod_spec *spec = NULL;
	struct err err;
	bool ok = config_load(&spec, path, NULL, &diags, &err) == 0;

	config_diags_done(&diags);
	for (size_t i = 0; ok && i < spec->container_n; i++)
		ok = json_object_set_new(
			     out, spec->containers[i].run.name,
			     json_string(driver_words()[spec->containers[i].log.driver])) == 0;
	pod_spec_free(spec);
}

/**
 * logs_drivers_find() - where the containers of a pod log to
 * @out: to be given to logs_drivers_done()
 *
 * Return: 0, also when nobody knows; -ENOMEM with @err filled.
 */
int logs_drivers_find(struct logs_drivers *out, struct ctl *ctl, const char *pod, struct err *err)
{
	char path[PATH_MAX];
	struct err no_podd;

	out->drivers = json_object();
	out->groups = json_object();
	if (!out->drivers || !out->groups)
		return err_set(err, ENOMEM, "out of memory");
	if (ask_podd(out, ctl, pod, &no_podd) < 0 && pods_file(&ctl->paths, pod, path))
		ask_file(out->drivers, path);
	return 0;
}

/**
 * logs_driver_of() - where a container logs to; LOG_FILE when nobody knows it
 */
enum log_driver logs_driver_of(const struct logs_drivers *d, const char *container)
{
	const char *word = json_string_value(json_object_get(d->drivers, container));
	const char *const *words = driver_words();

	for (int i = 0; word && words[i]; i++)
		if (strcmp(words[i], word) == 0)
			return (enum log_driver)i;
	return LOG_FILE;
}

/**
 * logs_passed_to() - what journalctl finds the lines by that podd passed through
 *
 * journald files a line under its writer's control group. That is in the unit, or with a
 * systemd before 254 beside it. Of a container that does not run, by the unit, which may
 * have lines of others too.
 */
void logs_passed_to(char *out, size_t size, const struct logs_drivers *d, const char *pod,
		    const char *container)
{
	const char *group = json_string_value(json_object_get(d->groups, container));

	if (group)
		snprintf(out, size, "_SYSTEMD_CGROUP=%s", group);
	else
		snprintf(out, size,
			 "_SYSTEMD_CGROUP=/podd/%s/c-%s + _SYSTEMD_UNIT=%s.pod.service + "
			 "_SYSTEMD_UNIT=pod@%s.service", pod, container, pod, pod);
}

/**
 * logs_drivers_count() - how many containers log there
 * @container: only this one, NULL: all
 */
unsigned logs_drivers_count(const struct logs_drivers *d, const char *container,
			    enum log_driver driver)
{
	const char *name;
	unsigned n = 0;
	json_t *ignored;

	if (container)
		return logs_driver_of(d, container) == driver;
	json_object_foreach(d->drivers, name, ignored)
		n += logs_driver_of(d, name) == driver;
	return n;
}

#define ARGS_MAX 12

/**
 * logs_journal_show() - become the journalctl that shows a pod's lines
 * @query: stop_fd and go_on are not followed: journalctl goes on until it is ended
 *
 * A container alone is shown as from its files; several, and with times, as
 * journalctl shows them.
 *
 * Return: -errno with @err filled, only when there is no journalctl.
 */
int logs_journal_show(const struct ctl *ctl, const struct logs_query *query, const char *pod,
		      struct err *err)
{
	char root[PATH_MAX], of_pod[NAME_MAX], of_container[NAME_MAX], lines[32];
	const char *args[ARGS_MAX] = { "journalctl", "--no-pager", "--quiet", "--all" };
	int n = 4;

	if (ctl->paths.root[0]) {
		snprintf(root, sizeof(root), "--root=%s", ctl->paths.root);
		args[n++] = root;
	}
	args[n++] = query->timestamps ? "--output=short-iso-precise" :
		    query->container  ? "--output=cat" : "--output=short";
	if (query->follow)
		args[n++] = "--follow";
	if (query->tail != LOGS_ALL) {
		snprintf(lines, sizeof(lines), "--lines=%llu", (unsigned long long)query->tail);
		args[n++] = lines;
	} else if (query->follow) {
		args[n++] = "--no-tail";
	}
	snprintf(of_pod, sizeof(of_pod), "PODD_POD=%s", pod);
	args[n++] = of_pod;
	if (query->container) {
		snprintf(of_container, sizeof(of_container), "PODD_CONTAINER=%s", query->container);
		args[n++] = of_container;
	}
	(void)execvp("journalctl", (char *const *)args);
	return err_sys(err, "logs of pod '%s' are in systemd's journal: execute 'journalctl'", pod);
}

/**
 * logs_drivers_done() - free all
 */
void logs_drivers_done(struct logs_drivers *d)
{
	json_decref(take_ptr(d->drivers));
	json_decref(take_ptr(d->groups));
}
