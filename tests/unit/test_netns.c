/* SPDX-License-Identifier: MIT */
/* netns/: what a start makes, whose the bridge is, and that an end leaves nothing. */
#include "tests/unit/test_netns_world.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static void acquire__no_bridge__made_marked_and_up(void **state)
{
	struct world *w = *state;
	struct netns_lease lease = acquire(&w->web, &w->spec);
	struct link bridge = get_link("podd0");
	char text[64];

	assert_string_equal(bridge.kind, "bridge");
	assert_string_equal(bridge.alias, "podd:/tmp/one");
	assert_true(bridge.admin_up);
	assert_int_equal(count_nft_tables(), 1);
	assert_int_equal(lease.gateway, IP(10, 88, 0, 1));
	assert_int_equal(lease.address, IP(10, 88, 0, 2));
	assert_int_equal(lease.prefix_len, 24);
	assert_int_equal(fcntl(lease.lock_fd, F_GETFD), FD_CLOEXEC);
	assert_true(io_read_file(w->net_dirfd, "podd0/10.88.0.2", text, sizeof(text), NULL) > 0);
	assert_string_equal(text, "1 podd0 10.88.0.2/24 10.88.0.1 web\n");
	assert_true(io_read_file(AT_FDCWD, "/proc/sys/net/ipv4/ip_forward", text, 8, NULL) > 0);
	assert_string_equal(text, "1\n");
	assert_true(io_read_file(AT_FDCWD, "/proc/sys/net/ipv6/conf/podd0/disable_ipv6", text, 8,
				 NULL) > 0);
	assert_string_equal(text, "1\n");
	release(&w->web, &lease);
	assert_nothing_left(w);
}

static void release__two_pods__bridge_goes_with_last(void **state)
{
	struct world *w = *state;
	struct netns_lease web = acquire(&w->web, &w->spec), db = acquire(&w->db, &w->spec);

	assert_int_not_equal(web.address, db.address);
	release(&w->web, &web);
	assert_true(if_nametoindex("podd0") > 0);
	assert_int_equal(count_nft_tables(), 1);
	release(&w->db, &db);
	assert_nothing_left(w);
	release(&w->db, &db); /* and once more is nothing */
}

static void release__namespace_still_held__veth_gone(void **state)
{
	struct world *w = *state;
	struct netns_lease lease = acquire(&w->web, &w->spec);
	int ns = attach(&w->web, &lease);

	release(&w->web, &lease);
	assert_nothing_left(w);
	close(ns);
}

static void release__mode_without_bridge__nothing_done(void **state)
{
	struct world *w = *state;
	struct netns_lease none = NETNS_LEASE_NONE;

	release(&w->web, &none);
	assert_nothing_left(w);
}

/* Limits the descriptors to @extra more than are open; returns the old limit. */
static rlim_t limit_descriptors(unsigned extra)
{
	int lowest = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct rlimit old, now;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	now = old;
	now.rlim_cur = (rlim_t)lowest + extra;
	close(lowest);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
	return old.rlim_cur;
}

static void unlimit_descriptors(rlim_t old)
{
	struct rlimit now;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &now), 0);
	now.rlim_cur = old;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
}

/* One acquire with @extra descriptors to spare. */
static int try_acquire(struct world *w, unsigned extra, struct netns_lease *lease)
{
	struct err err = { 0 };
	rlim_t old = limit_descriptors(extra);
	int r = netns_acquire(lease, &w->web, &w->spec, &err);

	unlimit_descriptors(old);
	if (r < 0)
		assert_non_null(strstr(err.msg, "Too many open files"));
	assert_int_equal(r, r < 0 ? -EMFILE : 0);
	return r;
}

static void acquire__no_descriptor_at_any_step__nothing_left(void **state)
{
	struct world *w = *state;
	unsigned extra = 0;

	for (int r = -1; r < 0; extra++) {
		struct netns_lease lease = NETNS_LEASE_NONE;

		r = try_acquire(w, extra, &lease);
		strcpy(lease.bridge, "podd0"); /* what the supervisor does after a failure */
		release(&w->web, &lease);
		assert_nothing_left(w);
	}
	assert_true(extra >= 4); /* lock, directory, socket, sysctl or lease */
}

