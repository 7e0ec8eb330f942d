/* SPDX-License-Identifier: MIT */
/* The files that podd writes into a container's /etc. */
#include "supervisor/etc.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/io.h"

/* Where systemd-resolved keeps the servers that its stub asks. */
static const char *const host_resolv[] = { "/etc/resolv.conf", "/run/systemd/resolve/resolv.conf" };

static void compose_hosts(char *out, size_t size, const struct pod_spec *spec, uint32_t address)
{
	/* Without an address of its own the pod still finds itself by name. */
	uint32_t own = address ? address : 0x7f000101;

	snprintf(out, size,
		 "127.0.0.1\tlocalhost\n"
		 "::1\tlocalhost ip6-localhost ip6-loopback\n"
		 "%u.%u.%u.%u\t%s\n",
		 own >> 24, own >> 16 & 255, own >> 8 & 255, own & 255, spec->hostname);
}

static bool is_nameserver(const char *line, bool *loopback)
{
	char address[64];

	if (sscanf(line, "nameserver %63s", address) != 1)
		return false;
	*loopback = strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
	return true;
}

/**
 * etc_resolv_copy() - copy a resolv.conf(5), without servers nobody can reach
 * @out: receives the text, cut at a line's end when it does not fit
 * @keep_loopback: the reader shares the host's loopback
 *
 * A server on 127.0.0.1 is the host's; in a network namespace of its own, a
 * container that asked it would wait for its time-out.
 */
void etc_resolv_copy(char *out, size_t size, const char *host_text, bool keep_loopback)
{
	size_t used = 0;

	for (const char *line = host_text; *line;) {
		size_t n = strcspn(line, "\n") + (strchr(line, '\n') != NULL);
		bool loopback;

		if (used + n < size &&
		    (!is_nameserver(line, &loopback) || !loopback || keep_loopback)) {
			memcpy(out + used, line, n);
			used += n;
		}
		line += n;
	}
	out[used] = '\0';
}

static void compose_resolv(char *out, size_t size, const struct pod_spec *spec)
{
	bool host = spec->network.mode == NETNS_HOST;
	char text[ETC_RESOLV_SIZE];
	size_t used = 0;

	out[0] = '\0';
	for (char **d = spec->network.dns; d && *d && used < size; d++)
		used += (size_t)snprintf(out + used, size - used, "nameserver %s\n", *d);
	for (size_t i = 0; i < ARRAY_SIZE(host_resolv) && !strstr(out, "nameserver"); i++)
		if (io_read_file(AT_FDCWD, host_resolv[i], text, sizeof(text), NULL) >= 0)
			etc_resolv_copy(out, size, text, host);
}

/**
 * etc_compose() - write /etc/hostname, hosts and resolv.conf of a pod
 * @address: the pod's own, host byte order; 0: it has none
 *
 * resolv.conf is DNS= of the file or else the host's; a host without one gives
 * an empty file, since a pod must start with no network at all.
 */
void etc_compose(struct etc_texts *out, const struct pod_spec *spec, uint32_t address)
{
	snprintf(out->hostname, sizeof(out->hostname), "%s\n", spec->hostname);
	compose_hosts(out->hosts, sizeof(out->hosts), spec, address);
	compose_resolv(out->resolv_conf, sizeof(out->resolv_conf), spec);
}
