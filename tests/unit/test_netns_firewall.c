/* SPDX-License-Identifier: MIT */
/* netns/: what does not get through to a pod, nor through the host. */
#include "tests/unit/test_netns_world.h"

#define NEAR  IP(203, 0, 113, 0)
#define THIRD IP(198, 51, 100, 0)

static void forward__neighbour_with_a_route__reaches_no_pod_and_is_reached(void **state)
{
	struct world *w = *state;
	struct netns_lease web = acquire(&w->web, &w->spec);
	cleanup_close int host = -EBADF, near = new_netns(), ns = attach(&w->web, &web);

	open_ns(&host);
	make_neighbour("near", near, NEAR);
	assert_no_tcp(near, ns, web.address);
	assert_tcp(ns, near, NEAR + 2);
	assert_tcp(host, ns, web.address);
	assert_no_tcp(near, ns, web.address);
	drop_link("near");
	release(&w->web, &web);
	assert_nothing_left(w);
}

static void forward__operator_routes__reaches_no_pod_either(void **state)
{
	struct world *w = *state;
	cleanup_close int near = new_netns(), ns = -EBADF;
	struct netns_lease web;

	set_forwarding(true);
	web = acquire(&w->web, &w->spec);
	ns = attach(&w->web, &web);
	make_neighbour("near", near, NEAR);
	assert_no_tcp(near, ns, web.address);
	assert_tcp(ns, near, NEAR + 2);
	drop_link("near");
	release(&w->web, &web);
	assert_nothing_left(w);
}

static void forward__pods_of_two_bridges__do_not_reach_each_other(void **state)
{
	struct world *w = *state;
	struct netns_spec second = { .bridge = "podd1", .subnet = IP(10, 89, 0, 0),
				     .prefix_len = 24 };
	struct netns_pod far = w->web;
	struct netns_lease web = acquire(&w->web, &w->spec), db = acquire(&w->db, &w->spec), shop;
	cleanup_close int host = -EBADF, web_ns = attach(&w->web, &web);
	cleanup_close int db_ns = attach(&w->db, &db), shop_ns = -EBADF;

	far.name = "shop";
	shop = acquire(&far, &second);
	shop_ns = attach(&far, &shop);
	open_ns(&host);
	assert_no_tcp(web_ns, shop_ns, shop.address);
	assert_no_tcp(shop_ns, web_ns, web.address);
	assert_tcp(web_ns, db_ns, db.address);
	assert_tcp(host, shop_ns, shop.address);
	assert_tcp(host, web_ns, web.address);
	release(&w->web, &web);
	release(&w->db, &db);
	assert_int_equal(count_nft_tables(), 1);
	release(&far, &shop);
	assert_nothing_left(w);
}

/* What bridges switch passes the hooks of IPv4, as other engines have it. */
static void switch_br_netfilter_on(void)
{
	struct err err = { 0 };

	if (io_write_file(AT_FDCWD, "/proc/sys/net/bridge/bridge-nf-call-iptables", "1", &err) == 0)
		return;
	print_message("%s\n", err.msg);
	skip();
}

static void forward__br_netfilter__pods_of_one_bridge_reach_each_other(void **state)
{
	struct world *w = *state;
	struct netns_lease web, db;
	int web_ns, db_ns;

	switch_br_netfilter_on();
	web = acquire(&w->web, &w->spec);
	db = acquire(&w->db, &w->spec);
	web_ns = attach(&w->web, &web);
	db_ns = attach(&w->db, &db);
	assert_tcp(web_ns, db_ns, db.address);
	close(web_ns);
	close(db_ns);
	release(&w->web, &web);
	release(&w->db, &db);
	assert_nothing_left(w);
}