static int try_attach(struct world *w, unsigned extra, const struct netns_lease *lease)
{
	struct err err = { 0 };
	int ns = new_netns();
	rlim_t old = limit_descriptors(extra);
	int r = netns_attach(&w->web, lease, ns, &err);

	unlimit_descriptors(old);
	close(ns);
	if (r < 0 && !strstr(err.msg, "Too many open files"))
		fail_msg("%s", err.msg);
	assert_int_equal(r, r < 0 ? -EMFILE : 0);
	return r;
}

static void attach__no_descriptor_at_any_step__nothing_left(void **state)
{
	struct world *w = *state;
	unsigned extra = 0;

	for (int r = -1; r < 0; extra++) {
		struct netns_lease lease = acquire(&w->web, &w->spec);

		r = try_attach(w, extra, &lease);
		release(&w->web, &lease);
		assert_nothing_left(w);
	}
	assert_true(extra >= 3); /* socket outside, then inside */
}

static void attach__done__only_the_lease_is_open(void **state)
{
	struct world *w = *state;
	unsigned before = count_entries("/proc/self/fd");
	struct netns_lease lease = acquire(&w->web, &w->spec);
	int ns = attach(&w->web, &lease);

	close(ns);
	assert_int_equal(count_entries("/proc/self/fd"), before + 1);
	release(&w->web, &lease);
	assert_int_equal(count_entries("/proc/self/fd"), before);
}

static void attach__not_a_namespace__error_and_nothing_left(void **state)
{
	struct world *w = *state;
	struct netns_lease lease = acquire(&w->web, &w->spec);
	struct err err = { 0 };

	assert_true(netns_attach(&w->web, &lease, w->net_dirfd, &err) < 0);
	assert_non_null(strstr(err.msg, "on bridge 'podd0'"));
	release(&w->web, &lease);
	assert_nothing_left(w);
}

static void attach__bridge_was_removed__error_says_so(void **state)
{
	struct world *w = *state;
	struct netns_lease lease = acquire(&w->web, &w->spec);
	int ns = new_netns();
	struct err err = { 0 };

	drop_link("podd0");
	assert_int_equal(netns_attach(&w->web, &lease, ns, &err), -ENODEV);
	assert_string_equal(err.msg, "bridge 'podd0' is gone: somebody removed it");
	close(ns);
	release(&w->web, &lease);
	assert_nothing_left(w);
}

static void attach__veth_name_taken_by_veth__refused_and_untouched(void **state)
{
	struct world *w = *state;
	struct netns_lease lease = acquire(&w->web, &w->spec);
	cleanup_close int ns = new_netns();
	struct err err = { 0 };
	char name[IFNAMSIZ];

	veth_host_name(&w->web, name);
	make_link(name, "veth", "mine", 0);
	assert_int_equal(netns_attach(&w->web, &lease, ns, &err), -EEXIST);
	assert_string_equal(get_link(name).alias, "mine");
	drop_link(name);
	release(&w->web, &lease);
	assert_nothing_left(w);
}

static void attach__veth_name_taken__refused_and_kept(void **state)
{
	struct world *w = *state;
	struct netns_lease lease = acquire(&w->web, &w->spec);
	struct err err = { 0 };
	char name[IFNAMSIZ], text[128];
	int ns = new_netns();

	veth_host_name(&w->web, name);
	make_link(name, "bridge", "mine", 0);
	snprintf(text, sizeof(text), "link '%s' is there and not the veth of pod 'web'", name);
	assert_int_equal(netns_attach(&w->web, &lease, ns, &err), -EEXIST);
	assert_string_equal(err.msg, text);
	close(ns);
	/* The rest goes all the same. */
	assert_int_equal(netns_release(&w->web, &lease, &err), -EEXIST);
	assert_int_equal(if_nametoindex("podd0"), 0);
	drop_link(name);
	assert_nothing_left(w);
}

static void acquire__other_subnet_in_use__ebusy_names_both(void **state)
{
	struct world *w = *state;
	struct netns_lease lease = acquire(&w->web, &w->spec), none;
	struct err err = { 0 };

	w->spec.subnet = IP(10, 99, 0, 0);
	assert_int_equal(netns_acquire(&none, &w->db, &w->spec, &err), -EBUSY);
	assert_string_equal(err.msg, "bridge 'podd0' serves 10.88.0.0/24 to other pods, not "
				     "10.99.0.0/24: set another Bridge=");
	release(&w->web, &lease);
	assert_nothing_left(w);
}

