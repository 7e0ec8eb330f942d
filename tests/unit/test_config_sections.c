/* SPDX-License-Identifier: MIT */
/* config/: [Network], lists of limits, and what does not fit together. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/fd.h"
#include "container/container.h"
#include "tests/unit/test_config_line.h"

static void network__good__stored(void **state)
{
	struct pod_spec *spec = good(1, "Mode=bridge\nBridge=br-lan.7\nAddress=192.168.7.6\n"
					"Subnet=192.168.7.4/30\nDNS=1.1.1.1 2606:4700::1111\n"
					"DNS=9.9.9.9");
	const struct netns_spec *net = &spec->network;

	(void)state;
	assert_string_equal(net->bridge, "br-lan.7");
	assert_int_equal(net->subnet, 0xc0a80704);
	assert_int_equal(net->prefix_len, 30);
	assert_int_equal(net->address, 0xc0a80706);
	assert_string_equal(net->dns[0], "1.1.1.1");
	assert_string_equal(net->dns[1], "2606:4700::1111");
	assert_string_equal(net->dns[2], "9.9.9.9");
	assert_null(net->dns[3]);
	pod_spec_free(spec);
	spec = good(1, "Mode=host");
	assert_int_equal(spec->network.mode, NETNS_HOST);
	pod_spec_free(spec);
	spec = good(1, "Subnet=10.0.0.0/8");
	assert_int_equal(spec->network.prefix_len, 8);
	pod_spec_free(spec);
}

static void network__bad__said_where(void **state)
{
	static const struct fault faults[] = {
		{ 1, "Mode=macvlan", "6: Mode=: 'macvlan' is none of bridge, none, host" },
		{ 1, "Bridge=a/b", "8: Bridge=: 'a/b' is no name of an interface" },
		{ 1, "Bridge=br%q",
		  "10: unknown specifier '%q' (there are %d, %i, %n, %H and %%)" },
		{ 1, "Bridge=br%d", "10: '%d' is for keys of [Container NAME]" },
		{ 1, "Bridge=br%%d", "8: Bridge=: 'br%d' is no name of an interface" },
		{ 1, "Bridge=..", "8: Bridge=: '..' is no name of an interface" },
		{ 1, "Bridge=a234567890123456",
		  "8: Bridge=: 'a234567890123456' is no name of an interface" },
		{ 1, "Subnet=10.0.0.0",
		  "8: Subnet=: '10.0.0.0' is no IPv4 network, such as 10.77.0.0/22" },
		{ 1, "Subnet=10.0.0/24",
		  "8: Subnet=: '10.0.0/24' is no IPv4 network, such as 10.77.0.0/22" },
		{ 1, "Subnet=10.0.0.0/31", "17: Subnet=: prefix length '31' is not 8 to 30" },
		{ 1, "Subnet=10.0.0.0/7", "17: Subnet=: prefix length '7' is not 8 to 30" },
		{ 1, "Subnet=10.0.0.0/", "17: Subnet=: prefix length '' is not 8 to 30" },
		{ 1, "Subnet=10.0.0.1/24",
		  "8: Subnet=: '10.0.0.1/24' has bits set after its prefix" },
		{ 1, "Subnet=127.0.0.0/8", "8: Subnet=: '127.0.0.0/8' has no addresses for hosts" },
		{ 1, "Subnet=224.0.0.0/8", "8: Subnet=: '224.0.0.0/8' has no addresses for hosts" },
		{ 1, "Address=10.77.0.256",
		  "9: Address=: '10.77.0.256' is neither 'auto' nor a host's IPv4 address" },
		{ 1, "Address=10.78.0.2", "1: Address= is not in Subnet= (10.77.0.0/22)" },
		{ 1, "Address=10.77.0.0",
		  "1: Address= is the network itself of Subnet= (10.77.0.0/22)" },
		{ 1, "Address=10.77.0.1",
		  "1: Address= is the bridge's own address of Subnet= (10.77.0.0/22)" },
		{ 1, "Address=10.77.3.255",
		  "1: Address= is the broadcast address of Subnet= (10.77.0.0/22)" },
		{ 1, "Address=10.77.0.2\nMode=none", "1: Address= needs Mode=bridge" },
		{ 1, "DNS=1.1.1.1 dns.example", "13: DNS=: 'dns.example' is no IP address" },
		{ 1, "DNS=fe80::1%%eth0", "5: DNS=: 'fe80::1%eth0' is no IP address" },
	};

	(void)state;
	expect_faults(faults, ARRAY_SIZE(faults));
}

static void limit_lists__good__stored(void **state)
{
	static const int sections[] = { 0, 2 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
		struct pod_spec *spec = good(sections[i], "AllowedCPUs=0-2, 5\nAllowedCPUs=7\n"
							  "AllowedMemoryNodes=1\n"
							  "HugetlbMax=2M:64M 1G:infinity\n"
							  "HugetlbMax=2M:0");
		const struct cgroup_limits *l = sections[i] ? &spec->containers[0].limits :
						&spec->limits;
		char text[IDSET_TEXT_SIZE];

		idset_format(&l->cpus, text, sizeof(text));
		assert_string_equal(text, "0-2,5,7");
		idset_format(&l->memory_nodes, text, sizeof(text));
		assert_string_equal(text, "1");
		assert_int_equal(l->huge[0].page_bytes, 2 * MIB);
		assert_int_equal(l->huge[0].max_bytes, 0);
		assert_int_equal(l->huge[1].page_bytes, 1024 * MIB);
		assert_true(l->huge[1].max_bytes == LIMIT_MAX);
		assert_int_equal(l->huge[2].page_bytes, 0);
		assert_true(spec->limits.oom_group == LIMIT_UNSET);
		pod_spec_free(spec);
	}
}

static void limit_lists__bad__said_where(void **state)
{
	static const struct fault faults[] = {
		{ 0, "AllowedCPUs=0,x",
		  "15: AllowedCPUs=: 'x' is no list of numbers, such as 0-3,8" },
		{ 2, "AllowedCPUs=3-1", "13: AllowedCPUs=: '3-1' goes down, or beyond 1023" },
		{ 2, "AllowedCPUs=1024", "13: AllowedCPUs=: '1024' goes down, or beyond 1023" },
		{ 2, "AllowedMemoryNodes=all",
		  "20: AllowedMemoryNodes=: 'all' is no list of numbers, such as 0-3,8" },
		{ 2, "HugetlbMax=64M", "12: HugetlbMax=: '64M' is no PAGE:MAX, such as 2M:64M" },
		{ 2, "HugetlbMax=2M:", "15: HugetlbMax=: '' is no size, such as 2M" },
		{ 2, "HugetlbMax=2M:4M 3M:3M",
		  "18: HugetlbMax=: '3M' is no size of a page: no power of two, or less "
		  "than 4K" },
		{ 2, "HugetlbMax=2M:3M", "15: HugetlbMax=: '3M' is no whole number of such pages" },
		{ 2, "HugetlbMax=2M:4M 4M:4M 8M:8M 16M:16M 32M:32M",
		  "38: HugetlbMax=: more than 4 sizes of pages" },
		{ 2, "OOMPolicy=stop", "11: OOMPolicy=: 'stop' is none of continue, kill" },
	};

	(void)state;
	expect_faults(faults, ARRAY_SIZE(faults));
}

static void limit_lists__not_within_the_pods__said_at_the_container(void **state)
{
	struct pod_spec *spec;
	char fault[512];

	(void)state;
	assert_int_equal(load_line(&spec, 0, "AllowedCPUs=0-1\n[Container d]\nRootfs=/r\nExec=x\n"
					     "AllowedCPUs=1-2", fault, sizeof(fault)), -EINVAL);
	assert_string_equal(fault, "f.pod:6:1: AllowedCPUs=: 2 is not the pod's, which has 0-1");
	pod_spec_free(good(0, "AllowedCPUs=0-1\n[Container d]\nRootfs=/r\nExec=x\nAllowedCPUs=1"));
}

static void cross_checks__do_not_fit__said_where(void **state)
{
	static const struct fault faults[] = {
		{ 0, "MemoryHigh=2M\nMemoryMax=1M",
		  "1: MemoryHigh= (2097152 bytes) is above MemoryMax= (1048576 bytes)" },
		{ 2, "MemoryHigh=2M\nMemoryMax=1M",
		  "1: MemoryHigh= (2097152 bytes) is above MemoryMax= (1048576 bytes)" },
		{ 0, "RestartSec=10min",
		  "1: RestartSec= (600 s) is longer than RestartMaxSec= (300 s)" },
		{ 2, "RestartMaxSec=5s",
		  "1: RestartSec= (10 s) is longer than RestartMaxSec= (5 s)" },
	};
	static const char *const fine[] = { "MemoryHigh=1M\nMemoryMax=1M", "MemoryHigh=1M",
					    "MemoryHigh=infinity\nMemoryMax=1M",
					    "MemoryHigh=2M\nMemoryMax=infinity",
					    "RestartSec=10min\nRestartMaxSec=10min" };

	(void)state;
	expect_faults(faults, ARRAY_SIZE(faults));
	for (size_t i = 0; i < ARRAY_SIZE(fine); i++) {
		pod_spec_free(good(0, fine[i]));
		pod_spec_free(good(2, fine[i]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(network__good__stored),
		cmocka_unit_test(network__bad__said_where),
		cmocka_unit_test(limit_lists__good__stored),
		cmocka_unit_test(limit_lists__bad__said_where),
		cmocka_unit_test(limit_lists__not_within_the_pods__said_at_the_container),
		cmocka_unit_test(cross_checks__do_not_fit__said_where),
	};

	return cmocka_run_group_tests_name("config sections", tests, NULL, NULL);
}