/* A machine at a port of the operator's bridge. */
static int add_machine(const char *port, const char *bridge, uint32_t address)
{
	cleanup_close int sock = netlink_socket(NETLINK_ROUTE);
	cleanup_batch struct netlink_batch b = { 0 };
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };
	struct netns_lease lease = { .address = address, .prefix_len = 24,
				     .gateway = (address & 0xffffff00) + 1 };
	int ns = new_netns();
	cleanup_close int inside = socket_in(ns, AF_NETLINK, SOCK_RAW);
	struct err err = { 0 };

	make_veth(sock, port, ns);
	netlink_add(&b, RTM_SETLINK, NETLINK_ACKED, "port %s", port);
	netlink_head(&b, &ifi, sizeof(ifi));
	netlink_put_str(&b, IFLA_IFNAME, port);
	netlink_put_u32(&b, IFLA_MASTER, if_nametoindex(bridge));
	if (netlink_batch_run(&b, sock, &err) < 0 || veth_configure(inside, &lease, &err) < 0 ||
	    link_wait_operational(sock, port, &err) < 0 ||
	    link_wait_operational(sock, bridge, &err) < 0)
		fail_msg("%s", err.msg);
	return ns;
}

/* Two networks of the operator's on bridges, one of them with two machines. */
static void forward__operators_bridges__switched_but_not_routed(void **state)
{
	struct world *w = *state;
	struct netns_lease web;
	cleanup_close int one = -EBADF, two = -EBADF, third = -EBADF;

	switch_br_netfilter_on();
	set_forwarding(false);
	make_link("own0", "bridge", "", NEAR + 1);
	make_link("own1", "bridge", "", THIRD + 1);
	one = add_machine("one", "own0", NEAR + 2);
	two = add_machine("two", "own0", NEAR + 3);
	third = add_machine("third", "own1", THIRD + 2);
	web = acquire(&w->web, &w->spec);
	assert_tcp(one, two, NEAR + 3);
	assert_no_tcp(one, third, THIRD + 2);
	assert_no_tcp(third, one, NEAR + 2);
	release(&w->web, &web);
	assert_tcp(one, two, NEAR + 3);
	assert_no_tcp(one, third, THIRD + 2);
	for (int i = 0; i < 2; i++)
		drop_link(i ? "own0" : "own1");
	for (int i = 0; i < 3; i++)
		drop_link((const char *const[]){ "one", "two", "third" }[i]);
	assert_nothing_left(w);
}

/* Two networks that the host is in, and the pod "web", over a test. */
struct two_networks {
	int near, third;
};

static struct two_networks make_networks(void)
{
	struct two_networks n = { new_netns(), new_netns() };

	make_neighbour("near", n.near, NEAR);
	make_neighbour("third", n.third, THIRD);
	return n;
}

static void drop_networks(struct two_networks n)
{
	drop_link("near");
	drop_link("third");
	close(n.near);
	close(n.third);
}

static void router__podd_turned_forwarding_on__networks_stay_apart(void **state)
{
	struct world *w = *state;
	struct netns_pod other = { .net_dirfd = w->net_dirfd, .owner = "/tmp/two", .name = "db" };
	struct netns_spec second = { .bridge = "podd1", .subnet = IP(10, 89, 0, 0),
				     .prefix_len = 24 };
	struct two_networks n = make_networks();
	struct netns_lease web, db;
	char text[8];
	int ns;

	set_forwarding(false);
	assert_no_tcp(n.near, n.third, THIRD + 2);
	web = acquire(&w->web, &w->spec);
	ns = attach(&w->web, &web);
	assert_no_tcp(n.near, n.third, THIRD + 2);
	assert_tcp(ns, n.third, THIRD + 2);
	/* A podd that comes later finds it on, and the first one's end leaves it on. */
	db = acquire(&other, &second);
	close(ns);
	release(&w->web, &web);
	assert_no_tcp(n.near, n.third, THIRD + 2);
	release(&other, &db);
	assert_true(io_read_file(AT_FDCWD, "/proc/sys/net/ipv4/ip_forward", text, 8, NULL) > 0);
	assert_string_equal(text, "1\n");
	assert_no_tcp(n.near, n.third, THIRD + 2);
	assert_no_tcp(n.third, n.near, NEAR + 2);
	drop_networks(n);
	assert_nothing_left(w);
}

