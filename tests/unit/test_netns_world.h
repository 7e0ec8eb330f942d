/* SPDX-License-Identifier: MIT */
/* A host of its own for each test of netns/, and the operator's hands. */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "base/child.h"
#include "base/fd.h"
#include "base/io.h"
#include "netns/firewall.h"
#include "netns/link.h"
#include "netns/netlink.h"
#include "netns/netns.h"
#include "netns/nft.h"
#include "netns/veth.h"

#define IP(a, b, c, d) ((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))

#define netns_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

/* A host of its own for each test: network namespace and lease directory. */
struct world {
	char path[64];
	int net_dirfd;
	struct netns_spec spec;
	struct netns_pod web, db;
};

static inline int open_ns(void *arg)
{
	*(int *)arg = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	return *(int *)arg < 0;
}

static inline int new_netns(void)
{
	int fd = -EBADF;

	assert_int_equal(child_call(&(struct child_args){ .flags = CLONE_NEWNET },
				    open_ns, &fd), 0);
	return fd;
}

struct socket_in {
	int ns, domain, type, fd;
};

static inline int open_socket(void *arg)
{
	struct socket_in *s = arg;

	if (setns(s->ns, CLONE_NEWNET) < 0)
		return 1;
	s->fd = socket(s->domain, s->type | SOCK_CLOEXEC, 0);
	return s->fd < 0;
}

static inline int socket_in(int ns, int domain, int type)
{
	struct socket_in s = { ns, domain, type, -EBADF };
	struct timeval limit = { .tv_sec = 20 }; /* a lost packet must not hang the suite */

	assert_int_equal(child_call(NULL, open_socket, &s), 0);
	assert_int_equal(setsockopt(s.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
	assert_int_equal(setsockopt(s.fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)), 0);
	return s.fd;
}

static inline struct sockaddr_in endpoint(uint32_t address, uint16_t port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port),
				     .sin_addr.s_addr = htonl(address) };
}

static inline int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	strcpy(w->path, "/tmp/podd-test-XXXXXX");
	assert_non_null(mkdtemp(w->path));
	w->net_dirfd = open(w->path, O_DIRECTORY | O_CLOEXEC);
	assert_true(w->net_dirfd >= 0);
	w->spec = (struct netns_spec){ .mode = NETNS_BRIDGE, .bridge = "podd0",
				       .subnet = IP(10, 88, 0, 0), .prefix_len = 24 };
	w->web.net_dirfd = w->db.net_dirfd = w->net_dirfd;
	w->web.owner = w->db.owner = "/tmp/one";
	w->web.name = "web";
	w->db.name = "db";
	*state = w;
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	return 0;
}

static inline int tear_down(void **state)
{
	struct world *w = *state;

	close(w->net_dirfd);
	assert_int_equal(io_remove_tree(AT_FDCWD, w->path, NULL), 0);
	free(w);
	return 0;
}

static inline void count_table(struct nlmsghdr *nlh, void *arg)
{
	struct nlattr *tb[NFTA_TABLE_MAX + 1];

	if ((nlh->nlmsg_type & 0xff) == NFT_MSG_NEWTABLE &&
	    nlmsg_parse(nlh, sizeof(struct nfgenmsg), tb, NFTA_TABLE_MAX, NULL) == 0 &&
	    strcmp(nla_get_string(tb[NFTA_TABLE_NAME]), "podd") != 0)
		++*(unsigned *)arg;
}

/* Without the one against routing, which stays as long as forwarding does. */
static inline unsigned count_nft_tables(void)
{
	unsigned n = 0;
	cleanup_close int sock = netlink_socket(NETLINK_NETFILTER);
	cleanup_batch struct netlink_batch b = { .on_reply = count_table, .arg = &n };
	struct nfgenmsg nfg = { .nfgen_family = AF_UNSPEC };

	netlink_add(&b, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETTABLE, NLM_F_REQUEST | NLM_F_DUMP,
		    "list tables");
	netlink_head(&b, &nfg, sizeof(nfg));
	assert_int_equal(netlink_batch_run(&b, sock, NULL), 0);
	return n;
}

