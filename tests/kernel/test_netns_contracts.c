/* SPDX-License-Identifier: MIT */
/* What netns/ relies on of the kernel: the first suspect on a new one. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/fd.h"
#include "base/io.h"
#include "netns/link.h"
#include "netns/netlink.h"

static int open_ns(void *arg)
{
	*(int *)arg = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	return *(int *)arg < 0;
}

static int new_netns(void)
{
	int fd = -EBADF;

	assert_int_equal(child_call(&(struct child_args){ .flags = CLONE_NEWNET },
				    open_ns, &fd), 0);
	return fd;
}

static int set_up(void **state)
{
	(void)state;
	return unshare(CLONE_NEWNET);
}

struct inside {
	int ns, sock;
};

static int open_inside(void *arg)
{
	struct inside *in = arg;

	if (setns(in->ns, CLONE_NEWNET) < 0)
		return 1;
	in->sock = netlink_socket(NETLINK_ROUTE);
	return in->sock < 0;
}

static int socket_inside(int ns)
{
	struct inside in = { ns, -EBADF };

	assert_int_equal(child_call(NULL, open_inside, &in), 0);
	return in.sock;
}

struct pair {
	int index, peer_index; /* asked for, or 0 */
	unsigned peer_flags;
	const char *alias;
};

static int create_pair(int sock, int ns, const struct pair *p)
{
	cleanup_batch struct netlink_batch b = { 0 };
	struct ifinfomsg ifi = { .ifi_index = p->index }, far = { .ifi_index = p->peer_index };
	struct nlattr *info, *data, *peer;

	far.ifi_flags = far.ifi_change = p->peer_flags;
	netlink_add(&b, RTM_NEWLINK, NETLINK_ACKED | NLM_F_CREATE | NLM_F_EXCL, "create pair");
	netlink_head(&b, &ifi, sizeof(ifi));
	netlink_put_str(&b, IFLA_IFNAME, "near");
	if (p->alias)
		netlink_put_str(&b, IFLA_IFALIAS, p->alias);
	info = netlink_nest(&b, IFLA_LINKINFO);
	netlink_put_str(&b, IFLA_INFO_KIND, "veth");
	data = netlink_nest(&b, IFLA_INFO_DATA);
	peer = netlink_nest(&b, VETH_INFO_PEER);
	netlink_head(&b, &far, sizeof(far));
	netlink_put_str(&b, IFLA_IFNAME, "far");
	netlink_put_u32(&b, IFLA_NET_NS_FD, (uint32_t)ns);
	netlink_nest_end(&b, peer);
	netlink_nest_end(&b, data);
	netlink_nest_end(&b, info);
	return netlink_batch_run(&b, sock, NULL);
}

static void veth__peer_with_namespace__born_inside_only(void **state)
{
	cleanup_close int sock = netlink_socket(NETLINK_ROUTE), ns = new_netns();
	cleanup_close int inside = socket_inside(ns);
	struct pair p = { 0 };
	struct link link;

	(void)state;
	assert_int_equal(create_pair(sock, ns, &p), 0);
	assert_int_equal(link_get(sock, "near", &link, NULL), 0);
	assert_int_equal(link_get(sock, "far", &link, NULL), -ENODEV);
	/* A socket stays in the namespace where it was opened. */
	assert_int_equal(link_get(inside, "far", &link, NULL), 0);
	assert_int_equal(link_get(inside, "near", &link, NULL), -ENODEV);
}

static void veth__peer_up_in_the_create_message__enotconn(void **state)
{
	cleanup_close int sock = netlink_socket(NETLINK_ROUTE), ns = new_netns();
	struct pair p = { .peer_flags = IFF_UP };
	struct link link;

	(void)state;
	assert_int_equal(create_pair(sock, ns, &p), -ENOTCONN);
	assert_int_equal(link_get(sock, "near", &link, NULL), -ENODEV);
}