static void router__forwarding_was_on__host_routes_on(void **state)
{
	struct world *w = *state;
	struct two_networks n = make_networks();
	struct netns_lease web;

	set_forwarding(true);
	assert_tcp(n.near, n.third, THIRD + 2);
	web = acquire(&w->web, &w->spec);
	assert_tcp(n.near, n.third, THIRD + 2);
	release(&w->web, &web);
	assert_tcp(n.near, n.third, THIRD + 2);
	drop_networks(n);
	assert_nothing_left(w);
}

/* By the next start, and for a pod that goes on by the next podd. */
static void router__ruleset_was_flushed__networks_apart_again(void **state)
{
	struct world *w = *state;
	struct two_networks n = make_networks();
	struct err err = { 0 };
	struct netns_lease web;
	int ns;

	set_forwarding(false);
	web = acquire(&w->web, &w->spec);
	ns = attach(&w->web, &web);
	flush_nft_ruleset();
	assert_tcp(n.near, n.third, THIRD + 2);
	assert_tcp(n.near, ns, web.address);
	assert_int_equal(netns_restore(&w->web, &web, &err), 0);
	assert_no_tcp(n.near, n.third, THIRD + 2);
	assert_no_tcp(n.near, ns, web.address);
	close(ns);
	release(&w->web, &web);
	flush_nft_ruleset();
	web = acquire(&w->web, &w->spec);
	assert_no_tcp(n.near, n.third, THIRD + 2);
	release(&w->web, &web);
	drop_networks(n);
	assert_nothing_left(w);
}

/* Killed when the tables were there, and forwarding was off yet. */
static void router__killed_before_forwarding__next_start_turns_it_on(void **state)
{
	struct world *w = *state;
	struct two_networks n = make_networks();
	struct err err = { 0 };
	struct netns_lease web;
	int ns;

	set_forwarding(false);
	assert_int_equal(firewall_create(&w->spec, FORWARDING_OFF, &err), 0);
	web = acquire(&w->web, &w->spec);
	ns = attach(&w->web, &web);
	assert_int_equal(count_nft_tables(), 1);
	assert_tcp(ns, n.third, THIRD + 2);
	assert_no_tcp(n.near, n.third, THIRD + 2);
	close(ns);
	release(&w->web, &web);
	drop_networks(n);
	assert_nothing_left(w);
}

#define PODDS 6

static int start_line[2];

/* A podd of its own root: no lock is shared. */
static int start_and_stop(struct world *w, int i)
{
	char root[8], owner[16], c;
	struct netns_pod pod = { .owner = owner, .name = "web" };
	struct netns_lease lease = NETNS_LEASE_NONE;

	(void)snprintf(root, sizeof(root), "%d", i);
	(void)snprintf(owner, sizeof(owner), "/tmp/%d", i);
	(void)snprintf(w->spec.bridge, sizeof(w->spec.bridge), "podd%d", i);
	w->spec.subnet = IP(10, 88, 0, 0) + ((uint32_t)i << 8);
	close(start_line[1]);
	if (mkdirat(w->net_dirfd, root, 0700) < 0)
		return 2;
	pod.net_dirfd = openat(w->net_dirfd, root, O_DIRECTORY | O_CLOEXEC);
	(void)!read(start_line[0], &c, 1); /* the starting shot is end of file */
	if (netns_acquire(&lease, &pod, &w->spec, NULL) < 0)
		return 3;
	if (netns_release(&pod, &lease, NULL) < 0)
		return 4;
	return unlinkat(w->net_dirfd, root, AT_REMOVEDIR) < 0 ? 5 : 0;
}

static void count_rule(struct nlmsghdr *nlh, void *arg)
{
	if ((nlh->nlmsg_type & 0xff) == NFT_MSG_NEWRULE)
		++*(unsigned *)arg;
}

