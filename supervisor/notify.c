/* SPDX-License-Identifier: MIT */
/* Telling the service manager: sd_notify(3)'s protocol. */
#include "supervisor/notify.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "base/clock.h"
#include "base/fd.h"
#include "supervisor/pod.h"

#define TEXT_SIZE 1024 /* systemd takes 4 KiB, and shows a line */
#define STOP_MARGIN_USEC 10000000 /* for the end after the last SIGKILL */

/**
 * notify_send() - one datagram to $NOTIFY_SOCKET, if there is one
 * @text: lines of NAME=value (sd_notify(3))
 *
 * Nothing depends on its arrival, so nothing is told about a failure.
 */
void notify_send(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	cleanup_close int fd = -EBADF;
	size_t n;

	if (!path || (path[0] != '/' && path[0] != '@'))
		return;
	n = strlen(path);
	if (n >= sizeof(addr.sun_path))
		return;
	memcpy(addr.sun_path, path, n);
	if (path[0] == '@') /* abstract: unix(7) */
		addr.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	(void)sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&addr,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
}

static size_t append(char *text, size_t used, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text + used, TEXT_SIZE - used, fmt, ap);
	va_end(ap);
	/* What is too much for a line is cut. */
	return used + (size_t)n < TEXT_SIZE ? used + (size_t)n : TEXT_SIZE - 1;
}

/* "running, 1 of 2 ready: web running, cache backoff (Error)" */
static void describe(char *text, size_t used, const struct pod *pod)
{
	unsigned ready = 0;

	for (unsigned i = 0; i < pod->machine.n; i++)
		ready += machine_serves(&pod->machine.containers[i]);
	used = append(text, used, "STATUS=%s, %u of %u ready", pod_state_name(pod->machine.state),
		      ready, pod->machine.n);
	for (unsigned i = 0; i < pod->machine.n; i++) {
		const struct machine *c = &pod->machine.containers[i];

		used = append(text, used, "%s%s %s", i ? ", " : ": ",
			      pod->members[i]->spec->run.name,
			      c->paused ? "paused" : machine_state_name(c->state));
		if (c->state != MACHINE_RUNNING && c->last.reason != EXIT_REASON_NONE)
			used = append(text, used, " (%s)", exit_reason_name(c->last.reason));
	}
}

/**
 * notify_standing() - how the pod and its containers are, for systemctl status
 */
void notify_standing(const struct pod *pod)
{
	char text[TEXT_SIZE];

	describe(text, 0, pod);
	notify_send(text);
}

/**
 * notify_ready() - that the pod runs, or that a reload of it is over
 *
 * Says nothing of a pod that does not run: it is not ready yet, or not any more.
 */
void notify_ready(const struct pod *pod)
{
	char text[TEXT_SIZE];

	if (pod->machine.state != POD_RUNNING)
		return;
	describe(text, append(text, 0, "READY=1\n"), pod);
	notify_send(text);
}

/**
 * notify_reloading() - that a reload has begun; notify_ready() ends it
 *
 * With the time, by which Type=notify-reload knows it from an earlier one.
 */
void notify_reloading(const struct pod *pod)
{
	char text[TEXT_SIZE];
	struct timespec now;

	if (pod->machine.state != POD_RUNNING)
		return;
	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail with these arguments */
	(void)append(text, 0, "RELOADING=1\nMONOTONIC_USEC=%llu",
		     (unsigned long long)((uint64_t)now.tv_sec * USEC_PER_SEC +
					  (uint64_t)now.tv_nsec / NSEC_PER_USEC));
	notify_send(text);
}

/**
 * notify_stopping() - that podd stops its pod for good, and how long that may take
 *
 * The service manager's own time is not to end it before TimeoutStopSec= does.
 */
void notify_stopping(const struct pod *pod)
{
	char text[TEXT_SIZE];
	uint64_t usec = pod->spec->stop_timeout_ns / NSEC_PER_USEC + STOP_MARGIN_USEC;

	describe(text, append(text, 0, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%llu\n",
			      (unsigned long long)usec), pod);
	notify_send(text);
}

/**
 * notify_patience() - what takes so long, and for how long to wait on
 * @status: for people
 * @patience_ns: from now on, whatever the service manager's own timeout is
 */
void notify_patience(const char *status, uint64_t patience_ns)
{
	char text[TEXT_SIZE];

	(void)append(text, 0, "STATUS=%s\nEXTEND_TIMEOUT_USEC=%llu", status,
		     (unsigned long long)(patience_ns / NSEC_PER_USEC));
	notify_send(text);
}

/**
 * notify_failure() - why podd ends with an error; systemctl status keeps it
 */
void notify_failure(const struct err *err)
{
	char text[TEXT_SIZE];

	(void)append(text, 0, "STATUS=%s\nERRNO=%d", err->msg, err->code);
	notify_send(text);
}
