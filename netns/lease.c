/* SPDX-License-Identifier: MIT */
/* Address leases: one locked file for each address that is in use. */
#include "netns/lease.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/io.h"
#include "netns/link.h"

/* "VERSION BRIDGE ADDRESS/PREFIX GATEWAY POD\n" */
#define LOCK_SLICE_MS  10
#define RECORD_VERSION 1
#define RECORD_SIZE (12 + IFNAMSIZ + 2 * IPV4_TEXT_SIZE + 4 + NETNS_POD_NAME_SIZE)

static bool ipv4_parse(const char *text, uint32_t *out)
{
	struct in_addr a;

	if (inet_pton(AF_INET, text, &a) != 1)
		return false;
	*out = ntohl(a.s_addr);
	return true;
}

/**
 * lease_lock() - take the lock of all networks of this podd instance
 * @net_dirfd: the directory of the leases
 *
 * Waits for whoever has it: one start or stop of a pod network, some
 * milliseconds. The descriptor is a fresh one, since a lock belongs to the
 * open file description and @net_dirfd's may be shared.
 *
 * Return: a descriptor whose closing frees the lock, or -errno with @err filled.
 */
int lease_lock(int net_dirfd, struct err *err)
{
	cleanup_close int fd = openat(net_dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, "open lease directory");
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return err_sys(err, "lock lease directory");
	return take_fd(&fd);
}

/**
 * lease_lock_soon() - lease_lock() for what can be left undone
 *
 * Return: as lease_lock(); -EWOULDBLOCK: somebody has had it for @timeout_ms.
 */
int lease_lock_soon(int net_dirfd, unsigned timeout_ms, struct err *err)
{
	cleanup_close int fd = openat(net_dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, "open lease directory");
	for (unsigned ms = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; ms += LOCK_SLICE_MS) {
		if (errno != EWOULDBLOCK || ms >= timeout_ms)
			return err_sys(err, "lock lease directory");
		(void)poll(NULL, 0, LOCK_SLICE_MS);
	}
	return take_fd(&fd);
}

/**
 * lease_read() - read back what lease_take() wrote
 * @out: lock_fd is left as it is
 * @pod: receives the holder's name
 *
 * Return: 0 or -EBADMSG; empty is what a crash between create and write leaves.
 */
int lease_read(int fd, struct netns_lease *out, char pod[NETNS_POD_NAME_SIZE])
{
	char text[RECORD_SIZE], address[IPV4_TEXT_SIZE], gateway[IPV4_TEXT_SIZE];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	unsigned version;

	if (n < 0)
		return -errno;
	text[n] = '\0';
	if (sscanf(text, "%u %15s %15[0-9.]/%u %15s %255s", &version, out->bridge, address,
		   &out->prefix_len, gateway, pod) != 6 || version != RECORD_VERSION ||
	    !ipv4_parse(address, &out->address) || !ipv4_parse(gateway, &out->gateway))
		return -EBADMSG;
	return 0;
}

/* Sorts one lease into the survey; a stale one is gone afterwards. */
static int survey_one(int dirfd, const char *file, const char *pod, struct lease_survey *s,
		      struct err *err)
{
	cleanup_close int fd = openat(dirfd, file, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	struct netns_lease lease = NETNS_LEASE_NONE;
	char holder[NETNS_POD_NAME_SIZE];
	bool known, own;

	if (fd < 0)
		return err_sys(err, "open lease '%s'", file);
	known = lease_read(fd, &lease, holder) == 0;
	own = known && strcmp(holder, pod) == 0;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		if (own)
			s->former = lease.address;
		return unlinkat(dirfd, file, 0) < 0 ? err_sys(err, "remove lease '%s'", file) : 0;
	}
	if (errno != EWOULDBLOCK)
		return err_sys(err, "lock lease '%s'", file);
	if (own)
		s->own = lease.address;
	if (known)
		s->live = lease;
	s->live_n++;
	return 0;
}

/**
 * lease_survey() - count a network's live leases and remove the stale ones
 * @dirfd: the network's directory; the caller holds lease_lock()
 * @pod: who asks
 *
 * Return: 0 or -errno with @err filled.
 */
int lease_survey(int dirfd, const char *pod, struct lease_survey *out, struct err *err)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;
	uint32_t unused;
	int r = 0;

	*out = (struct lease_survey){ .live = NETNS_LEASE_NONE };
	if (!dir) {
		r = err_sys(err, "read lease directory");
		close_fd(&fd);
		return r;
	}
	while (r == 0 && (d = readdir(dir)))
		if (ipv4_parse(d->d_name, &unused))
			r = survey_one(dirfd, d->d_name, pod, out, err);
	(void)closedir(dir);
	return r;
}

/**
 * lease_check() - refuse what the live leases of a network rule out
 *
 * Return: 0 or -EBUSY with @err filled: another subnet is in use on the
 * bridge, or @pod has a live lease already (its former pause still lives).
 */
int lease_check(const struct lease_survey *survey, const struct netns_spec *spec, const char *pod,
		struct err *err)
{
	const struct netns_lease *live = &survey->live;
	char used[IPV4_TEXT_SIZE], wanted[IPV4_TEXT_SIZE];
	uint32_t subnet = live->prefix_len ? live->address & ipv4_mask(live->prefix_len) : 0;