/* As a host is after its boot: @forwards by the operator's will, or not at all. */
static inline void set_forwarding(bool forwards)
{
	const char *value = forwards ? "1" : "0";

	assert_int_equal(io_write_file(AT_FDCWD, "/proc/sys/net/ipv4/conf/all/tag", "0", NULL), 0);
	assert_int_equal(io_write_file(AT_FDCWD, "/proc/sys/net/ipv4/ip_forward", value, NULL), 0);
}

static inline void flush_nft_ruleset(void)
{
	cleanup_close int sock = netlink_socket(NETLINK_NETFILTER);
	cleanup_batch struct netlink_batch b = { 0 };
	struct nfgenmsg nfg = { .res_id = htons(NFNL_SUBSYS_NFTABLES) };

	netlink_add(&b, NFNL_MSG_BATCH_BEGIN, NLM_F_REQUEST, "begin");
	netlink_head(&b, &nfg, sizeof(nfg));
	nfg.res_id = 0;
	netlink_add(&b, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELTABLE, NETLINK_ACKED,
		    "flush ruleset");
	netlink_head(&b, &nfg, sizeof(nfg));
	nfg.res_id = htons(NFNL_SUBSYS_NFTABLES);
	netlink_add(&b, NFNL_MSG_BATCH_END, NLM_F_REQUEST, "end");
	netlink_head(&b, &nfg, sizeof(nfg));
	assert_int_equal(netlink_batch_run(&b, sock, NULL), 0);
	assert_int_equal(count_nft_tables(), 0);
}

static inline unsigned count_links(void)
{
	struct if_nameindex *all = if_nameindex();
	unsigned n = 0;

	assert_non_null(all);
	while (all[n].if_index)
		n++;
	if_freenameindex(all);
	return n;
}

static inline unsigned count_entries(const char *path)
{
	DIR *dir = opendir(path);
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static inline void assert_nothing_left(const struct world *w)
{
	assert_int_equal(count_links(), 1); /* lo */
	assert_int_equal(count_nft_tables(), 0);
	assert_int_equal(count_entries(w->path), 2); /* . and .. */
}

static inline struct link get_link(const char *name)
{
	cleanup_close int sock = netlink_socket(NETLINK_ROUTE);
	struct err err = { 0 };
	struct link link;

	if (link_get(sock, name, &link, &err) < 0)
		fail_msg("%s", err.msg);
	return link;
}

static inline void add_new_link(struct netlink_batch *b, const char *name, const char *kind)
{
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };
	struct nlattr *info;

	netlink_add(b, RTM_NEWLINK, NETLINK_ACKED | NLM_F_CREATE | NLM_F_EXCL, "make %s '%s'", kind,
		    name);
	netlink_head(b, &ifi, sizeof(ifi));
	netlink_put_str(b, IFLA_IFNAME, name);
	info = netlink_nest(b, IFLA_LINKINFO);
	netlink_put_str(b, IFLA_INFO_KIND, kind);
	netlink_nest_end(b, info);
}

/* The operator's own hands: a link of any kind, its alias, address, state. */
static inline void make_link(const char *name, const char *kind, const char *alias,
			     uint32_t address)
{
	cleanup_close int sock = netlink_socket(NETLINK_ROUTE);
	cleanup_batch struct netlink_batch b = { 0 };
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };
	struct ifaddrmsg ifa = { .ifa_family = AF_INET, .ifa_prefixlen = 24 };
	struct err err = { 0 };

	add_new_link(&b, name, kind);
	ifi.ifi_flags = ifi.ifi_change = IFF_UP;
	netlink_add(&b, RTM_SETLINK, NETLINK_ACKED, "up %s", name);
	netlink_head(&b, &ifi, sizeof(ifi));
	netlink_put_str(&b, IFLA_IFNAME, name);
	netlink_put_str(&b, IFLA_IFALIAS, alias);
	if (netlink_batch_run(&b, sock, &err) < 0)
		fail_msg("%s", err.msg);
	netlink_batch_done(&b);
	if (!address)
		return;
	ifa.ifa_index = if_nametoindex(name);
	netlink_add(&b, RTM_NEWADDR, NETLINK_ACKED | NLM_F_CREATE, "address of %s", name);
	netlink_head(&b, &ifa, sizeof(ifa));
	netlink_put_u32(&b, IFA_LOCAL, htonl(address));
	netlink_put_u32(&b, IFA_ADDRESS, htonl(address));
	if (netlink_batch_run(&b, sock, &err) < 0)
		fail_msg("%s", err.msg);
}

