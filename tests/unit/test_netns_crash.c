/* SPDX-License-Identifier: MIT */
/* netns/: killed holders, adoption, and many pods at the same instant. */
#include "tests/unit/test_netns_world.h"

#include <signal.h>
#include <sys/syscall.h>

static void release__no_lease_known__bridge_gone(void **state)
{
	struct world *w = *state;
	struct netns_lease lease = acquire(&w->web, &w->spec), none = NETNS_LEASE_NONE;

	close(lease.lock_fd); /* as when podd and the pause were killed */
	strcpy(none.bridge, "podd0");
	release(&w->web, &none);
	assert_nothing_left(w);
}

static void attach__veth_left_by_crash__replaced(void **state)
{
	struct world *w = *state;
	struct netns_lease lease = acquire(&w->web, &w->spec);
	int old = attach(&w->web, &lease), ns = attach(&w->web, &lease);
	cleanup_close int host = -EBADF;

	open_ns(&host);
	assert_tcp(host, ns, lease.address);
	assert_int_equal(count_links(), 3);
	close(old);
	close(ns);
	release(&w->web, &lease);
	assert_nothing_left(w);
}

/* Killed between the creation of the bridge and its mark. */
static void acquire__bridge_made_but_not_marked__known_by_mac(void **state)
{
	struct world *w = *state;
	cleanup_close int sock = netlink_socket(NETLINK_ROUTE);
	cleanup_batch struct netlink_batch b = { 0 };
	struct netns_lease lease = acquire(&w->web, &w->spec);
	struct link made = get_link("podd0");

	release(&w->web, &lease);
	add_new_link(&b, "podd0", "bridge");
	netlink_put(&b, IFLA_ADDRESS, made.mac, sizeof(made.mac));
	assert_int_equal(netlink_batch_run(&b, sock, NULL), 0);
	lease = acquire(&w->web, &w->spec);
	assert_string_equal(get_link("podd0").alias, "podd:/tmp/one");
	release(&w->web, &lease);
	assert_nothing_left(w);
}

static void acquire__bridge_left_by_crash__made_anew(void **state)
{
	struct world *w = *state;
	struct netns_lease lease = acquire(&w->web, &w->spec);
	uint32_t before = lease.address;
	int index = get_link("podd0").index;

	close(lease.lock_fd);
	w->spec.subnet = IP(10, 99, 0, 0);
	lease = acquire(&w->web, &w->spec);
	assert_int_not_equal(get_link("podd0").index, index);
	assert_int_equal(lease.address, IP(10, 99, 0, 2));
	assert_int_not_equal(lease.address, before);
	assert_int_equal(count_nft_tables(), 1);
	release(&w->web, &lease);
	assert_nothing_left(w);
}

/* A podd and its pause in one: holds a lease until it is killed. */
struct holder {
	pid_t pid;
	uint32_t address;
};

static int hold(struct world *w, int ready)
{
	struct netns_lease lease;

	if (netns_acquire(&lease, &w->web, &w->spec, NULL) < 0 ||
	    write(ready, &lease.address, sizeof(lease.address)) != sizeof(lease.address))
		return 1;
	pause();
	return 1;
}

static struct holder start_holder(struct world *w, const char *pod)
{
	struct world other = *w;
	struct holder h;
	int ready[2];

	other.web.name = pod;
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	h.pid = run_process(hold, &other, ready[1]);
	assert_int_equal(read(ready[0], &h.address, sizeof(h.address)), sizeof(h.address));
	close(ready[0]);
	close(ready[1]);
	return h;
}

static void kill_holder(struct holder h)
{
	assert_int_equal(kill(h.pid, SIGKILL), 0);
	assert_int_equal(waitpid(h.pid, NULL, 0), h.pid);
}

static void acquire__holder_alive__ebusy_then_reclaimed_after_kill(void **state)
{
	struct world *w = *state;
	struct holder h = start_holder(w, "web");
	struct netns_lease again;
	struct err err = { 0 };

	assert_int_equal(h.address, IP(10, 88, 0, 2));
	assert_int_equal(netns_acquire(&again, &w->web, &w->spec, &err), -EBUSY);
	assert_string_equal(err.msg, "pod 'web' still holds address 10.88.0.2 of bridge 'podd0'");
	kill_holder(h);
	again = acquire(&w->db, &w->spec); /* another pod takes what is free */
	assert_int_equal(again.address, h.address);
	release(&w->db, &again);
	assert_nothing_left(w);
}

static void acquire__after_crash__former_address_again(void **state)
{
	struct world *w = *state;
	struct holder db = start_holder(w, "db"), web = start_holder(w, "web");
	struct netns_lease again;

	assert_int_equal(web.address, IP(10, 88, 0, 3));
	kill_holder(db);
	kill_holder(web);
	again = acquire(&w->web, &w->spec); /* 10.88.0.2 is free too */
	assert_int_equal(again.address, web.address);
	release(&w->web, &again);
	assert_nothing_left(w);
}

static int wait_for_end_of_file(struct world *w, int fd)
{
	char c;

	(void)w;
	return read(fd, &c, 1) != 0;
}