static void veth__peer_index__honoured_with_the_hosts_index_only(void **state)
{
	static const struct pair cases[] = {
		{ .index = 4711, .peer_index = 4712 },
		{ .peer_index = 4712 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_close int sock = netlink_socket(NETLINK_ROUTE), ns = new_netns();
		cleanup_close int inside = socket_inside(ns);
		struct link link;

		assert_int_equal(create_pair(sock, ns, &cases[i]), 0);
		assert_int_equal(link_get(inside, "far", &link, NULL), 0);
		if (cases[i].index)
			assert_int_equal(link.index, 4712);
		else
			assert_int_not_equal(link.index, 4712);
		assert_int_equal(link_remove(sock, "near", NULL), 0);
	}
}

static void link__alias_in_the_create_message__ignored(void **state)
{
	cleanup_close int sock = netlink_socket(NETLINK_ROUTE), ns = new_netns();
	struct pair p = { .alias = "web" };
	struct link link;

	(void)state;
	assert_int_equal(create_pair(sock, ns, &p), 0);
	assert_int_equal(link_get(sock, "near", &link, NULL), 0);
	assert_string_equal(link.alias, "");
}

static void veth__namespace_dropped__host_end_goes_by_itself(void **state)
{
	cleanup_close int sock = netlink_socket(NETLINK_ROUTE);
	cleanup_close int events = netlink_socket(NETLINK_ROUTE);
	struct sockaddr_nl all_links = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	struct pollfd pfd = { .fd = events, .events = POLLIN };
	struct pair p = { 0 };
	struct link link;
	int ns = new_netns();

	(void)state;
	assert_int_equal(create_pair(sock, ns, &p), 0);
	assert_int_equal(bind(events, (void *)&all_links, sizeof(all_links)), 0);
	close(ns);
	while (link_get(sock, "near", &link, NULL) == 0) {
		char drop[1];

		assert_int_equal(poll(&pfd, 1, 60000), 1);
		while (recv(events, drop, 1, MSG_DONTWAIT | MSG_TRUNC) >= 0)
			;
	}
}

static void rtnetlink__first_message_fails__second_done(void **state)
{
	cleanup_close int sock = netlink_socket(NETLINK_ROUTE);
	cleanup_batch struct netlink_batch b = { 0 };
	struct ifinfomsg ifi = { .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	struct err err = { 0 };
	struct link link;

	(void)state;
	netlink_add(&b, RTM_SETLINK, NETLINK_ACKED, "first");
	netlink_head(&b, &ifi, sizeof(ifi));
	netlink_put_str(&b, IFLA_IFNAME, "none");
	netlink_add(&b, RTM_SETLINK, NETLINK_ACKED, "second");
	netlink_head(&b, &ifi, sizeof(ifi));
	netlink_put_str(&b, IFLA_IFNAME, "lo");
	assert_int_equal(netlink_batch_run(&b, sock, &err), -ENODEV);
	assert_string_equal(err.msg, "first: No such device");
	assert_int_equal(link_get(sock, "lo", &link, NULL), 0);
	assert_true(link.admin_up);
}

static void rtnetlink__unknown_kind__explained_by_the_kernel(void **state)
{
	cleanup_close int sock = netlink_socket(NETLINK_ROUTE);
	cleanup_batch struct netlink_batch b = { 0 };
	struct ifinfomsg ifi = { 0 };
	struct err err = { 0 };
	struct nlattr *info;

	(void)state;
	netlink_add(&b, RTM_NEWLINK, NETLINK_ACKED | NLM_F_CREATE, "create 'x'");
	netlink_head(&b, &ifi, sizeof(ifi));
	netlink_put_str(&b, IFLA_IFNAME, "x");
	info = netlink_nest(&b, IFLA_LINKINFO);
	netlink_put_str(&b, IFLA_INFO_KIND, "nosuchkind");
	netlink_nest_end(&b, info);
	assert_int_equal(netlink_batch_run(&b, sock, &err), -EOPNOTSUPP);
	assert_string_equal(err.msg, "create 'x': Unknown device type (Operation not supported)");
}

static void add_table(struct netlink_batch *b, int type, const char *name)
{
	struct nfgenmsg nfg = { .nfgen_family = 2 };

	netlink_add(b, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), NETLINK_ACKED, "table %s",
		    name);
	netlink_head(b, &nfg, sizeof(nfg));
	netlink_put_str(b, NFTA_TABLE_NAME, name);
}

static void add_marker(struct netlink_batch *b, uint16_t type)
{
	struct nfgenmsg nfg = { .res_id = htons(NFNL_SUBSYS_NFTABLES) };

	netlink_add(b, type, NLM_F_REQUEST, "marker");
	netlink_head(b, &nfg, sizeof(nfg));
}

static void nftables__one_message_of_a_batch_fails__none_done(void **state)
{
	cleanup_close int sock = netlink_socket(NETLINK_NETFILTER);
	cleanup_batch struct netlink_batch b = { 0 };

	(void)state;
	if (sock < 0) {
		print_message("no nfnetlink: %s\n", strerror(errno));
		skip();
	}
	add_marker(&b, NFNL_MSG_BATCH_BEGIN);
	add_table(&b, NFT_MSG_NEWTABLE, "one");
	add_table(&b, NFT_MSG_DELTABLE, "none");
	add_marker(&b, NFNL_MSG_BATCH_END);
	assert_int_equal(netlink_batch_run(&b, sock, NULL), -ENOENT);
	netlink_batch_done(&b);
	add_table(&b, NFT_MSG_GETTABLE, "one");
	assert_int_equal(netlink_batch_run(&b, sock, NULL), -ENOENT);
}

struct sysctl {
	int ns;
	char text[8];
};

static int write_sysctl(void *arg)
{
	struct sysctl *s = arg;

	return setns(s->ns, CLONE_NEWNET) < 0 ||
	       io_write_file(AT_FDCWD, "/proc/sys/net/ipv4/ip_forward", s->text, NULL) < 0;
}

static void proc_sys_net__two_namespaces__that_of_the_opener(void **state)
{
	struct sysctl here = { new_netns(), "1" }, there = { new_netns(), "0" };
	char text[8];

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(child_call(NULL, write_sysctl, &here), 0);
		assert_int_equal(child_call(NULL, write_sysctl, &there), 0);
	}
	assert_int_equal(setns(here.ns, CLONE_NEWNET), 0);
	assert_true(io_read_file(AT_FDCWD, "/proc/sys/net/ipv4/ip_forward", text, 8, NULL) > 0);
	assert_string_equal(text, "1\n");
	assert_int_equal(setns(there.ns, CLONE_NEWNET), 0);
	assert_true(io_read_file(AT_FDCWD, "/proc/sys/net/ipv4/ip_forward", text, 8, NULL) > 0);
	assert_string_equal(text, "0\n");
	close(here.ns);
	close(there.ns);
}