	if (survey->own)
		return err_set(err, EBUSY, "pod '%s' still holds address %s of bridge '%s'", pod,
			       ipv4_text(survey->own, used), spec->bridge);
	if (live->prefix_len &&
	    (live->prefix_len != spec->prefix_len || subnet != spec->subnet))
		return err_set(
		    err, EBUSY,
		    "bridge '%s' serves %s/%u to other pods, not %s/%u: set another Bridge=",
		    spec->bridge, ipv4_text(subnet, used), live->prefix_len,
		    ipv4_text(spec->subnet, wanted), spec->prefix_len);
	return 0;
}

static bool is_free(int dirfd, uint32_t address)
{
	char text[IPV4_TEXT_SIZE];

	return faccessat(dirfd, ipv4_text(address, text), F_OK, 0) < 0 && errno == ENOENT;
}

static bool is_host(const struct netns_spec *spec, uint32_t address)
{
	uint32_t mask = ipv4_mask(spec->prefix_len);

	return (address & mask) == spec->subnet && address != spec->subnet &&
	       address != (spec->subnet | ~mask);
}

static int check_static(int dirfd, const struct netns_spec *spec, uint32_t gateway, struct err *err)
{
	char text[IPV4_TEXT_SIZE], holder[NETNS_POD_NAME_SIZE] = "?";
	uint32_t a = spec->address;
	struct netns_lease lease;
	cleanup_close int fd = -EBADF;

	(void)ipv4_text(a, text);
	if (!is_host(spec, a))
		return err_set(err, EINVAL,
			       "address %s is no host address of the subnet of bridge '%s'", text,
			       spec->bridge);
	if (a == gateway)
		return err_set(err, EADDRINUSE, "address %s is that of bridge '%s' itself", text,
			       spec->bridge);
	if (is_free(dirfd, a))
		return 0;
	fd = openat(dirfd, text, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0)
		(void)lease_read(fd, &lease, holder); /* "?" says enough */
	return err_set(err, EADDRINUSE, "address %s of bridge '%s' is taken by pod '%s'", text,
		       spec->bridge, holder);
}

/**
 * lease_choose() - find the address for a new lease
 * @gateway: the bridge's own address
 * @address: the one to prefer, so that a pod keeps its address, or 0; receives
 *           the pod file's address, or the preferred one, or the lowest free
 *
 * Call it after lease_survey(), which has removed what is stale.
 *
 * Return: 0 or -errno with @err filled; -EADDRINUSE: the static address is
 * another pod's; -ENOSPC: all are leased.
 */
int lease_choose(int dirfd, const struct netns_spec *spec, uint32_t gateway, uint32_t *address,
		 struct err *err)
{
	uint32_t last = (spec->subnet | ~ipv4_mask(spec->prefix_len)) - 1;
	char text[IPV4_TEXT_SIZE];
	int r;

	if (spec->address) {
		*address = spec->address;
		r = check_static(dirfd, spec, gateway, err);
		return r < 0 ? err_about(err, r, "Address", 0) : 0;
	}
	if (is_host(spec, *address) && *address != gateway && is_free(dirfd, *address))
		return 0;
	for (uint32_t a = spec->subnet + 1; a <= last; a++) {
		if (a == gateway || !is_free(dirfd, a))
			continue;
		*address = a;
		return 0;
	}
	r = err_set(err, ENOSPC, "no address is free in %s/%u of bridge '%s': all %u are leased",
		    ipv4_text(spec->subnet, text), spec->prefix_len, spec->bridge,
		    last - spec->subnet - 1);
	return err_about(err, r, "Subnet", 0);
}

static int write_record(int fd, const char *pod, const struct netns_lease *l)
{
	char text[RECORD_SIZE], address[IPV4_TEXT_SIZE], gateway[IPV4_TEXT_SIZE];
	int n = snprintf(text, sizeof(text), "%u %s %s/%u %s %s\n", RECORD_VERSION, l->bridge,
			 ipv4_text(l->address, address), l->prefix_len,
			 ipv4_text(l->gateway, gateway), pod);

	if (n >= (int)sizeof(text))
		return -ENAMETOOLONG;
	return io_write_all(fd, text, (size_t)n);
}

/**
 * lease_take() - make a lease and hold its lock
 * @lease: says bridge, address, prefix and gateway; lock_fd is set on success
 *
 * Return: 0 or -errno with @err filled, and no lease then.
 */
int lease_take(int dirfd, const char *pod, struct netns_lease *lease, struct err *err)
{
	cleanup_close int fd = -EBADF;
	char file[IPV4_TEXT_SIZE];
	int r;

	(void)ipv4_text(lease->address, file);
	fd = openat(dirfd, file, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, "create lease '%s'", file);
	fault_kill("lease-created");
	r = flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : write_record(fd, pod, lease);
	if (r < 0) {
		(void)unlinkat(dirfd, file, 0); /* the first failure is the one to tell */
		return err_set(err, -r, "write lease '%s': %s", file, strerror(-r));
	}
	fault_kill("lease-written");
	lease->lock_fd = take_fd(&fd);
	return 0;
}

/**
 * lease_drop() - unlink a lease that the caller holds
 *
 * Return: 0, also when it is gone, or -errno with @err filled.
 */
int lease_drop(int dirfd, uint32_t address, struct err *err)
{
	char file[IPV4_TEXT_SIZE];

	if (unlinkat(dirfd, ipv4_text(address, file), 0) < 0 && errno != ENOENT)
		return err_sys(err, "remove lease '%s'", file);
	return 0;
}