static void adopt__podd_gone_but_pause_alive__same_lease(void **state)
{
	struct world *w = *state;
	struct netns_lease lease = acquire(&w->web, &w->spec), new;
	struct err err = { 0 };
	uint32_t address = lease.address;
	int hold[2], fd;
	pid_t pause_pid;

	assert_int_equal(pipe2(hold, O_CLOEXEC), 0);
	fd = dup(lease.lock_fd); /* what pidfd_getfd(2) would give */
	pause_pid = fork();
	if (pause_pid == 0) {
		close(hold[1]);
		_exit(wait_for_end_of_file(w, hold[0]));
	}
	close(lease.lock_fd);
	close(fd);
	/* Only the pause holds it now, and it is as good as held by podd. */
	assert_int_equal(netns_acquire(&new, &w->web, &w->spec, &err), -EBUSY);
	{
		cleanup_close int pidfd = (int)syscall(SYS_pidfd_open, pause_pid, 0);

		fd = (int)syscall(SYS_pidfd_getfd, pidfd, lease.lock_fd, 0);
	}
	assert_true(fd >= 0);
	assert_int_equal(netns_adopt(&new, fd, &err), 0);
	assert_int_equal(new.address, address);
	assert_int_equal(new.gateway, IP(10, 88, 0, 1));
	assert_int_equal(new.prefix_len, 24);
	assert_string_equal(new.bridge, "podd0");
	close(hold[1]);
	assert_ends_well(pause_pid);
	release(&w->web, &new);
	assert_nothing_left(w);
	close(hold[0]);
}

static void adopt__not_a_lease__error_and_fd_closed(void **state)
{
	struct netns_lease lease;
	struct err err = { 0 };
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)state;
	assert_int_equal(netns_adopt(&lease, fd, &err), -EBADMSG);
	assert_string_equal(err.msg, "the pod's address lease is damaged, or of another version");
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

#define RIVALS 50

struct rivals {
	int start[2], result[2], end[2];
};

static struct rivals rivals;

static int acquire_at_once(struct world *w, int i)
{
	struct netns_lease lease = NETNS_LEASE_NONE;
	struct netns_pod pod = w->web;
	struct err err = { 0 };
	char name[16], c;

	snprintf(name, sizeof(name), "pod%d", i);
	pod.name = name;
	close(rivals.start[1]);
	close(rivals.end[1]);
	(void)!read(rivals.start[0], &c, 1); /* the starting shot is end of file */
	if (netns_acquire(&lease, &pod, &w->spec, &err) < 0)
		lease.address = 0;
	if (write(rivals.result[1], &lease.address, sizeof(lease.address)) != sizeof(lease.address))
		return 1;
	(void)!read(rivals.end[0], &c, 1);
	return 0; /* without release: all leases are stale then */
}

static void acquire__fifty_at_once__all_distinct(void **state)
{
	struct world *w = *state;
	bool seen[256] = { false };
	struct netns_lease last;
	pid_t pids[RIVALS];

	assert_int_equal(pipe2(rivals.start, O_CLOEXEC), 0);
	assert_int_equal(pipe2(rivals.result, O_CLOEXEC), 0);
	assert_int_equal(pipe2(rivals.end, O_CLOEXEC), 0);
	for (int i = 0; i < RIVALS; i++)
		pids[i] = run_process(acquire_at_once, w, i);
	close(rivals.start[1]);
	for (int i = 0; i < RIVALS; i++) {
		uint32_t a;

		assert_int_equal(read(rivals.result[0], &a, sizeof(a)), sizeof(a));
		assert_int_equal(a & 0xffffff00, IP(10, 88, 0, 0));
		assert_in_range(a & 0xff, 2, RIVALS + 1);
		assert_false(seen[a & 0xff]);
		seen[a & 0xff] = true;
	}
	close(rivals.end[1]);
	for (int i = 0; i < RIVALS; i++)
		assert_ends_well(pids[i]);
	last = acquire(&w->web, &w->spec); /* reclaims the other fifty */
	assert_int_equal(last.address, IP(10, 88, 0, 2));
	release(&w->web, &last);
	assert_nothing_left(w);
	close(rivals.start[0]);
	close(rivals.end[0]);
	close(rivals.result[0]);
	close(rivals.result[1]);
}

static int start_and_stop(struct world *w, int i)
{
	struct netns_pod pod = w->web;
	char name[16];

	snprintf(name, sizeof(name), "pod%d", i);
	pod.name = name;
	for (int round = 0; round < 4; round++) {
		struct netns_lease lease;
		int ns = -EBADF;

		if (child_call(&(struct child_args){ .flags = CLONE_NEWNET }, open_ns, &ns) != 0 ||
		    netns_acquire(&lease, &pod, &w->spec, NULL) < 0 ||
		    netns_attach(&pod, &lease, ns, NULL) < 0) /* ENODEV: no bridge */
			return 1;
		close(ns);
		if (netns_release(&pod, &lease, NULL) < 0)
			return 2;
	}
	return 0;
}

static void release__others_are_starting__bridge_never_missing(void **state)
{
	struct world *w = *state;
	pid_t pids[4];

	for (int i = 0; i < 4; i++)
		pids[i] = run_process(start_and_stop, w, i);
	for (int i = 0; i < 4; i++)
		assert_ends_well(pids[i]);
	assert_nothing_left(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		netns_test(release__no_lease_known__bridge_gone),
		netns_test(attach__veth_left_by_crash__replaced),
		netns_test(acquire__bridge_made_but_not_marked__known_by_mac),
		netns_test(acquire__bridge_left_by_crash__made_anew),
		netns_test(acquire__holder_alive__ebusy_then_reclaimed_after_kill),
		netns_test(acquire__after_crash__former_address_again),
		netns_test(adopt__podd_gone_but_pause_alive__same_lease),
		netns_test(adopt__not_a_lease__error_and_fd_closed),
		netns_test(acquire__fifty_at_once__all_distinct),
		netns_test(release__others_are_starting__bridge_never_missing),
	};

	return run_netns_group("netns_crash", tests);
}