static unsigned count_rules(void)
{
	unsigned n = 0;
	cleanup_close int sock = netlink_socket(NETLINK_NETFILTER);
	cleanup_batch struct netlink_batch b = { .on_reply = count_rule, .arg = &n };
	struct nfgenmsg nfg = { .nfgen_family = AF_UNSPEC };

	netlink_add(&b, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETRULE, NLM_F_REQUEST | NLM_F_DUMP,
		    "list rules");
	netlink_head(&b, &nfg, sizeof(nfg));
	assert_int_equal(netlink_batch_run(&b, sock, NULL), 0);
	return n;
}

static void router__podds_at_once__one_table(void **state)
{
	struct world *w = *state;
	struct two_networks n = make_networks();

	for (int round = 0; round < 4; round++) {
		pid_t pids[PODDS];

		flush_nft_ruleset();
		set_forwarding(false);
		assert_int_equal(pipe2(start_line, O_CLOEXEC), 0);
		for (int i = 0; i < PODDS; i++)
			pids[i] = run_process(start_and_stop, w, i);
		close(start_line[1]);
		for (int i = 0; i < PODDS; i++)
			assert_ends_well(pids[i]);
		close(start_line[0]);
		assert_int_equal(count_rules(), 5);
	}
	assert_no_tcp(n.near, n.third, THIRD + 2);
	drop_networks(n);
	assert_nothing_left(w);
}

static void set_group(const char *name, uint32_t group)
{
	cleanup_close int sock = netlink_socket(NETLINK_ROUTE);
	cleanup_batch struct netlink_batch b = { 0 };
	struct ifinfomsg ifi = { .ifi_index = (int)if_nametoindex(name) };

	netlink_add(&b, RTM_SETLINK, NETLINK_ACKED, "group");
	netlink_head(&b, &ifi, sizeof(ifi));
	netlink_put_u32(&b, IFLA_GROUP, group);
	assert_int_equal(netlink_batch_run(&b, sock, NULL), 0);
}

/* An older podd's: a bridge of no group, a table without the chain. */
static void make_older(const char *bridge, const char *table)
{
	cleanup_close int sock = netlink_socket(NETLINK_NETFILTER);
	cleanup_batch struct netlink_batch b = { 0 };
	struct err err = { 0 };

	set_group(bridge, 0);
	flush_nft_ruleset();
	nft_begin(&b);
	nft_table(&b, NFT_MSG_NEWTABLE, NLM_F_CREATE, table);
	nft_commit(&b);
	if (netlink_batch_run(&b, sock, &err) < 0)
		fail_msg("%s", err.msg);
}

static void acquire__table_of_an_older_podd__has_all_chains(void **state)
{
	struct world *w = *state;
	struct netns_lease web = acquire(&w->web, &w->spec), db;
	cleanup_close int near = new_netns(), ns = attach(&w->web, &web);

	make_older("podd0", "podd-podd0");
	make_neighbour("near", near, NEAR);
	assert_tcp(near, ns, web.address);
	db = acquire(&w->db, &w->spec);
	assert_int_equal(get_link("podd0").group, FIREWALL_GROUP);
	assert_int_equal(count_nft_tables(), 1);
	assert_no_tcp(near, ns, web.address);
	assert_tcp(ns, near, NEAR + 2);
	drop_link("near");
	release(&w->web, &web);
	release(&w->db, &db);
	assert_nothing_left(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		netns_test(forward__neighbour_with_a_route__reaches_no_pod_and_is_reached),
		netns_test(forward__operator_routes__reaches_no_pod_either),
		netns_test(forward__pods_of_two_bridges__do_not_reach_each_other),
		netns_test(forward__br_netfilter__pods_of_one_bridge_reach_each_other),
		netns_test(forward__operators_bridges__switched_but_not_routed),
		netns_test(router__podd_turned_forwarding_on__networks_stay_apart),
		netns_test(router__forwarding_was_on__host_routes_on),
		netns_test(router__ruleset_was_flushed__networks_apart_again),
		netns_test(router__killed_before_forwarding__next_start_turns_it_on),
		netns_test(router__podds_at_once__one_table),
		netns_test(acquire__table_of_an_older_podd__has_all_chains),
	};

	return run_netns_group("netns_firewall", tests);
}