static void acquire__operators_bridge__used_and_kept(void **state)
{
	struct world *w = *state;
	struct netns_lease lease;
	cleanup_close int host = -EBADF;
	int ns;

	make_link("podd0", "bridge", "", IP(10, 88, 0, 2));
	lease = acquire(&w->web, &w->spec);
	assert_int_equal(lease.gateway, IP(10, 88, 0, 2));
	assert_int_equal(lease.address, IP(10, 88, 0, 1));
	assert_int_equal(count_nft_tables(), 0);
	ns = attach(&w->web, &lease);
	open_ns(&host);
	assert_tcp(host, ns, lease.address);
	close(ns);
	release(&w->web, &lease);
	assert_int_equal(count_links(), 2);
	drop_link("podd0");
	assert_nothing_left(w);
}

static void assert_refused(struct world *w, int code, const char *msg)
{
	struct netns_lease lease = { .lock_fd = -7 };
	struct err err = { 0 };

	assert_int_equal(netns_acquire(&lease, &w->web, &w->spec, &err), -code);
	assert_string_equal(err.msg, msg);
	assert_int_equal(lease.lock_fd, -7); /* not touched */
	assert_int_equal(count_links(), 2);
	drop_link("podd0");
	assert_nothing_left(w);
}

static void acquire__operators_bridge_without_address__refused(void **state)
{
	make_link("podd0", "bridge", "", IP(10, 77, 0, 1));
	assert_refused(*state, EADDRNOTAVAIL,
		       "bridge 'podd0', which podd did not make: no address in 10.88.0.0/24");
}

static void acquire__bridge_of_other_root__refused(void **state)
{
	make_link("podd0", "bridge", "podd:/srv/two", IP(10, 88, 0, 1));
	assert_refused(*state, EBUSY,
		       "bridge 'podd0' belongs to the podd of '/srv/two': set another Bridge=");
}

static void acquire__link_is_no_bridge__refused(void **state)
{
	struct world *w = *state;
	cleanup_close int sock = netlink_socket(NETLINK_ROUTE);
	struct netns_lease lease;
	struct err err = { 0 };
	int far = new_netns();

	make_veth(sock, "uplink", far);
	strcpy(w->spec.bridge, "uplink");
	assert_int_equal(netns_acquire(&lease, &w->web, &w->spec, &err), -EEXIST);
	assert_string_equal(err.msg, "link 'uplink' is not a bridge: set another Bridge=");
	drop_link("uplink");
	close(far);
	assert_nothing_left(w);
}

static void acquire__name_with_slash__refused(void **state)
{
	struct world *w = *state;
	struct netns_lease lease;
	struct err err = { 0 };

	strcpy(w->spec.bridge, "../x");
	assert_int_equal(netns_acquire(&lease, &w->web, &w->spec, &err), -EINVAL);
	assert_string_equal(err.msg, "bridge '../x': not the name of a link");
	assert_nothing_left(w);
}

static int without_nftables(struct world *w, int arg)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NETLINK_NETFILTER, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPROTONOSUPPORT),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { ARRAY_SIZE(code), code };
	struct netns_lease lease;
	struct err err = { 0 };

	(void)arg;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, 2, &prog))
		return 2;
	if (netns_acquire(&lease, &w->web, &w->spec, &err) != -EPROTONOSUPPORT)
		return 3;
	return strcmp(err.msg,
		      "firewall of bridge 'podd0': the kernel lacks nftables NAT or filter "
		      "(nf_tables, nft_chain_nat, nft_masq, nft_ct): Protocol not supported") != 0;
}

static void acquire__kernel_without_nftables__error_names_it(void **state)
{
	struct world *w = *state;

	assert_ends_well(run_process(without_nftables, w, 0));
	assert_nothing_left(w);
}

static int with_read_only_sysctl(struct world *w, int arg)
{
	struct netns_lease lease;
	struct err err = { 0 };

	(void)arg;
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("/proc/sys/net/ipv4", "/proc/sys/net/ipv4", NULL, MS_BIND, NULL) < 0 ||
	    mount(NULL, "/proc/sys/net/ipv4", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) < 0)
		return 2;
	if (netns_acquire(&lease, &w->web, &w->spec, &err) != -EROFS)
		return 3;
	return strcmp(err.msg, "forward packets of bridge 'podd0': open "
			       "'/proc/sys/net/ipv4/ip_forward': Read-only file system") != 0;
}

