/* SPDX-License-Identifier: MIT */
/* The event ring and how an event looks as JSON. */
#include "supervisor/events.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/io.h"

static const char *const kind_names[] = {
	[EVENT_POD_STATE] = "pod-state",
	[EVENT_CONTAINER_STATE] = "container-state",
	[EVENT_CONTAINER_EXIT] = "container-exit",
	[EVENT_CONTAINER_PAUSED] = "container-paused",
	[EVENT_CONTAINER_READY] = "container-ready",
	[EVENT_LOG_DROPPED] = "log-dropped",
	[EVENT_EXEC_STARTED] = "exec-started",
	[EVENT_EXEC_ENDED] = "exec-ended",
	[EVENT_ADOPTED] = "adopted",
	[EVENT_UPDATE] = "update",
	[EVENT_WARNING] = "warning",
};
_Static_assert(ARRAY_SIZE(kind_names) == EVENT_KIND_N, "each kind has a name");

/**
 * events_init() - an empty ring
 * @ev: released by events_done()
 * @outlives: the number of the first event, at least 1, kept up from here on, so
 *	that a podd that takes over goes on with it; borrowed. NULL: 1
 *
 * Return: 0, or -errno with @err filled.
 */
int events_init(struct events *ev, uint64_t *outlives, struct err *err)
{
	struct events e = { .next = outlives && *outlives ? *outlives : 1, .outlives = outlives };
	char text[64];
	ssize_t n =
		io_read_file(AT_FDCWD, "/proc/sys/kernel/random/boot_id", text, sizeof(text), err);

	if (n < 0)
		return (int)n;
	text[strcspn(text, "\n")] = '\0';
	memcpy(e.boot_id, text, sizeof(e.boot_id) - 1);
	/* Pages of it become real only as the ring fills. */
	e.kept = calloc(EVENTS_KEPT, sizeof(*e.kept));
	if (!e.kept)
		return err_sys(err, "event ring");
	*ev = e;
	return 0;
}

static struct event *slot(const struct events *ev, uint64_t seq)
{
	return &ev->kept[seq % EVENTS_KEPT];
}

/* Ours since we copied them. */
static void forget(struct event *event)
{
	free((char *)event->container);
	free((char *)event->message);
}

/**
 * events_done() - free the ring and the messages in it
 */
void events_done(struct events *ev)
{
	for (uint64_t i = 1; i <= ev->count; i++)
		forget(slot(ev, ev->next - i));
	free(ev->kept);
	*ev = (struct events){ 0 };
}

/**
 * events_add() - stamp and keep one event
 *
 * Cannot fail: without memory name and message are left out. Whoever follows is told
 * by control_events_added().
 */
void events_add(struct events *ev, const struct event *event)
{
	struct event *k = slot(ev, ev->next);

	if (ev->count == EVENTS_KEPT)
		forget(k);
	else
		ev->count++;
	*k = *event;
	k->container = event->container ? strdup(event->container) : NULL;
	k->message = event->message ? strdup(event->message) : NULL;
	if (!k->realtime_ns) {
		k->realtime_ns = clock_realtime_ns();
		k->boottime_ns = clock_boottime_ns();
	}
	ev->next++;
	if (ev->outlives)
		*ev->outlives = ev->next;
}

static void set_text(json_t *o, const char *key, const char *text)
{
	/* An event with a member less is better than none when memory is short. */
	if (text)
		(void)json_object_set_new(o, key, json_text_string(text));
}

static void set_number(json_t *o, const char *key, json_int_t n)
{
	(void)json_object_set_new(o, key, json_integer(n)); /* as set_text() */
}

static void set_wait_status(json_t *o, int status)
{
	if (WIFSIGNALED(status))
		set_number(o, "signal", WTERMSIG(status));
	else
		set_number(o, "exit_code", WEXITSTATUS(status));
}

static json_t *gap_json(const struct events *ev, uint64_t seq, uint64_t oldest)
{
	json_t *o = json_object();

	set_number(o, "seq", (json_int_t)oldest - 1);
	set_text(o, "boot_id", ev->boot_id);
	set_text(o, "kind", "gap");
	if (seq < oldest)
		set_number(o, "lost", (json_int_t)(oldest - seq));
	else
		set_text(o, "message", "the numbers started again");
	return o;
}

static json_t *event_json(const struct events *ev, uint64_t seq)
{
	const struct event *e = slot(ev, seq);
	char time[CLOCK_RFC3339_SIZE];
	json_t *o = json_object();

	clock_rfc3339(time, e->realtime_ns);
	set_number(o, "seq", (json_int_t)seq);
	set_text(o, "boot_id", ev->boot_id);
	set_text(o, "time", time);
	set_number(o, "boottime_ns", (json_int_t)e->boottime_ns);
	set_text(o, "kind", kind_names[e->kind]);
	set_text(o, "container", e->container);
	set_text(o, "state", e->state);
	if (e->pid > 0)
		set_number(o, "pid", e->pid);
	if (e->restarts > 0)
		set_number(o, "restarts", e->restarts);
	if (e->exited)
		set_wait_status(o, e->wait_status);
	set_text(o, "reason", e->reason);
	set_text(o, "message", e->message);
	return o;
}

/**
 * events_read() - the next event of a reader
 * @seq: the number it wants next; 0: from the oldest one kept. Moved on.
 *
 * An event that is no longer kept, or a number that was not reached yet (podd
 * was started again without its state), gives one gap event first.
 *
 * Return: a new object, or NULL when there is none yet (or no memory).
 */
json_t *events_read(const struct events *ev, uint64_t *seq)
{
	uint64_t oldest = ev->next - ev->count;
	json_t *o;

	if (*seq == 0)
		*seq = oldest;
	if (*seq < oldest || *seq > ev->next) {
		o = gap_json(ev, *seq, oldest);
		if (o)
			*seq = oldest;
		return o;
	}
	if (*seq == ev->next)
		return NULL;
	o = event_json(ev, *seq);
	if (o)
		(*seq)++;
	return o;
}
