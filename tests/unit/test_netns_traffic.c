/* SPDX-License-Identifier: MIT */
/* netns/: packets between host, pods and the world outside. */
#include "tests/unit/test_netns_world.h"

#include <sys/ioctl.h>

static void attach__two_pods__host_and_pods_talk(void **state)
{
	struct world *w = *state;
	struct netns_lease web = acquire(&w->web, &w->spec), db = acquire(&w->db, &w->spec);
	cleanup_close int host = -EBADF;
	int web_ns = attach(&w->web, &web), db_ns = attach(&w->db, &db);

	open_ns(&host);
	assert_tcp(host, web_ns, web.address);
	assert_tcp(host, db_ns, db.address);
	assert_tcp(web_ns, host, web.gateway);
	assert_tcp(web_ns, db_ns, db.address);
	assert_tcp(web_ns, web_ns, INADDR_LOOPBACK);
	close(web_ns);
	close(db_ns);
	release(&w->web, &web);
	release(&w->db, &db);
	assert_nothing_left(w);
}

/* The first connection after each start is quick: no ARP request got lost. */
static void attach__again_and_again__packets_pass_at_once(void **state)
{
	struct world *w = *state;
	struct netns_lease other = acquire(&w->db, &w->spec);
	cleanup_close int host = -EBADF;

	open_ns(&host);
	for (int i = 0; i < 60; i++) {
		struct netns_lease lease = acquire(&w->web, &w->spec);
		struct sockaddr_in at = endpoint(INADDR_ANY, 80);
		int ns = attach(&w->web, &lease);
		int listener = socket_in(ns, AF_INET, SOCK_STREAM);
		int client = socket_in(host, AF_INET, SOCK_STREAM);
		struct timeval limit = { .tv_usec = 900000 }; /* ARP asks again after 1 s */

		assert_int_equal(setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)),
				 0);
		assert_int_equal(bind(listener, (void *)&at, sizeof(at)), 0);
		assert_int_equal(listen(listener, 1), 0);
		at = endpoint(lease.address, 80);
		assert_int_equal(connect(client, (void *)&at, sizeof(at)), 0);
		close(client);
		close(listener);
		close(ns);
		release(&w->web, &lease);
	}
	release(&w->db, &other);
	assert_nothing_left(w);
}

static void attach__pod__own_mac_alias_and_no_ipv6(void **state)
{
	struct world *w = *state;
	struct netns_lease lease = acquire(&w->web, &w->spec);
	int ns = attach(&w->web, &lease), six = socket_in(ns, AF_INET6, SOCK_DGRAM);
	struct sockaddr_in6 all_nodes = { .sin6_family = AF_INET6, .sin6_port = htons(9) };
	cleanup_close int dgram = socket_in(ns, AF_INET, SOCK_DGRAM);
	struct ifreq ifr = { .ifr_name = "eth0" };
	char name[IFNAMSIZ];
	struct link host;

	veth_host_name(&w->web, name);
	host = get_link(name);
	assert_string_equal(host.alias, "web");
	assert_true(host.operational);
	assert_int_equal(ioctl(dgram, SIOCGIFHWADDR, &ifr), 0);
	assert_memory_equal(ifr.ifr_hwaddr.sa_data, "\x02\x70\x0a\x58\x00\x02", 6);
	assert_int_equal(ioctl(dgram, SIOCGIFINDEX, &ifr), 0);
	inet_pton(AF_INET6, "ff02::1", &all_nodes.sin6_addr);
	all_nodes.sin6_scope_id = (uint32_t)ifr.ifr_ifindex;
	assert_int_equal(sendto(six, "x", 1, 0, (void *)&all_nodes, sizeof(all_nodes)), -1);
	close(six);
	close(ns);
	release(&w->web, &lease);
	assert_nothing_left(w);
}

/* From this host to another one that stands for the internet. */
static void make_uplink(int internet)
{
	make_neighbour("uplink", internet, IP(203, 0, 113, 0));
}

