/* SPDX-License-Identifier: MIT */
/* Messages of the kernel and of udev about devices. */
#include "supervisor/uevent.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"

/*
 * Theory of operation
 *
 * A message is only a reason to look again (supervisor/hotplug.c): nothing of what it says
 * is used, so that one that was lost, doubled or forged changes nothing. Its two forms:
 *
 *   kernel  "add@/devices/...\0ACTION=add\0SUBSYSTEM=tty\0MAJOR=188\0..."
 *   udev    "libudev\0", numbers of 32 bits of which the third is where its properties begin
 *
 * udev's come once it has made its links, which a path of Device= may be.
 */
#define GROUP_KERNEL 1u
#define GROUP_UDEV   2u
#define MESSAGES_MAX 256
static const char udev_prefix[] = "libudev";
#define UDEV_PROPERTIES 16 /* where the number is, in the machine's byte order */

static bool comes_or_goes(const char *action)
{
	return strcmp(action, "add") == 0 || strcmp(action, "remove") == 0 ||
	       strcmp(action, "move") == 0;
}

/**
 * uevent_is_of_a_node() - whether a message says that a device node came or went
 * @message: @n bytes of whoever
 */
bool uevent_is_of_a_node(const char *message, size_t n)
{
	bool action = false, node = false;
	uint32_t from = 0;

	if (n > UDEV_PROPERTIES + sizeof(from) &&
	    memcmp(message, udev_prefix, sizeof(udev_prefix)) == 0)
		memcpy(&from, message + UDEV_PROPERTIES, sizeof(from));
	for (size_t i = from; i < n;) {
		const char *text = message + i;
		size_t len = strnlen(text, n - i);

		if (len == n - i) /* cut: it has no end */
			break;
		action |= strncmp(text, "ACTION=", 7) == 0 && comes_or_goes(text + 7);
		node |= strncmp(text, "MAJOR=", 6) == 0;
		i += len + 1;
	}
	return action && node;
}

/**
 * uevent_open() - a socket on which the kernel and udev tell of devices
 *
 * Those of the network namespace of the caller, which has to be one of the host's user
 * namespace: the kernel tells no other (uevent_net_init()).
 *
 * Return: a descriptor of the caller's, which does not block, or -errno with @err filled.
 */
int uevent_open(struct err *err)
{
	const struct sockaddr_nl address = { .nl_family = AF_NETLINK,
					     .nl_groups = GROUP_KERNEL | GROUP_UDEV };
	cleanup_close int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
				      NETLINK_KOBJECT_UEVENT);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return err_sys(err, "listen for devices that come and go");
	return take_fd(&fd);
}

/**
 * uevent_read() - take the messages that wait, so many of them that others get their turn
 *
 * Return: whether a node came or went, or may have: some were lost (ENOBUFS).
 */
bool uevent_read(int fd)
{
	char message[UEVENT_SIZE];
	bool found = false;

	for (int i = 0; i < MESSAGES_MAX; i++) {
		ssize_t n = recv(fd, message, sizeof(message), MSG_DONTWAIT);

		if (n < 0 && errno == ENOBUFS)
			found = true;
		else if (n < 0)
			return found; /* EAGAIN */
		else
			found |= uevent_is_of_a_node(message, (size_t)n);
	}
	return found;
}
