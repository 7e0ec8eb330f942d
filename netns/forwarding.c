/* SPDX-License-Identifier: MIT */
/* Whether the host forwards packets, and by whose will. */
#include "netns/forwarding.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"

#define IP_FORWARD "/proc/sys/net/ipv4/ip_forward"
#define TAG	   "/proc/sys/net/ipv4/conf/all/tag"
#define TAG_OURS   "1886348388" /* 0x706f6464, "podd" */

/**
 * forwarding_read() - whether the host forwards, and by whose will
 *
 * Return: 0 or -errno with @err filled.
 */
int forwarding_read(enum forwarding *out, struct err *err)
{
	char now[16];
	ssize_t n = io_read_file(AT_FDCWD, IP_FORWARD, now, sizeof(now), err);

	if (n >= 0 && now[0] == '0') {
		*out = FORWARDING_OFF;
		return 0;
	}
	if (n >= 0)
		n = io_read_file(AT_FDCWD, TAG, now, sizeof(now), err);
	if (n < 0)
		return (int)n;
	*out = strcmp(now, TAG_OURS "\n") == 0 ? FORWARDING_OURS : FORWARDING_OPERATORS;
	return 0;
}

/**
 * forwarding_check_switch() - whether forwarding_turn_on() will be able to
 *
 * For before there is anything that would have to be undone.
 *
 * Return: 0 or -errno with @err filled.
 */
int forwarding_check_switch(struct err *err)
{
	cleanup_close int fd = open(IP_FORWARD, O_WRONLY | O_CLOEXEC);

	return fd < 0 ? err_sys(err, "open '" IP_FORWARD "'") : 0;
}

/**
 * forwarding_turn_on() - have the host forward
 *
 * The mark first: who is killed in between has turned nothing on.
 *
 * Return: 0 or -errno with @err filled.
 */
int forwarding_turn_on(struct err *err)
{
	int r = io_write_file(AT_FDCWD, TAG, TAG_OURS, err);

	return r < 0 ? r : io_write_file(AT_FDCWD, IP_FORWARD, "1", err);
}