static void flock__inherited_descriptor__held_until_the_last_is_closed(void **state)
{
	char path[] = "/tmp/podd-test-XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC), other = open(path, O_RDONLY | O_CLOEXEC), end[2];
	pid_t pid;

	(void)state;
	assert_true(fd >= 0 && other >= 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(pipe2(end, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		char c;

		close(end[1]);
		_exit(read(end[0], &c, 1) != 0);
	}
	close(fd); /* podd dies, the pause lives */
	assert_int_equal(flock(other, LOCK_EX | LOCK_NB), -1);
	assert_int_equal(errno, EWOULDBLOCK);
	close(end[1]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(flock(other, LOCK_EX | LOCK_NB), 0);
	close(other);
	close(end[0]);
}

static int nothing(void *arg)
{
	(void)arg;
	return 0;
}

static void netns__not_permitted__skipped(void **state)
{
	(void)state;
	print_message("no network namespace: %s\n",
		      strerror(-child_call(&(struct child_args){ .flags = CLONE_NEWNET },
					   nothing, NULL)));
	skip();
}

int main(void)
{
#define netns_test(f) cmocka_unit_test_setup(f, set_up)
	const struct CMUnitTest tests[] = {
		netns_test(veth__peer_with_namespace__born_inside_only),
		netns_test(veth__peer_up_in_the_create_message__enotconn),
		netns_test(veth__peer_index__honoured_with_the_hosts_index_only),
		netns_test(link__alias_in_the_create_message__ignored),
		netns_test(veth__namespace_dropped__host_end_goes_by_itself),
		netns_test(rtnetlink__first_message_fails__second_done),
		netns_test(rtnetlink__unknown_kind__explained_by_the_kernel),
		netns_test(nftables__one_message_of_a_batch_fails__none_done),
		netns_test(proc_sys_net__two_namespaces__that_of_the_opener),
		cmocka_unit_test(flock__inherited_descriptor__held_until_the_last_is_closed),
	};
	const struct CMUnitTest none[] = {
		cmocka_unit_test(netns__not_permitted__skipped),
	};

	if (child_call(&(struct child_args){ .flags = CLONE_NEWNET }, nothing, NULL) != 0)
		return cmocka_run_group_tests_name("netns contracts", none, NULL, NULL);
	return cmocka_run_group_tests_name("netns contracts", tests, NULL, NULL);
}