/* A veth pair whose other end is eth0 in @ns; this end is up. */
static inline void make_veth(int sock, const char *name, int ns)
{
	cleanup_batch struct netlink_batch b = { 0 };
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };
	struct nlattr *info, *data, *peer;
	struct err err = { 0 };

	netlink_add(&b, RTM_NEWLINK, NETLINK_ACKED | NLM_F_CREATE | NLM_F_EXCL, "make veth");
	netlink_head(&b, &ifi, sizeof(ifi));
	netlink_put_str(&b, IFLA_IFNAME, name);
	info = netlink_nest(&b, IFLA_LINKINFO);
	netlink_put_str(&b, IFLA_INFO_KIND, "veth");
	data = netlink_nest(&b, IFLA_INFO_DATA);
	peer = netlink_nest(&b, VETH_INFO_PEER);
	netlink_head(&b, &ifi, sizeof(ifi));
	netlink_put_str(&b, IFLA_IFNAME, "eth0");
	netlink_put_u32(&b, IFLA_NET_NS_FD, (uint32_t)ns);
	netlink_nest_end(&b, peer);
	netlink_nest_end(&b, data);
	netlink_nest_end(&b, info);
	ifi.ifi_flags = ifi.ifi_change = IFF_UP;
	netlink_add(&b, RTM_SETLINK, NETLINK_ACKED, "veth up");
	netlink_head(&b, &ifi, sizeof(ifi));
	netlink_put_str(&b, IFLA_IFNAME, name);
	if (netlink_batch_run(&b, sock, &err) < 0)
		fail_msg("%s", err.msg);
}

/* Another host in a /24 that this one is .1 of, on the link @name: it is .2, and has
 * its default route by this one. */
