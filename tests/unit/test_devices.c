/* SPDX-License-Identifier: MIT */
/* Device= by class, and by vendor and product, on made-up trees like that of /sys. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/io.h"
#include "supervisor/devices.h"
#include "supervisor/sysfs.h"
#include "supervisor/uevent.h"

struct world {
	char path[64];
	int sys;
};

static void write_file(const struct world *w, const char *dir, const char *name, const char *text)
{
	char path[256];
	int fd;

	assert_int_equal(io_mkdir_path(w->sys, dir, 0755, NULL), 0);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = openat(w->sys, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(io_write_all(fd, text, strlen(text)), 0);
	(void)close(fd);
}

/* A device with a node. */
static void add(const struct world *w, const char *dir, const char *subsystem, const char *dev,
		const char *devname)
{
	char text[128], path[256];

	write_file(w, dir, "dev", dev);
	snprintf(text, sizeof(text), "MAJOR=1\nDEVNAME=%s\nDEVTYPE=x\n", devname);
	write_file(w, dir, "uevent", text);
	snprintf(text, sizeof(text), "../../class/%s", subsystem);
	snprintf(path, sizeof(path), "%s/subsystem", dir);
	assert_int_equal(symlinkat(text, w->sys, path), 0);
}

static void add_usb(const struct world *w, const char *dir, const char *vendor, const char *product)
{
	char path[256], target[256];

	write_file(w, dir, "idVendor", vendor);
	write_file(w, dir, "idProduct", product);
	assert_int_equal(io_mkdir_path(w->sys, "bus/usb/devices", 0755, NULL), 0);
	snprintf(path, sizeof(path), "bus/usb/devices/%s", strrchr(dir, '/') + 1);
	snprintf(target, sizeof(target), "../../../%s", dir);
	assert_int_equal(symlinkat(target, w->sys, path), 0);
}

static void add_class(const struct world *w, const char *class, const char *dir)
{
	char path[256], target[256];

	snprintf(path, sizeof(path), "class/%s", class);
	assert_int_equal(io_mkdir_path(w->sys, path, 0755, NULL), 0);
	snprintf(path, sizeof(path), "class/%s/%s", class, strrchr(dir, '/') + 1);
	snprintf(target, sizeof(target), "../../%s", dir);
	assert_int_equal(symlinkat(target, w->sys, path), 0);
}

