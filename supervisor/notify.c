/* SPDX-License-Identifier: MIT */
/* Telling the service manager: sd_notify(3)'s protocol. */
#include "supervisor/notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/fd.h"

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

/**
 * notify_stopping() - that podd stops its pod, and how long that may take
 * @timeout_ns: TimeoutStopSec=; the service manager's own is not to end it before
 */
void notify_stopping(uint64_t timeout_ns)
{
	char text[64];

	snprintf(text, sizeof(text), "STOPPING=1\nEXTEND_TIMEOUT_USEC=%llu",
		 (unsigned long long)(timeout_ns / NSEC_PER_USEC + STOP_MARGIN_USEC));
	notify_send(text);
}
