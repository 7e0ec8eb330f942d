/* SPDX-License-Identifier: MIT */
/* Telling the service manager: sd_notify(3)'s protocol. */
#include "supervisor/notify.h"

#include <errno.h>
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
#include "base/io.h"
#include "base/printable.h"
#include "supervisor/pod.h"

#define TEXT_SIZE 1024 /* systemd takes 4 KiB, and shows a line */
#define STORE_PATIENCE_SEC 1
#define STOP_MARGIN_USEC 10000000 /* for the end after the last SIGKILL */

/* Return: the length of its address, or 0: there is none. */
static socklen_t find_socket(struct sockaddr_un *addr)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t n;

	*addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (!path || (path[0] != '/' && path[0] != '@'))
		return 0;
	n = strlen(path);
	if (n >= sizeof(addr->sun_path))
		return 0;
	memcpy(addr->sun_path, path, n);
	if (path[0] == '@') /* abstract: unix(7) */
		addr->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
}

/**
 * notify_send() - one datagram to $NOTIFY_SOCKET, if there is one
 * @text: lines of NAME=value (sd_notify(3))
 *
 * Nothing depends on its arrival, so nothing is told about a failure.
 */
void notify_send(const char *text)
{
	struct sockaddr_un addr;
	socklen_t n = find_socket(&addr);
	cleanup_close int fd =
		n ? socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) : -EBADF;

	if (fd >= 0)
		(void)sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&addr, n);
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

/* A second line would be an assignment of its own: sd_notify(3). */
static const char *one_line(char *buf, size_t size, const char *text)
{
	snprintf(buf, size, "%s", text);
	printable(buf);
	return buf;
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
	char text[TEXT_SIZE], line[256];

	(void)append(text, 0, "STATUS=%s\nEXTEND_TIMEOUT_USEC=%llu",
		     one_line(line, sizeof(line), status),
		     (unsigned long long)(patience_ns / NSEC_PER_USEC));
	notify_send(text);
}

/**
 * notify_failure() - why podd ends with an error; systemctl status keeps it
 */
void notify_failure(const struct err *err)
{
	char text[TEXT_SIZE], line[sizeof(err->msg)];

	(void)append(text, 0, "STATUS=%s\nERRNO=%d",
		     one_line(line, sizeof(line), err->msg), err->code);
	notify_send(text);
}

/* ----------------------------------------------------- its store of descriptors */

/**
 * notify_number() - a number that the service manager tells in a variable
 *
 * Return: 0 when there is none, or something else than a positive number in it.
 */
unsigned long long notify_number(const char *variable)
{
	const char *text = getenv(variable);
	unsigned long long n;
	char *end;

	if (!text || *text < '0' || *text > '9')
		return 0;
	errno = 0;
	n = strtoull(text, &end, 10);
	return errno || *end ? 0 : n;
}

/**
 * notify_has_store() - whether the service manager keeps descriptors: $FDSTORE of systemd.exec(5)
 */
bool notify_has_store(void)
{
	struct sockaddr_un addr;

	return notify_number("FDSTORE") > 0 && find_socket(&addr) > 0;
}

/**
 * notify_store_open() - a socket for notify_store_send()
 *
 * Return: the caller's, or -errno with @err filled.
 */
int notify_store_open(struct err *err)
{
	static const struct timeval patience = { .tv_sec = STORE_PATIENCE_SEC };
	struct sockaddr_un addr;
	socklen_t n = find_socket(&addr);
	cleanup_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
	    connect(fd, (struct sockaddr *)&addr, n) < 0)
		return err_sys(err, "reach the service manager's store of descriptors");
	return take_fd(&fd);
}

/**
 * notify_store_send() - one message about the store: sd_pid_notify_with_fds(3)
 * @text: lines of NAME=value
 * @fd: goes along; or -EBADF
 *
 * A service manager that is busy is waited for a second.
 *
 * Return: 0 or -errno with @err filled.
 */
int notify_store_send(int sock, const char *text, int fd, struct err *err)
{
	if (io_send_fd(sock, text, strlen(text), fd) < 0)
		return err_sys(err, "write to the service manager's store of descriptors");
	return 0;
}