static void acquire__forwarding_off_and_read_only__error_names_it(void **state)
{
	struct world *w = *state;

	assert_int_equal(io_write_file(AT_FDCWD, "/proc/sys/net/ipv4/ip_forward", "0", NULL), 0);
	assert_ends_well(run_process(with_read_only_sysctl, w, 0));
	assert_nothing_left(w);
}

/* Two more ports: both ends of a veth pair. */
static int add_ports(int sock, int i, int bridge_index, struct err *err)
{
	cleanup_batch struct netlink_batch b = { 0 };
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };
	struct nlattr *info, *data, *peer;
	char near[IFNAMSIZ], far[IFNAMSIZ];

	snprintf(near, sizeof(near), "near%d", i);
	snprintf(far, sizeof(far), "far%d", i);
	netlink_add(&b, RTM_NEWLINK, NETLINK_ACKED | NLM_F_CREATE | NLM_F_EXCL, "make ports");
	netlink_head(&b, &ifi, sizeof(ifi));
	netlink_put_str(&b, IFLA_IFNAME, near);
	netlink_put_u32(&b, IFLA_MASTER, (uint32_t)bridge_index);
	info = netlink_nest(&b, IFLA_LINKINFO);
	netlink_put_str(&b, IFLA_INFO_KIND, "veth");
	data = netlink_nest(&b, IFLA_INFO_DATA);
	peer = netlink_nest(&b, VETH_INFO_PEER);
	netlink_head(&b, &ifi, sizeof(ifi));
	netlink_put_str(&b, IFLA_IFNAME, far);
	netlink_nest_end(&b, peer);
	netlink_nest_end(&b, data);
	netlink_nest_end(&b, info);
	netlink_add(&b, RTM_SETLINK, NETLINK_ACKED, "make port");
	netlink_head(&b, &ifi, sizeof(ifi));
	netlink_put_str(&b, IFLA_IFNAME, far);
	netlink_put_u32(&b, IFLA_MASTER, (uint32_t)bridge_index);
	return netlink_batch_run(&b, sock, err);
}

/* Leaves its thousand links to the end of its namespace. */
static void attach__bridge_with_1023_ports__exfull_says_so(void **state)
{
	struct world *w = *state;
	struct netns_lease lease = acquire(&w->web, &w->spec);
	cleanup_close int sock = netlink_socket(NETLINK_ROUTE), ns = new_netns();
	int index = get_link("podd0").index, r = 0, i;
	struct err err = { 0 };

	for (i = 0; r == 0; i++)
		r = add_ports(sock, i, index, &err);
	assert_int_equal(r, -EXFULL);
	assert_int_equal(i, 512);
	assert_int_equal(netns_attach(&w->web, &lease, ns, &err), -EXFULL);
	assert_string_equal(err.msg,
			    "bridge 'podd0' is full: the kernel gives a bridge 1023 ports");
	release(&w->web, &lease);
	assert_int_equal(if_nametoindex("podd0"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		netns_test(acquire__no_bridge__made_marked_and_up),
		netns_test(release__two_pods__bridge_goes_with_last),
		netns_test(release__namespace_still_held__veth_gone),
		netns_test(release__mode_without_bridge__nothing_done),
		netns_test(acquire__no_descriptor_at_any_step__nothing_left),
		netns_test(attach__no_descriptor_at_any_step__nothing_left),
		netns_test(attach__done__only_the_lease_is_open),
		netns_test(attach__not_a_namespace__error_and_nothing_left),
		netns_test(attach__bridge_was_removed__error_says_so),
		netns_test(attach__veth_name_taken_by_veth__refused_and_untouched),
		netns_test(attach__veth_name_taken__refused_and_kept),
		netns_test(acquire__other_subnet_in_use__ebusy_names_both),
		netns_test(acquire__operators_bridge__used_and_kept),
		netns_test(acquire__operators_bridge_without_address__refused),
		netns_test(acquire__bridge_of_other_root__refused),
		netns_test(acquire__link_is_no_bridge__refused),
		netns_test(acquire__name_with_slash__refused),
		netns_test(acquire__kernel_without_nftables__error_names_it),
		netns_test(acquire__forwarding_off_and_read_only__error_names_it),
		netns_test(attach__bridge_with_1023_ports__exfull_says_so),
	};

	return run_netns_group("netns", tests);
}