static inline void make_neighbour(const char *name, int ns, uint32_t network)
{
	cleanup_close int sock = netlink_socket(NETLINK_ROUTE);
	cleanup_close int inside = socket_in(ns, AF_NETLINK, SOCK_RAW);
	cleanup_batch struct netlink_batch b = { 0 };
	struct ifaddrmsg ifa = { .ifa_family = AF_INET, .ifa_prefixlen = 24 };
	struct netns_lease far = { .address = network + 2, .prefix_len = 24,
				   .gateway = network + 1 };
	struct err err = { 0 };

	make_veth(sock, name, ns);
	ifa.ifa_index = if_nametoindex(name);
	netlink_add(&b, RTM_NEWADDR, NETLINK_ACKED | NLM_F_CREATE, "address of %s", name);
	netlink_head(&b, &ifa, sizeof(ifa));
	netlink_put_u32(&b, IFA_LOCAL, htonl(network + 1));
	netlink_put_u32(&b, IFA_ADDRESS, htonl(network + 1));
	if (netlink_batch_run(&b, sock, &err) < 0)
		fail_msg("%s", err.msg);
	if (veth_configure(inside, &far, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(link_wait_operational(sock, name, &err), 0);
}

static inline void drop_link(const char *name)
{
	cleanup_close int sock = netlink_socket(NETLINK_ROUTE);

	assert_int_equal(link_remove(sock, name, NULL), 0);
}

static inline struct netns_lease acquire(const struct netns_pod *pod, const struct netns_spec *spec)
{
	struct netns_lease lease = NETNS_LEASE_NONE;
	struct err err = { 0 };

	if (netns_acquire(&lease, pod, spec, &err) < 0)
		fail_msg("acquire: %s", err.msg);
	return lease;
}

static inline int attach(const struct netns_pod *pod, const struct netns_lease *lease)
{
	struct err err = { 0 };
	int ns = new_netns();

	if (netns_attach(pod, lease, ns, &err) < 0)
		fail_msg("attach: %s", err.msg);
	return ns;
}

static inline void release(const struct netns_pod *pod, struct netns_lease *lease)
{
	struct err err = { 0 };

	if (netns_release(pod, lease, &err) < 0)
		fail_msg("release: %s", err.msg);
	assert_int_equal(lease->lock_fd, -EBADF);
}

/* One TCP connection and a word each way. */
static inline void assert_tcp(int from, int to, uint32_t address)
{
	struct sockaddr_in at = endpoint(INADDR_ANY, 80);
	int listener = socket_in(to, AF_INET, SOCK_STREAM), server;
	int client = socket_in(from, AF_INET, SOCK_STREAM);
	char got[5] = "";
	int on = 1;

	assert_int_equal(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	assert_int_equal(bind(listener, (void *)&at, sizeof(at)), 0);
	assert_int_equal(listen(listener, 1), 0);
	at = endpoint(address, 80);
	assert_int_equal(connect(client, (void *)&at, sizeof(at)), 0);
	server = accept(listener, NULL, NULL);
	assert_true(server >= 0);
	assert_int_equal(send(client, "ping", 4, 0), 4);
	assert_int_equal(recv(server, got, 4, MSG_WAITALL), 4);
	assert_string_equal(got, "ping");
	assert_int_equal(send(server, "pong", 4, 0), 4);
	assert_int_equal(recv(client, got, 4, MSG_WAITALL), 4);
	assert_string_equal(got, "pong");
	close(server);
	close(client);
	close(listener);
}

/* No connection, and no word that there is none: what is sent is dropped. */
static inline void assert_no_tcp(int from, int to, uint32_t address)
{
	struct sockaddr_in at = endpoint(INADDR_ANY, 80);
	cleanup_close int listener = socket_in(to, AF_INET, SOCK_STREAM);
	cleanup_close int client = socket_in(from, AF_INET, SOCK_STREAM);
	struct timeval limit = { .tv_usec = 300000 };
	int on = 1;

	assert_int_equal(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	assert_int_equal(setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)), 0);
	assert_int_equal(bind(listener, (void *)&at, sizeof(at)), 0);
	assert_int_equal(listen(listener, 1), 0);
	at = endpoint(address, 80);
	assert_int_equal(connect(client, (void *)&at, sizeof(at)), -1);
	assert_int_equal(errno, EINPROGRESS);
}

/* Runs @fn in a process of its own whose end status is 0 when all went well.
 * No assertion in there: it would go on with the tests in the child. */
static inline pid_t run_process(int (*fn)(struct world *w, int arg), struct world *w, int arg)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(fn(w, arg));
	return pid;
}

static inline void assert_ends_well(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* In a namespace of its own: what of the kernel do the tests stand on? */
static inline int probe(void *arg)
{
	static const char *const kinds[] = { "bridge", "veth" };
	struct netns_spec spec = { .bridge = "probe",
				   .subnet = IP(10, 88, 0, 0),
				   .prefix_len = 24 };
	struct err *err = arg;
	int r = firewall_create(&spec, FORWARDING_OFF, err);
	int sock = netlink_socket(NETLINK_ROUTE);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(kinds); i++) {
		cleanup_batch struct netlink_batch b = { 0 };

		add_new_link(&b, kinds[i], kinds[i]);
		r = netlink_batch_run(&b, sock, err);
	}
	close(sock);
	return r < 0;
}

static struct err missing_feature;

static inline void netns__kernel_or_privilege_missing__skipped(void **state)
{
	(void)state;
	print_message("%s\n", missing_feature.msg);
	skip();
}

/* Runs @group, or one skip with its reason where the kernel lacks something. */
#define run_netns_group(name, group)                                                            \
	({                                                                                      \
		const struct CMUnitTest none_[] = {                                             \
			cmocka_unit_test(netns__kernel_or_privilege_missing__skipped),          \
		};                                                                              \
		int probed_ = child_call(&(struct child_args){ .flags = CLONE_NEWNET }, probe,  \
					 &missing_feature);                             \
                                                                                                \
		if (probed_ < 0)                                                                \
			err_set(&missing_feature, -probed_, "no network namespace: %s",         \
				strerror(-probed_));                                            \
		probed_ ? cmocka_run_group_tests_name(name, none_, NULL, NULL)                  \
			: cmocka_run_group_tests_name(name, group, NULL, NULL);                 \
	})