/* Two serial adapters of a kind, one with a keyboard beside it, and a hub between. */
static int make_world(void **state)
{
	static struct world w;

	snprintf(w.path, sizeof(w.path), "/tmp/podd-devices.XXXXXX");
	assert_non_null(mkdtemp(w.path));
	w.sys = open(w.path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(w.sys >= 0);
	add_usb(&w, "devices/usb1/1-1", "1d6b\n", "0002\n");
	add(&w, "devices/usb1/1-1", "usb", "189:1\n", "bus/usb/001/002");
	add_usb(&w, "devices/usb1/1-1/1-1.2", "0403\n", "6001\n");
	add(&w, "devices/usb1/1-1/1-1.2", "usb", "189:2\n", "bus/usb/001/003");
	add(&w, "devices/usb1/1-1/1-1.2/1-1.2:1.0/ttyUSB10/tty/ttyUSB10",
	    "tty", "188:10\n", "ttyUSB10");
	add_usb(&w, "devices/usb1/1-1/1-1.3", "0403\n", "6001\n");
	add(&w, "devices/usb1/1-1/1-1.3/1-1.3:1.0/ttyUSB2/tty/ttyUSB2",
	    "tty", "188:2\n", "ttyUSB2");
	add(&w, "devices/usb1/1-1/1-1.3/1-1.3:1.1/host0/block/sda", "block", "8:0\n", "sda");
	add_class(&w, "tty", "devices/usb1/1-1/1-1.2/1-1.2:1.0/ttyUSB10/tty/ttyUSB10");
	add_class(&w, "tty", "devices/usb1/1-1/1-1.3/1-1.3:1.0/ttyUSB2/tty/ttyUSB2");
	add_class(&w, "block", "devices/usb1/1-1/1-1.3/1-1.3:1.1/host0/block/sda");
	*state = &w;
	return 0;
}

static int remove_world(void **state)
{
	struct world *w = *state;

	close_fd(&w->sys);
	return io_remove_tree(AT_FDCWD, w->path, NULL);
}

static struct container_nodes find(const struct world *w, const struct container_device *d)
{
	struct container_nodes nodes = { 0 };
	struct err err = { 0 };

	assert_int_equal(sysfs_find(&nodes, w->sys, d, &err), 0);
	return nodes;
}

#define USB(...)                                                                                \
	(&(struct container_device){ .source = (char *)"usb", .by = CONTAINER_DEVICE_USB,       \
				     __VA_ARGS__ })
#define SERIAL(...) USB(.vendor = 0x0403, .product = 0x6001, __VA_ARGS__)
#define CLASS(name, like, ...)                                                                  \
	(&(struct container_device){ .source = (char *)"class", .by = CONTAINER_DEVICE_CLASS,   \
				     .subsystem = (char *)(name), .pattern = (char *)(like),    \
				     __VA_ARGS__ })

static void find__class__those_that_the_pattern_matches_in_order(void **state)
{
	struct container_nodes nodes = find(*state, CLASS("tty", "ttyUSB*"));

	assert_int_equal(nodes.n, 2);
	assert_string_equal(nodes.nodes[0].target, "/dev/ttyUSB2");
	assert_string_equal(nodes.nodes[1].target, "/dev/ttyUSB10");
	assert_int_equal(nodes.nodes[1].number, makedev(188, 10));
	assert_int_equal(nodes.nodes[1].type, S_IFCHR);
	assert_true(nodes.nodes[1].by_kernel);
	assert_int_equal(find(*state, CLASS("tty", "ttyACM*")).n, 0);
	assert_int_equal(find(*state, CLASS("none", "*")).n, 0);
	nodes = find(*state, CLASS("block", "*", .read_only = true));
	assert_int_equal(nodes.n, 1);
	assert_int_equal(nodes.nodes[0].type, S_IFBLK);
	assert_true(nodes.nodes[0].read_only);
}

static void find__target__the_first_one_has_it(void **state)
{
	struct container_nodes nodes =
		find(*state, SERIAL(.subsystem = (char *)"tty", .target = (char *)"/dev/modem"));

	assert_int_equal(nodes.n, 1);
	assert_string_equal(nodes.nodes[0].target, "/dev/modem");
	assert_int_equal(nodes.nodes[0].number, makedev(188, 2));
	assert_false(nodes.nodes[0].by_kernel);
}

static void find__usb__its_own_nodes_and_no_neighbours(void **state)
{
	struct container_nodes nodes = find(*state, SERIAL());

	assert_int_equal(nodes.n, 4);
	assert_string_equal(nodes.nodes[0].target, "/dev/bus/usb/001/003");
	assert_string_equal(nodes.nodes[1].target, "/dev/sda");
	/* A hub's devices are not the hub. */
	nodes = find(*state, USB(.vendor = 0x1d6b, .product = 2));
	assert_int_equal(nodes.n, 1);
	assert_string_equal(nodes.nodes[0].target, "/dev/bus/usb/001/002");
	assert_int_equal(find(*state, USB(.vendor = 0x0403, .product = 0x6002)).n, 0);
}

static void find__bad_entries__left_out(void **state)
{
	const struct world *w = *state;

	add(w, "class/odd/up", "odd", "1:1\n", "../etc/x");
	add(w, "class/odd/absolute", "odd", "1:1\n", "/etc/x");
	add(w, "class/odd/none", "odd", "1:1\n", "");
	add(w, "class/odd/number", "odd", "one\n", "x");
	add(w, "class/odd/stranger", "other", "1:1\n", "x");
	write_file(w, "class/odd/nothing", "uevent", "DEVNAME=x\n");
	assert_int_equal(find(w, CLASS("odd", "*")).n, 0);
}

static void find__more_than_fit__refused(void **state)
{
	const struct world *w = *state;
	struct container_nodes nodes = { 0 };
	struct err err = { 0 };

	for (int i = 0; i <= CONTAINER_DEVICES_MAX; i++) {
		char dir[64], name[16];

		snprintf(dir, sizeof(dir), "class/many/m%d", i);
		snprintf(name, sizeof(name), "m%d", i);
		add(w, dir, "many", "1:1\n", name);
	}
	assert_int_equal(sysfs_find(&nodes, w->sys, CLASS("many", "*"), &err), -E2BIG);
	assert_string_equal(err.msg, "device 'class': more than 64 devices");
}


static void devices_find__doubles__once(void **state)
{
	const struct world *w = *state;
	struct container_device list[] = { *CLASS("tty", "ttyUSB2", .read_only = true), *SERIAL() };
	const struct container_spec spec = { .devices = list, .device_n = 2 };
	struct container_nodes nodes;
	struct err err = { 0 };

	assert_int_equal(devices_find(&nodes, &spec, w->sys, &err), 0);
	assert_int_equal(nodes.n, 4);
	assert_true(nodes.nodes[0].read_only);
	list[0] = *CLASS("tty", "ttyACM*");
	assert_int_equal(devices_find(&nodes, &spec, w->sys, &err), -ENOENT);
	assert_string_equal(err.msg, "device 'class': there is none");
	list[0].optional = true;
	assert_int_equal(devices_find(&nodes, &spec, w->sys, &err), 0);
	assert_int_equal(nodes.n, 4);
}

/* -------------------------------------------------------------------- messages */

#define TELLS(text) uevent_is_of_a_node(text, sizeof(text))

static void uevent__forms__only_nodes_that_come_or_go(void **state)
{
	(void)state;
	assert_true(TELLS("add@/devices/x\0ACTION=add\0SUBSYSTEM=tty\0MAJOR=188\0MINOR=0"));
	assert_true(TELLS("x\0MAJOR=8\0ACTION=remove"));
	assert_true(TELLS("x\0MAJOR=8\0ACTION=move"));
	assert_false(TELLS("x\0MAJOR=8\0ACTION=change"));
	assert_false(TELLS("x\0ACTION=add\0SUBSYSTEM=net"));
	assert_false(TELLS("x\0ACTION=addition\0MAJOR=8"));
	assert_false(TELLS(""));
	assert_false(uevent_is_of_a_node("", 0));
	assert_false(uevent_is_of_a_node("x\0ACTION=add\0MAJOR=8", 20)); /* cut */
}

static void uevent_read__messages__all_taken(void **state)
{
	static const char other[] = "x\0ACTION=change\0", node[] = "x\0ACTION=add\0MAJOR=1\0";
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_false(uevent_read(fds[0]));
	assert_int_equal(send(fds[1], other, sizeof(other), 0), sizeof(other));
	assert_false(uevent_read(fds[0]));
	assert_int_equal(send(fds[1], node, sizeof(node), 0), sizeof(node));
	assert_int_equal(send(fds[1], other, sizeof(other), 0), sizeof(other));
	assert_true(uevent_read(fds[0]));
	assert_false(uevent_read(fds[0]));
	(void)close(fds[0]);
	(void)close(fds[1]);
}

/* What does not fit is told by ENOBUFS (netlink(7)): a reason to look, too. */
static void uevent_read__more_than_the_socket_holds__counts_as_one(void **state)
{
	const char *file = "/sys/devices/virtual/mem/null/uevent";
	int fd, out = open(file, O_WRONLY | O_CLOEXEC), least = 1;
	struct err err = { 0 };

	(void)state;
	if (out < 0)
		skip();
	fd = uevent_open(&err);
	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof(least)), 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(pwrite(out, "change", 6, 0), 6); /* none of which is a reason */
	assert_true(uevent_read(fd));
	(void)close(fd);
	(void)close(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			find__class__those_that_the_pattern_matches_in_order,
			make_world, remove_world),
		cmocka_unit_test_setup_teardown(find__target__the_first_one_has_it, make_world,
						remove_world),
		cmocka_unit_test_setup_teardown(find__usb__its_own_nodes_and_no_neighbours,
						make_world, remove_world),
		cmocka_unit_test_setup_teardown(find__bad_entries__left_out,
						make_world, remove_world),
		cmocka_unit_test_setup_teardown(find__more_than_fit__refused,
						make_world, remove_world),
		cmocka_unit_test_setup_teardown(devices_find__doubles__once,
						make_world, remove_world),
		cmocka_unit_test(uevent__forms__only_nodes_that_come_or_go),
		cmocka_unit_test(uevent_read__messages__all_taken),
		cmocka_unit_test(uevent_read__more_than_the_socket_holds__counts_as_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