static uint32_t source_seen_outside(int from, int internet)
{
	struct sockaddr_in at = endpoint(IP(203, 0, 113, 2), 7), source = { 0 };
	cleanup_close int server = socket_in(internet, AF_INET, SOCK_DGRAM);
	cleanup_close int client = socket_in(from, AF_INET, SOCK_DGRAM);
	socklen_t n = sizeof(source);
	char buf[8];

	assert_int_equal(bind(server, (void *)&at, sizeof(at)), 0);
	assert_int_equal(connect(client, (void *)&at, sizeof(at)), 0);
	assert_int_equal(send(client, "out", 3, 0), 3);
	assert_int_equal(recvfrom(server, buf, sizeof(buf), 0, (void *)&source, &n), 3);
	/* And the answer finds its way back through the translation. */
	assert_int_equal(sendto(server, "back", 4, 0, (void *)&source, n), 4);
	assert_int_equal(recv(client, buf, sizeof(buf), 0), 4);
	return ntohl(source.sin_addr.s_addr);
}

static void attach__outbound_packet__source_is_the_uplinks(void **state)
{
	struct world *w = *state;
	struct netns_lease lease = acquire(&w->web, &w->spec);
	int ns = attach(&w->web, &lease), internet = new_netns();

	make_uplink(internet);
	assert_int_equal(source_seen_outside(ns, internet), IP(203, 0, 113, 1));
	drop_link("uplink");
	close(ns);
	close(internet);
	release(&w->web, &lease);
	assert_nothing_left(w);
}

static void acquire__ruleset_was_flushed__table_back(void **state)
{
	struct world *w = *state;
	struct netns_lease web = acquire(&w->web, &w->spec), db;
	int ns = attach(&w->web, &web), internet = new_netns();

	flush_nft_ruleset();
	db = acquire(&w->db, &w->spec);
	assert_int_equal(count_nft_tables(), 1);
	make_uplink(internet);
	assert_int_equal(source_seen_outside(ns, internet), IP(203, 0, 113, 1));
	assert_no_tcp(internet, ns, web.address);
	drop_link("uplink");
	close(ns);
	close(internet);
	release(&w->web, &web);
	release(&w->db, &db);
	assert_nothing_left(w);
}

struct peer_up {
	int ns, go;
};

static struct peer_up peer_up;

static int bring_peer_up(struct world *w, int arg)
{
	struct netns_lease far = { .address = IP(203, 0, 113, 2), .prefix_len = 24,
				   .gateway = IP(203, 0, 113, 1) };
	char c;

	(void)w, (void)arg;
	(void)!read(peer_up.go, &c, 1);
	if (setns(peer_up.ns, CLONE_NEWNET) < 0)
		return 2;
	return veth_configure(netlink_socket(NETLINK_ROUTE), &far, NULL) < 0;
}

static void link_wait__peer_comes_up_later__returns_by_event(void **state)
{
	cleanup_close int sock = netlink_socket(NETLINK_ROUTE);
	struct err err = { 0 };
	int go[2];
	pid_t pid;

	peer_up.ns = new_netns();
	make_veth(sock, "uplink", peer_up.ns);
	assert_false(get_link("uplink").operational);
	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	peer_up.go = go[0];
	pid = run_process(bring_peer_up, *state, 0);
	assert_int_equal(write(go[1], "x", 1), 1);
	assert_int_equal(link_wait_operational(sock, "uplink", &err), 0);
	assert_true(get_link("uplink").operational);
	assert_ends_well(pid);
	assert_int_equal(link_wait_operational(sock, "none", &err), -ENODEV);
	assert_string_equal(err.msg, "look for link 'none': No such device");
	close(go[0]);
	close(go[1]);
	close(peer_up.ns);
}

static void loopback_up__fresh_namespace__localhost_answers(void **state)
{
	struct err err = { 0 };
	int ns = new_netns();

	assert_int_equal(netns_loopback_up(ns, &err), 0);
	assert_tcp(ns, ns, INADDR_LOOPBACK);
	close(ns);
	assert_int_equal(netns_loopback_up(((struct world *)*state)->net_dirfd, &err), -EINVAL);
	assert_string_equal(err.msg, "enter the pod's network namespace: Invalid argument");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		netns_test(attach__two_pods__host_and_pods_talk),
		netns_test(attach__again_and_again__packets_pass_at_once),
		netns_test(attach__pod__own_mac_alias_and_no_ipv6),
		netns_test(attach__outbound_packet__source_is_the_uplinks),
		netns_test(acquire__ruleset_was_flushed__table_back),
		netns_test(link_wait__peer_comes_up_later__returns_by_event),
		netns_test(loopback_up__fresh_namespace__localhost_answers),
	};

	return run_netns_group("netns_traffic", tests);
}
