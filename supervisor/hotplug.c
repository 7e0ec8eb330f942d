/* SPDX-License-Identifier: MIT */
/* Devices that come and go while their containers run. */
#include "supervisor/hotplug.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "container/nodes.h"
#include "supervisor/devices.h"
#include "supervisor/pod.h"
#include "supervisor/say.h"
#include "supervisor/uevent.h"

#define SETTLE_NS (50 * NSEC_PER_MSEC)

/**
 * hotplug_follows() - whether a container's devices may come and go
 */
bool hotplug_follows(const struct container_spec *run)
{
	for (size_t i = 0; i < run->device_n; i++)
		if (run->devices[i].optional || run->devices[i].by != CONTAINER_DEVICE_PATH)
			return true;
	return false;
}

/* ------------------------------------------------------------------- one container */

static bool has(const struct container_nodes *nodes, const struct container_node *node)
{
	for (size_t i = 0; i < nodes->n; i++)
		if (nodes->nodes[i].number == node->number && nodes->nodes[i].type == node->type &&
		    strcmp(nodes->nodes[i].target, node->target) == 0)
			return true;
	return false;
}

static bool same(const struct container_nodes *a, const struct container_nodes *b)
{
	bool all = a->n == b->n;

	for (size_t i = 0; all && i < a->n; i++)
		all = has(b, &a->nodes[i]);
	return all;
}

static void tell(const struct pod *pod, const struct member *m, const struct container_nodes *those,
		 const struct container_nodes *others, const char *what)
{
	for (size_t i = 0; i < those->n; i++)
		if (!has(others, &those->nodes[i]))
			say(SAY_NOTICE, "pod '%s': container '%s': device '%s' %s", pod->spec->name,
			    m->spec->run.name, those->nodes[i].target, what);
}

static int follow(struct pod *pod, struct member *m, int sys_fd, struct err *err)
{
	cleanup_free struct container_nodes *now = calloc(1, sizeof(*now));
	int r = now ? devices_find_present(now, &m->spec->run, sys_fd, err) :
		      err_set(err, ENOMEM, "out of memory");

	if (r < 0 || (m->nodes && same(now, m->nodes)))
		return r;
	r = devices_allow(&m->cgroup, now, &m->spec->run, &pod->pause.userns, err);
	if (r == 0)
		r = container_nodes_sync(now, m->mntns_fd, &pod->pause.userns, err);
	if (m->nodes) {
		tell(pod, m, m->nodes, now, "is gone");
		tell(pod, m, now, m->nodes, "is there");
	}
	free(m->nodes); /* also after a failure, which is not tried again at each message */
	m->nodes = take_ptr(now);
	return r;
}

/* One that is about to be made anew finds its devices then. */
static bool is_followed(const struct member *m)
{
	return m->host && m->mntns_fd >= 0 && !m->outdated && hotplug_follows(&m->spec->run);
}

static void follow_all(struct pod *pod)
{
	cleanup_close int sys = open("/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);

	for (unsigned i = 0; i < POD_CONTAINERS_MAX; i++) {
		struct member *m = &pod->pool[i];
		struct err err = { 0 };

		if (is_followed(m) && follow(pod, m, sys, &err) < 0)
			say(SAY_WARNING, "pod '%s': container '%s': %s, ignoring", pod->spec->name,
			    m->spec->run.name, err.msg);
	}
}

/* ------------------------------------------------------------------------- the pod */

static void on_settled(struct timer *timer)
{
	struct hotplug *h = container_of(timer, struct hotplug, timer);

	follow_all(container_of(h, struct pod, hotplug));
}

static void on_message(struct watch *watch, uint32_t events)
{
	struct hotplug *h = container_of(watch, struct hotplug, watch);
	struct pod *pod = container_of(h, struct pod, hotplug);

	(void)events;
	if (uevent_read(watch->fd))
		loop_timer_set(pod->loop, &h->timer, clock_boottime_ns() + SETTLE_NS);
}

static bool follows_any(const struct pod_spec *spec)
{
	for (size_t i = 0; i < spec->container_n; i++)
		if (hotplug_follows(&spec->containers[i].run))
			return true;
	return false;
}

/**
 * hotplug_begin() - listen for devices, if a container of the pod has such; a step of pod_start()
 *
 * Of a pod that is taken over it is looked at once what came and went meanwhile.
 *
 * Return: 0 or -errno with @err filled.
 */
int hotplug_begin(struct pod *pod, struct err *err)
{
	struct hotplug *h = &pod->hotplug;
	int fd, r;

	if (!follows_any(pod->spec) || h->watch.slot)
		return 0;
	fd = uevent_open(err);
	if (fd < 0)
		return fd;
	h->watch.fn = on_message;
	h->timer.fn = on_settled;
	r = loop_watch_add(pod->loop, &h->watch, fd, EPOLLIN, err);
	if (r < 0)
		close_fd(&fd);
	else if (pod->adopting)
		loop_timer_set(pod->loop, &h->timer, clock_boottime_ns());
	return r;
}

/**
 * hotplug_update() - go by the spec in force, after a reload
 */
void hotplug_update(struct pod *pod)
{
	struct err err = { 0 };

	if (!follows_any(pod->spec))
		hotplug_end(pod);
	else if (hotplug_begin(pod, &err) < 0)
		say(SAY_WARNING, "pod '%s': %s, ignoring", pod->spec->name, err.msg);
}

/**
 * hotplug_end() - listen no more; also when nobody did
 */
void hotplug_end(struct pod *pod)
{
	struct hotplug *h = &pod->hotplug;

	if (!h->watch.slot)
		return;
	loop_timer_clear(pod->loop, &h->timer);
	loop_watch_remove(pod->loop, &h->watch);
	(void)close(h->watch.fd);
}
